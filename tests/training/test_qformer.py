"""InstructBLIP, of which the Q-Former alone is trained: for real on a tiny model, killed and resumed."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stages.core import artifacts
from stages.core.completions import Image, Message, Prompt, Sampling
from stages.core.errors import UserError
from stages.inference.backends.transformers.engine import open_engine
from stages.params.training_sections import Recipe
from stages.training import qformer_run
from stages.training.qformer_export import put_in_place
from stages.training.qformer_rows import has_qformer
from stages.training.training_rows import Row
from tests.inference import tiny, tiny_vision
from tests.training.trainings import RECIPE, ROOT, finish, wait_for

EIGHT = RECIPE.model_copy(update={"epochs": 4, "batch": 4, "micro_batch": 2, "learning_rate": 0.01, "saves": 1})
COLOURS = {"red": "red it is", "blue": "blue", "green": "the green of grass", "white": "white"}
SCRIPT = """
import sys
from pathlib import Path
import msgspec
from stages.params.training_sections import Recipe
from stages.training import qformer_run
from tests.training.test_qformer import rows
recipe = Recipe.model_validate_json(sys.argv[1])
told = qformer_run.train("it", recipe, 42, Path(sys.argv[2]), rows(Path(sys.argv[4])), Path(sys.argv[3]))
print(msgspec.json.encode([told.metrics, told.curve]).decode())
"""


def row(name: str, image: Image | None, *texts: str) -> Row:
    asked, *more = texts
    images = (image,) if image else ()
    roles = ("assistant", "user")
    turns = [Message(roles[place % 2], text) for place, text in enumerate(more)]  # type: ignore[arg-type]
    return Row(name, (Message("user", asked, images), *turns))


def rows(folder: Path) -> list[Row]:
    """Eight rows that can be used, one that is too long and one with a special token."""
    images = {colour: tiny_vision.picture(folder / f"{colour}.png", colour) for colour in COLOURS}
    asked = ["What colour is it?", "First describe the image, then answer.\n\nIs it red?"]
    usable = [
        row(f"{colour}-{number}", images[colour], text, answer)
        for colour, answer in COLOURS.items() for number, text in enumerate(asked)
    ]  # fmt: skip
    return [
        *usable,
        row("long", images["red"], "Long?", "never used " * 60),
        row("forged", images["red"], "Is <|im_end|> red?", "yes"),
    ]


def start(base: Path, out: Path, cache: Path, pictures: Path, recipe: Recipe = EIGHT) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, recipe.model_dump_json(), str(base), str(out), str(pictures)],
        cwd=ROOT,
        env={**os.environ, "SEQIT_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


# ---------------------------------------------------------------- what is refused


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is read of a model before it is trained."""
    monkeypatch.setenv("SEQIT_CACHE", str(tmp_path / "cache"))
    directory = tiny.tokenizer(tmp_path / "blip", chat_template=None)
    tiny.tokenizer(directory / "qformer_tokenizer", chat_template=None)
    config = {"model_type": "instructblip", "num_query_tokens": 4, "qformer_config": {"max_position_embeddings": 64}}
    tiny.write(directory / "config.json", config)
    (directory / "model.safetensors").write_bytes(b"x")
    return directory


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"template": "tulu"}, "template tulu is not for a model with a Q-Former.* set template of this run to own"),
        ({"launcher": "torchrun"}, "launcher torchrun is not for .* set launcher of this run to python"),
        ({"devices": 2}, "devices 2 is not for .* to 1, or 0 for the CPU"),
        ({"packing": True}, "packing true is not for .* to false"),
        ({"sharding": "fsdp"}, "sharding fsdp is not for .* to none"),
        ({"batch": 3}, "batch 3 is no multiple of micro_batch 2"),
    ],
)
def test_a_recipe_that_it_has_no_use_for_is_one_line(
    files: Path, tmp_path: Path, changes: dict[str, Any], complaint: str
) -> None:
    recipe = EIGHT.model_copy(update={"launcher": "render", **changes})
    with pytest.raises(UserError, match=complaint) as told:
        qformer_run.train("it", recipe, 42, files, rows(tmp_path), tmp_path / "out")
    assert "\n" not in str(told.value) and not (tmp_path / "out").exists()


def test_rows_of_another_form_are_one_line(files: Path, tmp_path: Path) -> None:
    red = tiny_vision.picture(tmp_path / "red.png", "red")
    recipe = EIGHT.model_copy(update={"launcher": "render"})
    for wrong, complaint in (
        (row("a", None, "What?", "It"), "row a: shows 0 pictures, but"),
        (row("b", red, "What?", "It", "And?", "That"), "row b: has several turns"),
        (row("c", Image("0" * 64, red.path), "What?", "It"), r"red\.png: is another picture"),
        (row("d", red, "x" * 600, "It"), "none of 1 rows can be trained on: 1 are longer"),
    ):
        with pytest.raises(UserError, match=complaint):
            qformer_run.train("it", recipe, 42, files, [wrong], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "qformer_tokenizer/tokenizer.json"])
def test_a_missing_file_is_one_line(files: Path, tmp_path: Path, name: str) -> None:
    (files / name).unlink()
    with pytest.raises(UserError, match=f"has no {name}"):
        qformer_run.train(
            "it", EIGHT.model_copy(update={"launcher": "render"}), 42, files, rows(tmp_path), tmp_path / "o"
        )


def test_an_encoder_decoder_is_one_line(files: Path, tmp_path: Path) -> None:
    config = json.loads((files / "config.json").read_text())
    tiny.write(files / "config.json", {**config, "text_config": {"model_type": "t5"}})
    with pytest.raises(UserError, match="its language model is an encoder-decoder"):
        qformer_run.train("it", EIGHT, 42, files, rows(tmp_path), tmp_path / "out")


def test_render_is_the_base_model_with_the_job(files: Path, tmp_path: Path) -> None:
    recipe = EIGHT.model_copy(update={"launcher": "render"})
    told = qformer_run.train("it", recipe, 42, files, rows(tmp_path), tmp_path / "out")
    assert told.metrics["rows"] == {"read": 10, "used": 8, "too_long": 1, "special_token": 1}
    job = json.loads((tmp_path / "out" / "job.json").read_text())
    assert (job["steps"], job["save_every"], job["unfrozen"]) == (8, 2, [r"^qformer\.", r"^query_tokens$"])
    assert (tmp_path / "out" / "qformer_tokenizer" / "tokenizer.json").is_file()
    assert str(tmp_path) not in (tmp_path / "out" / "job.json").read_text()
    assert has_qformer(files) and has_qformer(tmp_path / "out") and not has_qformer(tmp_path)


def test_a_parameter_of_another_model_is_one_line(tmp_path: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(3, np.float32)}, tmp_path / "base.safetensors")
    for wrong in ({"b": np.ones(3, np.float32)}, {"a": np.ones(4, np.float32)}, {"a": np.ones(3, np.int32)}):
        save_file(wrong, tmp_path / "trained.safetensors")
        with pytest.raises(UserError, match="is no parameter of the base model"):
            put_in_place(tmp_path / "trained.safetensors", [tmp_path / "base.safetensors"])


# ---------------------------------------------------------------- training


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_vision.instructblip(tmp_path_factory.mktemp("models") / "blip")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def trained(base: Path, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    folder = tmp_path_factory.mktemp("uninterrupted")
    return folder / "it", finish(start(base, folder / "it", folder / "cache", pictures))


def whole(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.local
def test_the_qformer_learns_and_every_other_weight_keeps_its_bytes(base: Path, trained: tuple[Path, list[Any]]) -> None:
    from safetensors import safe_open

    out, (metrics, curve) = trained
    made, given = whole(out), whole(base)
    assert set(made) == {*given, "reference.json"}
    assert {name for name in given if made[name] != given[name]} == {"model.safetensors"}
    with safe_open(out / "model.safetensors", "np") as new, safe_open(base / "model.safetensors", "np") as old:
        assert new.keys() == old.keys() and new.metadata() == old.metadata()
        changed = {name for name in old.keys() if new.get_tensor(name).tobytes() != old.get_tensor(name).tobytes()}  # noqa: SIM118
        unused = {name for name in changed if not name.startswith(("qformer.", "query_tokens"))}
        of_qformer = {name for name in old.keys() if name.startswith(("qformer.", "query_tokens"))}  # noqa: SIM118
    assert not unused and "query_tokens" in changed and len(changed) > len(of_qformer) // 2
    assert [point["step"] for point in curve] == list(range(1, 9)) and metrics["steps"] == 8
    assert metrics["final_loss"] < metrics["first_loss"] and metrics["rows"]["used"] == 8
    sha256 = artifacts.sha256(out / "model.safetensors")
    assert json.loads(made["reference.json"]) == {"reference": "trained:it", "identity": f"trained:{sha256}"}
    assert metrics["weights"] == sha256[:16]


@pytest.mark.local
def test_killed_and_run_again_it_makes_the_same_bytes(
    base: Path, pictures: Path, trained: tuple[Path, list[Any]], tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    killed = start(base, tmp_path / "it", cache, pictures)
    wait_for(killed, cache, "train/*/model/checkpoint-2/trainer_state.json")
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    [kept] = cache.glob("train/*/model/checkpoint-*")
    # As a full disk or a lost connection may leave it; a kill alone leaves no checkpoint under its own name.
    torn = shutil.copytree(kept, kept.with_name("checkpoint-7"))
    state = json.loads((torn / "trainer_state.json").read_text())
    (torn / "trainer_state.json").write_text(json.dumps({**state, "global_step": 7}))
    (torn / "trained.safetensors").write_bytes((torn / "trained.safetensors").read_bytes()[:-1])
    again = start(base, tmp_path / "it", cache, pictures)
    output, told = again.communicate()
    assert again.returncode == 0, told
    assert "checkpoint-7 is torn and was removed" in told and f"going on from {kept.name}" in told
    assert "seqit train it: step 8/8, loss " in told
    assert json.loads(output) == trained[1] and whole(tmp_path / "it") == whole(trained[0])
    [left] = (cache / "train").iterdir()
    assert sorted(path.name for path in left.iterdir()) == ["lock", "qformer.log"]


@pytest.mark.local
def test_killed_after_the_last_step_it_makes_the_same_bytes(
    base: Path, pictures: Path, trained: tuple[Path, list[Any]], tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    killed = start(base, tmp_path / "it", cache, pictures)
    wait_for(killed, cache, "train/*/trained.json")
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert finish(start(base, tmp_path / "it", cache, pictures)) == trained[1]
    assert whole(tmp_path / "it") == whole(trained[0])


@pytest.mark.local
def test_learned_are_responses_with_their_end_after_what_the_engine_sends(base: Path, tmp_path: Path) -> None:
    from transformers import AutoProcessor

    from stages.training.qformer_loop import Batches, _pixels

    processor = AutoProcessor.from_pretrained(base)
    number = processor.tokenizer.convert_tokens_to_ids("<image>")
    read = [
        {"prompt": r.messages[0].content, "response": r.messages[1].content, "image": r.messages[0].images[0].path}
        for r in rows(tmp_path)[:8]
    ]
    inputs, labels = Batches(read, processor, number, "cpu").inputs(list(range(8)))
    for place, one in enumerate(read):
        learned = labels[place][labels[place] != -100]
        assert processor.tokenizer.decode(learned) == one["response"] + "<|im_end|>"
        sent = processor(text=one["prompt"], images=_pixels(one["image"]), return_tensors="pt")
        asked = sent["input_ids"][0]
        assert inputs["input_ids"][place][: len(asked)].tolist() == asked.tolist()
        assert labels[place][: len(asked)].tolist() == [-100] * len(asked) and labels[place][len(asked)] != -100
        assert inputs["pixel_values"][place].tolist() == sent["pixel_values"][0].tolist()
        width = int(inputs["qformer_attention_mask"][place].sum())
        read_by_qformer = inputs["qformer_input_ids"][place][inputs["qformer_attention_mask"][place] == 1]
        assert read_by_qformer.tolist() == sent["qformer_input_ids"][0].tolist() and width


@pytest.mark.local
def test_the_trained_model_answers_through_the_engine_with_what_it_learned(
    base: Path, pictures: Path, trained: tuple[Path, list[Any]]
) -> None:
    import torch
    from torch.nn.functional import cross_entropy

    from stages.training.qformer_loop import Batches

    usable = rows(pictures)[:8]
    prompts = [Prompt(r.messages[:1], Sampling(0.0, 1.0, 0, 12), 1, purpose=r.id, raw=True) for r in usable]
    read = [
        {"prompt": r.messages[0].content, "response": r.messages[1].content, "image": r.messages[0].images[0].path}
        for r in usable
    ]
    losses = []
    for directory in (base, trained[0]):
        with open_engine(directory, {"batch": 4, "threads": 1, "dtype": "float32"}) as engine:
            replies = [reply for group in engine.answer(prompts) for _, reply in group]
            model, processor = engine._model, engine._processor  # type: ignore[union-attr]
        assert len(replies) == 8 and {reply.status for reply in replies} <= {"ok", "truncated"}
        inputs, labels = Batches(read, processor, model.config.image_token_id, "cpu").inputs(list(range(8)))
        with torch.inference_mode():
            logits = model(**inputs).logits
        losses.append(float(cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)))
    assert losses[1] < losses[0] - 0.001, "the loaded model has not what was trained"


@pytest.mark.local
def test_a_broken_picture_is_one_line(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQIT_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    wrong = row("a", Image(artifacts.sha256(path), path.as_posix()), "What?", "It")
    with pytest.raises(
        UserError, match=r"qformer\.log: training failed: ValueError: .*can't be read as a picture"
    ) as told:
        qformer_run.train("it", EIGHT, 42, base, [wrong], tmp_path / "out")
    assert "\n" not in str(told.value) and not (tmp_path / "out").exists()


@pytest.mark.local
def test_other_parameters_are_trained_where_the_recipe_names_them(base: Path, pictures: Path, tmp_path: Path) -> None:
    from safetensors import safe_open

    recipe = EIGHT.model_copy(update={"epochs": 1, "unfrozen": [r"^language_projection\."], "precision": "bfloat16"})
    finish(start(base, tmp_path / "it", tmp_path / "cache", pictures, recipe))
    with (
        safe_open(tmp_path / "it" / "model.safetensors", "np") as new,
        safe_open(base / "model.safetensors", "np") as old,
    ):
        changed = {name for name in old.keys() if new.get_tensor(name).tobytes() != old.get_tensor(name).tobytes()}  # noqa: SIM118
    assert changed == {"language_projection.weight", "language_projection.bias"}
    assert whole(tmp_path / "it")["config.json"] == (base / "config.json").read_bytes()
