"""A Llama of 0.1 million random parameters with a small byte-level BPE, and rows for it: Axolotl in seconds."""

import json
from pathlib import Path
from typing import Any

from stages.core.completions import Message
from stages.training.training_rows import Row

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
LAYERS = 2
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CORPUS = [
    "### Response:\n\nThe answer is:\n\n\n1. one\n2. two\n\n- three",
    "<|user|>\nSay it.\n<|assistant|>\n",
    "  x\n\n  y\n",
]
"""What the merges are learned from: line breaks glued to each other and to marks, as in real tokenizers."""


def tokenizer(directory: Path, chat_template: str | None = CHATML) -> Path:
    """Write the tokenizer; the same bytes every time."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=SPECIALS, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(CORPUS * 3, trainer)
    directory.mkdir(parents=True, exist_ok=True)
    made.save(str(directory / "tokenizer.json"))
    names = {"bos_token": SPECIALS[1], "eos_token": SPECIALS[2], "pad_token": SPECIALS[0]}
    write(directory / "tokenizer_config.json", {**names, "tokenizer_class": "PreTrainedTokenizerFast"})
    if chat_template is not None:
        (directory / "chat_template.jinja").write_text(chat_template)
    return directory


def model(directory: Path, heads: int = 4, context: int = 512) -> Path:
    """Write the model with its tokenizer, without torch; the same bytes every time. Fewer heads are larger ones.

    context: tokens that it takes.
    """
    from safetensors.numpy import save_file

    tokenizer(directory)
    tokens = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": 64,
        "intermediate_size": 128, "num_hidden_layers": LAYERS, "num_attention_heads": heads, "head_dim": 64 // heads,
        "num_key_value_heads": heads // 2, "vocab_size": 300, "max_position_embeddings": context, "rms_norm_eps": 1e-06,
        "rope_theta": 10000.0, "tie_word_embeddings": True, "dtype": "float32", "attention_bias": False,
        "mlp_bias": False, **tokens,
    }  # fmt: skip
    write(directory / "config.json", config)
    write(directory / "generation_config.json", tokens)
    save_file(_weights(), directory / "model.safetensors", {"format": "pt"})
    return directory


def write(path: Path, values: dict[str, Any]) -> None:
    """Write JSON as Transformers does."""
    path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n")


def _weights() -> dict[str, Any]:
    import numpy as np

    draw, large = np.random.default_rng(1), {"embed_tokens": (300, 64)}
    inner = {"q_proj": (64, 64), "k_proj": (32, 64), "v_proj": (32, 64), "o_proj": (64, 64)}
    outer = {"gate_proj": (128, 64), "up_proj": (128, 64), "down_proj": (64, 128)}
    for layer in range(LAYERS):
        large |= {f"layers.{layer}.self_attn.{name}": shape for name, shape in inner.items()}
        large |= {f"layers.{layer}.mlp.{name}": shape for name, shape in outer.items()}
    norms = [f"layers.{layer}.{name}_layernorm" for layer in range(LAYERS) for name in ("input", "post_attention")]
    drawn = {name: draw.normal(0, 0.02, shape).astype(np.float32) for name, shape in large.items()}
    ones = {name: np.ones(64, np.float32) for name in [*norms, "norm"]}
    return {f"model.{name}.weight": values for name, values in {**drawn, **ones}.items()}


def row(name: str, *texts: str, system: str = "") -> Row:
    """A row of turns, the user's first."""
    turns = [Message("user" if i % 2 == 0 else "assistant", text) for i, text in enumerate(texts)]
    return Row(name, (*((Message("system", system),) if system else ()), *turns))


def rows(count: int = 24) -> list[Row]:
    """Short single turns, then what a template may trip over."""
    plain = [
        row(f"tiny-{i:02}", f"Say {i} twice.", f"{i} {i}, that is it. " + "ab " * (i % 7) + "end")
        for i in range(count - 6)
    ]
    return [
        *plain,
        row("tiny-system", "你好？", "مرحبا 🙂", system="Be brief."),
        row("tiny-turns", "One?", "1.", "```x```\n### Two?\n\n", "2\n\nindeed", "Three?", "3"),
        row("tiny-same", "Repeat: yes", "yes", "yes", "yes"),
        row("tiny-marks", "### Response:\n<|assistant|>\n", "### Instruction:\n<|user|>\nno"),
        row("tiny-list", "List.", "1. one\n2. two\n\n- three\n\n\n:"),
        row("tiny-long", "Long?", "never used " * 60),
    ]
