"""What a server accepts is declared, and rows say what it was really sent."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stages.core.completions import Reply, Sampling
from stages.core.errors import UserError
from stages.core.records import Record
from stages.inference.backends.openai.endpoint import identify
from stages.inference.connect import connect
from stages.params import Engine
from stages.seqinstruct.responses import ResponseConfig, respond_round
from tests.inference.counting import OPENAI, prompt
from tests.inference.loopback import Answer, completed, message_of, serving
from tests.seqinstruct.models import record

GREEDY = Sampling(0.0, 1.0, 0, 64)


def refusing(*names: str, together: bool = False) -> Callable[[dict[str, Any], int], Answer]:
    """A server that takes no request with one of these fields, or with all of them."""

    def handler(request: dict[str, Any], _: int) -> Answer:
        there = [name for name in names if name in request]
        if there and (not together or len(there) == len(names)):
            error = {"message": f"Unsupported parameter: {there[0]!r} is not supported", "param": there[0]}
            return Answer(400, json.dumps({"error": error}).encode())
        return completed(f"<{message_of(request)}>")

    return handler


SERVERS: dict[str, tuple[Callable[[dict[str, Any], int], Answer], dict[str, Any], str]] = {
    "o-series": (
        refusing("temperature", "top_p", "seed", "logprobs", "max_tokens"),
        {"dialect": "openai", "omit": ["temperature", "top_p", "seed", "logprobs"]},
        "temperature",
    ),
    "claude": (refusing("temperature", "top_p", together=True), {"dialect": "plain", "omit": ["top_p"]}, "temperature"),
    "mistral": (refusing("seed", "top_k", "structured_outputs"), {"dialect": "plain"}, "seed"),
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_gets_what_it_accepts_and_its_refusal_names_the_remedy(name: str, tmp_path: Path) -> None:
    handler, options, field = SERVERS[name]
    prompts = [prompt(n, sampling=GREEDY) for n in range(3)]
    with serving(handler) as server:
        engine = Engine(engine="openai", options=OPENAI | {"url": server.url, "model": "m"})
        with (
            connect(engine, store=tmp_path / "s") as complete,
            pytest.raises(UserError, match=f"does not take `{field}`"),
        ):
            list(complete(prompts))
        with connect(engine.model_copy(update={"options": engine.options | options}), store=tmp_path / "s") as complete:
            assert [reply.text for reply in complete(prompts)] == ["<0>", "<1>", "<2>"]


SENT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing": ({}, {}),
    "left out": ({"omit": ["temperature", "seed"]}, {"temperature": None}),
    "put in its place": ({"extra": {"temperature": 1.0, "min_p": 0.1}}, {"temperature": 1.0}),
    "both": ({"omit": ["temperature", "top_p"], "extra": {"temperature": 1.0}}, {"temperature": 1.0, "top_p": None}),
    "another limit": ({"extra": {"max_completion_tokens": 9}}, {"max_tokens": 9}),
}
RECORDED = {"temperature": 0.0, "top_p": 1.0, "top_k": 0, "max_tokens": 64, "stop": ()}


@pytest.mark.parametrize("case", SENT)
def test_rows_record_what_was_sent(case: str, tmp_path: Path) -> None:
    options, changes = SENT[case]
    with serving(lambda request, _: completed("fine " * 20)) as server:
        engine = Engine(engine="openai", options=OPENAI | {"url": server.url, "model": "m"} | options)
        with connect(engine, store=tmp_path / "s") as complete:
            for _ in ("asked", "remembered"):
                rows = [record("Say fine.")]
                ((_, row),) = respond_round(rows, rows, complete, ResponseConfig(1, 0, GREEDY, 1, ("ok",)))
                assert isinstance(row, Record) and row.steps[-1].sampling == RECORDED | changes
                (reply,) = complete([prompt("x", sampling=GREEDY)])
                assert reply.sent == changes
        sent = server.requests[0]
        assert {name: sent.get(name) for name in changes if name != "max_tokens"} == {
            name: value for name, value in changes.items() if name != "max_tokens"
        }


def test_every_step_that_records_a_sampling_records_what_was_sent() -> None:
    code = {path: path.read_text(encoding="utf-8") for path in Path("stages").rglob("*.py")}
    assert not [path for path, text in code.items() if "sampling=to_builtins" in text]
    assert sum("recorded(" in text for text in code.values()) > 6


def test_existing_options_name_the_endpoint_as_before() -> None:
    options = OPENAI | {"url": "http://h/v1", "model": "m"}
    assert identify(None, options).endpoint == "openai:vllm:http://h/v1/chat/completions#m"
    assert (
        identify(None, options | {"extra": {"a": 1}}).endpoint == 'openai:vllm:http://h/v1/chat/completions#m {"a":1}'
    )
    omitted = identify(None, options | {"omit": ["top_p", "seed"]}).endpoint
    assert omitted == "openai:vllm:http://h/v1/chat/completions#m without seed,top_p"


def test_a_limit_that_was_ignored_is_told_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    long = completed("word " * 200)
    with serving(lambda request, _: long) as server:
        engine = Engine(engine="openai", options=OPENAI | {"url": server.url, "model": "m"})
        with connect(engine, store=tmp_path / "s") as complete:
            replies: list[Reply] = list(complete(prompt(n) for n in range(5)))
    assert [reply.status for reply in replies] == ["ok"] * 5
    assert capfd.readouterr().err.count("does not keep to max_tokens (200 tokens where 64 were allowed)") == 1
