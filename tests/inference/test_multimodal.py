"""Training a model that sees: what is written for Axolotl, what it learns from, and that it really learns."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stages.core.completions import Image, Message, Prompt, Sampling
from stages.core.errors import UserError
from stages.inference.backends.transformers.engine import open_engine
from stages.params.training_sections import Recipe
from stages.training import image_training
from stages.training.axolotl_run import train
from stages.training.base_model import read_base_model
from stages.training.training_rows import Row
from tests.inference import tiny, tiny_vision
from tests.inference.axolotl_environment import ENVIRONMENT, run

pytestmark = pytest.mark.local
RECIPE = Recipe(
    template="own", epochs=1, batch=4, micro_batch=4, learning_rate=1e-2, scheduler="linear", warmup_ratio=0.0,
    weight_decay=0.0, max_length=512, precision="float32", saves=1, threads=1, launcher="render",
    devices=0, packing=False, checkpointing=False, sharding="none", unfrozen=["^model.multi_modal_projector.*"],
)  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_vision.llava(tmp_path_factory.mktemp("llava"))


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    shown = [tiny_vision.picture(tmp_path / f"{colour}.png", colour) for colour in ("red", "blue")]
    return [
        *(about(f"r{n}", f"What colour is {n}?", "It is plain.\nred", shown[n % 2]) for n in range(5)),
        about("text", "Say it.", "it"),
        about("forged", "Is <image> red?", "no", shown[0]),
    ]


def about(name: str, sent_prompt: str, message: str, *images: Image) -> Row:
    return Row(name, (Message("user", sent_prompt, images), Message("assistant", message)))


def rendered(base: Path, rows: list[Row], out: Path, **changes: Any) -> dict[str, Any]:
    import yaml

    train("run", RECIPE.model_copy(update=changes), 1, base, rows, out)
    config: dict[str, Any] = yaml.safe_load((out / "axolotl.yml").read_text())
    return config


@pytest.fixture(autouse=True)
def cache(tmp_path: Path) -> Iterator[None]:
    before = dict(os.environ)
    os.environ["SEQIT_CACHE"] = str(tmp_path / "cache")
    yield
    os.environ.clear()
    os.environ.update(before)


# ---------------------------------------------------------------- what is written


TAKEN = """
import json, sys
from axolotl.utils.schemas.config import AxolotlInputConfig
print("\\n" + json.dumps(AxolotlInputConfig(**json.loads(sys.argv[1])).unfrozen_parameters))
"""


@pytest.mark.slow
def test_the_configuration_is_one_that_axolotl_takes(base: Path, rows: list[Row], tmp_path: Path) -> None:
    config = rendered(base, rows, tmp_path / "out")
    assert config["unfrozen_parameters"] == ["^model.multi_modal_projector.*"]
    assert (config["processor_type"], config["plugins"]) == ("AutoProcessor", ["boundaries.Boundaries"])
    assert config["skip_prepare_dataset"] is True and config["sample_packing"] is False
    given = {**config, "base_model": str(base), "plugins": None}
    assert json.loads(run(TAKEN, json.dumps(given)).splitlines()[-1]) == config["unfrozen_parameters"]
    assert (tmp_path / "out" / "processor_config.json").is_file()


def test_a_text_model_is_configured_as_before(rows: list[Row], tmp_path: Path) -> None:
    config = rendered(tiny.model(tmp_path / "tiny"), rows[5:6], tmp_path / "out", unfrozen=())
    assert {"processor_type", "plugins", "skip_prepare_dataset", "unfrozen_parameters"}.isdisjoint(config)


def test_rows_become_parts_with_full_paths(base: Path, rows: list[Row]) -> None:
    written = image_training.axolotl_rows([rows[0], rows[5]], True, base)
    first, text = (json.loads(msgspec.json.encode(row)) for row in written)
    image = rows[0].messages[0].images[0]
    assert first["messages"][0]["content"] == [
        {"type": "image", "path": str(Path(image.path).absolute())},
        {"type": "text", "text": "What colour is 0?"},
    ]
    assert [part["type"] for turn in text["messages"] for part in turn["content"]] == ["text", "text"]


def test_the_assistants_turns_are_found_where_they_stand(base: Path) -> None:
    result = read_base_model(base, "own")
    start, end = image_training.reply_boundaries(base, result.template, result.specials)
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    assert tokenizer.decode(start, skip_special_tokens=False) == "<|im_start|>assistant\n"
    assert tokenizer.decode(end, skip_special_tokens=False) == "<|im_end|>"


@pytest.mark.parametrize("template", ["own", "tulu"])
def test_training_and_asking_render_alike(base: Path, rows: list[Row], tmp_path: Path, template: str) -> None:
    from transformers import AutoProcessor

    rendered(base, rows, tmp_path / "out", template=template)
    processor = AutoProcessor.from_pretrained(tmp_path / "out", local_files_only=True)
    parts = msgspec.to_builtins(next(image_training.axolotl_rows(rows[:1], True, base)))["messages"]
    output = processor.apply_chat_template(parts, tokenize=False)
    sent_prompt = processor.apply_chat_template(parts[:1], tokenize=False, add_generation_prompt=True)
    assert output.startswith(sent_prompt + "It is plain.\nred" + "<|im_end|>")
    assert sent_prompt.count("<image>") == 1


# ---------------------------------------------------------------- mistakes


def test_a_model_that_can_t_see_is_not_shown_anything(rows: list[Row], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"can't see, but r0 shows a picture"):
        rendered(tiny.model(tmp_path / "tiny"), rows, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_picture_that_has_changed_is_told(base: Path, rows: list[Row], tmp_path: Path) -> None:
    Path(rows[0].messages[0].images[0].path).write_bytes(b"other")
    with pytest.raises(UserError, match=r"red\.png: is another picture"):
        rendered(base, rows, tmp_path / "out")


@pytest.mark.parametrize(
    ("changes", "output"),
    [
        ({"template": "alpaca"}, r"has no alpaca-images\.jinja"),
        ({"packing": True, "devices": 1}, "packing must be false for a model that"),
    ],
)
def test_what_a_model_that_sees_can_t_have(
    base: Path, rows: list[Row], tmp_path: Path, changes: dict[str, Any], output: str
) -> None:
    with pytest.raises(UserError, match=output):
        rendered(base, rows, tmp_path / "out", **changes)


def test_a_model_whose_picture_token_is_unknown(base: Path, tmp_path: Path) -> None:
    config = json.loads((base / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"image_token_id": 9999, "image_token_index": 9999}))
    (tmp_path / "tokenizer.json").write_bytes((base / "tokenizer.json").read_bytes())
    with pytest.raises(UserError, match="names no image_token_id"):
        image_training.image_token(tmp_path)


# ---------------------------------------------------------------- for real


def responded(base: Path, row: Row) -> int:
    """Tokens of a row's response with its end."""
    from tokenizers import Tokenizer

    made = Tokenizer.from_file(str(base / "tokenizer.json"))
    return len(made.encode(row.messages[-1].content, add_special_tokens=False).ids) + 1


@pytest.mark.slow
def test_axolotl_trains_what_is_unfrozen_on_the_responses_alone(base: Path, rows: list[Row], tmp_path: Path) -> None:
    from safetensors.torch import load_file

    recipe = RECIPE.model_copy(update=dict(launcher="python"))
    trained = train("vision", recipe, 1, base, rows, tmp_path / "out", ENVIRONMENT)
    assert trained.metrics["rows"] == {"read": 7, "used": 6, "too_long": 0, "special_token": 1}
    assert trained.metrics["steps"] == 2 and trained.metrics["final_loss"] > 0
    before, after = (load_file(folder / "model.safetensors") for folder in (base, tmp_path / "out"))
    changed = {name for name in before if not before[name].equal(after[name])}
    assert changed == {name for name in before if name.startswith("multi_modal_projector.")} != set()
    (log,) = (tmp_path / "cache" / "train").glob("vision-*/*.log")
    output = re.findall(r"'tokens/trainable': (\d+)", log.read_text())
    assert int(output[-1]) == sum(responded(base, row) for row in rows[:6])
    sent_prompt = Prompt((Message("user", "What colour?", rows[0].messages[0].images),), Sampling(0, 1, 0, 4), 1)
    with open_engine(tmp_path / "out", {"batch": 1, "threads": 1, "dtype": "float32"}) as engine:
        ((_, reply),) = next(iter(engine.answer([sent_prompt])))
    assert reply.status in ("ok", "truncated")
