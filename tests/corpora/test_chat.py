"""Conversations in the forms that files have: what is one record, and why a row is none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.errors import UserError
from stages.core.records import Record, Rejected, Turn
from stages.corpora.chat import MESSAGES, ROLES
from stages.corpora.ingest_statistics import IngestStats
from stages.corpora.read_records import Origin, read
from stages.readers.formats import Raw

ORIGIN = Origin("mine", "path:x.json", "Apache-2.0", "en")


def through(
    row: dict[str, Any], adapter: str = "chat", stats: IngestStats | None = None, **fields: str
) -> Record | Rejected:
    (item,) = read(adapter, [Raw(row, 0, "", "x.json, row 0")], ORIGIN, fields, stats)
    return item


def texts_of(item: Record | Rejected) -> tuple[Any, ...]:
    assert isinstance(item, Record), item
    return item.system, [(turn.instruction, turn.response) for turn in item.history], item.instruction, item.response


def message(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


USER, ASSISTANT, SYSTEM = message("user", "Hi"), message("assistant", "Ho"), message("system", "S")
TOOL = message("tool", "3")
PLAIN = ("", [], "Hi", "Ho")
WITH_SYSTEM = ("S", [], "Hi", "Ho")
SHAREGPT = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}]
READ: dict[str, tuple[dict[str, Any], tuple[Any, ...]]] = {
    "OpenAI": ({"messages": [SYSTEM, USER, ASSISTANT]}, WITH_SYSTEM),
    "developer": ({"messages": [message("developer", "S"), USER, ASSISTANT]}, WITH_SYSTEM),
    "system and developer": (
        {"messages": [SYSTEM, message("developer", "D"), USER, ASSISTANT]},
        ("S\n\nD", [], "Hi", "Ho"),
    ),
    "roles in capitals": ({"messages": [message("USER", "Hi"), message(" Assistant ", "Ho")]}, PLAIN),
    "ShareGPT": ({"id": "a", "conversations": SHAREGPT}, PLAIN),
    "ShareGPT with a system": ({"conversations": [{"from": "system", "value": "S"}, *SHAREGPT]}, WITH_SYSTEM),
    "LLaMA-Factory's system": ({"conversations": SHAREGPT, "system": "S", "tools": ""}, WITH_SYSTEM),
    "the same system twice": ({"messages": [SYSTEM, USER, ASSISTANT], "system": "S"}, WITH_SYSTEM),
    "null beside": ({"messages": [USER, ASSISTANT], "system": None, "tools": None, "images": []}, PLAIN),
    "Orca's roles": ({"conversation": [message("human", "Hi"), message("model", "Ho")]}, PLAIN),
    "OASST's roles": ({"thread": [{"role": "prompter", "text": "Hi"}, {"role": "assistant", "text": "Ho"}]}, PLAIN),
    "UltraChat's texts": ({"id": "0", "data": ["A", "B", "Hi", "Ho"]}, ("", [("A", "B")], "Hi", "Ho")),
    "a column a key": ({"messages": {"role": ["user", "assistant"], "content": ["Hi", "Ho"]}}, PLAIN),
    "JSON in a table": ({"messages": json.dumps([USER, ASSISTANT])}, PLAIN),
    "parts": (
        {"messages": [message("user", [{"type": "text", "text": "H"}, {"type": "text", "text": "i"}]), ASSISTANT]},
        ("", [], "H\ni", "Ho"),
    ),
    "Responses' parts": (
        {
            "messages": [
                message("user", [{"type": "input_text", "text": "Hi"}]),
                message("assistant", [{"type": "output_text", "text": "Ho"}]),
            ]
        },
        PLAIN,
    ),
    "ChatGPT's parts": (
        {"messages": [{"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["Hi"]}}, ASSISTANT]},
        PLAIN,
    ),
    "Gemini's contents": (
        {
            "systemInstruction": {"role": "system", "parts": [{"text": "S"}]},
            "contents": [{"role": "user", "parts": [{"text": "Hi"}]}, {"role": "model", "parts": [{"text": "Ho"}]}],
        },
        WITH_SYSTEM,
    ),
    "Anthropic's system": (
        {"system": [{"type": "text", "text": "S"}], "messages": [USER, message("assistant", [{"text": "Ho"}])]},
        WITH_SYSTEM,
    ),
    "Firefly's exchanges": (
        {"conversation": [{"human": "A", "assistant": "B"}, {"human": "Hi", "assistant": "Ho"}]},
        ("", [("A", "B")], "Hi", "Ho"),
    ),
    "XTuner's exchanges": (
        {"conversation": [{"system": "S", "input": "A", "output": "B"}, {"input": "Hi", "output": "Ho"}]},
        ("S", [("A", "B")], "Hi", "Ho"),
    ),
    "exchanges of questions": ({"turns": [{"question": "Hi", "answer": "Ho", "system": None}]}, PLAIN),
    "a number": ({"messages": [USER, message("assistant", 4)]}, ("", [], "Hi", "4")),
    "no tool calls": ({"messages": [USER, {**ASSISTANT, "tool_calls": None, "name": None}]}, PLAIN),
}

REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "an unknown role": (
        {"messages": [message("narrator", "x"), USER, ASSISTANT]},
        "unknown-role",
        "message 0: 'narrator'",
    ),
    "a tool's turn": ({"messages": [USER, TOOL, ASSISTANT]}, "tool-use", "message 1"),
    "a call": ({"messages": [USER, message("assistant", None, tool_calls=[{"id": "1"}])]}, "tool-use", "message 1"),
    "ShareGPT's call": (
        {"conversations": [*SHAREGPT, {"from": "function_call", "value": "{}"}]},
        "tool-use",
        "message 2",
    ),
    "tools": ({"messages": [USER, ASSISTANT], "tools": '[{"name": "f"}]'}, "tool-use", "field 'tools'"),
    "a picture": (
        {"messages": [message("user", [{"type": "image_url", "image_url": {"url": "x"}}]), ASSISTANT]},
        "other-content",
        "message 0, part 0: 'image_url'",
    ),
    "thoughts": (
        {"messages": [USER, message("assistant", [{"type": "thinking", "thinking": "x"}, {"text": "Ho"}])]},
        "other-content",
        "message 1, part 0: 'thinking'",
    ),
    "LLaVA's picture": ({"image": "1.jpg", "conversations": SHAREGPT}, "other-content", "field 'image'"),
    "two systems": ({"messages": [SYSTEM, USER, ASSISTANT], "system": "T"}, "two-systems", "T"),
    "the assistant first": ({"conversations": [SHAREGPT[1], *SHAREGPT]}, "no-user-turn", "assistant user assistant"),
    "a system in the middle": ({"messages": [USER, SYSTEM, ASSISTANT]}, "no-user-turn", "user system assistant"),
    "nobody answers": ({"messages": [USER]}, "no-response", ""),
    "nothing": ({"messages": None}, "no-user-turn", ""),
    "an empty question": ({"messages": [message("user", None), ASSISTANT]}, "no-instruction", ""),
}


@pytest.mark.parametrize("form", READ)
@pytest.mark.parametrize("adapter", ["chat", "tulu"])
def test_a_conversation_in_every_form_is_one_record(form: str, adapter: str) -> None:
    row, expected = READ[form]
    assert texts_of(through(row, adapter)) == expected


@pytest.mark.parametrize("form", REFUSED)
def test_a_conversation_that_cannot_be_used_says_why(form: str) -> None:
    row, reason, detail = REFUSED[form]
    item = through(row)
    assert isinstance(item, Rejected)
    assert item.reason == reason and detail in item.detail and item.row == row


def test_fields_name_the_messages_and_the_system_prompt() -> None:
    row = {"talk": [USER, ASSISTANT], "rules": "S", "messages": "no"}
    assert texts_of(through(row, messages="talk", system="rules")) == WITH_SYSTEM
    with pytest.raises(UserError, match="maps 'response'; it may map messages and system"):
        through(row, response="talk")


def test_what_is_left_off_is_counted() -> None:
    stats = IngestStats()
    assert texts_of(through({"messages": [USER, ASSISTANT, USER]}, stats=stats)) == PLAIN
    assert stats.repairs() == "rows repaired: a last turn of the user without a response left off in 1"


TEXT = st.text(min_size=1).filter(lambda text: bool(text.strip()) and "\0" not in text)
NAMES = {role: [name for name, known in ROLES.items() if known == role] for role in ("user", "assistant")}


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4), st.sampled_from(MESSAGES), st.data())
def test_no_turn_is_lost_or_moved_whatever_fields_and_roles_are_called(
    pairs: list[tuple[str, str]], field: str, data: st.DataObject
) -> None:
    author, spoken = data.draw(st.sampled_from([("role", "content"), ("from", "value"), ("speaker", "text")]))
    user, assistant = (data.draw(st.sampled_from(NAMES[role])) for role in ("user", "assistant"))
    messages = [
        {author: who, spoken: words} for pair in pairs for who, words in zip((user, assistant), pair, strict=True)
    ]
    assert texts_of(through({field: messages})) == ("", pairs[:-1], *pairs[-1])


PAIRS: list[Any] = [
    [["Name one.", "France."]], [{"from": "human", "value": "Name one."}, {"from": "gpt", "value": "France."}],
    json.dumps([["Name one.", "France."]]), [{"instruction": "Name one.", "output": "France."}],
]  # fmt: skip


@pytest.mark.parametrize("history", PAIRS, ids=["pairs", "messages", "JSON", "exchanges"])
def test_the_system_prompt_and_the_history_of_alpaca_like_rows_are_read(history: Any) -> None:
    row = {"instruction": "Capital?", "input": "", "output": "Paris.", "system": "S", "history": history}
    record = through(row, "alpaca")
    assert texts_of(record) == ("S", [("Name one.", "France.")], "Capital?", "Paris.")
    own = through(row, "own", instruction="instruction", response="output", system="system", history="history")
    assert isinstance(own, Record) and own.history == (Turn("Name one.", "France."),)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"images": ["a.jpg"]}, "other-content"), ({"tools": "[{}]"}, "tool-use"),
        ({"history": [USER]}, "no-user-turn"), ({"history": [TOOL, ASSISTANT]}, "tool-use"),
    ],
)  # fmt: skip
def test_what_alpaca_like_rows_hold_beside_text_is_refused(more: dict[str, Any], reason: str) -> None:
    item = through({"instruction": "I", "output": "O", **more}, "alpaca")
    assert isinstance(item, Rejected) and item.reason == reason


@pytest.mark.parametrize("history", [[], None, "", [[]]])
def test_an_empty_history_is_none(history: Any) -> None:
    row = {"instruction": "I", "output": "O", "history": history}
    if history == [[]]:
        with pytest.raises(UserError, match="field 'history' is not a list of messages"):
            through(row, "alpaca")
    else:
        assert texts_of(through(row, "alpaca")) == ("", [], "I", "O")


NO_INPUT = [
    "<noinput>",
    "<NoInput>",
    " <no input>\n",
    '"<noinput>"',
    "`<noinput>`",
    "<noinput>.",
    "< no_input >",
    "&lt;无输入&gt;。",
]
INPUT = ["<noinput> 8", "The boy <noinput> the ball", "no input", "N/A", "<input>"]


@pytest.mark.parametrize("written", [*NO_INPUT, *INPUT])
@pytest.mark.parametrize("adapter", ["alpaca", "own"])
def test_a_marker_of_no_input_is_none(written: str, adapter: str) -> None:
    stats, fields = IngestStats(), {"instruction": "instruction", "input": "input"} if adapter == "own" else {}
    record = through({"instruction": "I", "input": written, "output": "O"}, adapter, stats, **fields)
    assert isinstance(record, Record) and record.input == ("" if written in NO_INPUT else written)
    assert stats.repaired == ({"noinput": 1} if written in NO_INPUT else {})
