"""Reads a benchmark's questions, the answers of runs, and the judge's scores of them."""

from collections.abc import Iterable

from stages.core import artifacts
from stages.core.written_results import rows
from stages.evaluation.benchmarks.questions import Answer, Question, Score
from stages.evaluation.benchmarks.task_scores import TaskScore
from stages.evaluation.calibration.human_labels import JudgedRun


def read_questions(benchmark: str) -> dict[str, Question]:
    """Question.id -> question. Raises UserError where the benchmark was not ingested."""
    return {question.id: question for question in artifacts.artifact(f"ingested/benchmarks/{benchmark}", Question)}


def read_runs(benchmark: str, runs: Iterable[str]) -> dict[str, JudgedRun]:
    """Run -> its answers and scores. Raises UserError where `predict` or `evaluate` has not written them."""
    return {
        run: JudgedRun(
            {answer.id: answer for answer in artifacts.artifact(f"predictions/{run}/{benchmark}", Answer)},
            {score.id: score for score in artifacts.read(f"data/scored/{run}/{benchmark}.jsonl", Score)},
        )
        for run in runs
    }  # fmt: skip


def read_task_lists(entries: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Question.id -> its tasks as `judge_tasks` listed them, of those entries of it that were run."""
    scores = (score for entry in entries for score in rows(f"judged_tasks/{entry}", TaskScore))
    return {score.question: score.listed for score in scores if score.listed and not score.control}
