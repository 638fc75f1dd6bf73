"""Check that the rows of an artifact have the fields which the stages that read it expect."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import msgspec

from stages.core.errors import UserError
from stages.core.records import Record

QUESTION = "id benchmark language licence item instruction input gold reference group tasks meta images"
ANSWER = "id question run text status sample reply model tokens_in tokens_out error scores text_hash reasoning"
PAIR_FIELDS = ("declined", "declined_reason", "declined_reply")
"""What a row of an artifact NAME.pairs has beside the fields of a record (a test compares)."""
LABEL = "benchmark run answer labeller prompt texts following quality id reason"
FIELDS = {"ingested/benchmarks/": QUESTION, "predictions/": ANSWER, "formatted/": "id messages", "labels/": LABEL}
"""Artifacts that hold no records -> the fields of their rows, as the packages above define them (a test compares)."""
NUL = "holds a NUL character"
"""Why a row is set aside: C programs take it for the end of a text. An answer is scored as it is."""
_values = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_record = msgspec.json.Decoder(Record).decode
_Pair = msgspec.defstruct(
    "_Pair", [(name, str) for name in PAIR_FIELDS], bases=(Record,), kw_only=True, forbid_unknown_fields=True
)
_pair = msgspec.json.Decoder(_Pair).decode
_any = msgspec.json.Decoder().decode


def checked(
    rows: Iterable[tuple[int, bytes]], artifact: str, file: str, nuls: list[int]
) -> Iterator[tuple[int, bytes]]:
    """The same rows; the 0-based positions of those that hold a NUL character are added to `nuls`.

    artifact: its name, "responded/seed/0". Raises UserError naming the line for one that the stages which read the
    artifact would refuse.
    """
    fields = next((names for folder, names in FIELDS.items() if artifact.startswith(folder)), None)
    record = partial(_no_record, _pair if artifact.endswith(".pairs") else _record)
    fault = _foreign(frozenset(fields.split())) if fields else record
    answers = artifact.startswith("predictions/")
    for position, (number, line) in enumerate(rows):
        if message := fault(line):
            raise UserError(
                f"{file}:{number}: {message}; correct or remove this line, or run the stage that makes the file"
            )
        if b"\\u0000" in line and not answers and _holds_nul(_any(line)):
            nuls.append(position)
        yield number, line


def _no_record(decode: Callable[[bytes], Any], line: bytes) -> str:
    try:
        decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return str(error)
    return ""


def _foreign(fields: frozenset[str]) -> Callable[[bytes], str]:
    def fault(line: bytes) -> str:
        try:
            unknown = sorted(_values(line).keys() - fields)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return str(error)
        return f"unknown field {unknown[0]!r}" if unknown else ""

    return fault


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return any(map(_holds_nul, parts))
