"""The names of published columns that checks read, in one place."""

from typing import Any

from stages.publishing.published_rows import EARLIER_NAMES

ID = "id"
INSTRUCTION = "instruction"
INPUT = "input"
OUTPUT = "output"
OUTPUT_STATUS = "output_status"
"""Absent in sets of earlier versions."""
GENERATOR = "generator"
SYSTEM = "system_prompt"
HISTORY = "history"
MESSAGES = "messages"
LANGUAGE = "language"
LICENCE = "licence"
SOURCE_REFERENCE = "source_reference"
SOURCE_ROW = "source_row"
SOURCE_SHA256 = "source_sha256"
REPLY = "reply"
"""Key of the reply that wrote the output."""
STEPS = "steps"
PROMPT = "prompt_sha256"
"""Field of an element of STEPS."""
REPLY_HASHES = "replies_sha256"
"""Field of an element of STEPS; absent in sets of earlier versions."""
TURN = ("instruction", "response")
"""Fields of an element of HISTORY."""

Row = dict[str, Any]
"""A row of the Parquet file, by column."""


def with_present_names(row: Row) -> Row:
    """A row of a set that an earlier version published, with columns and fields of steps as they are called now."""
    if STEPS not in row:  # a form with a `prompt` of its own: no step was ever published in it
        return row
    steps = row[STEPS]
    renamed: Row = _renamed(row)
    return renamed | {STEPS: [_renamed(step) for step in steps] if isinstance(steps, list) else steps}


def _renamed(values: Any) -> Any:
    """With present names; what is no row or step stays, for `checked_columns` to refuse."""
    if not isinstance(values, dict):
        return values
    return {EARLIER_NAMES.get(name, name): value for name, value in values.items()}


def step_field(number: int, name: str, part: int | None = None) -> str:
    """The name of a field within STEPS, for messages: "steps[2].replies[0]"."""
    return f"{STEPS}[{number}].{name}" + ("" if part is None else f"[{part}]")
