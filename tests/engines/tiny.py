"""A Llama of 0.1 million random parameters with a small byte-level BPE, and rows for it: Axolotl in seconds."""

from pathlib import Path

from stages.messages import Message
from stages.recipes import Row

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
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
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=SPECIALS, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(CORPUS * 3, trainer)
    names = {"bos_token": SPECIALS[1], "eos_token": SPECIALS[2], "pad_token": SPECIALS[0]}
    PreTrainedTokenizerFast(tokenizer_object=made, chat_template=chat_template, **names).save_pretrained(directory)
    return directory


def model(directory: Path, heads: int = 4) -> Path:
    """Write the model with its tokenizer; the same bytes every time. Fewer heads are larger ones."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer(directory)
    torch.manual_seed(0)
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": heads}
    tokens = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    shape["num_key_value_heads"] = heads // 2
    config = LlamaConfig(**shape, **tokens, vocab_size=300, max_position_embeddings=512, tie_word_embeddings=True)
    LlamaForCausalLM(config).save_pretrained(directory)
    return directory


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
