"""The chat template that training and inference share: rendered as Transformers renders it, and checked."""

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from stages.core.completions import Message
from stages.core.errors import UserError

if TYPE_CHECKING:
    from jinja2 import Template

NONCES = ("zqxj one", "zqxj two", "zqxj three", "zqxj four")
"""Texts that no template contains, to see what a template puts around a turn."""


class Specials(msgspec.Struct, frozen=True):
    """The special tokens of a base model's tokenizer; "" for one that it has not."""

    bos: str
    eos: str
    pad: str
    every: tuple[str, ...]
    """All tokens that the tokenizer recognises inside a text and that are no text, these three among them."""
    leading_bos: bool
    """The tokenizer itself begins every text with `bos`, as the model is used to from its pre-training."""

    def named(self) -> dict[str, str]:
        """Those that exist, under the names that templates and Axolotl know them by."""
        named = {"bos_token": self.bos, "eos_token": self.eos, "pad_token": self.pad or self.eos}
        return {name: token for name, token in named.items() if token}


def complete(template: str, specials: Specials, own: bool) -> str:
    """One of our templates with the beginning-of-text token that the model expects; a model's own is complete."""
    if own:
        return template
    return ("{{ bos_token }}" if specials.leading_bos and specials.bos else "") + template.removesuffix("\n")


def render(template: str, specials: Specials, messages: Sequence[Message], reply: bool = False) -> str:
    """A conversation as text; `reply` opens the assistant's next turn.

    Rendered in a sandbox, since a template comes with a model and may be hostile. Raises UserError for a template that
    can't be rendered.
    """
    from jinja2 import TemplateError

    turns = [{"role": message.role, "content": message.content} for message in messages]
    values = {"messages": turns, "tools": None, "documents": None, "add_generation_prompt": reply}
    try:
        return _compiled(template).render(**values, **specials.named())
    except (TemplateError, ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"the chat template can't be rendered ({reason}); choose tulu or alpaca") from None


@lru_cache(maxsize=16)
def _compiled(template: str) -> "Template":
    from stages.core.chat_template_environment import chat_environment

    return chat_environment(dated=True).from_string(template)


def check(template: str, specials: Specials) -> None:
    """See that a model trained through `template` learns to stop, and is asked as it was trained.

    Raises UserError where a response is not followed by the end-of-sequence token, where a turn is dropped, or where
    what opens a reply at inference is not what stood before the response in training.
    """
    turns = _talk()
    whole = render(template, specials, turns)
    for count in (2, 4):
        told = render(template, specials, turns[:count])
        asked = render(template, specials, turns[: count - 1], reply=True)
        response = turns[count - 1].content
        if not told.startswith(asked + response):
            raise UserError("the chat template opens a reply otherwise than it writes one; choose tulu or alpaca")
        if not specials.eos or not told[len(asked + response) :].lstrip().startswith(specials.eos):
            raise UserError(
                f"the chat template does not end a response with the tokenizer's end of sequence {specials.eos!r}, so "
                "the model would never learn to stop; choose tulu or alpaca"
            )
    if not all(text in whole for text in NONCES):
        raise UserError("the chat template leaves turns of a conversation out; choose tulu or alpaca")


def around(template: str, specials: Specials) -> tuple[str, str, str]:
    """A conversation up to a reply, the same with the reply opened, and one of two exchanges."""
    turns = _talk()
    return (
        render(template, specials, turns[:1]), render(template, specials, turns[:1], reply=True),
        render(template, specials, turns),
    )  # fmt: skip


def structural(template: str, specials: Specials) -> tuple[str, ...]:
    """The special tokens that have a meaning in a conversation: the three, and those that the template itself writes.

    A model knows more of them; SmolLM2's `<filename>` or `<empty_output>` may well be meant as they stand in a text.
    """
    whole = render(template, specials, _talk(), reply=True)
    with suppress(UserError):  # some models know no system turn
        whole += render(template, specials, [Message("system", NONCES[0]), *_talk()], reply=True)
    named = specials.named().values()
    return tuple(token for token in specials.every if token in named or token in whole)


def forged(messages: Sequence[Message], tokens: Sequence[str]) -> bool:
    """Whether a text holds one of these tokens, which the tokenizer would take for the real one: a turn's end, say."""
    return any(token in message.content for message in messages for token in tokens)


def _talk() -> list[Message]:
    return [Message("user" if i % 2 == 0 else "assistant", text) for i, text in enumerate(NONCES)]
