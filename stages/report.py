"""All scores and statistics -> data/report/: one page, the paper's tables and figures beside ours, and DVC's plots."""

from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from stages.core import artifacts
from stages.core.cli import main, report_losses
from stages.core.records import Record
from stages.evaluation.benchmarks.questions import Answer, Question, Score
from stages.evaluation.benchmarks.score_statistics import compare
from stages.evaluation.benchmarks.task_scores import TaskScore
from stages.params import Params, load
from stages.reporting import collect
from stages.reporting.report_page import figures, files
from stages.reporting.run_summary import run_summary
from stages.reporting.sample_answers import SHOWN, SampleAnswer, sample_answers

T = TypeVar("T")


def report() -> None:
    """Write data/report/index.html: what was run, Table 4, what rounds chose, scores with intervals, chains to read.

    The page needs nothing from elsewhere, and no script. Beside it: metrics.json and plots/*.csv for `dvc metrics diff`
    and `dvc plots diff`, every score in figures.json, and picture.svg for the README. What did not run is left out.
    """
    params = load()
    plain = params.model_dump(mode="json")
    answers = [f"{run}/{benchmark}" for run in params.runs for benchmark in params.benchmarks_of(run)]
    metrics = {s: _documents(f"data/metrics/{s}/{{}}.json", names) for s, names in collect.names(plain).items()}
    evaluated = _documents("data/evaluated/{}.json", answers)
    logs = _existing("data/metrics/train/{}.csv", [*params.train.runs])
    findings = collect.findings(
        plain, metrics=metrics, evaluated=evaluated, logs={run: artifacts.read_text(path) for run, path in logs},
        scored={name: _rows(f"scored/{name}", Score) for name in answers}
        | {key: _rows(f"judged_tasks/{name}", TaskScore) for key, name in collect.marked(plain).items()},
        before=_rows(params.report.before, Record, True), after=_rows(params.report.after, Record, True),
        compare=partial(compare, seed=params.seed), samples=_samples(params),
    )  # fmt: skip
    pages = {path: text.encode() for path, text in files(findings).items()}
    documents = {"metrics.json": run_summary(findings), "figures.json": figures(findings)}
    pages |= {path: artifacts.document(document) for path, document in documents.items()}
    artifacts.write_files("data/report", pages)
    results, lost = collect.not_run(collect.names(plain) | {"evaluate": answers}, metrics | {"evaluate": evaluated})
    report_losses(results, {"not run": lost}, kept="shown", unit="results")


def _samples(params: Params) -> list[SampleAnswer]:
    """Answers to read, where there is only one run."""
    answered = {
        name: (
            _rows(f"ingested/benchmarks/{name}", Question), _rows(f"predictions/{run}/{name}", Answer),
            _rows(f"scored/{run}/{name}", Score),
        )
        for run in params.runs for name in params.benchmarks_of(run) if len(params.runs) == 1
    }  # fmt: skip
    return sample_answers(answered, SHOWN, params.seed)


def _existing(pattern: str, names: list[str]) -> list[tuple[str, Path]]:
    """The files of `names` that are there, with their names."""
    return [(name, path) for name in names if (path := Path(pattern.format(name))).exists()]


def _documents(pattern: str, names: list[str]) -> dict[str, dict[str, Any]]:
    return {name: artifacts.read_json(path, dict[str, Any]) for name, path in _existing(pattern, names)}


def _rows(artifact: str | None, type: type[T], validated: bool = False) -> list[T]:
    path = Path(f"data/{artifact}.jsonl")
    if artifact is None or not path.exists():
        return []
    return [*(artifacts.artifact(artifact, type) if validated else artifacts.read(path, type))]


if __name__ == "__main__":
    main(report)
