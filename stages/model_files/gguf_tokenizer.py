"""Converts tokenizers between GGUF metadata and tokenizer.json, for byte-level BPE."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.core import artifacts
from stages.core.errors import UserError

if TYPE_CHECKING:
    from gguf import GGUFWriter

INSTEAD = "name a Transformers directory and set `engine: transformers`"

WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,%d}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
"""The pattern that splits a text before the merges, in models since GPT-4; they differ in the number of digits."""
SPLITS: dict[str, list[Any]] = {
    # `tokenizer.ggml.pre` -> the pre-tokenizers before ByteLevel, as in the models' tokenizer.json
    "gpt-2": [],
    "smollm": [{"type": "Digits", "individual_digits": True}],
    "llama-bpe": [WORDS % 3],
    "qwen2": [WORDS.replace("{1,%d}", "")],
}

CONTROL, USER_DEFINED, UNUSED = 3, 4, 5  # token types of GGUF; 1 is an ordinary token


def special_tokens(fields: dict[str, Any]) -> dict[str, int]:
    """The ids of bos, eos and pad. Padding that is also the end would teach a model never to stop: then it is unk."""
    eos = fields["tokenizer.ggml.eos_token_id"]
    unknown = fields.get("tokenizer.ggml.unknown_token_id", 0)
    pad = fields.get("tokenizer.ggml.padding_token_id", unknown)
    return {
        "bos": fields.get("tokenizer.ggml.bos_token_id", eos),
        "eos": eos,
        "pad": unknown if pad == eos else pad,
    }


def tokenizer_config(fields: dict[str, Any], special: dict[str, int]) -> dict[str, Any]:
    """The contents of tokenizer_config.json for a GGUF file's metadata."""
    tokens = fields["tokenizer.ggml.tokens"]
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        # The text that comes back must be the text that was learnt: no removal of spaces before punctuation.
        "clean_up_tokenization_spaces": False,
        "add_bos_token": bool(fields.get("tokenizer.ggml.add_bos_token", False)),
        "model_max_length": fields[f"{fields['general.architecture']}.context_length"],
        **{f"{name}_token": tokens[token] for name, token in special.items()},
    }


def tokenizer_json(fields: dict[str, Any], source: Path) -> dict[str, Any]:
    """The contents of tokenizer.json for a GGUF file's metadata. Raises UserError for what is no byte-level BPE."""
    model, pre = fields.get("tokenizer.ggml.model"), fields.get("tokenizer.ggml.pre")
    if model != "gpt2" or pre not in SPLITS:
        raise UserError(
            f"{source}: tokenizer {model}/{pre} can't be converted, known are gpt2/{{{','.join(SPLITS)}}}; {INSTEAD}"
        )
    tokens, types = fields["tokenizer.ggml.tokens"], fields["tokenizer.ggml.token_type"]
    added = [
        {"id": number, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": kind == CONTROL}
        for number, (token, kind) in enumerate(zip(tokens, types, strict=True)) if kind in (CONTROL, USER_DEFINED)
    ]  # fmt: skip
    bpe = {
        "type": "BPE", "dropout": None, "unk_token": None,
        "continuing_subword_prefix": None, "end_of_word_suffix": None,
        "fuse_unk": False, "byte_fallback": False, "ignore_merges": pre == "llama-bpe",
        "vocab": {token: number for number, token in enumerate(tokens)},
        "merges": [merge.split(" ", 1) for merge in fields.get("tokenizer.ggml.merges", [])],
    }  # fmt: skip
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": _pre_tokenizer(pre), "post_processor": None, "decoder": _byte_level(True), "model": bpe,
    }  # fmt: skip


def _byte_level(use_regex: bool) -> dict[str, Any]:
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def _pre_tokenizer(pre: str) -> dict[str, Any]:
    steps: list[dict[str, Any]] = []
    for step in SPLITS[pre]:
        split = {"type": "Split", "pattern": {"Regex": step}, "behavior": "Isolated", "invert": False}
        steps.append(step if isinstance(step, dict) else split)
    # A pattern of the model's own replaces the one that is built into ByteLevel.
    own = any(step["type"] == "Split" for step in steps)
    return {"type": "Sequence", "pretokenizers": [*steps, _byte_level(not own)]}


def describe_tokens(writer: "GGUFWriter", directory: Path, config: dict[str, Any]) -> None:
    """Write a directory's vocabulary and template as GGUF metadata. Raises UserError for what is no byte-level BPE."""
    tokenizer = {"added_tokens": [], "pre_tokenizer": None} | artifacts.read_json(
        directory / "tokenizer.json", dict[str, Any]
    )
    model = tokenizer["model"]
    if model.get("type") != "BPE" or "ByteLevel" not in json.dumps(tokenizer["pre_tokenizer"]):
        raise UserError(
            f"{directory}: the embedded engine needs a byte-level BPE tokenizer; set `engine: transformers`"
        )
    tokens, types = _vocabulary(tokenizer, config["vocab_size"], directory)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_pre_name(tokenizer["pre_tokenizer"]))
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]])
    writer.add_add_bos_token(False)
    for name, add in _adders(writer).items():
        if isinstance(token := config.get(name), int):
            add(token)
    template = directory / "chat_template.jinja"
    if template.exists():
        writer.add_chat_template(artifacts.read_text(template))


def _adders(writer: "GGUFWriter") -> dict[str, Callable[[int], None]]:
    return {
        "bos_token_id": writer.add_bos_token_id,
        "eos_token_id": writer.add_eos_token_id,
        "pad_token_id": writer.add_pad_token_id,
    }


def _vocabulary(tokenizer: dict[str, Any], size: int, directory: Path) -> tuple[list[str], list[int]]:
    """Tokens and their GGUF types by id; rows of the embedding that no token uses are named as llama.cpp names them."""
    tokens, types = [f"[PAD{number}]" for number in range(size)], [UNUSED] * size
    if max([*tokenizer["model"]["vocab"].values(), *(token["id"] for token in tokenizer["added_tokens"])]) >= size:
        raise UserError(
            f"{directory}: tokenizer.json has more tokens than config.json's vocab_size {size}; save both again"
        )
    for token, number in tokenizer["model"]["vocab"].items():
        tokens[number], types[number] = token, 1
    for token in tokenizer["added_tokens"]:
        tokens[token["id"]], types[token["id"]] = token["content"], CONTROL if token["special"] else USER_DEFINED
    return tokens, types


def _pre_name(pre_tokenizer: dict[str, Any]) -> str:
    # Readers only need it to cut text; the engines here hand over ids, so an unknown cut may pass as GPT-2's.
    return next((name for name in SPLITS if _pre_tokenizer(name) == pre_tokenizer), "gpt-2")
