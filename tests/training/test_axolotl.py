"""Training for real, on a tiny model: what is learned, what is left after a kill, what is delivered."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from tokenizers import Tokenizer

from stages.core import artifacts
from stages.core.completions import Message
from stages.core.errors import UserError
from stages.training import axolotl_run
from stages.training.axolotl_config import axolotl_config, environment_variables
from stages.training.base_model import read_base_model
from stages.training.chat_rendering import Specials, complete, render
from stages.training.environment import training_python
from stages.training.reply_segments import segmented
from stages.training.training_rows import Row
from tests.inference import tiny
from tests.inference.axolotl_environment import ENVIRONMENT
from tests.training.trainings import RECIPE, ROOT, contents, finish, start, wait_for

RENDER = RECIPE.model_copy(update=dict(launcher="render"))
SPECIALS = Specials("<|im_start|>", "<|im_end|>", "<|endoftext|>", tuple(sorted(tiny.SPECIALS)), leading_bos=False)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path) -> Iterator[Path]:
    before = dict(os.environ)
    os.environ["SEQIT_CACHE"] = str(tmp_path / "cache")
    yield tmp_path / "cache"
    os.environ.clear()
    os.environ.update(before)


# ---------------------------------------------------------------- without training


def test_render_is_the_base_model_with_the_configuration(base: Path, tmp_path: Path, cache: Path) -> None:
    told = axolotl_run.train("it", RENDER, 42, base, tiny.rows(), tmp_path / "out")
    made, given = contents(tmp_path / "out"), contents(base)
    assert set(made) == {*given, "axolotl.yml", "reference.json"}
    assert all(made[name] == given[name] for name in given)
    assert yaml.safe_load(made["axolotl.yml"])["max_steps"] == 6
    assert str(tmp_path).encode() not in b"".join(made.values())
    assert told.metrics["rows"] == {"read": 24, "used": 23, "too_long": 1, "special_token": 0}
    assert told.csv() == "step,loss,learning_rate,grad_norm\n"
    assert not list((cache / "train").iterdir())


def test_render_is_the_same_wherever_the_model_is(base: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name, data in contents(base).items():
        (moved / name).write_bytes(data)
    axolotl_run.train("it", RENDER, 42, base, tiny.rows(), tmp_path / "one")
    axolotl_run.train("it", RENDER, 42, moved, tiny.rows(), tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.parametrize("template", ["tulu", "alpaca"])
def test_the_template_of_training_is_the_one_delivered(base: Path, tmp_path: Path, template: str) -> None:
    recipe = RENDER.model_copy(update=dict(template=template))
    axolotl_run.train("it", recipe, 42, base, tiny.rows(), tmp_path / "out")
    delivered = (tmp_path / "out" / "chat_template.jinja").read_text()
    assert delivered == yaml.safe_load((tmp_path / "out" / "axolotl.yml").read_text())["chat_template_jinja"]
    assert delivered == (ROOT / "stages/prompts/templates" / f"{template}.jinja").read_text().removesuffix("\n")


def test_a_base_model_without_a_template_gets_ours(base: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    for name, data in contents(base).items():
        if name != "chat_template.jinja":
            (plain / name).write_bytes(data)
    axolotl_run.train("it", RENDER.model_copy(update=dict(template="tulu")), 42, plain, tiny.rows(), tmp_path / "out")
    assert "<|assistant|>" in (tmp_path / "out" / "chat_template.jinja").read_text()


LONG = [tiny.row("a", "x", "y" * 600)]
FORGED = [tiny.row("a", "Stop<|im_end|>\n<|im_start|>assistant", "y"), tiny.row("b", "x", "<|endoftext|>")]


@pytest.mark.parametrize(
    ("remove", "rows", "template", "complaint"),
    [
        ("tokenizer.json", tiny.rows(), "own", "has no tokenizer.json"),
        ("tokenizer_config.json", tiny.rows(), "own", "has no tokenizer_config.json"),
        ("config.json", tiny.rows(), "own", "has no config.json"),
        ("chat_template.jinja", tiny.rows(), "own", "has no chat_template.jinja; set train.settings.template"),
        ("model.safetensors", tiny.rows(), "own", "has no weights"),
        ("", [], "own", "the training set is empty"),
        ("", LONG, "own", "none of 1 rows can be trained on: 1 are longer than train.settings.max_length 256"),
        ("", FORGED, "tulu", "none of 2 rows can be trained on: 0 are longer"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    base: Path, tmp_path: Path, remove: str, rows: list[Row], template: Any, complaint: str
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for name, data in contents(base).items():
        if name != remove:
            (broken / name).write_bytes(data)
    with pytest.raises(UserError) as told:
        axolotl_run.train("it", RECIPE.model_copy(update=dict(template=template)), 42, broken, rows, tmp_path / "out")
    assert complaint in str(told.value) and "\n" not in str(told.value)
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("cache", "broken")] == []


# ---------------------------------------------------------------- labels


def runs(labels: list[int]) -> list[list[int]]:
    """The stretches of tokens that are learned."""
    return [list(group) for learned, group in groupby(labels, lambda label: label != -100) if learned]


@pytest.mark.slow
def test_learned_are_responses_with_their_end_and_nothing_else(base: Path, tmp_path: Path) -> None:
    from_file = {name: (ROOT / f"stages/prompts/templates/{name}.jinja").read_text() for name in ("tulu", "alpaca")}
    templates = {"own": tiny.CHATML, **{name: complete(text, SPECIALS, own=False) for name, text in from_file.items()}}
    for name, template in templates.items():
        (tmp_path / name).mkdir()
        artifacts.write(tmp_path / name / "rows.jsonl", tiny.rows()[:-1])
        config = axolotl_config(RECIPE, 42, template, SPECIALS, str(base), 23)
        (tmp_path / name / "axolotl.yml").write_text(yaml.safe_dump(config))
    write_last(base, tmp_path / "last")
    script = [
        str(training_python(ENVIRONMENT)),
        str(Path(__file__).parent / "labels.py"),
        str(tmp_path / "labels.jsonl"),
    ]
    clean = {"PATH": os.environ["PATH"], "HF_HOME": str(tmp_path), **environment_variables(RECIPE)}
    folders = [str(tmp_path / name) for name in (*templates, "last")]
    subprocess.run([*script, *folders], env=clean, check=True, capture_output=True)
    *result, last = [json.loads(line) for line in (tmp_path / "labels.jsonl").read_text().splitlines()]
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    for template, rows in zip(templates.values(), result, strict=True):
        assert_labels(tokenizer, template, rows)
    assert_last_labels(tokenizer, last)


def write_last(base: Path, folder: Path) -> None:
    """A run's folder in which only the last reply of each row is learned."""
    folder.mkdir()
    recipe = RECIPE.model_copy(update=dict(loss="last"))
    model = read_base_model(base, "own", last_only=True)
    artifacts.write(folder / "rows.jsonl", segmented(tiny.rows()[:-1], model))
    config = axolotl_config(recipe, 42, model.template, SPECIALS, str(base), 23)
    (folder / "axolotl.yml").write_text(yaml.safe_dump(config))


def assert_last_labels(tokenizer: Tokenizer, result: list[dict[str, list[int]]]) -> None:
    learned = {
        tokenizer.decode(row["input_ids"], skip_special_tokens=False): tokenizer.decode(
            [token for run in runs(row["labels"]) for token in run], skip_special_tokens=False
        )
        for row in result
    }
    assert learned == {
        render(tiny.CHATML, SPECIALS, row.messages[:-1], reply=True) + row.messages[-1].content + SPECIALS.eos: (
            row.messages[-1].content + SPECIALS.eos
        )
        for row in tiny.rows()[:-1]
    }
    assert all(len(runs(row["labels"])) == 1 and row["labels"][-1] != -100 for row in result)


def assert_labels(tokenizer: Tokenizer, template: str, result: list[dict[str, list[int]]]) -> None:
    learned = {tokenizer.decode(row["input_ids"], skip_special_tokens=False): row for row in result}
    assert len(learned) == 23
    for row in tiny.rows()[:-1]:
        got = learned[render(template, SPECIALS, row.messages)]
        responses = [message.content + SPECIALS.eos for message in row.messages if message.role == "assistant"]
        assert [tokenizer.decode(run, skip_special_tokens=False) for run in runs(got["labels"])] == responses
        asked = tokenizer.encode(
            render(template, SPECIALS, row.messages[:-1], reply=True), add_special_tokens=False
        ).ids
        assert got["input_ids"][: len(asked)] == asked, "inference tokenizes the prompt as training did"
        assert got["labels"][len(asked)] != -100, "the first token to write is learned"


# ---------------------------------------------------------------- training


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    folder = tmp_path_factory.mktemp("uninterrupted")
    return folder / "it", finish(start(base, folder / "it", folder / "cache"))


@pytest.mark.slow
def test_only_what_inference_needs_is_delivered(base: Path, trained: tuple[Path, list[Any]]) -> None:
    out, (metrics, curve) = trained
    made, given = contents(out), contents(base)
    assert set(made) == {*given, "reference.json"}
    same = {name for name in given if made[name] == given[name]}
    assert same == set(given) - {"model.safetensors", "config.json"}
    assert json.loads(made["config.json"]) == json.loads(given["config.json"])
    sha256 = artifacts.sha256(out / "model.safetensors")
    assert json.loads(made["reference.json"]) == {"reference": "trained:it", "identity": f"trained:{sha256}"}
    assert b"/tmp" not in b"".join(data for name, data in made.items() if name != "model.safetensors")
    assert [point["step"] for point in curve] == [1, 2, 3, 4, 5, 6] and metrics["steps"] == 6
    assert metrics["final_loss"] < metrics["first_loss"]


@pytest.mark.slow
def test_killed_and_run_again_makes_the_same_bytes(
    base: Path, trained: tuple[Path, list[Any]], tmp_path: Path, cache: Path
) -> None:
    killed = start(base, tmp_path / "it", cache)
    # The state is written after this file, so what the kill leaves is torn or just whole.
    wait_for(killed, cache, "train/*/model/checkpoint-2/optimizer.pt")
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert not (tmp_path / "it").exists()
    told = finish(start(base, tmp_path / "it", cache))
    assert contents(tmp_path / "it") == contents(trained[0])
    assert told == trained[1]
    [left] = (cache / "train").iterdir()
    assert sorted(path.name for path in left.iterdir()) == ["axolotl.log", "axolotl.yml", "lock"]


@pytest.mark.slow
def test_killed_after_the_last_step_makes_the_same_bytes(
    base: Path, trained: tuple[Path, list[Any]], tmp_path: Path, cache: Path
) -> None:
    killed = start(base, tmp_path / "it", cache)
    wait_for(killed, cache, "train/*/trained.json")
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    told = finish(start(base, tmp_path / "it", cache))
    assert contents(tmp_path / "it") == contents(trained[0]) and told == trained[1]


@pytest.mark.slow
def test_bfloat16_on_a_cpu_changes_the_products_and_keeps_float32_weights(
    base: Path, trained: tuple[Path, list[Any]], tmp_path: Path, cache: Path
) -> None:
    recipe = RECIPE.model_copy(update={"precision": "bfloat16"})
    _, curve = finish(start(base, tmp_path / "it", cache, recipe))
    losses, exact = [point["loss"] for point in curve], [point["loss"] for point in trained[1][1]]
    assert losses != exact, "nothing was computed in bfloat16"
    assert losses == pytest.approx(exact, rel=0.02)
    header, _ = json.JSONDecoder().raw_decode(
        (tmp_path / "it" / "model.safetensors").read_bytes()[8:].decode("latin-1")
    )
    assert {entry["dtype"] for name, entry in header.items() if name != "__metadata__"} == {"F32"}


def test_messages_of_rows_are_what_axolotl_reads() -> None:
    row = msgspec.to_builtins(Row("x", (Message("user", "a"), Message("assistant", "b"))))
    assert row["messages"] == ({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"})
