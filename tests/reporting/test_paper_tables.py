"""The paper's numbers: exact, consistent with what else the project says, and as our notes describe them."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from stages.core.registry import PAPER_ARMS
from stages.evaluation.benchmarks import BENCHMARKS
from stages.reporting import paper_values
from stages.reporting.paper_tables import TABLES
from stages.reporting.paper_tables.disagreements import NOTES
from stages.reporting.paper_tables.table_types import Cell, PaperTable, Row

ROOT = Path(__file__).resolve().parents[2]
PAPER = ROOT.parent / "shared/paper.md"
BY_NUMBER = {table.number: table for table in TABLES}
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def rows_of(number: int) -> dict[str, Row]:
    """Arm -> its row."""
    return {arm: row for row in BY_NUMBER[number].rows for arm in row.arms}


def values(row: Row, part: int = 0) -> list[float]:
    return [float(cell.printed[part]) for cell in row.cells if cell.printed[part] != "-"]


def mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)


def lines_of(table: PaperTable, text: str) -> list[str]:
    """The lines between the caption of an earlier table and that of this one."""
    end = text.index(f"\nTable {table.number}:")
    start = max((match.end() for match in re.finditer(r"\nTable \d+:", text[:end])), default=0)
    return text[start:end].replace("1 <b>3.7</b>", "13.7").replace("1 **3.7**", "13.7").splitlines()


def sequences(line: str) -> Iterator[list[str]]:
    """The numbers of a line; where its cells hold several rows, also those of each row."""
    cells = [NUMBER.findall(re.sub(r"<[^>]*>|\*", "", cell)) for cell in line.split("\t")]
    yield [number for cell in cells for number in cell]
    for many in (2, 3):
        yield from ([cell[place] for cell in cells if len(cell) == many] for place in range(many))


def contains(line: str, numbers: list[str]) -> bool:
    wide = len(numbers)
    return any(some[i : i + wide] == numbers for some in sequences(line) for i in range(len(some) - wide + 1))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.number))
def test_every_number_is_the_papers(table: PaperTable) -> None:
    if not PAPER.is_file():
        pytest.skip(f"{PAPER} is not there: the paper's numbers are not compared with it")
    lines, last = lines_of(table, PAPER.read_text(encoding="utf-8")), 0
    for row in table.rows:
        cells = row.cells[:-1] if table.number in (10, 11) else row.cells
        numbers = [part for cell in cells for part in cell.printed if part != "-"]
        place = next((i for i, line in enumerate(lines) if i >= last and contains(line, numbers)), None)
        assert place is not None, f"Table {table.number}: {row.labels} {numbers}"
        if cells is not row.cells and (change := row.cells[-1].printed[0]) != "-":
            assert next(sequences(lines[place]))[-1] == change.lstrip("-")
        last = place


def test_all_tables_are_there_with_every_number() -> None:
    assert [table.number for table in TABLES] == [*range(1, 14)]
    counts = {t.number: sum(p != "-" for r in t.rows for c in r.cells for p in c.printed) for t in TABLES}
    assert counts == {
        1: 55, 2: 48, 3: 6, 4: 56, 5: 72, 6: 88, 7: 10, 8: 15, 9: 198, 10: 75, 11: 50, 12: 94, 13: 104
    }  # fmt: skip


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.number))
def test_rows_fit_their_heads(table: PaperTable) -> None:
    for row in table.rows:
        assert len(row.labels) == len(table.heads)
        assert len(row.cells) == len(table.columns) or row.cells[0].arm == "prompted-llama-7b"
        assert all(len(cell.printed) == len(cell.wanted) for cell in row.cells)
    assert len({row.labels for row in table.rows}) == len(table.rows)


def test_every_arm_is_in_a_table_and_no_other() -> None:
    def arms(row: Row) -> Iterator[str]:
        yield from row.arms
        yield from (cell.arm for cell in row.cells if cell.arm)

    assert {arm for table in TABLES for row in table.rows for arm in arms(row)} == set(PAPER_ARMS)


def test_the_values_of_other_sections_are_the_same() -> None:
    methods = {"IT": "alpaca-it", "SIT": "alpaca-sit", "WizardLM": "alpaca-wizardlm"}
    for method, languages in paper_values.LANGUAGES["xquad"].items():
        row = rows_of(9)[methods[method]]
        assert [(float(c.printed[0]), float(c.printed[1])) for c in row.cells[:-1]] == [*languages.values()]
    for method, languages in paper_values.LANGUAGES["mgsm"].items():
        row = next(r for r in BY_NUMBER[10].rows if r.labels == (method, "trans-CoT"))
        assert values(row)[:11] == [value for value, _ in languages.values()]
    for column, measure in enumerate(("quality", "following")):
        for method, four in paper_values.BY_TASKS["seqeval"][measure].items():
            rows = [row for row in BY_NUMBER[13].rows if row.arms == (methods[method],)]
            assert [float(row.cells[column].printed[0]) for row in rows] == [*four]
    for one, row in zip(paper_values.TABLE_4, BY_NUMBER[4].rows, strict=True):
        assert (one.corpus, str(one.round)) == row.labels
        assert values(row) == [value for value in one[2:] if value is not None]


@pytest.mark.parametrize("name", ["mmlu", "arc", "gsm8k", "humaneval", "xquad", "mgsm"])
def test_benchmarks_declare_the_numbers_of_table_5(name: str) -> None:
    columns = {c.title.casefold(): place for place, c in enumerate(BY_NUMBER[5].columns)} | {"mgsm": 6}
    (figures,) = BENCHMARKS[name].published.values()
    for method, arm in (("IT", "alpaca-it"), ("WizardLM", "alpaca-wizardlm"), ("SIT", "alpaca-sit")):
        assert values(rows_of(5)[arm])[columns[name]] == figures[method]


def test_wanted_measures_are_declared_by_their_benchmarks() -> None:
    """A name that no benchmark has would show as missing for ever."""

    def choices(cell: Cell) -> Iterator[tuple[str, str]]:
        for wanted in cell.wanted:
            yield from getattr(wanted, "choices", ())

    for benchmark, measure in {c for t in TABLES for r in t.rows for cell in r.cells for c in choices(cell)}:
        declared = BENCHMARKS[benchmark]
        known = {*declared.metrics, *declared.published, *(("quality", "following") if declared.judge else ())}
        assert measure in known, (benchmark, measure)


def test_averages_of_mgsm_are_as_the_notes_say() -> None:
    for number in (10, 11):
        text = NOTES[number][1 if number == 10 else 0]
        for row in BY_NUMBER[number].rows:
            numbers = values(row)
            printed, computed = numbers[11], mean(numbers[:11])
            assert f"{printed} against {computed:.1f}" in text
            assert abs(printed - computed) > 0.1
    changes = {n: mean(values(r[1])[:11]) - mean(values(r[0])[:11]) for n in (10, 11) if (r := BY_NUMBER[n].rows)}
    assert {n: round(change, 1) for n, change in changes.items()} == {10: 1.4, 11: 0.8}
    assert round(mean(values(rows_of(10)["alpaca-it"])[:11]), 1) == values(rows_of(5)["alpaca-it"])[6] == 15.7


def test_averages_of_xquad_are_the_means_of_their_cells() -> None:
    for row in BY_NUMBER[9].rows:
        for part in (0, 1):
            assert mean(values(row, part)[:10]) == pytest.approx(values(row, part)[10], abs=0.051)
    for row in BY_NUMBER[2].rows:
        assert mean(values(row)[:10]) == pytest.approx(values(row)[10], abs=0.0051)


def test_win_rates_of_table_6_and_12_are_exchanged_for_two_arms() -> None:
    six, twelve = rows_of(6), rows_of(12)
    differ = {arm for arm, row in six.items() if values(row)[7] != values(twelve[arm])[2]}
    assert differ == {f"alpaca-{method}-{base}" for method in ("it", "sit") for base in ("command-r", "mistral")}
    for method in ("it", "sit"):
        one, other = f"alpaca-{method}-command-r", f"alpaca-{method}-mistral"
        assert values(six[one])[7] == values(twelve[other])[2] and values(six[other])[7] == values(twelve[one])[2]


def test_notes_on_xquad_of_mistral_and_on_the_gap_hold() -> None:
    mistral = ("alpaca-it-mistral", "alpaca-sit-mistral")
    assert [values(rows_of(6)[arm])[5] for arm in mistral] == [31.7, 33.2]
    assert [values(rows_of(9)[arm])[10] for arm in mistral] == [24.8, 25.2]
    for corpus in ("alpaca", "flancot"):
        rows = {m: [r for r in BY_NUMBER[13].rows if r.arms == (f"{corpus}-{m}",)] for m in ("it", "sit")}
        gaps = [values(sit)[1] - values(it)[1] for it, sit in zip(rows["it"], rows["sit"], strict=True)]
        shown = [f"{gap:.1f}" for gap in gaps]
        assert f"{', '.join(shown[:3])} and {shown[3]}" in NOTES[13][1]
        assert any(later < earlier for earlier, later in pairwise(gaps))


def test_win_columns_of_the_two_references_add_up_to_100() -> None:
    for number in (12, 13):
        rows = [row for row in BY_NUMBER[number].rows if row.arms[0] in ("command-r", "gpt-35-turbo")]
        for one, other in zip(rows[::2], rows[1::2], strict=True):
            assert values(one)[2] + values(other)[2] == pytest.approx(100)
