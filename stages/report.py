"""All scores and statistics -> data/report/: one page, the paper's tables and figures beside ours, and DVC's plots."""

from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from stages import jsonl
from stages.benchmarks.marking import Marked
from stages.benchmarks.questions import Score
from stages.benchmarks.statistics import compare
from stages.cards import gather
from stages.cards.report import figures, files
from stages.cli import main, report_losses
from stages.params import load
from stages.records import Record

T = TypeVar("T")


def report() -> None:
    """Write data/report/index.html: what was run, Table 4, what rounds chose, scores with intervals, chains to read.

    The page needs nothing from elsewhere, and no script. Beside it: metrics.json and plots/*.csv for `dvc metrics diff`
    and `dvc plots diff`, and picture.svg for the README. What did not run is left out.
    """
    params = load()
    plain = params.model_dump(mode="json")
    answers = [f"{run}/{benchmark}" for run in params.answer.runs for benchmark in params.answer.of(run)]
    metrics = {s: _documents(f"data/metrics/{s}/{{}}.json", names) for s, names in gather.names(plain).items()}
    evaluated = _documents("data/evaluated/{}.json", answers)
    logs = _existing("data/metrics/train/{}.csv", [*params.train.runs])
    findings = gather.findings(
        plain, metrics=metrics, evaluated=evaluated, logs={run: jsonl.read_text(path) for run, path in logs},
        scored={name: _rows(f"scored/{name}", Score) for name in answers}
        | {key: _rows(f"marked/{name}", Marked) for key, name in gather.marked(plain).items()},
        before=_rows(params.report.before, Record, True), after=_rows(params.report.after, Record, True),
        compare=partial(compare, seed=params.seed),
    )  # fmt: skip
    pages = {path: text.encode() for path, text in files(findings).items()}
    jsonl.write_files("data/report", pages | {"metrics.json": jsonl.document(figures(findings))})
    results, lost = gather.not_run(gather.names(plain) | {"evaluate": answers}, metrics | {"evaluate": evaluated})
    report_losses(results, {"not run": lost}, kept="shown", unit="results")


def _existing(pattern: str, names: list[str]) -> list[tuple[str, Path]]:
    """The files of `names` that are there, with their names."""
    return [(name, path) for name in names if (path := Path(pattern.format(name))).exists()]


def _documents(pattern: str, names: list[str]) -> dict[str, dict[str, Any]]:
    return {name: jsonl.read_json(path, dict[str, Any]) for name, path in _existing(pattern, names)}


def _rows(artifact: str, type: type[T], validated: bool = False) -> list[T]:
    path = Path(f"data/{artifact}.jsonl")
    return [*(jsonl.artifact(artifact, type) if validated else jsonl.read(path, type))] if path.exists() else []


if __name__ == "__main__":
    main(report)
