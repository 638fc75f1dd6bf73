"""How sequences are worded in a language: nouns, openings, layouts and the wordings of each type of task."""

from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from stages.verified.typed_values import ValueType

Layout = Literal["numbered", "lines"]
"""numbered: "1. answer", one a line. lines: one answer a line. A single task has its answer alone."""
WORDINGS = Path(__file__).parent / "wordings"
LANGUAGES = ("en", "de", "es")
"""Each has a file wordings/LANGUAGE.yaml."""
Nouns = dict[ValueType, tuple[str, str]]
"""What a task is about, in two forms: in place of {it}, and in place of {of}."""


class _Nouns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    input: Nouns
    previous: Nouns
    """Of the result of the step before."""


class _Openings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    first: tuple[str, ...]
    middle: tuple[str, ...]
    last: tuple[str, ...]


class Phrases(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words of one language, as its file explains them."""

    nouns: _Nouns
    openings: _Openings
    layouts: dict[Layout, tuple[str, ...]]
    tasks: dict[str, tuple[str, ...]]
    """Type of task -> its wordings; a task without one is not used in this language."""


@cache
def phrases(language: str) -> Phrases:
    """The words of a language of `LANGUAGES`. Raises KeyError for another."""
    if language not in LANGUAGES:
        raise KeyError(language)
    return msgspec.yaml.decode((WORDINGS / f"{language}.yaml").read_bytes(), type=Phrases)


def sentence(opening: str, wording: str) -> str:
    """An imperative as a sentence, with what opens it."""
    text = opening + wording
    return text[0].upper() + text[1:] + "."
