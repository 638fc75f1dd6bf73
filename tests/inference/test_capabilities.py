"""What an engine can't do is known before anything is sent or loaded."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from stages.core.completions import Capabilities, Constraint, Image, Message
from stages.core.errors import UserError
from stages.inference.connect import ENGINES, connect
from stages.inference.prompt_checks import check
from stages.params import Engine
from tests.inference.counting import OPENAI, prompt

VLLM = {
    "version": "0.32.0", "dtype": "float32", "max_model_len": 64, "sequences": 2, "tensor_parallel": 1, "memory": 0.5,
    "prefix_caching": True, "eager": True,
}  # fmt: skip
OPTIONS: dict[str, dict[str, Any]] = {
    "embedded": {"batch": 4, "threads": 1, "precision": "f32"},
    "transformers": {"batch": 4, "threads": 1, "dtype": "float32"},
    "openai": OPENAI | {"url": "http://127.0.0.1:9/v1", "model": "m"},
    "vllm": VLLM | {"chunk": 8, "data_parallel": 1},
    "ray": VLLM | {"address": None, "concurrency": 1, "batch_size": 8, "bundle": {"CPU": 1}},
}
DECLARED = {
    "embedded": Capabilities(True, "enforced", "enforced"),
    "transformers": Capabilities(True, "enforced", "refused"),
    "openai": Capabilities(False, "enforced", "enforced", True, paid=True),
    "vllm": Capabilities(True, "enforced", "enforced"),
    "ray": Capabilities(True, "enforced", "enforced", grouping=8),
    "scripted": Capabilities(),
}


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_declares_what_it_can_do_without_its_model(name: str, tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text('[{"reply": "yes"}]')
    options = OPTIONS.get(name, {"rules": str(tmp_path / "rules.json")})
    assert import_module(ENGINES[name]).capabilities(tmp_path / "nowhere", options) == DECLARED[name]


def test_what_a_server_can_do_depends_on_its_dialect_and_api(tmp_path: Path) -> None:
    module = import_module(ENGINES["openai"])
    plain = module.capabilities(tmp_path, OPTIONS["openai"] | {"dialect": "openai", "grouping": 64})
    assert plain == Capabilities(False, "ignored", "ignored", True, 64, paid=True)
    assert not module.capabilities(tmp_path, OPTIONS["openai"] | {"api": "completions"}).images


def test_a_rule_with_scores_gives_scores(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text(json.dumps([{"reply": "A", "weigh": True}]))
    module = import_module(ENGINES["scripted"])
    assert module.capabilities(tmp_path, {"rules": str(tmp_path / "rules.json")}).choice_scores


SHOWN = prompt("What?", messages=(Message("user", "What?", (Image("a" * 64, "x.png"),)),), purpose="row-1/answer")
SHAPED = prompt("x", constraint=Constraint(regex="[AB]"), purpose="row-1/rewrite")
CHOSEN = prompt("x", constraint=Constraint(choice=("A", "B")), purpose="row-1/choose")


@pytest.mark.parametrize(("asked", "able", "unable", "line"), [
    (SHOWN, Capabilities(images=True), Capabilities(), "row-1: shows a picture, m takes text alone"),
    (SHAPED, Capabilities(), Capabilities(regex="refused"), "row-1: .* regular expression, which"),
    (CHOSEN, Capabilities(), Capabilities(choices="refused"), "row-1: .* choices, to which the engine of m"),
])  # fmt: skip
def test_a_prompt_that_an_engine_refuses_is_not_sent(asked: Any, able: Any, unable: Any, line: str) -> None:
    check(asked, able, "m")
    with pytest.raises(UserError, match=line):
        check(asked, unable, "m")


def test_a_model_is_not_loaded_for_a_prompt_that_its_engine_refuses(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m/reference.json").write_text('{"reference": "path:x", "identity": "m@1"}')
    engine = Engine(engine="transformers", model="m", options=OPTIONS["transformers"])
    with connect(engine, models=tmp_path, store=tmp_path / "store") as complete, pytest.raises(UserError) as caught:
        list(complete([SHAPED]))
    assert "m@1 can't enforce" in str(caught.value), "and not that models/m holds no model"
