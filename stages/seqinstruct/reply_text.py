"""What of a reply is its answer: without the model's reasoning and what follows a stop token."""

import re

from stages.reasoning import answer_of

_STOP = re.compile(
    r"</s>|<\|(?:eot_id|eom_id|im_end|endoftext|end_of_text|end|return)\|>|<end_of_turn>|<｜end▁of▁sentence｜>"
)
NEXT_EXAMPLE = re.compile(
    r"(?im)^[^\w\n]{0,12}(?:(?:the\s+)?(?:next\s+)?instruction(?:[ \t]+is)?[ \t]*:"
    r"|(?:original|given)[ \t_]+(?:instruction|prompt)[ \t]*(?:#|:|\*\*)|example[ \t]+\d+\b"
    r"|(?:user|human)[ \t]*:|<\|(?:user|im_start)\|>)"
)
"""Where a model that runs on past its answer begins the next worked example."""


def spoken(reply: str) -> str:
    """The answer in a reply, without the model's reasoning, up to the first stop token after some text."""
    text = answer_of(reply)
    stop = next((mark for mark in _STOP.finditer(text) if text[: mark.start()].strip()), None)
    return text[: stop.start()] if stop else text
