"""Rebuilds a row's texts from its stored replies, by the parsers that made them, without a model."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from stages.core.completions import Message
from stages.core.errors import UserError
from stages.prompts import Rendered, Template
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


class Renderings:
    """Prompt files rendered with the values of the row at hand, each once."""

    MOST = 64
    """Renderings that are kept: a row's prompt files are held against each of its requests."""

    def __init__(self) -> None:
        """None yet."""
        self._kept: dict[tuple[str, str, str], Rendered | None] = {}

    def of(self, template: Template, variables: Mapping[str, str]) -> Rendered | None:
        """A prompt file with these values, its worked examples as written; None where it can't be rendered."""
        key = (template.hash, variables["instruction"], variables["input"])
        if key not in self._kept:
            if len(self._kept) >= self.MOST:
                self._kept.clear()
            try:
                self._kept[key] = template.ordered(variables, 0)
            except UserError:
                self._kept[key] = None
        return self._kept[key]


_RENDERINGS = Renderings()


def renders(template: Template, variables: Mapping[str, str], stored: StoredReply) -> bool:
    """Whether a stored request is the prompt file with these values, in any order of the worked examples."""
    rendered = _RENDERINGS.of(template, variables)
    ours, theirs = rendered.messages if rendered else (), stored.payload.messages
    if rendered is None or len(ours) != len(theirs) or ours[-1] != theirs[-1]:
        return False
    setting = stored.payload.setting
    # A choice among letters takes the place of the file's regex.
    regex = setting.constraint.regex if setting.constraint and not setting.constraint.choice else rendered.regex
    return (rendered.continue_final, rendered.regex) == (setting.continue_final, regex) and (
        ours == theirs or _parts(ours) == _parts(theirs)
    )


def _parts(messages: tuple[Message, ...]) -> list[tuple[str, str]]:
    return sorted([(message.role, message.content) for message in messages])


def _is_plain(template: Template) -> bool:
    """Whether the user's message shows the instruction as it is, or cut; a filter may have changed its ends."""
    users = [_PLAIN.sub("", text) for name, text in template.blocks if name == "user"]
    return not any("instruction" in expression for text in users for expression in _EXPRESSION.findall(text))


def original(template: Template, given: str, stored: StoredReply) -> str | None:
    """The instruction in a stored request to a prompt file; None where the request does not show all of it."""
    if not _is_plain(template):
        return None
    shown = _RENDERINGS.of(template, {"instruction": SENTINEL, "input": given})
    if shown is None:
        return None
    pairs = zip(reversed(shown.messages), reversed(stored.payload.messages), strict=False)
    for pattern, message in pairs:
        before, mark, after = pattern.content.partition(SENTINEL)
        content = message.content
        if not mark or not content.startswith(before) or not content.endswith(after):
            continue
        text = content[len(before) : len(content) - len(after)]
        variables = {"instruction": text, "input": given}
        return text if not text.endswith(ELLIPSIS) and renders(template, variables, stored) else None
    return None
