"""All scores and statistics -> data/report/: one page, the paper's tables and figures beside ours, and DVC's plots."""

from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from stages import jsonl
from stages.benchmarks.questions import Score
from stages.benchmarks.statistics import compare
from stages.cards import gather
from stages.cards.report import figures, files
from stages.cli import main
from stages.params import load
from stages.records import Record


def report() -> None:
    """Write data/report/index.html: what was run, Table 4, what rounds chose, scores with intervals, chains to read.

    The page needs nothing from elsewhere, and no script. Beside it: metrics.json and plots/*.csv for `dvc metrics diff`
    and `dvc plots diff`, and picture.svg for the README. What did not run is left out.
    """
    params = load()
    chosen, names = params.report, gather.names(params.model_dump(mode="json"))
    answers = [f"{run}/{benchmark}" for run, benchmark in product(params.answer.runs, params.answer.benchmarks)]
    findings = gather.findings(
        params.model_dump(mode="json"),
        metrics={stage: _documents(f"data/metrics/{stage}/{{}}.json", found) for stage, found in names.items()},
        evaluated=_documents("data/evaluated/{}.json", answers),
        logs={run: jsonl.read_text(path) for run, path in _existing("data/metrics/train/{}.csv", names["train"])},
        scored={name: list(jsonl.read(path, Score)) for name, path in _existing("data/scored/{}.jsonl", answers)},
        before=_records(chosen.before),
        after=_records(chosen.after),
        compare=partial(compare, seed=params.seed, resamples=params.evaluate.resamples),
    )
    for path, text in files(findings).items():
        jsonl.write_text(f"data/report/{path}", text)
    jsonl.write_json("data/report/metrics.json", figures(findings))


def _existing(pattern: str, names: list[str]) -> list[tuple[str, Path]]:
    """The files of `names` that are there, with their names."""
    return [(name, path) for name in names if (path := Path(pattern.format(name))).exists()]


def _documents(pattern: str, names: list[str]) -> dict[str, dict[str, Any]]:
    return {name: jsonl.read_json(path, dict[str, Any]) for name, path in _existing(pattern, names)}


def _records(artifact: str) -> list[Record]:
    return [record for _, path in _existing("data/{}.jsonl", [artifact]) for record in jsonl.read(path, Record)]


if __name__ == "__main__":
    main(report)
