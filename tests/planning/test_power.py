"""What a plan says of the comparisons before any model is run."""

from pathlib import Path

import msgspec
import pytest

from stages.evaluation.benchmarks.questions import Question
from stages.params import Params, load
from stages.planning.plan_table import Plan, show
from stages.planning.power import PowerRow, power_note, power_rows

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def params() -> Params:
    """The whole pipeline of the default profile, with the runs it and sit."""
    return load(ROOT / "stages" / "profiles" / "full.yaml")


def ingest(folder: Path, name: str, items: int, versions: int, tasks: int = 1) -> None:
    questions = [
        Question(f"{name}-{version}-{item}", name, "en", "CC0-1.0", str(item), "Say it.", tasks=1 + (item + tasks) % 6)
        for item in range(items) for version in range(versions)
    ]  # fmt: skip
    path = folder / "data" / "ingested" / "benchmarks" / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(msgspec.json.encode(question) + b"\n" for question in questions))


def test_each_benchmark_that_both_runs_answer_has_a_row(tmp_path: Path, params: Params) -> None:
    ingest(tmp_path, "xquad", 100, 4)
    rows = {row.benchmark: row for row in power_rows(tmp_path, params, ["evaluate@sit"])}
    assert set(params.benchmarks_of("it")) <= set(rows)
    assert rows["xquad"].questions == 100  # four languages of one question are one
    assert rows["xquad"].detectable == pytest.approx(20.1, abs=0.1)
    assert rows["xquad"].needed == (396 if params.report.effect == 10 else rows["xquad"].needed)
    assert rows["commonsenseqa"].questions == params.ingest.benchmarks["commonsenseqa"].sample


def test_verified_sequences_have_a_row_for_the_first_comparison(tmp_path: Path, params: Params) -> None:
    ingest(tmp_path, "verified", 120, 1)
    rows = {row.benchmark: row.questions for row in power_rows(tmp_path, params, ["predict@it"])}
    assert rows["verified"] == 120 and rows["verified, 2 to 4 tasks"] == 60


def test_a_plan_that_tests_no_model_has_none(tmp_path: Path, params: Params) -> None:
    assert power_rows(tmp_path, params, ["rewrite@seed", "report"]) == []


def test_few_questions_show_nothing(tmp_path: Path, params: Params) -> None:
    ingest(tmp_path, "xquad", 4, 4)
    (row,) = [row for row in power_rows(tmp_path, params, ["evaluate@sit"]) if row.benchmark == "xquad"]
    assert row.questions == 4 and row.detectable is None


def test_the_table_states_its_assumption(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [PowerRow("xquad", "sit - it", 100, 20.1, 10.0, 396), PowerRow("mgsm", "sit - it", None, None, 10.0, 396)]
    from stages.planning.forecast import Forecast

    show(Plan([Forecast("evaluate@sit", ["new"], True, [], "")], [], [], [], rows))
    shown = capsys.readouterr().out
    assert "20.1 points" in shown and "questions for 10 points" in shown and "396" in shown
    assert "near 50%" in " ".join(shown.split())
    assert "the first of 2 measures" in power_note(rows)
