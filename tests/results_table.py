"""What README.md shows of the committed run, tables and picture: `python -m tests.results_table --write`."""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.reporting.caveats import FEW, mark

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "default-run.svg"
"""A copy of the report's picture: a run of the reader's own writes another one into data/report."""
BLOCK = re.compile(r"(<!-- results[^\n]*-->\n)(.*?)(<!-- end of results -->)", re.S)
RUNS = {"smollm2": "untuned", "it": "IT", "sit": "SIT", "sit-budget": "SIT, as many tokens as IT"}
"""Run -> what the tables call it."""
LENGTHS = "verified"
"""The benchmark that is shown by the number of tasks."""
MEASURES = (
    ("verified-unseen", "types of task never trained on", "following"),
    ("verified", "verified sequences, tasks right", "accuracy"),
    ("verified-unseen", "the same, types never trained on", "accuracy"),
    ("commonsenseqa", "CommonsenseQA after a first task", "following"),
    ("commonsenseqa", "CommonsenseQA", "accuracy"),
    ("xquad", "XQuAD after a translation (de)", "following"),
    ("xquad", "XQuAD (de)", "accuracy"),
)
"""Benchmark, its title and measure: the lines of the second table."""


def results_table() -> str:
    """Both tables, in percent: following by the number of tasks with 95% intervals, and scores of whole benchmarks."""
    return "\n".join([*_by_tasks(), "", *_whole()]) + "\n"


def _by_tasks() -> Iterator[str]:
    summaries = {run: _summary(run, LENGTHS)["tasks"] for run in RUNS}
    lengths = sorted(map(int, summaries["it"]))
    yield f"| tasks in a query | {' | '.join(map(str, lengths))} |"
    yield "|---" * (len(lengths) + 1) + "|"
    for run, title in RUNS.items():
        cells = (_cell(summaries[run][str(length)]["following"], interval=True) for length in lengths)
        yield f"| {title} | {' | '.join(cells)} |"


def _whole() -> Iterator[str]:
    yield f"| benchmark | measure | n | {' | '.join(RUNS.values())} |"
    yield "|---" * (len(RUNS) + 3) + "|"
    for benchmark, title, measure in MEASURES:
        found = [_summary(run, benchmark, missing=True).get(measure) for run in RUNS]
        counts = {one["n"] for one in found if one}
        yield f"| {title} | `{measure}` | {_range(sorted(counts))} | {' | '.join(map(_cell, found))} |"


def _range(counts: Sequence[int]) -> str:
    return f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def _cell(score: Mapping[str, Any] | None, interval: bool = False) -> str:
    """ "71 [61, 79]": a share in percent, marked where few questions make it doubtful; "–" for none."""
    if score is None:
        return "–"
    mean, low, high = (100 * score[key] for key in ("mean", "low", "high"))
    around = f" [{low:.0f}, {high:.0f}]" if interval else ""
    return f"{mean:.{0 if interval else 1}f}{mark({'few'} if score['n'] < FEW else set())}{around}"


def _summary(run: str, benchmark: str, missing: bool = False) -> dict[str, Any]:
    """What `evaluate` found; {} where the run does not answer the benchmark and this is allowed."""
    path = ROOT / "data" / "evaluated" / run / f"{benchmark}.json"
    return {} if missing and not path.exists() else json.loads(path.read_text())


def updated(text: str) -> str:
    """`text` with the tables between their two marks."""
    return BLOCK.sub(lambda match: match[1] + results_table() + match[3], text)


def drawn() -> str:
    """The picture of the committed run."""
    return (ROOT / "data" / "report" / "picture.svg").read_text()


if __name__ == "__main__":
    readme = ROOT / "README.md"
    if "--write" in sys.argv:
        readme.write_text(updated(readme.read_text()))
        PICTURE.write_text(drawn())
    elif updated(readme.read_text()) != readme.read_text():
        sys.exit("README.md: the tables of results are out of date; run `python -m tests.results_table --write`")
