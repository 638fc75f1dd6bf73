"""The marks that models put around their reasoning, as texts and as tokens.

Sources: the models' chat templates; https://cookbook.openai.com/articles/openai-harmony; the reasoning parsers of
https://docs.vllm.ai/en/latest/features/reasoning_outputs.html.
"""

import re
from typing import NamedTuple


class Marks(NamedTuple):
    """What begins and what ends a block of reasoning."""

    opening: re.Pattern[str]
    closing: re.Pattern[str]


def _marks(opening: str, closing: str) -> Marks:
    return Marks(re.compile(opening, re.IGNORECASE), re.compile(closing, re.IGNORECASE))


_NAMES = r"(?:(?:[a-z]{1,12}:)?(?:think|thinking|thoughts?|reasoning|scratchpad)|longcat_think|antthinking)"
MARKS = (
    _marks(rf"<{_NAMES}>", rf"</{_NAMES}>"),
    _marks(r"\[THINK\]", r"\[/THINK\]"),
    _marks(r"◁think▷", r"◁/think▷"),
    _marks(r"<\|channel>(?:thought(?:[ \t]*\n)?)?", r"<channel\|>"),
    _marks(r"<unused94>(?:thought(?:[ \t]*\n)?)?", r"<unused95>"),
    _marks(r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    _marks(r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    _marks(r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),
)
"""Pairs by family; within the first, any closing tag ends any opening tag, as models mix them up."""
HARMONY = frozenset(f"<|{name}|>" for name in ("start", "channel", "message", "end", "return", "call", "constrain"))
"""The special tokens of OpenAI's harmony format."""
_CLOSINGS = {
    "<|channel>": "<channel|>",
    "<unused94>": "<unused95>", "<|begin_of_thought|>": "<|end_of_thought|>", "<|start_thinking|>": "<|END_THINKING|>",
    "<|inner_prefix|>": "<|inner_suffix|>",
}  # fmt: skip
LONGEST = 40
"""Characters of the longest opening mark, and more."""


def opening_at_end(text: str) -> str:
    """The opening mark that `text` ends with, but for white space; "" if it ends with none."""
    end = text.rstrip()
    for marks in MARKS:
        for match in marks.opening.finditer(end, max(0, len(end) - LONGEST)):
            if match.end() == len(end):
                return match[0]
    return ""


def closing_of(opening: str) -> str:
    """The mark that ends what `opening` begins."""
    name = opening.lower()
    known = (closing for begun, closing in _CLOSINGS.items() if name.startswith(begun))
    return next(known, f"{opening[0]}/{opening[1:]}")


def is_mark(token: str) -> bool:
    """Whether a token is a mark, or a part of one, without which reasoning could not be split from an answer."""
    pair = any(marks.opening.fullmatch(token) or marks.closing.fullmatch(token) for marks in MARKS)
    return pair or token in HARMONY
