"""Grammars that llama.cpp's own server takes, and keeps to: `make test-servers`."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.core.completions import Constraint, Message, Prompt, Sampling
from stages.inference.backends import BACKENDS
from stages.inference.connect import connect
from stages.inference.engine_interface import Recall
from stages.params import Engine
from tests.inference.test_gbnf import REGEXES
from tests.servers.started import Server, missing, started

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(3600)]
FORMS = dict(REGEXES) | {
    "all of the notation": r"^(?:A|B{2,3})[^a-z\n]+?\d{2}(?:\.|) ?\[\"\\\]-\^$",
    "beyond ASCII": "Zürich, 日本[ぁ-ゖ]{1,3}[😀-😂]",
    "words": r"\w{1,12}( \w{1,12}){2,5}\.",
    "everything": r"(?s).{5,20}",
    "the longest repetition": r"[a-z ]{1,1999}!",
    "an exact number": r"(?:[01] ){20}[01]",
    "repetitions in each other": r"(?:(?:[ab]{1,40} ){1,40}c){1,40}",
}
TOKENS = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if packages := missing("llama.cpp"):
        pytest.skip(f"llama.cpp: {', '.join(packages)} not installed; `make test-servers` installs it")
    with started("llama.cpp", tmp_path_factory.getbasetemp()) as server:
        yield server


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_replies_have_the_form_that_a_prompt_demands(server: Server, api: str, tmp_path: Path) -> None:
    options = {"url": server.url, "model": server.model, "dialect": "llamacpp", "api": api}
    prompts = [
        Prompt((Message("user", "Tell me what to do in a city."),), Sampling(0.8, 0.95, 0, TOKENS), seed,
               constraint=Constraint(regex=regex))
        for regex in FORMS.values() for seed in [1]
    ]  # fmt: skip
    with connect(Engine(engine="openai", options=options), store=tmp_path / "store") as complete:
        replies = list(complete(prompts))
    ended = [(one.constraint.regex, reply.text) for one, reply in zip(prompts, replies, strict=True)
             if one.constraint and reply.status == "ok"]  # fmt: skip
    assert {reply.status for reply in replies} <= {"ok", "truncated"}, replies
    assert all(re.fullmatch(regex, text) for regex, text in ended), ended
    assert len({regex for regex, _ in ended}) >= len(FORMS) - 6, "most end within the limit of tokens"


def test_a_form_of_what_is_continued(server: Server, tmp_path: Path) -> None:
    options = {"url": server.url, "model": server.model, "dialect": "llamacpp"}
    begun = (Message("user", "Is water wet?"), Message("assistant", "The answer is:"))
    constraint = Constraint(regex=r" (Yes|No), [1-5]\.")
    prompt = Prompt(begun, Sampling(0.8, 0.95, 0, 20), 1, constraint=constraint, continue_final=True)
    with connect(Engine(engine="openai", options=options), store=tmp_path / "store") as complete:
        [reply] = complete([prompt])
    assert re.fullmatch(constraint.regex, reply.text), reply


def test_the_probe_learns_it(server: Server, tmp_path: Path) -> None:
    recall = Recall(tmp_path / "servers.json")
    check = BACKENDS["openai"].check
    assert check
    found = check(None, {"url": server.url, "model": server.model}, recall)
    assert found.facts["dialect"].startswith("llamacpp (learnt") and found.facts["constraints"].startswith("enforced: ")
    assert found.requests == 2 and not found.problems
