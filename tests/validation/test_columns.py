"""The columns that suites name, against what a person would say of the same rows."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.errors import UserError
from stages.validation.columns import FEW, table


def lines(*rows: dict[str, Any]) -> list[tuple[int, bytes]]:
    return [(number, msgspec.json.encode({"id": f"r{number}", **row})) for number, row in enumerate(rows, 1)]


def column(name: str, *rows: dict[str, Any]) -> list[Any]:
    return table(lines(*rows), [name], "rows.jsonl", "suite.json")[name].to_list()


def step(stage: str, action: str, status: str = "ok") -> dict[str, Any]:
    return {"stage": stage, "action": action, "status": status, "round": 1}


def turns(*roles: str) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": "" if role == "user" else "x"} for role in roles]}


CASES: list[tuple[str, list[dict[str, Any]], list[Any]]] = [
    ("instruction", [{"instruction": "a"}, {}], ["a", None]),
    ("instruction.chars", [{"instruction": "né🙂"}, {"instruction": ""}, {}], [3, 0, None]),
    ("instruction.words", [{"instruction": " one  two\nthree "}], [3]),
    ("instruction.blank", [{"instruction": "a"}, {"instruction": " \n\t"}, {"instruction": ""}, {}], [0, 1, 1, 1]),
    ("instruction.copies", [{"instruction": "a"}, {"instruction": "b"}, {"instruction": "a"}], [2, 1, 2]),
    ("input.script", [{"input": "Привет x"}, {"input": "你好"}, {"input": "12"}], ["Cyrillic", "Han", None]),
    (
        "input.foreign",
        [
            {"input": "Привет", "source": {"language": "ru"}},
            {"input": "hello", "source": {"language": "ru"}},
            {"input": "2 + 2", "source": {"language": "ru"}},
            {"input": "שלום", "source": {"language": "en"}},
            {"input": "hello", "source": {"language": "multi"}},
            {"input": "hello"},
        ],
        [0, 1, 0, 1, None, None],
    ),
    (
        "instruction.strange",
        [
            {"instruction": "What is the name of the book that you gave to the child?", "source": {"language": "de"}},
            {"instruction": "What is the name of the book that you gave to the child?", "source": {"language": "en"}},
            {"instruction": "Nenne den Fluss, der mit dem Rhein und der Aare fließt.", "source": {"language": "en"}},
            {"instruction": "Nombra los ríos que van por el norte y el sur.", "source": {"language": "es"}},
            {"instruction": "Translate: der Hund und die Katze mit dem Kind", "source": {"language": "de"}},
            {"instruction": "Name a sea.", "source": {"language": "fr"}},
            {"instruction": "What is the name of the book that you gave to the child?", "source": {"language": "zh"}},
            {"instruction": "Name the sea.", "source": {"language": "zh"}},
            {"instruction": "说出一个海 in the EU.", "source": {"language": "zh"}},
            {"instruction": "x + 2 = 5", "source": {"language": "ru"}},
            {"instruction": "What is the name of the book that you gave?", "source": {"language": "multi"}},
            {"instruction": "What is the name of the book that you gave to the child?"},
        ],
        [1, 0, 1, 0, 0, 0, 1, 1, 0, 0, None, None],
    ),
    (
        "response.foreign",
        [
            {"response": "東京", "source": {"language": "ja"}},
            {"response": "パリ", "source": {"language": "ja"}},
            {"response": "Paris", "source": {"language": "ja"}},
            {"response": "科莫湖。", "source": {"language": "zh-CN"}},
            {"response": "লোয়ার।", "source": {"language": "bn"}},
            {"response": "லோயர்.", "source": {"language": "ta"}},
            {"response": "Loire", "source": {"language": "ta"}},
            {"response": "Лоара.", "source": {"language": "sr"}},
            {"response": "Loara.", "source": {"language": "sr"}},
            {"response": "Loara.", "source": {"language": "sr-Cyrl"}},
            {"response": "Лоара.", "source": {"language": "EN"}},
            {"response": "qaH", "source": {"language": "tlh"}},
        ],
        [0, 0, 1, 0, 0, 0, 1, None, None, 1, 1, None],
    ),
    (
        "input.untranslated",
        [
            {"input": "你好", "steps": [step("augment", "translate:zh"), step("augment", "repeat")]},
            {"input": "hello", "steps": [step("augment", "translate:zh")]},
            {"input": "hello", "steps": [step("augment", "repeat")]},
        ],
        [0, 1, None],
    ),
    ("step.action", [{"steps": [step("rewrite", "prefix"), step("respond", "respond")]}, {}], ["respond", None]),
    (
        "chosen",
        [
            {"steps": [step("rewrite", "prefix"), step("rewrite", "suffix"), step("sample", "mixture")]},
            {"steps": [step("rewrite", "prefix"), step("rewrite", "", "unparsed")]},
            {"steps": [step("rewrite", "hold", "frozen")]},
        ],
        ["suffix", None, None],
    ),
    ("source.licence", [{"source": {"licence": "MIT"}}, {}], ["MIT", None]),
    ("gold.count", [{"gold": ["a", "b"]}, {}], [2, 0]),
    ("messages.count", [turns("user", "assistant"), {}], [2, 0]),
    ("messages.blank", [turns("user", "assistant"), turns("assistant")], [1, 0]),
    (
        "messages.order",
        [turns("system", "user", "assistant"), turns("user", "assistant", "user", "assistant"), turns("user"),
         turns("assistant", "user"), turns("system"), {}],
        [1, 1, 0, 0, 0, 0],
    ),
    ("tokens_out", [{"tokens_out": 3}, {}], [3, None]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "rows", "expected"), CASES, ids=[name for name, _, _ in CASES])
def test_a_column_is_what_its_name_says(name: str, rows: list[dict[str, Any]], expected: list[Any]) -> None:
    assert column(name, *rows) == expected


def test_a_share_is_null_over_few_rows_and_counts_the_rows_that_have_a_value() -> None:
    rows = [{"status": "ok"}] * (FEW - 2) + [{"status": "failed"}]
    assert column("status=failed", *rows) == [None] * (FEW - 1)
    assert column("status=failed", *rows, {"status": "failed"}, {}) == [0] * (FEW - 2) + [1, 1, None]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_lengths_and_copies_of_any_text(texts: list[str]) -> None:
    rows = lines(*({"instruction": text} for text in texts))
    frame = table(rows, ["instruction.chars", "instruction.copies", "instruction.blank"], "f", "s")
    assert frame["instruction.chars"].to_list() == [len(text) for text in texts]
    assert frame["instruction.copies"].to_list() == [texts.count(text) for text in texts]
    blank = [not any(c.isprintable() and not c.isspace() for c in text) for text in texts]
    # What Python and Unicode's White_Space call blank differs for separators that are control characters.
    assert all(one or not other for one, other in zip(blank, frame["instruction.blank"].to_list(), strict=True))


def test_the_rows_of_a_long_file_are_not_cut_at_the_chunks() -> None:
    rows = [{"instruction": "x" * 100_000, "input": str(number)} for number in range(200)]
    frame = table(lines(*rows), ["instruction.chars", "input", "input.copies"], "f", "s")
    assert frame["input"].to_list() == [str(number) for number in range(200)]
    assert set(frame["instruction.chars"]) == {100_000}


BAD: list[tuple[bytes, str]] = [
    (b'{"id": "b", "instruction": 3}', "rows.jsonl:7: Expected `str | null`, got `int` - at `$.instruction`"),
    (b"[1]", "rows.jsonl:7: Expected `object`"),
    (b'{"id": "b"', "rows.jsonl:7: Input data was truncated"),
    (b'{"id": "\xff"}', "rows.jsonl:7: "),
    (b'{"instruction": "x"}', "rows.jsonl: 1 rows have no id, the first is row 1 "),
]


@pytest.mark.parametrize(("line", "message"), BAD)
def test_a_bad_line_is_named(line: bytes, message: str) -> None:
    with pytest.raises(UserError) as caught:
        table([(1, b'{"id": "a"}'), (7, line)], ["instruction.chars"], "rows.jsonl", "suite.json")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["instruktion.chars", "instruction.lenght", "steps", "step.colour", "x=1", ""])
def test_an_unknown_column_is_named_with_what_there_is(name: str) -> None:
    with pytest.raises(UserError, match=r"^suite\.json: unknown column .*; known are .*instruction"):
        table(lines({}), [name], "rows.jsonl", "suite.json")


def test_no_row_at_all_is_an_error() -> None:
    with pytest.raises(UserError, match=r"rows\.jsonl: holds no row"):
        table([], ["instruction.chars"], "rows.jsonl", "suite.json")
