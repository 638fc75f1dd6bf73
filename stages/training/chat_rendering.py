"""Renders chat templates for training as Transformers does, and checks that a model can be trained through one."""

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from stages.core.completions import Message
from stages.core.errors import UserError

if TYPE_CHECKING:
    from jinja2 import Template

EXAMPLE_TEXTS = ("zqxj one", "zqxj two", "zqxj three", "zqxj four")
"""Texts that no template contains, used to see what a template adds around a turn."""


class Specials(msgspec.Struct, frozen=True):
    """The special tokens of a base model's tokenizer; "" for one that it lacks."""

    bos: str
    eos: str
    pad: str
    every: tuple[str, ...]
    """All tokens that the tokenizer recognises inside a text as special, these three among them."""
    leading_bos: bool
    """Whether the tokenizer begins every text with `bos`."""

    def named(self) -> dict[str, str]:
        """The tokens that exist, by the names that templates and Axolotl use."""
        named = {"bos_token": self.bos, "eos_token": self.eos, "pad_token": self.pad or self.eos}
        return {name: token for name, token in named.items() if token}


def complete(template: str, specials: Specials, own: bool) -> str:
    """A template of ours with the beginning-of-text token that the model expects; a model's own (`own`) is
    unchanged."""
    if own:
        return template
    return ("{{ bos_token }}" if specials.leading_bos and specials.bos else "") + template.removesuffix("\n")


def render(template: str, specials: Specials, messages: Sequence[Message], reply: bool = False) -> str:
    """A conversation as text; with `reply`, the assistant's next turn is opened at the end.

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
    """Check that a model trained through `template` learns to stop, and that inference sends what training showed.

    Raises UserError where a response is not followed by the end-of-sequence token, where a turn is dropped, or where
    the text before a reply differs between inference and training.
    """
    turns = _example()
    conversation = render(template, specials, turns)
    for count in (2, 4):
        training = render(template, specials, turns[:count])
        inference = render(template, specials, turns[: count - 1], reply=True)
        response = turns[count - 1].content
        if not training.startswith(inference + response):
            raise UserError(
                "the chat template opens a reply otherwise than it writes one; choose tulu or alpaca, or loss: last"
            )
        if not specials.eos or not training[len(inference + response) :].lstrip().startswith(specials.eos):
            raise UserError(
                f"the chat template does not end a response with the tokenizer's end of sequence {specials.eos!r}, so "
                "the model would never learn to stop; choose tulu or alpaca"
            )
    if not all(text in conversation for text in EXAMPLE_TEXTS):
        raise UserError("the chat template leaves turns of a conversation out; choose tulu or alpaca")


def check_last(template: str, specials: Specials) -> None:
    """Check that the last reply of a conversation can be learned through `template`, whatever it makes of earlier ones.

    Raises UserError where the text before a reply lacks what a user said, and for a tokenizer without an end of
    sequence.
    """
    turns = _example()
    request = render(template, specials, turns[:-1], reply=True)
    if not specials.eos:
        raise UserError("the tokenizer has no end of sequence, so the model would never learn to stop")
    if not all(turn.content in request for turn in turns if turn.role == "user"):
        raise UserError("the chat template leaves turns of a conversation out; choose tulu or alpaca")
    if request == render(template, specials, turns[:-1]):
        raise UserError("the chat template does not open a reply, so the model can't know whose turn it is")


def example_conversations(template: str, specials: Specials) -> tuple[str, str, str]:
    """Three renderings of an example: the request, the request with the reply opened, and two whole exchanges."""
    turns = _example()
    return (
        render(template, specials, turns[:1]), render(template, specials, turns[:1], reply=True),
        render(template, specials, turns),
    )  # fmt: skip


def structural(template: str, specials: Specials) -> tuple[str, ...]:
    """The special tokens that structure a conversation: bos, eos, pad and those that the template writes.

    Other special tokens, such as SmolLM2's `<filename>`, may occur in a text literally.
    """
    rendered = render(template, specials, _example(), reply=True)
    with suppress(UserError):  # some templates refuse a system turn
        rendered += render(template, specials, [Message("system", EXAMPLE_TEXTS[0]), *_example()], reply=True)
    named = specials.named().values()
    return tuple(token for token in specials.every if token in named or token in rendered)


def forged(messages: Sequence[Message], tokens: Sequence[str]) -> bool:
    """Whether a text contains one of `tokens`, which the tokenizer would read as the special token, such as a turn's
    end."""
    return any(token in message.content for message in messages for token in tokens)


def _example() -> list[Message]:
    return [Message("user" if i % 2 == 0 else "assistant", text) for i, text in enumerate(EXAMPLE_TEXTS)]
