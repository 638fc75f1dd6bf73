"""No step sees a model's reasoning, whatever the engine: what `connect` gives, and what the store keeps."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.completions import Constraint, Prompt, Reply
from stages.inference.answer_only import without_reasoning
from stages.inference.connect import connect
from stages.params import Engine, Reasoning
from stages.planning.dry_run import Planner
from stages.reply_store.checksums import Body, pack, unpack
from stages.reply_store.store import Replies
from tests.inference.counting import OPENAI, prompt
from tests.inference.loopback import Answer, completed, message_of, serving

THOUGHT = "<think>\nPerhaps 7? [[No, 1]] So the option is: A.\n</think>\n\n"


def asking(url: str, folder: Path, prompts: list[Prompt], **reasoning: Any) -> list[Reply]:
    engine = Engine(engine="openai", options=OPENAI | {"url": url, "model": "m"}, reasoning=Reasoning(**reasoning))
    with connect(engine, store=folder / "store") as complete:
        return list(complete(prompts))


def thinking(request: dict[str, Any], _: int) -> Answer:
    return completed(f"{THOUGHT}<{message_of(request)}>")


def test_reasoning_is_taken_off_and_the_store_keeps_the_text_as_it_came(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(thinking) as server:
        first = asking(server.url, tmp_path, [prompt(n) for n in range(20)])
        again = asking(server.url, tmp_path, [prompt(n) for n in range(20)])
        kept = asking(server.url, tmp_path, [prompt(n) for n in range(20)], keep=True)
        assert len(server.requests) == 20, "what is kept of a reply decides nothing about its key"
    assert [reply.text for reply in first] == [f"<{n}>" for n in range(20)] and first == again
    assert {reply.reasoning for reply in first} == {""} and all("Perhaps 7?" in reply.reasoning for reply in kept)
    with Replies(tmp_path / "store") as replies:
        (raw,) = replies.find([bytes.fromhex(first[3].id)], "m").values()
    assert raw.text == f"{THOUGHT}<3>" and raw.status == "ok"
    assert "reasoning removed from 20 replies, 0 of which have no answer" in capsys.readouterr().err


def test_a_reply_stored_before_there_was_a_field_for_reasoning_is_read(tmp_path: Path) -> None:
    old = msgspec.json.encode(["text", "", {"A": -1.0}])
    assert msgspec.json.decode(old, type=Body) == Body("text", "", {"A": -1.0}, "")
    reply = Reply("text", "ok", 1, 2, reasoning="hm")
    assert unpack((b"k", b"ok", 1, 2, 5, pack(b"k", reply, 5)), "m").reasoning == "hm"


@pytest.mark.parametrize("finish", ["stop", "length"])
def test_a_reply_of_nothing_but_reasoning_has_a_status_of_its_own(
    tmp_path: Path, finish: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda request, _: completed("<think>\nThe answer is 7", finish)) as server:
        (reply,) = asking(server.url, tmp_path, [prompt("x")])
        assert (reply.text, reply.status) == ("", "thought") and reply.error and reply.id
        assert "1 of which have no answer and count as thought; raise max_tokens" in capsys.readouterr().err
        asking(server.url, tmp_path, [prompt("x")])
        assert len(server.requests) == 1


def roomy(request: dict[str, Any], _: int) -> Answer:
    """Needs 100 tokens for the odd ones, and more than there ever is for every fifth."""
    number, most = int(message_of(request)), request["max_tokens"]
    if number % 5 == 4 or (number % 2 and most < 100):
        return completed("<think>\nHm", "length")
    return completed(f"{THOUGHT}<{number}>")


def test_it_is_asked_again_with_more_room_where_params_say_so(tmp_path: Path) -> None:
    prompts = [prompt(n) for n in range(30)]
    with serving(roomy) as server:
        replies = asking(server.url, tmp_path, prompts, room=100)
        again = asking(server.url, tmp_path, prompts, room=100)
    assert replies == again and len(server.requests) == 30 + 18
    assert sorted(body["max_tokens"] for body in server.requests) == [64] * 30 + [164] * 18
    for number, reply in enumerate(replies):
        assert (reply.text, reply.status) == (("", "thought") if number % 5 == 4 else (f"<{number}>", "ok"))


def test_where_the_template_opens_the_reasoning_a_text_without_its_end_is_reasoning(tmp_path: Path) -> None:
    def handler(request: dict[str, Any], _: int) -> Answer:
        return completed("I wonder whether", "length") if message_of(request) == "0" else completed("Hm.</think>Fine.")

    with serving(handler) as server:
        plain = asking(server.url, tmp_path, [prompt(0), prompt(1)])
        opened = asking(server.url, tmp_path, [prompt(0), prompt(1)], opened=True)
    assert [(reply.text, reply.status) for reply in plain] == [("I wonder whether", "truncated"), ("Fine.", "ok")]
    assert [(reply.text, reply.status) for reply in opened] == [("", "thought"), ("Fine.", "ok")]


def test_what_a_prompt_enforces_is_no_reasoning() -> None:
    opened = Reasoning(opened=True)
    choice, regex = Constraint(choice=("Yes", "No")), Constraint(regex="Yes|No")
    for constraint in (choice, regex):
        reply = Reply("Yes", "ok", 1, 1, scores={"Yes": -0.1, "No": -2.0})
        assert without_reasoning(prompt("x", constraint=constraint), reply, opened) == reply
    assert without_reasoning(prompt("x", continue_final=True), Reply("Yes", "ok", 1, 1), opened).status == "ok"


def test_scores_that_were_taken_where_the_reasoning_began_are_none() -> None:
    reply = Reply("<think>hm</think>Yes", "ok", 1, 9, scores={"Yes": -3.0, "No": -3.1})
    found = without_reasoning(prompt("x", constraint=Constraint(choice=("Yes", "No"))), reply, Reasoning())
    assert found.text == "Yes" and found.scores == {}


@given(st.text(max_size=30), st.text(max_size=30), st.sampled_from(["ok", "truncated"]), st.booleans())
def test_a_field_of_reasoning_never_reaches_the_text(reasoning: str, text: str, status: Any, keep: bool) -> None:
    reply = without_reasoning(prompt("x"), Reply(text, status, 1, 1, reasoning=reasoning), Reasoning(keep=keep))
    assert reply.status == ("thought" if reasoning and not reply.text.strip() else status)
    assert reply.text in text and (keep or not reply.reasoning)


def test_a_plan_reads_what_is_remembered_as_a_stage_does(tmp_path: Path) -> None:
    with serving(thinking) as server:
        (reply,) = asking(server.url, tmp_path, [prompt("x")])
        engine = Engine(engine="openai", options=OPENAI | {"url": server.url, "model": "m"})
    with Replies(tmp_path / "store") as replies, Planner(replies).connect(engine) as complete:
        assert list(complete([prompt("x")])) == [reply]
