"""GGUF and Transformers directories describe the same model, whichever way they were made."""

import json
from pathlib import Path

import numpy as np
import pytest

from stages.core.errors import UserError
from stages.model_files.gguf import from_directory, to_directory
from stages.model_files.gguf_tokenizer import tokenizer_json
from stages.model_files.safetensors_arrays import tensors
from tests.inference import tiny


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.model(tmp_path_factory.mktemp("tiny"))


def weights(directory: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(directory / "model.safetensors")


def made(source: Path, folder: Path) -> Path:
    folder.mkdir()
    to_directory(source, folder)
    return folder


def test_a_round_trip_keeps_every_weight_and_the_vocabulary(directory: Path, tmp_path: Path) -> None:
    from_directory(directory, tmp_path / "one.gguf", "F32")
    back = made(tmp_path / "one.gguf", tmp_path / "back")
    before, after = weights(directory), weights(back)
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    ours, theirs = (json.loads((folder / "tokenizer.json").read_text()) for folder in (back, directory))
    for key in ("vocab", "merges"):
        assert ours["model"][key] == theirs["model"][key]
    assert (back / "chat_template.jinja").read_text() == (directory / "chat_template.jinja").read_text()
    from_directory(back, tmp_path / "two.gguf", "F32")
    assert (tmp_path / "one.gguf").read_bytes() == (tmp_path / "two.gguf").read_bytes()


def stored(folder: Path, kind: str, data: bytes) -> Path:
    header = json.dumps({"w": {"dtype": kind, "shape": [3], "data_offsets": [0, len(data)]}}).encode()
    (folder / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + data)
    return folder / "w.safetensors"


# 1.0, -2.5 and the smallest normal number of bfloat16, whose 16 bits are the upper half of a float32's.
BFLOAT16 = bytes.fromhex("803f20c08000")


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("BF16", BFLOAT16, [1.0, -2.5, 2.0**-126]),
        ("F16", np.array([1, -2.5, 65504], "<f2").tobytes(), [1, -2.5, 65504]),
        ("F32", np.array([1, -2.5, 1e-30], "<f4").tobytes(), [1, -2.5, float(np.float32(1e-30))]),
        ("F64", np.array([1, -2.5, 0.5], "<f8").tobytes(), [1, -2.5, 0.5]),
    ],
)
def test_weights_are_read_without_torch(tmp_path: Path, kind: str, data: bytes, expected: list[float]) -> None:
    [(name, values)] = tensors(stored(tmp_path, kind, data))
    assert (name, values.dtype, values.tolist()) == ("w", np.float32, expected)


def test_weights_that_are_no_such_numbers_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"w\.safetensors: w is stored as F8_E4M3; save the model in bfloat16"):
        list(tensors(stored(tmp_path, "F8_E4M3", b"abc")))


@pytest.mark.local
@pytest.mark.parametrize(("kind", "name"), [("qwen2", "Qwen2"), ("qwen3", "Qwen3"), ("llama", "Llama")])
def test_architectures(directory: Path, tmp_path: Path, kind: str, name: str) -> None:
    import torch
    import transformers

    sizes = {
        "vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": 128,
        "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
        "tie_word_embeddings": False,
    }  # fmt: skip
    torch.manual_seed(1)
    model = getattr(transformers, f"{name}ForCausalLM")(getattr(transformers, f"{name}Config")(**sizes)).eval()
    source = tmp_path / "source"
    model.save_pretrained(source)
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (source / file).write_bytes((directory / file).read_bytes())
    from_directory(source, tmp_path / "model.gguf", "F32")
    again = transformers.AutoModelForCausalLM.from_pretrained(made(tmp_path / "model.gguf", tmp_path / "back"))
    ids = torch.tensor([[5, 9, 77, 200, 3]])
    assert again.config.model_type == kind
    assert torch.allclose(model(ids).logits, again.eval()(ids).logits, atol=1e-5)


@pytest.mark.parametrize(("precision", "error"), [("F16", 1e-3), ("Q8_0", 1e-2)])
def test_smaller_formats_are_near(directory: Path, tmp_path: Path, precision: str, error: float) -> None:
    from_directory(directory, tmp_path / "small.gguf", precision)
    before, after = weights(directory), weights(made(tmp_path / "small.gguf", tmp_path / "back"))
    for name, values in before.items():
        assert np.abs(values - after[name]).max() <= error * np.abs(values).max()


@pytest.mark.parametrize(
    ("name", "pieces"),
    [
        ("smollm", ["in", "Ġ", "2", "0", "2", "4", ",", "Ġit", "'s"]),
        ("gpt-2", ["in", "Ġ2024", ",", "Ġit", "'s"]),
        ("qwen2", ["in", "Ġ", "2", "0", "2", "4", ",", "Ġit", "'s"]),
        ("llama-bpe", ["in", "Ġ", "202", "4", ",", "Ġit", "'s"]),
    ],
)
def test_texts_are_cut_as_each_family_cuts_them(name: str, pieces: list[str]) -> None:
    from tokenizers import Tokenizer

    fields = {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": name, "tokenizer.ggml.tokens": ["a"],
              "tokenizer.ggml.token_type": [1], "tokenizer.ggml.merges": []}  # fmt: skip
    result = Tokenizer.from_str(json.dumps(tokenizer_json(fields, Path("x.gguf"))))
    assert [piece for piece, _ in result.pre_tokenizer.pre_tokenize_str("in 2024, it's")] == pieces


def changed(directory: Path, folder: Path, **changes: object) -> Path:
    folder.mkdir()
    for path in directory.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    "changes",
    [{"model_type": "gemma3"}, {"mlp_bias": True}, {"rope_parameters": {"rope_type": "llama3", "rope_theta": 1.0}}],
)
def test_what_can_not_be_run_names_another_engine(directory: Path, tmp_path: Path, changes: dict) -> None:
    with pytest.raises(UserError, match="engine: transformers"):
        from_directory(changed(directory, tmp_path / "other", **changes), tmp_path / "x.gguf")


def test_other_tokenizers_are_refused(directory: Path, tmp_path: Path) -> None:
    folder = changed(directory, tmp_path / "other")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(UserError, match="byte-level BPE"):
        from_directory(folder, tmp_path / "x.gguf")


def test_a_vocabulary_larger_than_the_embedding_is_refused(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="more tokens than"):
        from_directory(changed(directory, tmp_path / "other", vocab_size=200), tmp_path / "x.gguf")


def test_a_damaged_file_is_one_line(directory: Path, tmp_path: Path) -> None:
    from_directory(directory, tmp_path / "whole.gguf")
    data = (tmp_path / "whole.gguf").read_bytes()
    (tmp_path / "cut.gguf").write_bytes(data[: len(data) // 3])
    (tmp_path / "other.gguf").write_bytes(b"PK\x03\x04 not a model")
    (tmp_path / "flipped.gguf").write_bytes(data.replace(b"llama", b"llam\xff", 1))
    for name in ("cut.gguf", "other.gguf", "flipped.gguf", "missing.gguf"):
        with pytest.raises(UserError, match=name):
            to_directory(tmp_path / name, tmp_path)
