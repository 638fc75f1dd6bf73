"""Messages to token ids and back as a model's directory says: its chat template, its tokenizer, its ends."""

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

FAULTS = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)
"""What a template may raise besides Jinja's own errors."""
GUARD, END = "\ue0f0", "\ue0f1"
"""Private-use characters that mark places in a rendered text; doubled as long as a message contains them."""


class Chat:
    """A model's side of a conversation. Raises UserError for a directory without tokenizer or usable template."""

    def __init__(self, directory: Path, parts: bool = False) -> None:
        """`directory` is a Transformers directory; nothing of Transformers is imported.

        `parts`: whether its template wants pictures and text apart, as those of models that see do.
        """
        self._parts = parts
        self.tokenizer = tokenizer(directory)
        self._literal = tokenizer(directory, literal=True)
        config = _optional(directory / "tokenizer_config.json")
        self._special = {
            name: _content(config.get(name)) for name in ("bos_token", "eos_token", "pad_token", "unk_token")
        }
        self._ids = {token.content: number for number, token in self.tokenizer.get_added_tokens_decoder().items()}
        longest_first = sorted(self._ids, key=len, reverse=True)
        self._cut = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        self._template = _template(directory, config)
        self.ends = self._ends(directory)
        self._marks = self._special_marks()
        self._opening = self._opening_of_reasoning()

    def ids(self, prompt: Prompt) -> list[int]:
        """What a model is fed with for a prompt. Raises UserError if the template refuses its messages."""
        if prompt.raw:
            text = "\n\n".join(message.content for message in prompt.messages)
            # What the tokenizer puts before every text (a BOS, in Llama-3), and no special token that is in the text.
            return list(self._literal.encode(text, add_special_tokens=True).ids)
        ids = self.encode(prompt.messages, prompt.continue_final)
        if prompt.constraint and self._opening and not prompt.continue_final:
            # What a prompt enforces stands in the answer, not in the reasoning that the template has begun.
            after = f"\n{closing_of(self._opening)}\n\n"
            ids += self.tokenizer.encode(after, add_special_tokens=False).ids
        return ids

    def reply(self, prompt: Prompt, reply: Reply) -> Reply:
        """The reply to a prompt whose template begins the reasoning: with that beginning."""
        if not self._opening or prompt.raw or prompt.continue_final or prompt.constraint:
            return reply
        return replace(reply, text=self._opening + reply.text) if reply.status in ("ok", "truncated") else reply

    def _opening_of_reasoning(self) -> str:
        try:
            return opening_at_end(self.render([Message("user", "Hello.")]))
        except UserError:
            return ""

    def _special_marks(self) -> dict[int, str]:
        """Special tokens that mark reasoning: left out of a text, they would make it part of the answer."""
        tokens = self.tokenizer.get_added_tokens_decoder().items()
        marks = {number: token.content for number, token in tokens if token.special and is_mark(token.content)}
        # Phi and others end a turn with a token of that name, without channels.
        return marks if "<|channel|>" in marks.values() else {n: m for n, m in marks.items() if m not in HARMONY}

    def encode(self, messages: Sequence[Message], continue_final: bool = False) -> list[int]:
        """Token ids of the conversation up to where the assistant goes on.

        Only the template's own special tokens become special: what a row or a model wrote stays text, so that
        "<|im_end|>" in an instruction can't end the user's turn. Raises UserError if the template refuses the messages.
        """
        if not any(self._cut.search(message.content) for message in messages):
            return list(self.tokenizer.encode(self.render(messages, continue_final), add_special_tokens=False).ids)
        guard = _absent(GUARD, messages)
        guarded = [
            replace(m, content=self._cut.sub(lambda found: found[0][0] + guard + found[0][1:], m.content))
            for m in messages
        ]
        return self._pieces(self.render(guarded, continue_final), guard)

    def render(self, messages: Sequence[Message], continue_final: bool = False) -> str:
        """The conversation as text, as Transformers renders it; with `continue_final`, cut after the last message.

        Raises UserError where the template refuses the messages.
        """
        import jinja2

        end = _absent(END, messages)
        last = len(messages) - 1 if continue_final else None
        talk = [
            {"role": message.role, "content": self._shown(message, end if place == last else "")}
            for place, message in enumerate(messages)
        ]
        try:
            text = self._template.render(messages=talk, add_generation_prompt=not continue_final, **self._special)
        except (jinja2.TemplateError, *FAULTS) as error:
            why = " ".join(str(error).split())[:200] or type(error).__name__
            raise UserError(f"the chat template refuses these messages ({why})") from None
        return text.rpartition(end)[0] if continue_final else text

    def _shown(self, message: Message, after: str) -> str | list[dict[str, str]]:
        text = message.content + after
        return [*({"type": "image"} for _ in message.images), {"type": "text", "text": text}] if self._parts else text

    def decode(self, ids: Sequence[int]) -> str:
        """The text of a reply, without special tokens but for those that mark reasoning."""
        if self._marks.keys().isdisjoint(ids):
            return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))
        pieces = (list(group) for _, group in groupby(ids, self._marks.get))
        return "".join(
            "".join(self._marks[number] for number in piece) if piece[0] in self._marks
            else str(self.tokenizer.decode(piece, skip_special_tokens=True))
            for piece in pieces
        )  # fmt: skip

    def _pieces(self, text: str, guard: str) -> list[int]:
        ids: list[int] = []
        place = 0
        for found in [*self._cut.finditer(text), None]:
            piece = text[place : found.start() if found else None].replace(guard, "")
            ids += self._literal.encode(piece, add_special_tokens=False).ids
            if found:
                ids.append(self._ids[found[0]])
                place = found.end()
        return ids

    def _ends(self, directory: Path) -> frozenset[int]:
        """Ids that end a reply: what generation_config.json or config.json say, the tokenizer's eos, and padding."""
        said = _optional(directory / "config.json") | _optional(directory / "generation_config.json")
        value = said.get("eos_token_id")
        ends = set(value if isinstance(value, list) else [value])
        # A padding token is no text either: small models end with it as often as with eos.
        ends |= {self._ids.get(self._special["eos_token"]), self._ids.get(self._special["pad_token"])}
        return frozenset(number for number in ends if isinstance(number, int))


def cut(text: str, stops: Sequence[str]) -> tuple[str, bool]:
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
    said = "\n".join(message.content for message in messages)
    text = mark
    while text in said:
        text += mark
    return text
