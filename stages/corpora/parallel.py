"""Aligned translations of inputs, from which the translate chain takes them.

Two forms are read: {"en": text, "de": text, …}, and aligned Alpaca rows {"en": {…, "input": text}, "zh": {…}}, of which
the inputs count. A row becomes one record a language, with the language as `instruction`, the English text as `input`
and its translation as `response`; the language ends its id too.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from stages.core.errors import UserError
from stages.corpora.row_types import Content, Read, Refusal, input_of, no_fields, text, value_of
from stages.readers.formats import Raw

LANGUAGE = re.compile(r"[a-z]{2}(-[A-Z]{2})?")
"""ISO 639-1 with an optional region; other keys ("idx", "src") are metadata of the row."""


def contents(rows: Iterable[Raw], fields: Mapping[str, str]) -> Iterator[Read]:
    """One record for each row and language; see the module. Raises UserError naming a row with English alone."""
    no_fields(fields)
    for raw in rows:
        english = _input(raw, "en")
        languages = sorted(key for key in raw.row if LANGUAGE.fullmatch(key) and key != "en")
        if not languages:
            raise UserError(f"{raw.where}: no language beside 'en'; is this file aligned translations?")
        if not english.strip():
            yield raw, Refusal("no-input")
            continue
        for language in languages:
            yield raw, _translation(english, language, _input(raw, language))


def _input(raw: Raw, language: str) -> str:
    return input_of(text(raw, f"{language}.input" if isinstance(value_of(raw, language), dict) else language))[0]


def _translation(english: str, language: str, translation: str) -> Content | Refusal:
    if not translation.strip():
        return Refusal("no-translation", language)
    return Content(language, english, translation, part=language)
