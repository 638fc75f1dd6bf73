"""No check accepts what it must not, or rejects what is right, but for the reasons that are written down."""

import shutil

import pytest

from stages.evaluation.benchmarks import BENCHMARKS, ifeval_checkers
from stages.verified.constraint_types import CONSTRAINT_TYPES
from stages.verified.response_checks import TASKS
from stages.verified.task_types import TASK_TYPES
from tests.checkers import answer_cases, constraint_cases, ifeval_cases, matrix, program_cases
from tests.checkers.cases import INSTANCES, Case, measured
from tests.checkers.matrix import MARK, PAGE, SECTIONS, Row, rows
from tests.checkers.weaknesses import WEAKNESSES, reason

SOURCES = [(name, source) for name, section in SECTIONS.items() for source in section.sources]
HAS_SANDBOX = shutil.which("bwrap") is not None


def tried(name: str, source: matrix.Rows) -> tuple[Row, ...]:
    if source is program_cases.rows and not HAS_SANDBOX:
        pytest.skip("no bubblewrap: run `make sandbox`")
    return rows(source, name)


@pytest.mark.parametrize(("name", "source"), SOURCES, ids=[source.__module__ for _, source in SOURCES])
def test_a_check_accepts_the_right_answer_and_no_other(name: str, source: matrix.Rows) -> None:
    table = tried(name, source)
    assert not [objection for row in table for objection in row.objections()]
    assert all(row.shares.instances >= INSTANCES for row in table) or source is program_cases.rows


def test_every_weakness_is_still_one() -> None:
    table = [row for name, source in SOURCES if source is not program_cases.rows for row in tried(name, source)]
    used = {reason(row.section, row.name, kind) for row in table for kind in row.wrong()}
    assert set(WEAKNESSES.values()) == used


def test_every_check_is_tried() -> None:
    names = {row.name for name, source in SOURCES if source is not program_cases.rows for row in tried(name, source)}
    assert set(ifeval_checkers.types()) == set(ifeval_cases.MAKERS) <= names
    assert {f"{task}, {measure}" for task in TASK_TYPES for measure in ("lenient", "strict")} <= names
    assert set(CONSTRAINT_TYPES) == set(constraint_cases.MAKERS)
    assert {f"constraints/{check}" for check in (*CONSTRAINT_TYPES, TASKS)} <= names
    assert {f"constraints, {metric}" for metric in BENCHMARKS["constraints"].metrics} <= names
    ruled = {name for name, benchmark in BENCHMARKS.items() if benchmark.grade or benchmark.grade_choices}
    covered = {name.partition(",")[0].partition("/")[0] for name in names} | {"verified", "ifeval"}
    assert ruled <= covered
    for name in answer_cases.MAKERS:
        benchmark = BENCHMARKS[name.partition("/")[0]]
        metrics = {metric for metric in benchmark.metrics if metric not in ("rouge_l", "bertscore")}
        assert metrics <= {row.partition(", ")[2] for row in names if row.startswith(f"{name},")}, name


def test_one_constraint_of_four_is_broken() -> None:
    grade = BENCHMARKS["constraints"].grade
    assert grade is not None
    for one in constraint_cases.several():
        assert grade(one.question, one.broken) == {"instruction_level": 0.75, "prompt_level": 0.0}


def test_the_page_is_current() -> None:
    if HAS_SANDBOX:
        assert PAGE.read_text("utf-8") == matrix.page(), "run `python -m tests.checkers --write`"
    assert MARK in PAGE.read_text("utf-8")


@pytest.mark.parametrize(("accepts", "objections"), [(lambda text: True, 3), (lambda text: False, 1), (str.isdigit, 2)])
def test_a_check_that_is_wrong_is_objected_to(accepts, objections: int) -> None:
    row = Row("verified", "x", measured([Case(accepts, "1", "2", "3")] * 2))
    assert len(row.objections()) == objections
