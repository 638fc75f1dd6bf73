"""Rows as short summaries, so that a set of a million rows fits in memory while another one streams past it."""

import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from stages.core.errors import UserError
from stages.publishing.changes.published_version import ID, STEPS, Row, Version, rows

SOURCE_SHA256, SOURCE_REFERENCE, SOURCE_ROW, CORPUS = "source_sha256", "source_reference", "source_row", "corpus"
INSTRUCTION, INPUT, OUTPUT = "instruction", "input", "output"
KEY_BYTES = 8
"""Bytes of a reply's key, and of the hash of its text, that a summary has."""


class StepRecord(NamedTuple):
    """What a step says but for its replies."""

    stage: str
    action: str
    status: str
    round: int
    reason: str
    generator: str
    prompt: str
    sampling: str


class Summary(msgspec.Struct, frozen=True, array_like=True):
    """A row in some 300 bytes."""

    values: bytes
    """A 64-bit hash of each compared column, in their order. Hashes of Python, which differ from process to process."""
    corpus: int
    reference: int
    row: int
    """Position in the source."""
    steps: list[tuple[int, bytes, bytes]]
    """(number of its `StepRecord`, the first bytes of the keys of its replies, the same of their texts' hashes)."""


class Numbers:
    """Numbers for values that many rows share."""

    def __init__(self) -> None:
        """None yet."""
        self.values: list[Any] = []
        self._numbers: dict[Any, int] = {}

    def of(self, value: Any) -> int:
        """The number of a value."""
        number = self._numbers.get(value)
        if number is None:
            number = self._numbers[value] = len(self.values)
            self.values.append(value)
        return number


class Summariser:
    """Makes summaries of the rows of two versions, with the same columns and numbers."""

    def __init__(self, columns: Sequence[str], has_texts: bool) -> None:
        """columns: those that are compared, by present names. has_texts: whether both have hashes of replies' texts."""
        self.has_steps = STEPS in columns
        self.columns = [name for name in columns if name not in (ID, STEPS)]
        self._has_texts = has_texts
        self.steps, self.words = Numbers(), Numbers()
        self._encoder = msgspec.msgpack.Encoder()
        self._json = msgspec.json.Encoder(enc_hook=str)
        self._values = struct.Struct(f"<{len(self.columns)}q")

    def summaries(self, version: Version, names: dict[str, str], equal: set[str]) -> Iterator[tuple[str, bytes]]:
        """(id, packed summary) of each row whose id is not in `equal`; the second row of an id gets another one.

        names: present name -> name in the files. Raises UserError for rows of another form.
        """
        wanted = {name: names[name] for name in (ID, *self.columns, *([STEPS] if self.has_steps else []))}
        seen: set[str] = set()
        for row in rows(version, wanted, equal):
            try:
                packed = self._encoder.encode(self._summary(row))
                id = _unique(row[ID], seen)
            except (TypeError, KeyError, AttributeError, ValueError, OverflowError, struct.error):
                message = f"{version.name}: row {row[ID]!r:.80} has a step or a column of another form"
                raise UserError(f"{message}; name a data set that seqit published") from None
            yield id, packed

    def changed(self, before: Summary, after: Summary) -> set[str]:
        """The compared columns in which two rows differ, but for `steps`."""
        values = zip(self.columns, self._values.unpack(before.values), self._values.unpack(after.values), strict=True)
        return {name for name, one, other in values if one != other}

    def _summary(self, row: Row) -> Summary:
        steps = [self._step(step) for step in row[STEPS] or ()] if self.has_steps else []
        place = row.get(SOURCE_ROW)
        return Summary(
            self._values.pack(*(self._hash(row[name]) for name in self.columns)),
            self.words.of(row.get(CORPUS) or ""), self.words.of(row.get(SOURCE_REFERENCE) or ""),
            place if isinstance(place, int) else -1, steps,
        )  # fmt: skip

    def _hash(self, value: Any) -> int:
        # Not the hash of a number itself, where that of -1 is that of -2.
        return hash(value if isinstance(value, str) else self._json.encode(value))

    def _step(self, step: dict[str, Any]) -> tuple[int, bytes, bytes]:
        record = StepRecord(
            step["stage"], step["action"], step["status"], step.get("round") or 0, step.get("reason") or "",
            step.get("generator") or "", step.get("prompt_sha256", step.get("prompt")) or "",
            step.get("sampling") or "",
        )  # fmt: skip
        texts = step.get("replies_sha256") or () if self._has_texts else ()
        return self.steps.of(record), _joined(step["replies"] or ()), _joined(texts)


def unpacked(packed: bytes) -> Summary:
    """The summary of its packed form."""
    return _DECODER.decode(packed)


_DECODER = msgspec.msgpack.Decoder(Summary)


def _joined(keys: Sequence[str]) -> bytes:
    return b"".join(bytes.fromhex(key[: 2 * KEY_BYTES]).ljust(KEY_BYTES) for key in keys)


def _unique(id: str, seen: set[str]) -> str:
    """The id, with a number after it where a row before has it too."""
    if not isinstance(id, str):
        raise TypeError(id)
    number, name = 1, id
    while name in seen:
        number += 1
        name = f"{id} #{number}"
    seen.add(name)
    return name
