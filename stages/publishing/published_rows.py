"""Published rows: messages and flat columns with provenance, without hosts, users and folders of their machine.

The fields of the types here are the columns of published sets: no other module decides their names or order. None is
a name that a trainer reads as something else: TRL takes `image` for pixels, `prompt` for text and `label` for a grade,
and Axolotl makes a system turn of `system`, also of an empty one.
"""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import TypeVar

import msgspec

from stages.core import row_history
from stages.core.records import Record, Step, Turn, canonical
from stages.publishing.chat_messages import ChatMessage, conversation, prompt_messages

T = TypeVar("T", bound="Row | Query")
WORDS = re.compile(r"[a-z][a-z ,_'-]{0,79}")
EARLIER_NAMES = {"prompt": "prompt_sha256", "image": "image_file", "system": "system_prompt"}
"""Columns, and fields of `steps`, of sets that earlier versions published -> what they are called now."""


class Made(msgspec.Struct, frozen=True):
    """One step of a row's history."""

    stage: str
    action: str
    status: str
    round: int
    reason: str
    generator: str
    prompt_sha256: str
    sampling: str
    """JSON object."""
    replies: list[str]
    replies_sha256: list[str]
    """For each of `replies` the hash of its text, as `text_hash` of the reply store; none in rows of older versions."""


class Row(msgspec.Struct, frozen=True):
    """A row of a training set."""

    id: str
    messages: list[ChatMessage]
    instruction: str
    input: str
    output: str
    output_status: str
    system_prompt: str
    history: list[Turn]
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
    prompt_sha256: str
    sampling: str
    reply: str
    steps: list[Made]


class ReasonedRow(Row, frozen=True):
    """A row of a training set whose outputs come with the model's reasoning."""

    reasoning: str


class PictureRow(Row, frozen=True):
    """A row of a training set of which some rows are about an image."""

    image_file: str
    """Its file name; never the pixels."""


class ReasonedPictureRow(ReasonedRow, frozen=True):
    """A row of a training set with both."""

    image_file: str


class Query(msgspec.Struct, frozen=True):
    """A row of a benchmark: what is asked, without a response."""

    id: str
    messages: list[ChatMessage]
    """The prompt; ends with the user turn."""
    instruction: str
    input: str
    iteration: int
    system_prompt: str
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
    prompt_sha256: str
    sampling: str
    reply: str
    steps: list[Made]


TRAINING_TYPES: dict[tuple[bool, bool], type[Row]] = {
    (False, False): Row, (True, False): ReasonedRow, (False, True): PictureRow, (True, True): ReasonedPictureRow
}  # fmt: skip
"""(has some row reasoning, is some row about an image) -> type."""


def row_type(records: Iterable[Record]) -> type[Row] | type[Query]:
    """The type that these records are published as: one without columns that would be empty in every row.

    A `Query` where these are instructions only: some record was rewritten and not responded to since.
    """
    has_reasoning = has_image = False
    for record in records:
        if _stale(record):
            return Query
        has_reasoning = has_reasoning or bool(record.reasoning)
        has_image = has_image or bool(record.image)
    return TRAINING_TYPES[has_reasoning, has_image]


def row(record: Record, type: type[T]) -> T:
    """The published form of a record; every column that `type` has, and no other."""
    values = {**_content(record), **_origin(record), **_making(record, type)}
    values["messages"] = prompt_messages(record) if issubclass(type, Query) else conversation(record)
    return msgspec.convert({name: values[name] for name in type.__struct_fields__}, type)


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


def _content(record: Record) -> dict[str, object]:
    return {
        "id": record.id, "instruction": record.instruction, "input": record.input, "output": record.response,
        "system_prompt": record.system, "history": list(record.history),
        "image_file": PurePosixPath(record.image).name,
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
        "prompt_sha256": change.prompt if change else "", "sampling": last.sampling if last else "",
        "reply": last.replies[-1] if last and last.replies else "", "steps": steps,
        "output_status": output_status(record),
    }  # fmt: skip


def output_status(record: Record) -> str:
    """How the reply ended of which a row's output is made: "ok", or "truncated" by the token limit; "" for the source's
    own output. For an output that was kept from an earlier round, the status of its reply then."""
    step = row_history.response_step(record)
    if step is None:
        return ""
    return (step.reason or "ok") if step.status == "frozen" else step.status


def _made(step: Step) -> Made:
    # A reason that is not plain words, as the closed lists are, is an engine's error: it may name hosts and folders.
    reason = step.reason if WORDS.fullmatch(step.reason) else ("error" if step.reason else "")
    sampling = canonical(step.sampling).decode() if step.sampling else ""
    return Made(
        step.stage, step.action, step.status, step.round, reason, public(step.generator), step.prompt, sampling,
        list(step.replies), list(step.text_hashes),
    )  # fmt: skip
