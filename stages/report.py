"""All scores and statistics -> data/report/: one page, the paper's tables and figures beside ours, and DVC's plots."""

from functools import partial

from stages.core import artifacts
from stages.core.cli import main, report_losses
from stages.core.records import Record
from stages.core.written_results import ValidatedRows, documents, rows, texts
from stages.evaluation.benchmarks.questions import Score
from stages.evaluation.benchmarks.score_statistics import compare
from stages.evaluation.benchmarks.task_scores import TaskScore
from stages.params import load
from stages.reporting import collect
from stages.reporting.answer_sets import case_sets, samples_of_only_run
from stages.reporting.report_page import figures, files
from stages.reporting.run_summary import run_summary


def report() -> None:
    """Write data/report/index.html: what was run, Table 4, what rounds chose, scores with intervals, chains to read.

    The page needs nothing from elsewhere, and no script. Beside it: answers.html and rows.html to look through answers
    of any two runs and rows before and after, without a server; metrics.json and plots/*.csv for `dvc metrics diff` and
    `dvc plots diff`, every score in figures.json, and picture.svg for the README. What did not run is left out.
    """
    params = load()
    plain = params.model_dump(mode="json")
    benchmarks = {run: [*params.benchmarks_of(run)] for run in params.runs}
    answers = [f"{run}/{benchmark}" for run, some in benchmarks.items() for benchmark in some]
    metrics = {s: documents(f"data/metrics/{s}/{{}}.json", names) for s, names in collect.names(plain).items()}
    evaluated = documents("data/evaluated/{}.json", answers)
    logs = texts("data/metrics/train/{}.csv", params.train.runs)
    findings = collect.findings(
        plain, metrics=metrics, evaluated=evaluated, logs=logs,
        scored={name: rows(f"scored/{name}", Score) for name in answers}
        | {key: rows(f"judged_tasks/{name}", TaskScore) for key, name in collect.marked(plain).items()},
        before=ValidatedRows(params.report.before, Record), after=ValidatedRows(params.report.after, Record),
        compare=partial(compare, seed=params.seed), samples=samples_of_only_run(plain, benchmarks, rows),
        cases=list(case_sets(plain, benchmarks, rows)),
    )  # fmt: skip
    pages = {path: text.encode() for path, text in files(findings).items()}
    made = {"metrics.json": run_summary(findings), "figures.json": figures(findings)}
    pages |= {path: artifacts.document(document) for path, document in made.items()}
    artifacts.write_files("data/report", pages)
    results, lost = collect.not_run(collect.names(plain) | {"evaluate": answers}, metrics | {"evaluate": evaluated})
    report_losses(results, {"not run": lost}, kept="shown", unit="results")


if __name__ == "__main__":
    main(report)
