"""More training seeds of a run, as runs of their own in params.yaml."""

from typing import Annotated

import typer

from stages.core import artifacts, project
from stages.core.cli import entry_argument, main
from stages.experiments.training_seeds import with_seeds
from stages.params import PARAMS, load


def seeds(
    run: Annotated[str, entry_argument("An entry of `train.runs` in params.yaml")],
    numbers: Annotated[list[int], typer.Argument(min=0, help="Training seeds: 2 3", metavar="SEED...")],
) -> None:
    """Add runs to params.yaml that differ from RUN in the training seed alone: RUN-2, RUN-3.

    Each is trained, answers the benchmarks and is evaluated as RUN is; the report puts runs that differ in their seed
    alone together, with intervals over questions and seeds. Runs that are there already stay as they are.
    """
    project.require_graph()
    load()
    text, added = with_seeds(artifacts.read_text(PARAMS), run, numbers)
    artifacts.write_text(PARAMS, text)
    print(
        f"params.yaml: train.runs has {', '.join(added)} beside {run}" if added else "params.yaml: has them all already"
    )


if __name__ == "__main__":
    main(seeds)
