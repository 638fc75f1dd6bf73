"""What of a reply is said to the reader: without the model's thoughts and what follows a stop token."""

import re

_THOUGHTS = r"(?:think|thinking|thoughts?|scratchpad)"
_THOUGHT = re.compile(rf"<{_THOUGHTS}>|</{_THOUGHTS}>", re.IGNORECASE)
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
    """The reply without what stands between `<think>` and `</think>`, up to the first stop token after some text.

    Thoughts that never end are all that was said after them: nothing. So is what precedes a lone `</think>`.
    """
    text = _thoughtless(reply)
    stop = next((mark for mark in _STOP.finditer(text) if text[: mark.start()].strip()), None)
    return text[: stop.start()] if stop else text


def _thoughtless(reply: str) -> str:
    kept, at, thinking = [], 0, False
    for tag in _THOUGHT.finditer(reply):
        closes = tag[0].startswith("</")
        if not thinking and not closes:
            kept.append(reply[at : tag.start()])
        if closes and not thinking:
            kept.clear()
        thinking, at = not closes, tag.end()
    return "".join(kept) + ("" if thinking else reply[at:])
