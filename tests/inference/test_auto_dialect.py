"""`dialect: auto`: what a probe learns of servers as they are, what it records, and what it never records."""

import json
from pathlib import Path
from typing import Any

import pytest

from stages.core.completions import Sampling
from stages.core.errors import UserError
from stages.inference.backends import BACKENDS
from stages.inference.connect import connect
from stages.inference.engine_interface import EngineCheck, Recall
from stages.params import Engine
from tests.inference.counting import prompt
from tests.inference.dialect_servers import SERVERS, error, llamacpp, strict, vllm
from tests.inference.loopback import Answer, completed, serving

OPENAI = BACKENDS["openai"]
TOP_K = Sampling(0.5, 0.9, 20, 16)


def settled(url: str, recall: Recall, **options: Any) -> dict[str, Any]:
    return OPENAI.settle(None, {"url": url, "model": "m"} | options, recall)


def checked(url: str, tmp_path: Path, **options: Any) -> EngineCheck:
    assert OPENAI.check
    return OPENAI.check(None, {"url": url, "model": "m"} | options, Recall(tmp_path / "servers.json"))


@pytest.mark.parametrize("name", SERVERS)
def test_the_dialect_and_the_fields_to_leave_out_are_learnt(name: str, tmp_path: Path) -> None:
    handler, dialect, omit = SERVERS[name]
    with serving(handler) as server:
        recall = Recall(tmp_path / "servers.json")
        learnt = settled(server.url, recall)
        assert (learnt["dialect"], learnt["omit"]) == (dialect, omit)
        sent = len(server.requests)
        assert 2 <= sent <= 14
        assert settled(server.url, recall) == learnt and len(server.requests) == sent, "recorded"
        assert settled(server.url, recall._replace(again=True)) == learnt and len(server.requests) == 2 * sent


@pytest.mark.parametrize("name", [name for name in SERVERS if name not in ("ignores every limit", "OpenAI, reasoning")])
def test_a_run_with_what_was_learnt_works(name: str, tmp_path: Path) -> None:
    """Also where the sampling has a top_k: rows say null where it was left out."""
    handler, _, omit = SERVERS[name]
    with serving(handler) as server:
        engine = Engine(engine="openai", options={"url": server.url, "model": "m"})
        with connect(engine, store=tmp_path / "replies") as complete:
            replies = list(complete(prompt(n, sampling=TOP_K) for n in range(3)))
        assert {reply.status for reply in replies} <= {"ok", "truncated", "thought"}
        assert all(reply.sent.get("top_k", 20) == (None if "top_k" in omit else 20) for reply in replies)


@pytest.mark.parametrize("name", SERVERS)
def test_the_declared_dialect_that_was_learnt_gives_no_problem(name: str, tmp_path: Path) -> None:
    handler, dialect, omit = SERVERS[name]
    with serving(handler) as server:
        problems = checked(server.url, tmp_path, dialect=dialect, omit=omit).problems
        assert [text for text in problems if "ignores max_tokens" not in text] == []
        assert bool(problems) == (name == "ignores every limit")


WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "limit refused": (
        "OpenAI, reasoning",
        {"dialect": "plain"},
        "refuses max_tokens, which dialect plain sends; write",
    ),
    "limit ignored": (
        "ignores max_tokens",
        {"dialect": "plain"},
        "ignores max_tokens, which dialect plain sends; write",
    ),
    "field": ("strict", {"dialect": "llamacpp"}, "does not take seed, top_k; write `omit: [seed, top_k]`"),
    "constraint": ("strict", {"dialect": "vllm"}, "does not take structured_outputs, which dialect vllm sends; write"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_declared_dialect_sends_in_vain_is_a_problem_with_its_remedy(case: str, tmp_path: Path) -> None:
    name, options, text = WRONG[case]
    with serving(SERVERS[name][0]) as server:
        assert any(text in problem for problem in checked(server.url, tmp_path, **options).problems)


FAULTS: dict[str, list[Answer]] = {
    "busy": [Answer(503, b"loading model", {"Retry-After": "0"})],
    "broken": [Answer(500, b"oops", {"Retry-After": "0"})],
    "limited": [Answer(429, b"Too many requests, slow down", {"Retry-After": "0"})],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_teaches_nothing(fault: str, tmp_path: Path) -> None:
    """A server that is busy once is asked again; one that stays so is not recorded as taking less."""
    faults, path = FAULTS[fault], tmp_path / "servers.json"
    with serving(lambda request, before: vllm(request, 0) if before else faults[0]) as server:
        assert settled(server.url, Recall(path))["dialect"] == "vllm"
    with (
        serving(lambda request, _: faults[0] if "structured_outputs" in request else vllm(request, 0)) as server,
        pytest.raises(UserError, match="nothing was recorded, run again when the server answers"),
    ):
        settled(server.url, Recall(path))
    assert len(json.loads(path.read_text())) == 1


def test_nothing_is_sent_where_nothing_may_be(tmp_path: Path) -> None:
    with serving(vllm) as server:
        with pytest.raises(UserError, match="its dialect is not known; run `seqit check`"):
            settled(server.url, Recall(tmp_path / "servers.json", probes=False))
        assert not server.requests


def test_replies_keep_their_keys_whether_the_dialect_is_named_or_learnt(tmp_path: Path) -> None:
    with serving(llamacpp) as server:
        named = Engine(engine="openai", options={"url": server.url, "model": "m", "dialect": "llamacpp"})
        learnt = Engine(engine="openai", options={"url": server.url, "model": "m"})
        for engine in (named, learnt):
            with connect(engine, store=tmp_path / "replies") as complete:
                assert [reply.status for reply in complete([prompt(1, sampling=TOP_K)])] == ["truncated"]
        bodies = [request for request in server.requests if "1" in request["messages"][-1]["content"][:1]]
        assert len(bodies) == 1, "asked once"


ADVICE: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no key": (lambda request, _: error(401, "Missing Authorization"), {}, "name that in `key_env`"),
    "wrong key": (lambda request, _: error(401, "bad key"), {"key_env": "HOME"}, "does not accept the API key in HOME"),
    "base model": (
        lambda request, _: (
            error(400, "default chat template is no longer allowed, so you must provide a chat template")
            if "messages" in request
            else strict({**request, "messages": 0} if "prompt" not in request else {"max_tokens": 16}, 0)
        ),
        {},
        "write `api: completions`",
    ),
}


@pytest.mark.parametrize("case", ADVICE)
def test_a_server_that_takes_no_request_leads_to_advice(case: str, tmp_path: Path) -> None:
    handler, options, text = ADVICE[case]
    with serving(handler) as server:
        (problem,) = checked(server.url, tmp_path, **options).problems
    assert text in problem and not (tmp_path / "servers.json").exists()


def test_a_missing_version_in_the_address_is_named(tmp_path: Path) -> None:
    with serving(vllm, only="/v1/chat/completions") as server:
        (problem,) = checked(server.url.removesuffix("/v1"), tmp_path).problems
        assert f"the address lacks /v1; write {server.url}" in problem
        engine = Engine(
            engine="openai", options={"url": server.url.removesuffix("/v1"), "model": "m", "dialect": "vllm"}
        )
        with (
            connect(engine, store=tmp_path / "replies") as complete,
            pytest.raises(UserError, match=f"HTTP 404: .*; try {server.url} in the model's reference"),
        ):
            list(complete([prompt(1)]))


def test_an_address_where_nothing_is_says_so(tmp_path: Path) -> None:
    (problem,) = checked("http://127.0.0.1:9/v1", tmp_path).problems
    assert "nothing answers at 127.0.0.1:9; is the server started?" in problem


def test_a_damaged_record_is_learnt_anew(tmp_path: Path) -> None:
    path = tmp_path / "servers.json"
    path.write_text('{"[]": {"limits": 3}}')
    with serving(vllm) as server:
        assert settled(server.url, Recall(path))["dialect"] == "vllm"


def test_another_model_or_further_fields_are_learnt_anew(tmp_path: Path) -> None:
    recall = Recall(tmp_path / "servers.json")
    with serving(vllm) as server:
        for number, options in enumerate([{}, {"model": "other"}, {"extra": {"min_p": 0.1}}], 1):
            settled(server.url, recall, **options)
            assert len(server.requests) == 2 * number


def test_the_speed_and_the_words_of_a_hostile_server_are_shown_as_text(tmp_path: Path) -> None:
    def handler(request: dict[str, Any], _: int) -> Answer:
        body = json.loads(completed("1 2 3").body) | {"model": "m\x1b[31m\n"}
        return Answer(body=json.dumps(body).encode())

    with serving(handler) as server:
        facts = checked(server.url, tmp_path).facts
    assert all(text.isprintable() for text in facts.values()) and "tokens/s" in facts["speed"]
