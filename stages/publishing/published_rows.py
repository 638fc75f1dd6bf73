"""Published rows: flat columns with provenance, without hosts, users or folders of the machine that made them."""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import TypeVar

import msgspec

from stages.core import row_history
from stages.core.records import Record, Step, Turn, canonical

T = TypeVar("T", "Row", "ReasonedRow", "Query")
WORDS = re.compile(r"[a-z][a-z ,_'-]{0,79}")


class Made(msgspec.Struct, frozen=True):
    """One step of a row's history."""

    stage: str
    action: str
    status: str
    round: int
    reason: str
    generator: str
    prompt: str
    sampling: str
    """JSON object."""
    replies: list[str]


class Row(msgspec.Struct, frozen=True):
    """A row of a training set."""

    id: str
    instruction: str
    input: str
    output: str
    system: str
    history: list[Turn]
    image: str
    corpus: str
    language: str
    licence: str
    source_reference: str
    source_row: int
    source_sha256: str
    tasks: int
    chain: bool
    round: int
    rounds: int
    action: str
    status: str
    generator: str
    prompt: str
    sampling: str
    reply: str
    steps: list[Made]


class ReasonedRow(Row, frozen=True):
    """A row of a training set whose outputs come with the model's reasoning."""

    reasoning: str


class Query(msgspec.Struct, frozen=True):
    """A row of a benchmark: what is asked, without a response."""

    id: str
    instruction: str
    input: str
    iteration: int
    system: str
    corpus: str
    language: str
    licence: str
    source_reference: str
    source_row: int
    source_sha256: str
    tasks: int
    chain: bool
    action: str
    status: str
    generator: str
    prompt: str
    sampling: str
    reply: str
    steps: list[Made]


def unanswered(records: Iterable[Record]) -> bool:
    """Whether these are instructions only: some record was rewritten and not responded to since."""
    return any(_stale(record) for record in records)


def reasoned(records: Iterable[Record]) -> bool:
    """Whether any row holds reasoning."""
    return any(record.reasoning for record in records)


def rows(records: Iterable[Record]) -> Iterator[Row]:
    """Rows of a training set, in the same order."""
    return (_filled(record, Row) for record in records)


def reasoned_rows(records: Iterable[Record]) -> Iterator[ReasonedRow]:
    """Rows of a training set with the column `reasoning`, in the same order."""
    return (_filled(record, ReasonedRow) for record in records)


def queries(records: Iterable[Record]) -> Iterator[Query]:
    """Rows of a benchmark, in the same order."""
    return (_filled(record, Query) for record in records)


def public(reference: str) -> str:
    """A model's identity or a corpus' reference without hosts, user names and folders of the machine that made it."""
    kind, colon, rest = reference.partition(":")
    if kind == "endpoint":
        return f"endpoint:{rest.rpartition('#')[2]}"
    place, at, revision = rest.rpartition("@") if "@" in rest else (rest, "", "")
    if kind == "path" or reference.startswith(("/", "~")):
        return f"{kind}{colon}{_relative(place)}{at}{revision}" if colon else _relative(reference)
    return reference


def _relative(place: str) -> str:
    """A path inside the repository as it is; of any other only the last part."""
    slashed = place.replace("\\", "/")
    outside = slashed.startswith(("/", "~", "..")) or ":" in slashed
    return PurePosixPath(slashed).name if outside else slashed


def _stale(record: Record) -> bool:
    stages = [step.stage for step in record.steps if step.stage in ("rewrite", "respond", "evolve", "augment")]
    return bool(stages) and stages[-1] == "rewrite"


def _filled(record: Record, type: type[T]) -> T:
    """The published form of a record; every column that `type` has, and no other."""
    values = {**_content(record), **_origin(record), **_making(record, type)}
    return msgspec.convert({name: values[name] for name in type.__struct_fields__}, type)


def _content(record: Record) -> dict[str, object]:
    return {
        "id": record.id, "instruction": record.instruction, "input": record.input, "output": record.response,
        "system": record.system, "history": list(record.history), "image": PurePosixPath(record.image).name,
        "reasoning": record.reasoning or "",
    }  # fmt: skip


def _origin(record: Record) -> dict[str, object]:
    source = record.source
    return {
        "corpus": record.corpus, "language": source.language, "licence": source.licence,
        "source_reference": public(source.reference), "source_row": source.row, "source_sha256": source.sha256,
    }  # fmt: skip


def _making(record: Record, type: type[msgspec.Struct]) -> dict[str, object]:
    steps = [_made(step) for step in record.steps]
    change, attempt = row_history.last_change(record), row_history.last_attempt(record)
    rounds = row_history.rounds(record)
    text = change if type is Query else row_history.response_step(record)
    last = _made(text) if text else None
    return {
        "tasks": row_history.tasks(record), "chain": row_history.tasks(record) > 1,
        "round": change.round if change else 0, "rounds": rounds, "iteration": rounds,
        "action": row_history.action(record), "status": attempt.status if attempt else "",
        "generator": last.generator if last else "",
        "prompt": change.prompt if change else "", "sampling": last.sampling if last else "",
        "reply": last.replies[-1] if last and last.replies else "", "steps": steps,
    }  # fmt: skip


def _made(step: Step) -> Made:
    # A reason that is not plain words, as the closed lists are, is an engine's error: it may name hosts and folders.
    reason = step.reason if WORDS.fullmatch(step.reason) else ("error" if step.reason else "")
    sampling = canonical(step.sampling).decode() if step.sampling else ""
    return Made(
        step.stage, step.action, step.status, step.round, reason, public(step.generator), step.prompt, sampling,
        list(step.replies),
    )  # fmt: skip
