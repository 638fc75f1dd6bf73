"""The record that all stages read and write: a row of instruction data and the steps that changed it."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, TypeVar

import msgspec

from stages.core.errors import UserError

Item = TypeVar("Item")

Action = Literal["decompose", "prefix", "suffix", "hold"]
"""What Seq-Instruct may do to an instruction (paper 2.2, options A to D)."""

Status = Literal["ok", "frozen", "unparsed", "rejected", "truncated", "thought", "refused", "failed"]
"""How one step ended.

ok: done. frozen: held in an earlier round, not asked again. unparsed: a reply that names no option or holds no
instruction. rejected: a parsed result that a quality gate turned down (`reason` says which). truncated, thought,
refused, failed: the status of the reply. Only `ok` and `frozen` ever count as an option.
"""


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a row came from."""

    reference: str
    """The corpus as named in params.yaml: `path:…` or `hub:org/name@revision`."""
    row: int
    """0-based position in the upstream file."""
    sha256: str
    """SHA-256 of the upstream row as canonical JSON (sorted keys, UTF-8)."""
    licence: str
    language: str


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a stage did, or tried to do, to a record."""

    stage: str
    """The command that did it: rewrite, respond, evolve, augment, sample."""
    action: str
    """An `Action`, a chain ("translate:de"), an evolution ("deepening"), "respond"; "" when none was chosen."""
    status: Status
    round: int = 0
    """Round of Seq-Instruct or of evolution, from 1; 0 outside rounds."""
    reason: str = ""
    """Why a step is not ok: one of the closed lists of the rooms, or the engine's error."""
    generator: str = ""
    """Identity of the model: reference and revision or weight hash."""
    prompt: str = ""
    """SHA-256 (first 16 hex digits) of each prompt file that was rendered, joined by "+"."""
    sampling: dict[str, Any] = {}
    replies: tuple[str, ...] = ()
    """Keys of the replies in the reply store, in the order they were asked."""
    text_hashes: tuple[str, ...] = ()
    """For each of `replies`, the first 32 hexadecimal digits of its text's SHA-256; none in rows of older versions."""


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An earlier exchange of a conversation."""

    instruction: str
    response: str


class ResponseCheck(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule that a response must satisfy, as data: `stages/verified/response_checks.py` knows the names."""

    name: str
    arguments: dict[str, Any] = {}


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of instruction data.

    `id` is "<corpus>-<first 16 hex digits of the source row's SHA-256>", with "-2", "-3", … for exact duplicates, so it
    depends on the row's text and not on its position, its neighbours or the number of workers.
    """

    id: str
    corpus: str
    instruction: str
    input: str
    response: str
    system: str
    source: Source
    steps: tuple[Step, ...] = ()
    history: tuple[Turn, ...] = ()
    """Earlier turns, oldest first; empty for single-turn rows."""
    image: str = ""
    """Reference of an image (file name or URL); never the pixels."""
    reasoning: str | msgspec.UnsetType = msgspec.UNSET
    """The model's reasoning before `response`, where params say to keep it; else no field of the row."""
    checks: tuple[ResponseCheck, ...] | msgspec.UnsetType = msgspec.UNSET
    """What a response to the instruction must satisfy, for rows where that is computed; else no field of the row."""

    def step(self, step: Step, **changes: Any) -> "Record":
        """This record with `changes` made and `step` added to its history."""
        return msgspec.structs.replace(self, steps=(*self.steps, step), **changes)


class Rejected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rejected row, written to a file of its own with the reason."""

    id: str
    reason: str
    """One of the closed list of the command that rejected it."""
    detail: str
    row: dict[str, Any]


def limited(
    name: str, items: Iterable["Item | Rejected"], limit: float, counted: Callable[[str], bool] = bool
) -> Iterator["Item | Rejected"]:
    """The items of a source called `name`, as they are.

    Raises UserError behind the last one where more than the share `limit` of them, 0 to 1, are rejected for a reason
    that is `counted`.
    """
    total, first = 0, ""
    reasons: Counter[str] = Counter()
    for item in items:
        total += 1
        if isinstance(item, Rejected) and counted(item.reason):
            first = first or f"{item.reason}: {item.detail}"
            reasons[item.reason] += 1
        yield item
    if reasons.total() > limit * total:
        by_reason = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
        raise UserError(
            f"{name}: {reasons.total():,} of {total:,} rows can't be used ({by_reason}), more than the share "
            f"{limit:g} of validate.max_quarantined; the first: {first}; mend them, name another adapter, or raise it"
        )


def canonical(row: Any) -> bytes:
    """The bytes that stand for a value: JSON, keys sorted, UTF-8, no spaces."""
    return msgspec.json.encode(row, order="sorted")


def digest(value: Any, length: int = 64) -> str:
    """SHA-256 of `canonical(value)` in hexadecimal, cut to `length` digits."""
    return hashlib.sha256(canonical(value)).hexdigest()[:length]


def user_text(record: Record) -> str:
    """What the user says in this record's last turn: the instruction, a blank line, the input if there is one."""
    return f"{record.instruction}\n\n{record.input}" if record.input else record.instruction
