"""The work that other libraries are compared at: what the server takes for right, and that ours sends just that."""

import importlib.util
import sys
from pathlib import Path

import pytest

from tests.bench import chain_work
from tests.bench.chain_work import ROUNDS, STEPS, Call, call_of, instruction, letter, reply
from tests.bench.peer_run import instruction_of, letter_of
from tests.bench.peers import EDITED, Size, measure

SIZE = Size(rows=5, at_once=4, latency=0.05, limit=240)


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": chain_work.SYSTEM}, {"role": "user", "content": text}]


def test_a_row_goes_from_its_instruction_to_the_last_by_the_replies_alone() -> None:
    text, calls = instruction(7), []

    def ask(prompt: str) -> str:
        call = call_of(user(prompt))
        assert call is not None
        calls.append(call)
        return reply(call)

    for _ in range(ROUNDS):
        mark = letter_of(ask(chain_work.CHOOSE + text))
        text = instruction_of(ask(chain_work.WRITE.replace("{letter}", mark) + text))
        ask(text)
    assert [text, *(reply(call) for call in calls if call.step == "answer")] == chain_work.expected(7)
    assert len({*calls}) == ROUNDS * len(STEPS)


def test_a_request_that_rests_on_another_reply_is_not_recognised() -> None:
    right = letter(7, 0, 1)
    wrong = next(other for other in "ABC" if other != right)
    assert call_of(user(chain_work.WRITE.replace("{letter}", right) + instruction(7))) == Call("write", 7, 0, 0)
    assert call_of(user(chain_work.WRITE.replace("{letter}", wrong) + instruction(7))) is None
    assert call_of(user(instruction(7, 0, 1).replace("code ", "code 0"))) is None
    assert call_of(user("What is meant?")) is None
    assert call_of(user(instruction(8, 1, 2))) == Call("answer", 8, 1, 2)


@pytest.fixture(scope="module")
def clients() -> dict[str, str]:
    names = ["seqit", *(["bare"] if importlib.util.find_spec("openai") else [])]
    return dict.fromkeys(names, sys.executable)


@pytest.mark.slow
def test_each_client_sends_every_call_once_and_ours_those_of_an_edited_row_alone(
    clients: dict[str, str], tmp_path: Path
) -> None:
    made = measure(clients, SIZE, ["steady"], tmp_path)
    edited = {"seqit": ROUNDS * len(STEPS), "bare": SIZE.calls}
    assert SIZE.rows > EDITED
    for name in clients:
        figures = made["steady", name]
        assert figures["note"] == ""
        assert (figures["requests"], figures["unrecognised"], figures["right"]) == (SIZE.calls, 0, SIZE.rows)
        assert (figures["edited"], figures["edited_right"]) == (edited[name], SIZE.rows)


@pytest.mark.slow
def test_after_a_kill_ours_repeats_no_more_than_was_in_flight_and_loses_no_row(tmp_path: Path) -> None:
    figures = measure({"seqit": sys.executable}, SIZE, ["kill"], tmp_path)["kill", "seqit"]
    assert figures["note"] == ""
    assert (figures["right"], figures["unrecognised"]) == (SIZE.rows, 0)
    assert 0 <= figures["extra"] <= SIZE.at_once
