"""What is read from DVC's output, how long stages took, and which of its warnings are left out."""

import logging
from pathlib import Path

import pytest
from dvc.exceptions import ReproductionError

from stages.execution.dvc_program import EMPTY, failed_stages, is_wanted
from stages.execution.dvc_repro import StageClock
from stages.execution.stage_times import StageTime, read_times, record_times

OUTPUT = """Stage 'fetch_model@smollm2' didn't change, skipping
Running stage 'rewrite@mine':
> python -m stages.rewrite "$DVC_STAGE"
Stages are fun, says a model.
Updating lock file 'dvc.lock'

Stage 'respond@mine' is cached - skipping run, checking out outputs
Running stage '../dvc.yaml:publish@mine':
"""


def test_which_stages_ran() -> None:
    clock = StageClock()
    for line in OUTPUT.splitlines(keepends=True):
        clock.see(line)
    assert (
        clock.unchanged == ["fetch_model@smollm2"]
        and clock.cached == ["respond@mine"]
        and [*clock.seconds] == ["rewrite@mine"]
    )
    clock.stop()
    assert [*clock.seconds] == ["rewrite@mine", "../dvc.yaml:publish@mine"]
    first, *lines = clock.table()
    assert "== 2 stages ran, " in first and first.endswith("in all, 1 unchanged") and len(lines) == 2


def test_times_of_stages_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "below" / "stage_times.json"
    assert read_times(file) == {}
    record_times(file, {"train@it": 100.04, "respond@mine": 60.0})
    record_times(file, {"respond@mine": 5.0})
    assert read_times(file) == {"train@it": StageTime(100.0, 100.0), "respond@mine": StageTime(5.0, 60.0)}
    assert [read_times(file)["respond@mine"].expected(sends) for sends in (False, True)] == [5.0, 60.0]
    file.write_text("{")
    assert read_times(file) == {}


@pytest.mark.parametrize(
    ("template", "path", "wanted"),
    [
        (EMPTY, "data/ingested/mine.rejected.jsonl", False), (EMPTY, "data/formatted/mine.jsonl", True),
        (EMPTY, "data/benchmark_index/benchmarks", False), (EMPTY, "models/it", True),
        ("'%s' is missing.", "data/ingested/mine.rejected.jsonl", True),
    ],
)  # fmt: skip
def test_warnings_about_outputs_that_are_empty_in_a_sound_run_are_left_out(
    template: str, path: str, wanted: bool
) -> None:
    record = logging.LogRecord("dvc.output", logging.WARNING, "output.py", 1, template, (path,), None)
    assert is_wanted(record) is wanted


@pytest.mark.parametrize(
    ("text", "stages"),
    [
        ("failed to reproduce 'rewrite@mine'", ["rewrite@mine"]),
        ("failed to reproduce stages: 'rewrite@a', '../dvc.yaml:respond@b'", ["rewrite@a", "../dvc.yaml:respond@b"]),
        ("failed to push 'rewrite@mine'", []),
    ],
)
def test_the_stages_that_dvc_calls_failed(text: str, stages: list[str]) -> None:
    def record(error: Exception | None) -> logging.LogRecord:
        info = (type(error), error, None) if error else None
        return logging.LogRecord("dvc.cli", logging.ERROR, "cli.py", 1, "", (), info)

    assert failed_stages(record(ReproductionError(text))) == stages
    assert failed_stages(record(ValueError(text))) == failed_stages(record(None)) == []
