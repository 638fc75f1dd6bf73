"""Sequences of tasks with right answers that are computed, from a seed -> data/generated/<name>.jsonl."""

from typing import Annotated

from stages.core import artifacts
from stages.core.cli import entry_argument, main
from stages.core.errors import UserError
from stages.params import entry, load
from stages.verified.sequence_generation import Settings, sequences


def generate(name: Annotated[str, entry_argument("An entry of `generate` in params.yaml")]) -> None:
    """Generate sequences of tasks over random inputs, each task with the right answer and what checks another one.

    The file is a source for `ingest`: of benchmark `verified`, or of a corpus (adapter own, fields {instruction:
    instruction, input: input, response: response}, and history: history for form turns). Sequence n depends on the seed
    and n alone; entries that differ in `form`, or in `tasks` below the same maximum, share inputs and first tasks.
    """
    this = entry(load().generate, name, "generate")
    settings = Settings(
        this.tasks, this.structures, this.languages, this.types, this.wordings, this.layouts, this.inputs, this.form
    )
    try:
        artifacts.write(f"data/generated/{name}.jsonl", sequences(this.seed, this.count, settings))
    except ValueError as error:
        raise UserError(f"params.yaml: generate.{name}: {error}") from None


if __name__ == "__main__":
    main(generate)
