"""A Llama of 0.1 million random parameters with a byte tokenizer, and rows for it: Axolotl for real, in seconds."""

from pathlib import Path

from stages.messages import Message
from stages.recipes import Row

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def model(directory: Path, chat_template: str | None = CHATML) -> Path:
    """Write the model; the same bytes every time."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    vocabulary = {token: i for i, token in enumerate([*specials, *sorted(pre_tokenizers.ByteLevel.alphabet())])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(specials)
    names = {"bos_token": specials[1], "eos_token": specials[2], "pad_token": specials[0]}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=chat_template, **names).save_pretrained(directory)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(directory)
    return directory


def rows(count: int = 24) -> list[Row]:
    """Single turns, one with a system prompt, one of two turns, some in other scripts."""
    made = [
        Row(
            f"tiny-{i:04}",
            (Message("user", f"Say {i} twice."), Message("assistant", f"{i} {i}, that is it. " + "ab " * (i % 7))),
        )
        for i in range(count - 2)
    ]
    made.append(
        Row(
            "tiny-system", (Message("system", "Be brief."), Message("user", "你好？"), Message("assistant", "مرحبا 🙂"))
        )
    )
    talk = (
        Message("user", "One?"),
        Message("assistant", "1."),
        Message("user", "```x```\n### Two?"),
        Message("assistant", "2\n\nindeed"),
    )
    made.append(Row("tiny-turns", talk))
    return made
