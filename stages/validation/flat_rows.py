"""Rows of any artifact as flat columns: msgspec decodes the fields that are needed, and nothing else of a row is
kept."""

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Any

import msgspec

from stages.core import languages
from stages.core.errors import UserError

CHUNK = 1 << 23
"""Bytes of rows that are decoded at a time."""

TEXTS = (
    "id", "corpus", "instruction", "input", "response", "system", "image",
    "benchmark", "language", "licence", "item", "reference", "group",
    "question", "run", "text", "status", "reply", "model", "error",
    "answer", "labeller", "prompt", "reason", "declined", "declined_reason",
)  # fmt: skip
"""Text fields of records, questions, answers and labels."""
NUMBERS = ("tasks", "sample", "tokens_in", "tokens_out", "quality")


class Step(msgspec.Struct, gc=False):
    """The fields of a step that suites may name."""

    stage: str | None = None
    action: str | None = None
    status: str | None = None
    round: int | None = None
    reason: str | None = None


class Message(msgspec.Struct, gc=False):
    """A turn of a training row."""

    role: str
    content: str


class Source(msgspec.Struct, gc=False):
    """The fields of a source that suites may name."""

    language: str | None = None
    licence: str | None = None


NO_STEP = Step()
FIELDS: dict[str, Any] = {
    **dict.fromkeys(TEXTS, str | None), **dict.fromkeys(NUMBERS, int | None),
    "steps": list[Step], "messages": list[Message], "gold": list[str], "source": Source,
}  # fmt: skip
EMPTY: dict[str, Any] = {"steps": list, "messages": list, "gold": list, "source": Source}


def _last(row: Any) -> Step:
    return row.steps[-1] if row.steps else NO_STEP


def _of_last(name: str) -> Callable[[Any], Any]:
    get = attrgetter(name)
    return lambda row: get(_last(row))


def _chosen(row: Any) -> str | None:
    step = next((step for step in reversed(row.steps) if step.stage == "rewrite"), NO_STEP)
    return step.action if step.status == "ok" else None


def _effect(row: Any) -> str | None:
    """What the last round did with the row: changed, held or lost; null where it was not asked about."""
    step = next((step for step in reversed(row.steps) if step.stage == "rewrite"), NO_STEP)
    if step.status in (None, "frozen"):
        return None
    if step.status != "ok":
        return "lost"
    return "held" if step.action == "hold" else "changed"


def _outcome(row: Any) -> str | None:
    """What all rounds together did with the row: changed, held, or lost; null where no round asked about it.

    lost: no round changed it and at least one attempt failed.
    """
    steps = [step for step in row.steps if step.stage == "rewrite" and step.status not in (None, "frozen")]
    if any(step.status == "ok" and step.action != "hold" for step in steps):
        return "changed"
    if any(step.status != "ok" for step in steps):
        return "lost"
    return "held" if steps else None


def _tag(row: Any) -> str:
    """The language tag of a row; "" where it has none, or several ("multi")."""
    return row.language or row.source.language or ""


def _script(row: Any) -> str | None:
    """The script of the row's language, a key of `languages.SCRIPTS`; null where that is not known."""
    return languages.script(_tag(row)) or None


def _tongue(row: Any) -> str | None:
    """The row's language by its code of ISO 639; null where it has none."""
    return languages.base(_tag(row)) or None


def _translated(row: Any) -> str | None:
    """The script that a translated input must be in; null where nothing was translated, or it is not known."""
    chains = [step.action for step in row.steps if (step.action or "").startswith("translate:")]
    return languages.script(chains[-1].partition(":")[2]) or None if chains else None


def _order(row: Any) -> int:
    """1 for [system] (user assistant)+."""
    roles = [message.role for message in row.messages]
    roles = roles[1:] if roles[:1] == ["system"] else roles
    return int(bool(roles) and len(roles) % 2 == 0 and roles == ["user", "assistant"] * (len(roles) // 2))


STEP = ("stage", "action", "status", "round", "reason")
COLUMNS: dict[str, tuple[frozenset[str], Callable[[Any], Any]]] = {
    **{name: (frozenset({name}), attrgetter(name)) for name in (*TEXTS, *NUMBERS)},
    **{f"step.{name}": (frozenset({"steps"}), _of_last(name)) for name in STEP},
    "chosen": (frozenset({"steps"}), _chosen),
    "effect": (frozenset({"steps"}), _effect),
    "outcome": (frozenset({"steps"}), _outcome),
    "script": (frozenset({"language", "source"}), _script),
    "tongue": (frozenset({"language", "source"}), _tongue),
    "translated": (frozenset({"steps"}), _translated),
    "source.language": (frozenset({"source"}), attrgetter("source.language")),
    "source.licence": (frozenset({"source"}), attrgetter("source.licence")),
    "gold.count": (frozenset({"gold"}), lambda row: len(row.gold)),
    "messages.count": (frozenset({"messages"}), lambda row: len(row.messages)),
    "messages.blank": (frozenset({"messages"}), lambda row: sum(not m.content.strip() for m in row.messages)),
    "messages.order": (frozenset({"messages"}), _order),
}
"""Column -> (the fields of a row that it needs, what it is)."""


def flat(rows: Iterable[tuple[int, bytes]], names: Iterable[str], file: str) -> Iterator[dict[str, list[Any]]]:
    """Chunks of rows as columns. names: keys of COLUMNS.

    rows: (line number, JSON object). Raises UserError naming the line for one that is not, or has another type of
    field.
    """
    columns = {name: COLUMNS[name] for name in names}
    fields = sorted({field for needs, _ in columns.values() for field in needs})
    decode = msgspec.json.Decoder(_view(fields)).decode
    for chunk in _chunks(rows):
        values = _decoded(chunk, decode, file)
        yield {name: list(map(get, values)) for name, (_, get) in columns.items()}


def _view(fields: list[str]) -> type[Any]:
    """A row with these fields, all of which may be absent; other fields of the JSON object are skipped."""
    defaults = {field: msgspec.field(default_factory=EMPTY[field]) if field in EMPTY else None for field in fields}
    # Rows live for one chunk and hold no cycles: without the garbage collector's visits this takes half the time.
    return msgspec.defstruct("Row", [(field, FIELDS[field], defaults[field]) for field in fields], gc=False)


def _chunks(rows: Iterable[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    chunk: list[tuple[int, bytes]] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += len(row[1])
        if size > CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _decoded(chunk: list[tuple[int, bytes]], decode: Callable[[bytes], Any], file: str) -> list[Any]:
    values: list[Any] = []
    try:
        values.extend(decode(line) for _, line in chunk)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{file}:{chunk[len(values)][0]}: {error}; correct or remove this line") from None
    return values
