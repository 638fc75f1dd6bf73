"""What an engine can't do is known before anything is sent or loaded."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import stages.inference
from stages.core.completions import Capabilities, Constraint, Image, Message
from stages.core.errors import UserError
from stages.inference.backends import BACKENDS
from stages.inference.connect import connect
from stages.inference.prompt_requirements import check_prompt
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


@pytest.mark.parametrize("name", BACKENDS)
def test_every_engine_declares_what_it_can_do_without_its_model(name: str, tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text('[{"reply": "yes"}]')
    options = OPTIONS.get(name, {"rules": str(tmp_path / "rules.json")})
    assert BACKENDS[name].capabilities(tmp_path / "nowhere", options) == DECLARED[name]


def test_an_engine_that_is_not_registered_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"unknown engine 'opanai'; did you mean 'openai'"):
        Engine(engine="opanai", options={})


def test_shared_modules_import_no_backend() -> None:
    """An edit of a backend concerns the stages that use its engine, and no others."""
    folder = Path(stages.inference.__file__).parent
    for path in folder.glob("*.py"):
        assert not re.search(r"import .*backends\.\w|from \S+backends\.\w", path.read_text()), path
    for package in folder.glob("backends/*/"):
        others = {path.name for path in folder.glob("backends/*/")} - {package.name}
        for path in package.glob("*.py"):
            assert not re.search(rf"backends\.({'|'.join(others)})\b", path.read_text()), path


def test_what_a_server_can_do_depends_on_its_dialect_and_api(tmp_path: Path) -> None:
    backend = BACKENDS["openai"]
    plain = backend.capabilities(tmp_path, OPTIONS["openai"] | {"dialect": "openai", "grouping": 64})
    assert plain == Capabilities(False, "ignored", "ignored", True, 64, paid=True)
    assert not backend.capabilities(tmp_path, OPTIONS["openai"] | {"api": "completions"}).images


def test_a_rule_with_scores_gives_scores(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text(json.dumps([{"reply": "A", "weigh": True}]))
    backend = BACKENDS["scripted"]
    assert backend.capabilities(tmp_path, {"rules": str(tmp_path / "rules.json")}).choice_scores


SHOWN = prompt("What?", messages=(Message("user", "What?", (Image("a" * 64, "x.png"),)),), purpose="row-1/answer")
SHAPED = prompt("x", constraint=Constraint(regex="[AB]"), purpose="row-1/rewrite")
CHOSEN = prompt("x", constraint=Constraint(choice=("A", "B")), purpose="row-1/choose")


@pytest.mark.parametrize(("sent_prompt", "able", "unable", "line"), [
    (SHOWN, Capabilities(images=True), Capabilities(), "row-1: shows a picture, m takes text alone"),
    (SHAPED, Capabilities(), Capabilities(regex="refused"), "row-1: .* regular expression, which"),
    (CHOSEN, Capabilities(), Capabilities(choices="refused"), "row-1: .* choices, which the engine of m"),
])  # fmt: skip
def test_a_prompt_that_an_engine_refuses_is_not_sent(sent_prompt: Any, able: Any, unable: Any, line: str) -> None:
    check_prompt(sent_prompt, able, "m")
    with pytest.raises(UserError, match=line):
        check_prompt(sent_prompt, unable, "m")


def test_a_model_is_not_loaded_for_a_prompt_that_its_engine_refuses(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m/reference.json").write_text('{"reference": "path:x", "identity": "m@1"}')
    engine = Engine(engine="transformers", model="m", options=OPTIONS["transformers"])
    with connect(engine, models=tmp_path, store=tmp_path / "store") as complete, pytest.raises(UserError) as caught:
        list(complete([SHAPED]))
    assert "m@1 can't enforce" in str(caught.value), "and not that models/m holds no model"
