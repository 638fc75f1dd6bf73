"""Great Expectations, for real, on rows with known faults."""

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stages.core import artifacts
from stages.core.errors import UserError
from stages.validate import validate
from stages.validation import great_expectations_run
from stages.validation.row_validation import ValidationResult, validate_rows
from stages.validation.suites import Suite

ROOT = Path(__file__).resolve().parents[2]
SUITES = sorted(path for path in (ROOT / "schemas").glob("*.json") if not path.name.endswith(".schema.json"))


def record(number: int, **changes: Any) -> dict[str, Any]:
    source = {"reference": "path:x", "row": number, "sha256": "0", "licence": "MIT", "language": "en"}
    return {
        "id": f"c-{number}", "corpus": "c", "instruction": "Say yes.", "input": "", "response": "Yes.", "system": "",
        "source": source, "steps": [], "history": [], "image": "", **changes,
    }  # fmt: skip


def lines(*rows: dict[str, Any]) -> list[tuple[int, bytes]]:
    return [(number, msgspec.json.encode(row)) for number, row in enumerate(rows, 1)]


def suite(*expectations: dict[str, Any]) -> Suite:
    return msgspec.convert({"name": "s", "expectations": expectations}, Suite)


def between(column: str, severity: str = "warning", **bounds: float) -> dict[str, Any]:
    kwargs = {"column": column, **bounds}
    return {"type": "expect_column_values_to_be_between", "kwargs": kwargs, "severity": severity}


def mean(column: str, **bounds: float) -> dict[str, Any]:
    kwargs = {"column": column, **bounds}
    return {"type": "expect_column_mean_to_be_between", "kwargs": kwargs, "severity": "critical"}


def verdict(rows: list[dict[str, Any]], *expectations: dict[str, Any], limit: float = 0.5) -> ValidationResult:
    return validate_rows(lines(*rows), suite(*expectations), "data/x.jsonl", "schemas/s.json", limit)


ENGLISH = "Please write a short letter to your neighbour about the noise at night, and be polite."
GERMAN = "Schreibe bitte einen kurzen Brief an deinen Nachbarn wegen des Lärms in der Nacht, und sei höflich."


def test_a_corpus_in_another_language_than_params_says_is_told_by_its_entry() -> None:
    texts = [ENGLISH] * 29 + [GERMAN]
    rows = [record(n, instruction=text, response=text) for n, text in enumerate(texts)]
    for row in rows:
        row["source"] = row["source"] | {"language": "de"}
    with pytest.raises(UserError) as error:
        ingested = ROOT / "schemas/ingested.json"
        whole = artifacts.read_json(ingested, Suite)
        validate_rows(lines(*rows), whole, "data/ingested/mine.jsonl", "s", 0.1, "ingested/mine")
    assert str(error.value) == (
        "data/ingested/mine.jsonl: ingest.corpora.mine.language is de; 29 of 30 rows are not German; correct it, or "
        "write multi"
    )


def test_rows_are_set_aside_with_all_their_reasons_in_the_suites_order() -> None:
    rows = [record(0), record(1, instruction=" "), record(2, response="", instruction=""), record(3), record(4)]
    result = verdict(
        rows,
        between("response.chars", min_value=1),
        between("instruction.blank", max_value=0),
        between("response.chars", min_value=2, max_value=9),
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "corpus", "value_set": ["c"]},
         "severity": "warning"},
    )  # fmt: skip
    assert result.rows == 5
    assert result.quarantined == {
        "c-1": ["expect_column_values_to_be_between(instruction.blank)"],
        "c-2": [
            "expect_column_values_to_be_between(response.chars)",
            "expect_column_values_to_be_between(instruction.blank)",
            "expect_column_values_to_be_between(response.chars)",
        ],
    }


def test_too_many_rows_aside_stop_the_stage_and_exactly_the_limit_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [record(0), record(1, instruction=""), record(2), record(3)]
    assert len(verdict(rows, between("instruction.blank", max_value=0), limit=0.25).quarantined) == 1
    with pytest.raises(UserError, match=r"^data/x\.jsonl: 1 of 4 rows would be set aside, more than .* \(0\.2\)"):
        verdict(rows, between("instruction.blank", max_value=0), limit=0.2)
    assert "c-1" in capsys.readouterr().err


CRITICAL: list[tuple[list[dict[str, Any]], dict[str, Any]]] = [
    ([record(0), record(0)], between("id.copies", "critical", max_value=1)),
    (
        [record(0)],
        {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 2}, "severity": "critical"},
    ),
    ([record(n, system="x" if n else "y") for n in range(40)], mean("system=x", max_value=0.9)),
    (
        [record(0, steps=[{"stage": "rewrite", "action": "", "status": "lost"}])],
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "step.status", "value_set": ["ok"]},
         "severity": "critical"},
    ),
]  # fmt: skip


def test_artifacts_of_a_process_are_told_apart_and_its_context_keeps_none_of_them() -> None:
    longer = between("corpus.chars", max_value=3)
    for identifier in ("first", "second"):
        rows = [record(0), record(1, id=identifier, corpus="long")]
        assert [*verdict(rows, longer).quarantined] == [identifier]
        assert not great_expectations_run._context().data_sources.all()


@pytest.mark.parametrize(("rows", "expectation"), CRITICAL)
def test_a_critical_expectation_stops_the_stage(rows: list[dict[str, Any]], expectation: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"^data/x\.jsonl: not fit to go on: expect_"):
        verdict(rows, expectation, limit=1.0)


def test_a_share_over_too_few_rows_and_a_mean_of_nothing_are_passed_over() -> None:
    rows = [record(n, system="x") for n in range(5)]
    assert verdict(rows, mean("system=x", max_value=0.9), mean("input.untranslated", max_value=0)).quarantined == {}


def test_what_a_row_says_is_neither_markup_nor_a_control_sequence(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "[bold]x[/bold]\x1b[2J\x1b]0;title\x07"
    verdict([record(0), record(1, id=hostile, corpus=hostile)], between("corpus.chars", max_value=3))
    shown = capsys.readouterr().err
    assert "[bold]" in shown and "\x1b[2J" not in shown and "\x07" not in shown


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"type": "expect_the_best", "kwargs": {}, "severity": "critical"}, "expect_the_best.*not found"),
    (between("instruction.chars"), "min_value and max_value cannot both be None"),
    (between("instruction.chars", minimum=1), "minimum"),
    (between("instruction.lenght", min_value=1), "unknown column 'instruction.lenght'"),
    (mean("corpus", max_value=1), r"expect_column_mean_to_be_between\(corpus\)"),
]


@pytest.mark.parametrize(("expectation", "message"), MISTAKES)
def test_a_mistake_in_a_suite_is_one_line(expectation: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        verdict([record(0)], expectation)
    assert str(caught.value).startswith("schemas/s.json: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", SUITES, ids=[path.stem for path in SUITES])
def test_a_suite_of_schemas_is_understood_and_names_its_file(path: Path) -> None:
    suite = artifacts.read_json(path, Suite)
    assert suite.name == path.stem
    # One row without anything: every expectation is built and computed, what it lacks is told.
    with pytest.raises(UserError, match=f"schemas/{path.name}|not fit to go on|set aside"):
        validate_rows([(1, b'{"id": "a"}')], suite, "data/x.jsonl", f"schemas/{path.name}", 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"name": "s", "expectations": [', "truncated"),
        ('{"name": "s", "expectation": []}', "unknown field `expectation`"),
        ('{"name": "s", "expectations": [{"type": "x", "kwargs": {}, "severity": "mild"}]}', "mild"),
        ('{"name": "s", "expectations": [{"type": "x", "kwargs": {}}]}', "severity"),
    ],
)
def test_a_suite_that_is_none_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(UserError, match=message):
        artifacts.read_json(tmp_path / "s.json", Suite)


def workplace(folder: Path, rows: list[dict[str, Any]]) -> Path:
    (folder / "data/ingested").mkdir(parents=True)
    (folder / "data/ingested/c.jsonl").write_bytes(b"".join(line + b"\n" for _, line in lines(*rows)))
    (folder / "schemas").symlink_to(ROOT / "schemas")
    (folder / "params.yaml").symlink_to(ROOT / "stages/profiles/full.yaml")
    return folder


def test_the_command_writes_a_receipt_that_fits_the_file_and_leaves_rows_out(tmp_path: Path) -> None:
    rows = [record(n) for n in range(20)] + [record(20, instruction=" ")]
    with contextlib.chdir(workplace(tmp_path, rows)):
        validate("ingested", ["c"], "ingested")
        receipt = artifacts.read_json("data/validated/ingested/c.json", artifacts.Receipt)
        assert (receipt.rows, receipt.suite, list(receipt.quarantined)) == (21, "ingested", ["c-20"])
        from stages.core.records import Record

        walking = artifacts.read_validated("data/ingested/c.jsonl", "data/validated/ingested/c.json", Record)
        assert [row.id for row in walking] == [f"c-{n}" for n in range(20)]


def test_a_stage_that_fails_writes_nothing(tmp_path: Path) -> None:
    with contextlib.chdir(workplace(tmp_path, [record(0), record(0)])):
        with pytest.raises(UserError, match=r"id\.copies"):
            validate("ingested", ["c"], "ingested")
        assert not Path("data/validated").exists()


def test_the_reduced_import_loads_less_and_leaves_everything_importable() -> None:
    program = """
import logging, sys
from stages.validation.lazy_import import OPTIONAL, great_expectations
logging.basicConfig(level=logging.INFO)
great_expectations().get_context(mode="ephemeral")
assert not [hook for hook in sys.meta_path if type(hook).__module__.startswith("stages")], "left an import hook"
assert not {*OPTIONAL, "altair.vegalite", "scipy.stats._continuous_distns"} & sys.modules.keys(), "loaded too much"
import altair, chardet, scipy.stats
assert altair.Chart and scipy.stats.norm.cdf(0) == 0.5
from great_expectations.expectations.core import expect_column_kl_divergence_to_be_less_than as kl
assert kl.alt.Chart is altair.Chart and kl.stats.entropy([1.0]) == 0
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, stderr=subprocess.PIPE, text=True)
    assert "great_expectations" not in done.stderr, "its own messages"
