"""Each adapter on rows of the upstream form, on rows that say nothing, and on rows of another form."""

import json
from typing import Any

import pytest

from stages.core.errors import UserError
from stages.core.records import Record, Rejected, Turn
from stages.core.registry import CORPUS_FORMATS
from stages.corpora.read_records import Origin, read
from stages.corpora.vqa_and_captions import INSTRUCTION
from stages.readers.formats import Raw

ORIGIN = Origin("mine", "path:x.json", "Apache-2.0", "en")


def through(adapter: str, *rows: dict[str, Any], **fields: str) -> list[Record | Rejected]:
    raws = [Raw(row, number, "", f"x.json, row {number}") for number, row in enumerate(rows)]
    return list(read(adapter, raws, ORIGIN, fields))


def texts_of(item: Record | Rejected) -> tuple[str, ...]:
    if isinstance(item, Rejected):
        return ("rejected", item.reason)
    return (item.instruction, item.input, item.response, item.system, item.image)


HOSTILE = "```py\n{{ x }}\n``` ### option is: A\r\n| a |\n<b> \u202eא ؟ 🎉\u2028 ../../etc/passwd; rm -rf /"
SYSTEM, USER = {"role": "system", "content": "S"}, {"role": "user", "content": "Hi"}
ASSISTANT = {"role": "assistant", "content": "Ho"}
VQA = {"questions": [{"image_id": 7, "question": "Who?", "question_id": 1}]}
ANSWERS = {"annotations": [{"question_id": 1, "answers": [{"answer": "b"}, {"answer": "a"}, {"answer": "a"}]}]}

CASES: list[tuple[str, list[dict[str, Any]], dict[str, str], list[tuple[str, ...]]]] = [
    ("alpaca", [{"instruction": "I", "input": "", "output": "O"}], {}, [("I", "", "O", "", "")]),
    ("alpaca", [{"instruction": "I", "input": "<noinput>", "output": ""}], {}, [("I", "", "", "", "")]),
    ("alpaca", [{"instruction": HOSTILE, "input": HOSTILE, "output": HOSTILE}], {}, [(HOSTILE,) * 3 + ("", "")]),
    ("alpaca", [{"instruction": " \n", "input": "x", "output": "y"}], {}, [("rejected", "no-instruction")]),
    ("alpaca", [{"instruction": None, "input": "x", "output": "y"}], {}, [("rejected", "no-instruction")]),
    ("alpaca", [{"instruction": "a\0b", "input": "x", "output": "y"}], {}, [("rejected", "not-text")]),
    ("alpaca_eval", [{"instruction": "I", "output": "O", "generator": "g"}], {}, [("I", "", "", "", "")]),
    (
        "parallel", [{"en": "one", "ru": "один", "de": "eins"}], {},
        [("de", "one", "eins", "", ""), ("ru", "one", "один", "", "")],
    ),
    (
        "parallel", [{"idx": 3, "src": "s", "en": {"input": "one"}, "zh": {"input": "一"}}], {},
        [("zh", "one", "一", "", "")],
    ),
    ("parallel", [{"en": {"input": ""}, "zh": {"input": ""}}], {}, [("rejected", "no-input")]),
    ("parallel", [{"en": "one", "de": " "}], {}, [("rejected", "no-translation")]),
    ("flan_cot", [{"0": "Q?\\n- a", "1": "a", "2": "So"}], {}, [("Q?\n- a", "", "So\nThe answer is a.", "", "")]),
    (
        "flan_cot", [{"id": "cot.64", "system_prompt": "S", "question": "Q", "response": "R"}], {},
        [("Q", "", "R", "S", "")],
    ),
    (
        "flan_cot", [{"id": "t0.1", "system_prompt": "S", "question": "Q", "response": "R"}], {},
        [("rejected", "other-subset")],
    ),
    ("tulu", [{"messages": [USER, ASSISTANT]}], {}, [("Hi", "", "Ho", "", "")]),
    ("tulu", [{"messages": [SYSTEM, USER, ASSISTANT, USER]}], {}, [("Hi", "", "Ho", "S", "")]),
    ("tulu", [{"messages": [USER]}], {}, [("rejected", "no-response")]),
    ("tulu", [{"messages": []}], {}, [("rejected", "no-user-turn")]),
    ("tulu", [{"messages": [ASSISTANT, USER]}], {}, [("rejected", "no-user-turn")]),
    ("tulu", [{"messages": [USER, USER, ASSISTANT]}], {}, [("rejected", "no-user-turn")]),
    ("metamath", [{"query": "Q", "response": "R", "type": "t"}], {}, [("Q", "", "R", "", "")]),
    ("vqa", [VQA], {}, [("Who?", "", "", "", "000000000007.jpg")]),
    ("vqa", [ANSWERS, VQA], {}, [("Who?", "", "a", "", "000000000007.jpg")]),
    ("vqa", [{"annotations": [{"question_id": 2, "answers": []}]}, VQA], {}, [("rejected", "no-answer")]),
    ("captions", [{"image_id": 7, "caption": "C"}], {}, [(INSTRUCTION, "", "C", "", "000000000007.jpg")]),
    (
        "captions", [{"images": [], "annotations": [{"image_id": 7, "id": 1, "caption": "C"}]}], {},
        [(INSTRUCTION, "", "C", "", "000000000007.jpg")],
    ),
    ("captions", [{"0": "7", "1": '[{"caption": "C"}]'}], {}, [(INSTRUCTION, "", "C", "", "000000000007.jpg")]),
    (
        "captions", [{"image": "COCO_val2014_000000000007.jpg", "captions": ["C", "D"]}], {},
        [(INSTRUCTION, "", texts_of, "", "000000000007.jpg") for texts_of in "CD"],
    ),
    ("own", [{"q": "Q", "a": {"text": "A"}}], {"instruction": "q", "response": "a.text"}, [("Q", "", "A", "", "")]),
    ("own", [{"a.b": "Q", "n": None}], {"instruction": "a.b", "system": "n"}, [("Q", "", "", "", "")]),
    ("own", [{"0": "Q", "1": "A"}], {"instruction": "0", "response": "1"}, [("Q", "", "A", "", "")]),
]  # fmt: skip


@pytest.mark.parametrize(("adapter", "rows", "fields", "expected"), CASES)
def test_rows_become_records(
    adapter: str, rows: list[dict[str, Any]], fields: dict[str, str], expected: list[tuple[str, ...]]
) -> None:
    assert [texts_of(item) for item in through(adapter, *rows, **fields)] == expected


def test_the_last_exchange_of_a_conversation_is_the_record_and_the_others_its_history() -> None:
    turns = [{"role": role, "content": f"{role} {n}"} for n in (1, 2, 3) for role in ("user", "assistant")]
    (record,) = through("tulu", {"messages": turns})
    assert isinstance(record, Record)
    assert (record.instruction, record.response) == ("user 3", "assistant 3")
    assert record.history == (Turn("user 1", "assistant 1"), Turn("user 2", "assistant 2"))


def test_the_language_of_a_translation_ends_its_id() -> None:
    records = through("parallel", {"en": "one", "de": "eins", "zh": "一"})
    assert [r.id.rpartition("-")[2] for r in records] == ["de", "zh"]


MALFORMED: list[tuple[str, dict[str, Any], str]] = [
    ("alpaca", {"input": "", "output": ""}, "x.json, row 0: no field 'instruction' (it has: 'input', 'output')"),
    ("alpaca", {"a\n\x1b[2J": ""}, "no field 'instruction' (it has: 'a\\n\\x1b[2J')"),
    ("alpaca", {"instruction": "I"}, "no field 'output'"),
    ("alpaca", {"instruction": ["I"], "input": "", "output": ""}, "field 'instruction' holds ['I'] and not text"),
    ("alpaca", {"instruction": "I", "input": "", "output": {"a": 3}}, "field 'output' holds {'a': 3} and not text"),
    ("alpaca", {"instruction": "I", "output": "O", "history": "text"}, "field 'history' is not a list of messages"),
    ("alpaca_eval", {"prompt": "I"}, "no field 'instruction'"),
    ("parallel", {"de": "x"}, "no field 'en'"),
    ("parallel", {"en": "x"}, "no language beside 'en'"),
    ("parallel", {"en": "x", "de": 3}, "field 'de' holds 3"),
    ("flan_cot", {"0": "x", "1": "y"}, "no field '2'"),
    ("flan_cot", {"instruction": "x"}, "no field 'question'"),
    ("tulu", {"messages": "hello"}, "not a list of messages"),
    ("tulu", {"messages": ["hello"]}, "not a list of messages"),
    ("tulu", {"messages": [{"who": "human", "value": "x"}]}, "row 0, message 0: no field 'role'"),
    ("metamath", {"question": "x"}, "no field 'query'"),
    ("vqa", {"questions": [3]}, "questions[0] is not an object but 3"),
    ("vqa", {"questions": [{"question": "x"}]}, "no field 'question_id'"),
    ("vqa", {"instruction": "x"}, "neither 'questions' nor 'annotations'"),
    ("vqa", {"questions": {"a": 1}}, "'questions' is not a list"),
    ("vqa", {"annotations": [{"question_id": [1], "answers": []}]}, "field 'question_id'"),
    ("vqa", {"annotations": [{"question_id": 1, "answers": ["yes"]}]}, "annotations[0]"),
    ("captions", {"caption": "x"}, "no field 'image_id'"),
    ("captions", {"image_id": 1, "caption": 3}, "field 'caption' holds 3"),
    ("captions", {"image": "a.jpg", "captions": [3]}, "field 'captions[0]' holds 3"),
    ("captions", {"image": "a.jpg", "captions": "text"}, "'captions' is not a list"),
    ("captions", {"image_id": [1], "caption": "C"}, "field 'image_id' holds [1]"),
    ("captions", {"0": "1", "1": "not json"}, "column 1"),
    ("captions", {"0": "1", "1": '[{"text": "x"}]'}, "x.json, row 0"),
]


@pytest.mark.parametrize(("adapter", "row", "message"), MALFORMED)
def test_a_malformed_row_is_told_in_one_line(adapter: str, row: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        through(adapter, row)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("fields", [{}, {"response": "r"}, {"instruction": "i", "prompt": "p"}])
def test_own_needs_a_mapping_of_known_fields(fields: dict[str, str]) -> None:
    with pytest.raises(UserError, match="it must map instruction"):
        through("own", {"i": "x", "r": "y", "p": "z"}, **fields)


@pytest.mark.parametrize("adapter", sorted(set(CORPUS_FORMATS) - {"own"}))
def test_other_adapters_take_no_mapping(adapter: str) -> None:
    with pytest.raises(UserError, match="adapter own"):
        through(adapter, {}, instruction="x")


def test_an_unknown_adapter_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match="unknown adapter 'alpacca'; did you mean 'alpaca'"):
        through("alpacca", {})


def test_a_rejected_row_is_kept_whole() -> None:
    row = {"instruction": "", "input": HOSTILE, "output": "y"}
    (rejected,) = through("alpaca", row)
    assert isinstance(rejected, Rejected)
    assert json.loads(json.dumps(rejected.row)) == row
    assert rejected.detail == "x.json, row 0"
