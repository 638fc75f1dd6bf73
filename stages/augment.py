"""Manual chains: an intermediate task - repeat, translate, … - enters instruction and response by rule (paper 4.1,
A.1).

Reads the rows of an entry of `augment` in params.yaml and its aligned translations; writes
data/augmented/<name>.jsonl, the same rows in the same order, those that no chain applies to unchanged. The plain
set to compare with is the set that was read.
"""

from typing import Annotated

import typer

from stages import chains, jsonl
from stages.cli import main
from stages.params import entry, load
from stages.records import Record


def augment(name: Annotated[str, typer.Argument(help="An entry of `augment` in params.yaml")]) -> None:
    """Write data/augmented/NAME.jsonl: rows with the entry's chains, and how many got which."""
    params = load()
    asked = entry(params.augment, name, "augment")
    rows = list(_rows(asked.reads))
    means = chains.Means(seed=params.seed, translations=chains.translations(_rows(asked.parallel)))
    links = chains.links(chain.model_dump() for chain in asked.chains)
    augmented = list(chains.chained(rows, links, means))
    jsonl.write(f"data/augmented/{name}.jsonl", augmented)
    jsonl.write_json(f"data/metrics/augment/{name}.json", chains.statistics(rows, augmented))


def _rows(artifact: str) -> "list[Record]":
    return list(jsonl.read_validated(f"data/{artifact}.jsonl", f"data/validated/{artifact}.json", Record))


if __name__ == "__main__":
    main(augment)
