"""How rows of a corpus are read, guessed by the names and values of their fields."""

from typing import Any

import pytest

from stages.core.errors import UserError
from stages.experiments.row_fields import Layout, guess, parse
from stages.readers.formats import Raw

MESSAGES = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
TURNS = [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]
ROW = {"question": "q", "context": "c", "answer": {"text": "a"}}


def raws(*rows: dict[str, Any]) -> list[Raw]:
    return [Raw(row, number, "", f"rows.jsonl:{number + 1}") for number, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("row", "adapter", "fields"),
    [
        ({"instruction": "a", "input": "", "output": "c", "text": "all of it"}, "alpaca", {}),
        ({"messages": MESSAGES}, "chat", {}),
        ({"id": "x", "conversations": TURNS}, "chat", {}),
        (
            {"instruction": "a", "context": "", "response": "c", "category": "qa"},
            "own", {"instruction": "instruction", "input": "context", "response": "response"},
        ),
        (
            {"id": "1", "context": "c", "question": "q", "answers": {"text": ["x", "y"], "answer_start": [1, 2]}},
            "own", {"instruction": "question", "input": "context", "response": "answers.text.0"},
        ),
        ({"question": "a", "answer": 4}, "own", {"instruction": "question", "response": "answer"}),
        ({"prompt": "a", "completion": "b"}, "own", {"instruction": "prompt", "response": "completion"}),
        ({"inputs": "a", "targets": "b"}, "own", {"instruction": "inputs", "response": "targets"}),
        ({"Question": "a", "Answer": "b"}, "own", {"instruction": "Question", "response": "Answer"}),
        ({"prompt": "a", "chosen": MESSAGES, "rejected": MESSAGES}, "own", {"instruction": "prompt"}),
        ({"d": {"question": {"text": "q"}}}, "own", {"instruction": "d.question.text"}),
        (
            {"system_prompt": "s", "question": "q", "response": "r"},
            "own", {"instruction": "question", "response": "response", "system": "system_prompt"},
        ),
    ],
)  # fmt: skip
def test_fields_are_known_by_their_names_and_values(row: dict[str, Any], adapter: str, fields: dict[str, str]) -> None:
    assert guess(raws(row)) == Layout(adapter, fields)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "a", "question": "b", "answer": "c"}, "the instruction may be prompt or question; the fields with "
         "text are prompt, question, answer; name them, in the form --fields instruction=FIELD,response=answer"),
        ({"question": "a", "answer": "b", "solution": "c"}, "the response may be answer or solution"),
        ({"text": "a"}, "do not say which is the instruction; the fields with text are text; name them, in the form "
         "--fields instruction=text (also"),
        ({"x": 1, "y": [1, 2]}, "no field holds text"),
    ],
)  # fmt: skip
def test_what_can_not_be_guessed_names_the_fields_and_what_to_type(row: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        guess(raws(row))
    assert message in str(error.value)


@pytest.mark.parametrize(
    "words",
    [
        "question,context,answer.text",
        "instruction=question,input=context,response=answer.text",
        "instruction: question, input: context, response: answer.text",
        '{"instruction": "question", "input": "context", "response": "answer.text"}',
        "Instruction=question,Input=context,Response=answer.text",
    ],
)
def test_the_option_takes_the_forms_that_people_try(words: str) -> None:
    assert parse(words, raws(ROW)).fields == {"instruction": "question", "input": "context", "response": "answer.text"}


def test_two_names_in_order_are_instruction_and_response() -> None:
    assert parse("question,answer.text", raws(ROW)).fields == {"instruction": "question", "response": "answer.text"}
    assert parse("messages=chat", raws({"chat": MESSAGES})) == Layout("chat", {"messages": "chat"})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("question=instruction,answer.text=response", "write --fields instruction=question,response=answer.text"),
        ("instruction=qestion", "no row has a field 'qestion'; did you mean 'question'?"),
        ("instrction=question", "did you mean instruction?"),
        ("input=context", "the instruction is missing"),
        ("question,context,answer,more", "at most three in order"),
        ("instruction=question,context", "write every one as ours=theirs, or none"),
        ("instruction=question,instruction=context", "names one field of ours twice"),
        (" ", "the fields with text are question, context, answer.text"),
    ],
)
def test_a_wrong_option_says_what_to_type(words: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        parse(words, raws(ROW))
    assert message in str(error.value)
