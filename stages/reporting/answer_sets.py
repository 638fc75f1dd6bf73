"""The questions and answers that the report shows, read benchmark by benchmark, so that few are in memory at once."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from stages.evaluation.benchmarks.questions import Answer, Question, Score
from stages.evaluation.benchmarks.task_scores import TaskScore
from stages.reporting.case_selection import CaseSet, Pair, case_set, main_measure_of
from stages.reporting.collect import BY_TASK, marked
from stages.reporting.sample_answers import SHOWN, SampleAnswer, sample_answers

T = TypeVar("T")
Document = Mapping[str, Any]


class Read(Protocol):
    """Returns the rows of an artifact; [] where it is not there."""

    def __call__(self, artifact: str, type: type[T]) -> list[T]:
        """The rows, each a `type`."""


def case_sets(params: Document, benchmarks: Mapping[str, Sequence[str]], read: Read) -> Iterator[CaseSet]:
    """Questions with the answers of every run. params: params.yaml as plain values; benchmarks: of each run."""
    names = marked(params)
    for name in params["predict"]["benchmarks"]:
        runs = [run for run, some in benchmarks.items() if name in some]
        scores = {run: some for run in runs if (some := read(f"scored/{run}/{name}", Score))}
        if scores:
            keys = {run: names[key] for run in scores if (key := f"{run}/{name}{BY_TASK}") in names}
            yield case_set(
                name, main_measure_of(params["ingest"]["benchmarks"][name]["benchmark"], scores),
                read(f"ingested/benchmarks/{name}", Question),
                {run: read(f"predictions/{run}/{name}", Answer) for run in scores}, scores,
                {run: read(f"judged_tasks/{key}", TaskScore) for run, key in keys.items()}, planned_pairs(params),
                params["seed"],
            )  # fmt: skip


def planned_pairs(params: Document) -> list[Pair]:
    """The pairs of runs that the report compares."""
    report = params["report"]
    pairs = [(report["baseline"], report["treatment"]), *((base, run) for run, base in report["matched"].items())]
    return [(base, run) for base, run in pairs if base and run and base != run]


def samples_of_only_run(
    params: Document, benchmarks: Mapping[str, Sequence[str]], read: Read
) -> list[SampleAnswer]:  # fmt: skip
    """A few answers to read, where there is only one run; else []."""
    answered = {
        name: (
            read(f"ingested/benchmarks/{name}", Question), read(f"predictions/{run}/{name}", Answer),
            read(f"scored/{run}/{name}", Score),
        )
        for run, some in benchmarks.items() for name in some if len(benchmarks) == 1
    }  # fmt: skip
    return sample_answers(answered, SHOWN, params["seed"])
