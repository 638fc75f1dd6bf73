"""Guess how the rows of a corpus are read: the adapter, and which field is instruction, input and response."""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from stages.core.errors import UserError
from stages.corpora import chat
from stages.corpora.mapped_fields import FIELDS
from stages.corpora.row_types import MISSING, Content, lookup
from stages.readers.formats import Raw

NAMES: Mapping[str, tuple[str, ...]] = {
    "instruction": (
        "instruction", "instructions", "prompt", "question", "query", "request", "task", "problem", "user", "human",
        "q",
    ),
    "input": ("input", "inputs", "context", "passage", "document", "article", "paragraph", "background"),
    "response": (
        "response", "responses", "output", "outputs", "answer", "answers", "completion", "completions", "reply",
        "target", "targets", "solution", "assistant", "chosen", "a",
    ),
    "system": ("system", "systemprompt", "systemmessage"),
}  # fmt: skip
"""Field of ours -> what corpora call it, in small letters and without signs."""
ALPACA = {"instruction", "output"}
GENERAL = ("text", "value", "content", "string")
"""Names of fields inside of a table that do not say what the text is."""
DEEPEST = 4
"""Levels of tables and lists in which fields are looked for."""


class Layout(NamedTuple):
    """How the rows of a corpus are read."""

    adapter: str
    fields: dict[str, str]
    """Field of ours -> field of the rows; {} where the adapter knows them."""

    @property
    def words(self) -> str:
        """The layout as the option --fields writes it, after the adapter."""
        pairs = ",".join(f"{ours}={theirs}" for ours, theirs in self.fields.items())
        return f"adapter {self.adapter}{f', fields {pairs}' if pairs else ''}"


def guess(rows: Sequence[Raw]) -> Layout:
    """How rows are read, by the names and the values of their fields.

    rows: the first of a corpus, at least one. Raises UserError, with the fields and an example of --fields, where no
    field can be the instruction or several can be the same.
    """
    if _is_chat(rows):
        return Layout("chat", {})
    texts = text_fields(rows)
    if texts.keys() >= ALPACA and not any(_named(field, "response") and field != "output" for field in texts):
        return Layout("alpaca", {})
    candidates = {ours: [field for field in texts if _named(field, ours)] for ours in NAMES}
    if not candidates["instruction"] and candidates["response"]:  # {input, output}, without an instruction
        candidates["instruction"], candidates["input"] = candidates["input"], []
    if not candidates["instruction"]:
        raise UserError(f"the names of the fields do not say which is the instruction; {_by_hand(texts)}")
    for ours, several in candidates.items():
        if len(several) > 1:
            raise UserError(f"the {ours} may be {' or '.join(several)}; {_by_hand(texts)}")
    return Layout("own", {ours: one[0] for ours, one in candidates.items() if one})


def parse(words: str, rows: Sequence[Raw]) -> Layout:
    """The layout that the option --fields names: instruction=question,response=answer, or question,context,answer.

    Raises UserError for unknown fields on either side, with the nearest known ones.
    """
    texts = text_fields(rows)
    parts = [part.strip(" \"'") for part in words.strip(" {}").split(",") if part.strip()]
    pairs = [[side.strip(" \"'") for side in re.split("[=:]", part, maxsplit=1)] for part in parts]
    if len({len(pair) for pair in pairs}) != 1:
        raise UserError(f"--fields {words}: write every one as ours=theirs, or none; {_by_hand(texts)}")
    if len(pairs[0]) == 1:
        pairs = [[ours, *pair] for ours, pair in zip(_positional(len(pairs), words), pairs, strict=True)]
    pairs = [[ours.lower(), theirs] for ours, theirs in pairs]
    fields = {ours: theirs for ours, theirs in pairs}
    if len(fields) < len(pairs):
        raise UserError(f"--fields {words}: names one field of ours twice; {_by_hand(texts)}")
    if set(fields) <= {"messages", "system"} and "messages" in fields:
        return Layout("chat", fields)
    _check(fields, rows, texts)
    return Layout("own", fields)


def columns(words: str) -> set[str]:
    """Names by which the first line of a .tsv file is known to be a header: the usual ones, and those of --fields."""
    return {*re.findall(r"[^\s,=:{}\"']+", words), *(name for names in NAMES.values() for name in names)}


def _positional(count: int, words: str) -> tuple[str, ...]:
    if count > 3:
        raise UserError(
            f"--fields {words}: name at most three in order (instruction,input,response), or each as ours=theirs"
        )
    return {1: ("instruction",), 2: ("instruction", "response"), 3: ("instruction", "input", "response")}[count]


def _check(fields: Mapping[str, str], rows: Sequence[Raw], texts: Mapping[str, Any]) -> None:
    """Raise UserError for a field that is not ours, one that no row has, and a mapping without instruction."""
    unknown = [ours for ours in fields if ours not in FIELDS]
    if unknown and all(theirs in FIELDS for theirs in fields.values()):
        turned = ",".join(f"{theirs}={ours}" for ours, theirs in fields.items())
        raise UserError(f"--fields: ours come first, yours after the sign =; write --fields {turned}")
    if unknown:
        near = get_close_matches(unknown[0], FIELDS, n=1) or ["one of " + ", ".join(FIELDS)]
        raise UserError(f"--fields: {unknown[0]!r} is no field of ours; did you mean {near[0]}?")
    for theirs in fields.values():
        if all(lookup(raw.row, theirs) is MISSING for raw in rows):
            near = get_close_matches(theirs, texts, n=1)
            meant = f"did you mean {near[0]!r}? " if near else ""
            raise UserError(f"--fields: no row has a field {theirs!r}; {meant}{_listed(texts)}")
    if "instruction" not in fields:
        raise UserError(f"--fields: the instruction is missing; {_by_hand(texts)}")


def _by_hand(texts: Mapping[str, Any]) -> str:
    """The fields and the form of the option, for a message; FIELD where no one field is called so."""
    sole = [*texts] if len(texts) == 1 else []
    named = {ours: [field for field in texts if _named(field, ours)] for ours in ("instruction", "response")}
    candidates = (sole or named["instruction"], named["response"])
    instruction, response = (each[0] if len(each) == 1 else "FIELD" for each in candidates)
    example = f"instruction={instruction}{'' if sole else f',response={response}'}"
    return f"{_listed(texts)}; name them, in the form --fields {example} (also input= and system=)"


def _listed(texts: Mapping[str, Any]) -> str:
    return f"the fields with text are {', '.join(texts)}" if texts else "no field holds text"


def text_fields(rows: Sequence[Raw]) -> dict[str, int]:
    """Fields with text -> the number of rows that have some; "a.b" and "a.0" for those in tables and lists.

    A field of numbers counts if it is called like a response. One that holds other things too is left out.
    """
    counts: dict[str, int] = {}
    others: set[str] = set()
    for raw in rows:
        for field, value in _leaves(raw.row, "", 0):
            if isinstance(value, str) or (isinstance(value, int | float) and _named(field, "response")):
                counts[field] = counts.get(field, 0) + 1
            elif value is not None:
                others.add(field)
    return {field: count for field, count in counts.items() if field not in others}


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and depth < DEEPEST:
        for key, below in value.items():
            yield from _leaves(below, f"{path}.{key}" if path else str(key), depth + 1)
    elif not isinstance(value, list):
        yield path, value
    elif value and (len(value) == 1 or not isinstance(value[0], dict | list)):  # not the first of several messages
        yield from _leaves(value[0], f"{path}.0", depth + 1)


def _named(field: str, ours: str) -> bool:
    """Whether a field is called like one of ours: by its last name that says what it is ("answers.text.0")."""
    names = [re.sub("[^a-z0-9]", "", part.lower()) for part in field.split(".") if not part.isdecimal()]
    while len(names) > 1 and names[-1] in GENERAL:
        names.pop()
    return bool(names) and names[-1] in NAMES[ours]


def _is_chat(rows: Sequence[Raw]) -> bool:
    """Whether every row is a conversation, and one at least can be read."""
    if not all(any(name in raw.row for name in chat.MESSAGES) for raw in rows):
        return False
    try:
        return any(isinstance(chat.content(raw), Content) for raw in rows)
    except UserError:
        return False
