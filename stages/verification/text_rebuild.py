"""Rebuilds a row's texts from its stored replies, by the parsers that made them, without a model."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from stages.core.completions import Message
from stages.core.errors import UserError
from stages.prompts import Template
from stages.reasoning import split_reasoning
from stages.reply_store.stored_reply import StoredReply
from stages.seqinstruct.rounds import rewritten_text

SENTINEL = "seqit\u2060sentinel"
"""A value that is found again in a rendered prompt; no corpus holds it."""
_PLAIN = re.compile(r"\{\{-?\s*instruction\s*(\|\s*truncate\(\d+\)\s*)?-?\}\}")
_EXPRESSION = re.compile(r"\{[{%].*?[}%]\}", re.DOTALL)
ELLIPSIS = "..."
"""What Jinja's `truncate` ends a text with."""


class Rewriting(NamedTuple):
    """The outcome of one rewriting step."""

    instruction: str | None
    """The new instruction; None where it can't be rebuilt."""
    reason: str
    """Why not; "" where it can."""
    is_mismatch: bool
    """Whether the reason is a difference, and not something that is missing."""


def answer(stored: StoredReply) -> str:
    """A stored reply's text without the model's reasoning."""
    constraint = stored.payload.setting.constraint
    if constraint and stored.text in constraint.choice:
        return stored.text
    return split_reasoning(stored.text, ended=stored.status == "ok").answer


def rebuild(template: Template, variables: Mapping[str, str], stored: StoredReply) -> Rewriting:
    """The instruction that a reply to a prompt file makes of a row's instruction and input."""
    try:
        made = rewritten_text(template, variables, answer(stored), truncated=stored.status == "truncated")
    except UserError as error:
        return Rewriting(None, f"the prompt file can't be rendered: {error}", False)
    if made is None:
        return Rewriting(None, "the stored reply states no instruction", True)
    return Rewriting(made[1], "", False)


def renders(template: Template, variables: Mapping[str, str], stored: StoredReply) -> bool:
    """Whether a stored request is the prompt file with these values, in any order of the worked examples."""
    try:
        rendered = template.ordered(variables, 0)
    except UserError:
        return False
    setting = stored.payload.setting
    # A choice among letters takes the place of the file's regex.
    regex = setting.constraint.regex if setting.constraint and not setting.constraint.choice else rendered.regex
    return (
        _parts(rendered.messages) == _parts(stored.payload.messages)
        and rendered.messages[-1] == stored.payload.messages[-1]
        and (rendered.continue_final, rendered.regex) == (setting.continue_final, regex)
    )


def _parts(messages: tuple[Message, ...]) -> Counter[tuple[str, str]]:
    return Counter((message.role, message.content) for message in messages)


def _is_plain(template: Template) -> bool:
    """Whether the user's message shows the instruction as it is, or cut; a filter may have changed its ends."""
    users = [_PLAIN.sub("", text) for name, text in template.blocks if name == "user"]
    return not any("instruction" in expression for text in users for expression in _EXPRESSION.findall(text))


def original(template: Template, given: str, stored: StoredReply) -> str | None:
    """The instruction in a stored request to a prompt file; None where the request does not show all of it."""
    if not _is_plain(template):
        return None
    try:
        shown = template.ordered({"instruction": SENTINEL, "input": given}, 0).messages
    except UserError:
        return None
    pairs = zip(reversed(shown), reversed(stored.payload.messages), strict=False)
    for pattern, message in pairs:
        before, mark, after = pattern.content.partition(SENTINEL)
        content = message.content
        if not mark or not content.startswith(before) or not content.endswith(after):
            continue
        text = content[len(before) : len(content) - len(after)]
        variables = {"instruction": text, "input": given}
        return text if not text.endswith(ELLIPSIS) and renders(template, variables, stored) else None
    return None
