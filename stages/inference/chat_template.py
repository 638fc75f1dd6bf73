"""Messages to token ids and back, with the chat template, tokenizer and end tokens of a model's directory."""

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from stages.core import artifacts
from stages.core.completions import Message, Prompt, Reply
from stages.core.errors import UserError
from stages.model_files.token_lengths import tokenizer
from stages.reasoning.marks import HARMONY, closing_of, is_mark, opening_at_end

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATE_ERRORS = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)
"""What a template may raise besides Jinja's own errors."""
GUARD, END = "\ue0f0", "\ue0f1"
"""Private-use characters that mark places in a rendered text; repeated until no message contains them."""


class ChatTemplate:
    """A model's tokenizer and chat template. Raises UserError for a directory without either, or with a broken one."""

    def __init__(self, directory: Path, content_parts: bool = False) -> None:
        """`directory` is a Transformers directory; nothing of Transformers is imported.

        `content_parts`: whether its template takes a message as a list of pictures and text, as those of
        vision-language models do.
        """
        self._content_parts = content_parts
        self.tokenizer = tokenizer(directory)
        self._literal = tokenizer(directory, literal=True)
        config = _optional(directory / "tokenizer_config.json")
        self._special = {
            name: _content(config.get(name)) for name in ("bos_token", "eos_token", "pad_token", "unk_token")
        }
        self._ids = {token.content: number for number, token in self.tokenizer.get_added_tokens_decoder().items()}
        longest_first = sorted(self._ids, key=len, reverse=True)
        self._special_pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        self._template = _template(directory, config)
        self.ends = self._ends(directory)
        self._marks = self._special_marks()
        self._opening = self._opening_of_reasoning()

    def ids(self, prompt: Prompt) -> list[int]:
        """The token ids of a prompt. Raises UserError if the template refuses its messages."""
        if prompt.raw:
            text = "\n\n".join(message.content for message in prompt.messages)
            # With the token that the tokenizer puts before every text (Llama-3's BOS); special tokens in it stay text.
            return list(self._literal.encode(text, add_special_tokens=True).ids)
        ids = self.encode(prompt.messages, prompt.continue_final)
        if prompt.constraint and self._opening and not prompt.continue_final:
            # A constraint applies to the answer, not to the reasoning that the template has begun.
            after = f"\n{closing_of(self._opening)}\n\n"
            ids += self.tokenizer.encode(after, add_special_tokens=False).ids
        return ids

    def reply(self, prompt: Prompt, reply: Reply) -> Reply:
        """The reply with the beginning of the reasoning, where the template has written it."""
        if not self._opening or prompt.raw or prompt.continue_final or prompt.constraint:
            return reply
        return replace(reply, text=self._opening + reply.text) if reply.status in ("ok", "truncated") else reply

    def _opening_of_reasoning(self) -> str:
        try:
            return opening_at_end(self.render([Message("user", "Hello.")]))
        except UserError:
            return ""

    def _special_marks(self) -> dict[int, str]:
        """Special tokens that mark reasoning: without them, the reasoning would be part of the answer."""
        tokens = self.tokenizer.get_added_tokens_decoder().items()
        marks = {number: token.content for number, token in tokens if token.special and is_mark(token.content)}
        # Phi and others end a turn with a token of that name, without channels.
        return marks if "<|channel|>" in marks.values() else {n: m for n, m in marks.items() if m not in HARMONY}

    def encode(self, messages: Sequence[Message], continue_final: bool = False) -> list[int]:
        """Token ids of the conversation up to where the assistant continues.

        Only the template's own special tokens become special: the text of a row or a model stays text, so that
        "<|im_end|>" in an instruction can't end the user's turn. Raises UserError if the template refuses the messages.
        """
        if not any(self._special_pattern.search(message.content) for message in messages):
            return list(self.tokenizer.encode(self.render(messages, continue_final), add_special_tokens=False).ids)
        guard = _absent(GUARD, messages)
        guarded = [
            replace(m, content=self._special_pattern.sub(lambda match: match[0][0] + guard + match[0][1:], m.content))
            for m in messages
        ]
        return self._encode_guarded(self.render(guarded, continue_final), guard)

    def render(self, messages: Sequence[Message], continue_final: bool = False) -> str:
        """The conversation as text, as Transformers renders it; with `continue_final`, cut after the last message.

        Raises UserError where the template refuses the messages.
        """
        import jinja2

        end = _absent(END, messages)
        last = len(messages) - 1 if continue_final else None
        conversation = [
            {"role": message.role, "content": self._template_content(message, end if place == last else "")}
            for place, message in enumerate(messages)
        ]
        try:
            text = self._template.render(
                messages=conversation, add_generation_prompt=not continue_final, **self._special
            )
        except (jinja2.TemplateError, *TEMPLATE_ERRORS) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise UserError(f"the chat template refuses these messages ({reason})") from None
        return text.rpartition(end)[0] if continue_final else text

    def _template_content(self, message: Message, after: str) -> str | list[dict[str, str]]:
        text = message.content + after
        return (
            [*({"type": "image"} for _ in message.images), {"type": "text", "text": text}]
            if self._content_parts
            else text
        )

    def decode(self, ids: Sequence[int]) -> str:
        """The text of a reply's tokens, without special tokens other than those that mark reasoning."""
        if self._marks.keys().isdisjoint(ids):
            return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))
        pieces = (list(group) for _, group in groupby(ids, self._marks.get))
        return "".join(
            "".join(self._marks[number] for number in piece) if piece[0] in self._marks
            else str(self.tokenizer.decode(piece, skip_special_tokens=True))
            for piece in pieces
        )  # fmt: skip

    def _encode_guarded(self, text: str, guard: str) -> list[int]:
        ids: list[int] = []
        place = 0
        for match in [*self._special_pattern.finditer(text), None]:
            piece = text[place : match.start() if match else None].replace(guard, "")
            ids += self._literal.encode(piece, add_special_tokens=False).ids
            if match:
                ids.append(self._ids[match[0]])
                place = match.end()
        return ids

    def _ends(self, directory: Path) -> frozenset[int]:
        """Ids that end a reply: those of the model's configuration, the tokenizer's eos and its padding token."""
        config = _optional(directory / "config.json") | _optional(directory / "generation_config.json")
        value = config.get("eos_token_id")
        ends = set(value if isinstance(value, list) else [value])
        # A padding token is not text either: small models end with it as often as with eos.
        ends |= {self._ids.get(self._special["eos_token"]), self._ids.get(self._special["pad_token"])}
        return frozenset(number for number in ends if isinstance(number, int))


def cut_at_stop(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """The text before the first of `stops`, and whether there was one."""
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    return (text[: min(places)], True) if places else (text, False)


def _template(directory: Path, config: dict[str, Any]) -> "Template":
    import jinja2

    from stages.core.chat_template_environment import chat_environment

    path = directory / "chat_template.jinja"
    source = artifacts.read_text(path) if path.is_file() else config.get("chat_template")
    if not isinstance(source, str):
        raise UserError(
            f"{directory}: has no chat_template.jinja; write the template that the model was trained with into it"
        )
    try:
        return chat_environment(dated=False).from_string(source)
    except jinja2.TemplateError as error:
        raise UserError(f"{path}: {' '.join(str(error).split())}; mend the template") from None


def _optional(path: Path) -> dict[str, Any]:
    return artifacts.read_json(path, dict[str, Any]) if path.is_file() else {}


def _content(token: Any) -> str:
    return str(token.get("content", "") if isinstance(token, dict) else token or "")


def _absent(mark: str, messages: Sequence[Message]) -> str:
    texts = "\n".join(message.content for message in messages)
    text = mark
    while text in texts:
        text += mark
    return text
