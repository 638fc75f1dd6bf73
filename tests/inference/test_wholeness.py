"""A damaged download never becomes a model: each fault is one line that names the file, and nothing is left behind."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stages.core.errors import UserError
from stages.model_files.gguf import from_directory
from stages.model_files.references import fetch_model
from tests.inference import tiny

WEIGHTS = "model.safetensors"
Damage = Callable[[Path], Any]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.model(tmp_path_factory.mktemp("tiny"))


def copied(directory: Path, folder: Path, damage: Damage) -> Path:
    folder.mkdir()
    for path in directory.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    damage(folder)
    return folder


def written(name: str, data: bytes) -> Damage:
    return lambda folder: (folder / name).write_bytes(data)


def cut(length: int) -> Damage:
    return lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:length])


def without(name: str, key: str) -> Damage:
    return changed(name, lambda values: values.pop(key))


def changed(name: str, change: Callable[[dict], Any]) -> Damage:
    def damage(folder: Path) -> None:
        values = json.loads((folder / name).read_text())
        change(values)
        (folder / name).write_text(json.dumps(values))

    return damage


DAMAGES = {
    "empty": (cut(0), WEIGHTS),
    "cut in the header": (cut(100), WEIGHTS),
    "cut in a tensor": (cut(-1000), WEIGHTS),
    "a page instead": (written(WEIGHTS, b"<html>404 Not Found</html>" * 9), WEIGHTS),
    "a pointer of LFS": (written(WEIGHTS, b"version https://git-lfs.github.com/spec/v1\nsize 5\n"), WEIGHTS),
    "an endless header": (written(WEIGHTS, struct.pack("<Q", 1 << 60) + b"{}"), WEIGHTS),
    "a part too few": (
        written(f"{WEIGHTS}.index.json", b'{"weight_map": {"x": "model-00002-of-00002.safetensors"}}'),
        "model-00002-of-00002.safetensors, which is not there",
    ),
    "config is no JSON": (written("config.json", b"{oops"), "config.json"),
    "config is empty": (written("config.json", b""), "config.json"),
    "config is a list": (written("config.json", b"[]"), "config.json"),
    "config says nothing": (written("config.json", b"{}"), "config.json: names no model_type"),
    "tokenizer is no JSON": (written("tokenizer.json", b"\xff\xfe"), "tokenizer.json"),
    "tokenizer is none": (without("tokenizer.json", "model"), "tokenizer.json: not a tokenizer"),
    "no sampling": (written("generation_config.json", b"nope"), "generation_config.json"),
    "a folder": (lambda f: ((f / WEIGHTS).unlink(), (f / WEIGHTS).mkdir()), "has no *.safetensors"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_directory_is_not_fetched(directory: Path, tmp_path: Path, damage: str) -> None:
    apply, message = DAMAGES[damage]
    with pytest.raises(UserError) as caught:
        fetch_model(f"path:{copied(directory, tmp_path / 'source', apply)}", tmp_path / "models/m")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.parametrize("name", ["max_position_embeddings", "hidden_size", "num_attention_heads", "vocab_size"])
def test_a_size_that_is_missing_is_told(directory: Path, tmp_path: Path, name: str) -> None:
    folder = copied(directory, tmp_path / "source", without("config.json", name))
    with pytest.raises(UserError, match=rf"config\.json: {name} is missing"):
        from_directory(folder, tmp_path / "x.gguf")


@pytest.mark.parametrize("value", ["64", -5, 0, True, 10**12, 1.5, []])
def test_a_size_that_is_none_is_told(directory: Path, tmp_path: Path, value: Any) -> None:
    folder = copied(directory, tmp_path / "m", changed("config.json", lambda config: config.update(hidden_size=value)))
    with pytest.raises(UserError, match=r"config\.json: hidden_size is .*, which can't be"):
        from_directory(folder, tmp_path / "x.gguf")


@pytest.mark.parametrize(
    ("change", "output"),
    [
        ({"num_hidden_layers": 3}, "lacks the tensor model.layers.2.input_layernorm.weight"),
        ({"tie_word_embeddings": False}, "lacks the tensor lm_head.weight"),
        ({"num_key_value_heads": 4}, r"self_attn.k_proj.weight as \[32, 64\], not \[64, 64\]"),
        ({"vocab_size": 400}, r"embed_tokens.weight as \[300, 64\], not \[400, 64\]"),
    ],
)
def test_weights_that_are_not_those_of_the_config_are_told(
    directory: Path, tmp_path: Path, change: dict, output: str
) -> None:
    folder = copied(directory, tmp_path / "source", changed("config.json", lambda config: config.update(change)))
    with pytest.raises(UserError, match=output):
        from_directory(folder, tmp_path / "x.gguf")
