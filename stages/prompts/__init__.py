"""Prompt files: one text file a prompt, strictly rendered, replaceable through params.yaml.

A file is a sequence of blocks, each opened by a line of its own; text before the first block is a comment.

    --- system          the system message
    --- example         the user's side of a worked example, once for each
    --- reply           the assistant's side of that example
    --- user            the user's message; exactly one
    --- begin           the beginning of the assistant's reply, which the model continues
    --- regex           what the model's text must match; taken as it stands, not rendered
    --- frame           what is made of the model's text, `reply`, where that is not the text itself

Blocks are Jinja templates in a sandbox. They are cut apart before they are rendered, so that no value, however hostile,
can open a block; a missing variable is an error. Filters beside Jinja's own: `sentence` ends a text as a sentence,
`continued` lets it go on within one.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache, partial
from random import Random

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from stages.core.completions import Constraint, Message, Prompt, Sampling
from stages.core.errors import UserError
from stages.core.records import digest

BLOCKS = ("system", "example", "reply", "user", "begin", "regex", "frame")
_HEADING = re.compile(r"^--- *(.*?) *$", re.MULTILINE)
_ONCE = ("system", "user", "begin", "regex", "frame")


@dataclass(frozen=True)
class Rendered:
    """A prompt with its values filled in."""

    messages: tuple[Message, ...]
    prefix: str
    """Equal for prompts that begin alike: the hash of everything before the last user message."""
    continue_final: bool
    """The last message is the beginning of the assistant's reply."""
    regex: str
    """What the model's text must match; "" for anything."""
    begin: str
    """The beginning that the model continues; "" where there is none."""

    def prompt(
        self, sampling: Sampling, seed: int, purpose: str, sample: int = 0, constraint: Constraint | None = None
    ) -> Prompt:
        """The request for a model; `constraint` stands in for the file's regex. See `Prompt` for the others."""
        regex = Constraint(regex=self.regex) if self.regex else None
        return Prompt(
            self.messages, sampling, seed, sample=sample, constraint=constraint or regex, purpose=purpose,
            prefix=self.prefix, continue_final=self.continue_final,
        )  # fmt: skip


@dataclass(frozen=True)
class Template:
    """A parsed prompt file."""

    name: str
    text: str
    blocks: tuple[tuple[str, str], ...]

    @cached_property
    def hash(self) -> str:
        """The first 16 hexadecimal digits of the file's SHA-256 (of its text as canonical JSON)."""
        return digest(self.text, 16)

    @property
    def framed(self) -> bool:
        """Whether the file has a frame, which is put around the model's text."""
        return self._one("frame") is not None

    @property
    def replies(self) -> list[str]:
        """The replies of the worked examples, unrendered."""
        return [text for name, text in self.blocks if name == "reply"]

    def render(self, values: Mapping[str, str], rng: Random | None = None, orders: int = 1) -> Rendered:
        """The prompt for `values`; `rng` draws one of `orders` fixed orders of the worked examples.

        Raises UserError for a variable that `values` lacks.
        """
        return self.ordered(values, rng.randrange(orders) if rng and orders > 1 else 0)

    def ordered(self, values: Mapping[str, str], order: int) -> Rendered:
        """The prompt with its worked examples in the order of that number; 0 is as written."""
        opening, prefix = self._fixed_opening(order) if self._opens_alike else self._opening(values, order)
        begin = self.begin(values)
        closing = [*self._turns(["user"], values), *([Message("assistant", begin)] if begin else [])]
        return Rendered(
            messages=(*opening, *closing), prefix=prefix, continue_final=bool(begin), regex=self._one("regex") or "",
            begin=begin,
        )  # fmt: skip

    @cached_property
    def _opens_alike(self) -> bool:
        """Whether the system message and the worked examples have no variables: then they are rendered once."""
        return not any("{" in text for name, text in self.blocks if name in ("system", "example", "reply"))

    @cached_property
    def _fixed_opening(self) -> Callable[[int], tuple[list[Message], str]]:
        return cache(partial(self._opening, {}))

    def _opening(self, values: Mapping[str, str], order: int) -> tuple[list[Message], str]:
        """The messages before the last one of the user, and their hash."""
        opening = [*self._turns(["system"], values), *self._examples(values, order)]
        return opening, digest([[message.role, message.content] for message in opening], 16)

    def begin(self, values: Mapping[str, str]) -> str:
        """The beginning of the reply that the model continues; "" where there is none."""
        return self._filled("begin", values)

    def frame(self, values: Mapping[str, str], reply: str) -> str:
        """The model's text in the frame of the file."""
        return self._filled("frame", {**values, "reply": reply})

    def allows(self, text: str) -> bool:
        """Whether the file's regex matches the whole of `text`: an engine that can't enforce it may have ignored it."""
        regex = self._one("regex")
        return regex is None or re.fullmatch(regex, text) is not None

    def _examples(self, values: Mapping[str, str], order: int) -> list[Message]:
        sides = [text for name, text in self.blocks if name in ("example", "reply")]
        pairs = list(zip(sides[::2], sides[1::2], strict=True))
        if order:
            Random(f"order:{order}").shuffle(pairs)
        roles = [(role, text) for pair in pairs for role, text in zip(("user", "assistant"), pair, strict=True)]
        return [Message(role, self._fill(text, values)) for role, text in roles]  # type: ignore[arg-type]

    def _turns(self, names: list[str], values: Mapping[str, str]) -> list[Message]:
        return [Message(name, self._fill(text, values)) for name, text in self.blocks if name in names]  # type: ignore[arg-type]

    def _one(self, wanted: str) -> str | None:
        return next((text for name, text in self.blocks if name == wanted), None)

    def _filled(self, name: str, values: Mapping[str, str]) -> str:
        text = self._one(name)
        return "" if text is None else self._fill(text, values)

    def _fill(self, text: str, values: Mapping[str, str]) -> str:
        if "{" not in text:
            return text
        try:
            return _compiled(text).render(values)
        except jinja2.UndefinedError as error:
            known = ", ".join(sorted(values))
            raise UserError(f"{self.name}: {error.message}; the variables here are {known}") from None
        except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError) as error:
            raise UserError(f"{self.name}: can't be rendered: {error}; correct the prompt file") from None


def parse(text: str, name: str) -> Template:
    """A prompt file's text as a template; `name` is for messages.

    Raises UserError for an unknown, missing, doubled or unpaired block, and for what is not Jinja.
    """
    parts = _HEADING.split(text.replace("\r\n", "\n"))
    blocks = tuple((heading, body.strip()) for heading, body in zip(parts[1::2], parts[2::2], strict=True))
    _check([heading for heading, _ in blocks], name)
    for heading, body in blocks:
        try:
            re.compile(body) if heading == "regex" else _ENVIRONMENT.parse(body)
        except (jinja2.TemplateSyntaxError, re.error, OverflowError, RecursionError) as error:
            raise UserError(f"{name}: block `--- {heading}`: {error}; correct the prompt file") from None
    return Template(name, text, blocks)


def _check(headings: list[str], name: str) -> None:
    if unknown := [heading for heading in headings if heading not in BLOCKS]:
        raise UserError(f"{name}: unknown block `--- {unknown[0]}`; known are {', '.join(BLOCKS)}")
    if "user" not in headings:
        raise UserError(f"{name}: has no block `--- user`; every prompt needs one")
    if doubled := [heading for heading in _ONCE if headings.count(heading) > 1]:
        raise UserError(f"{name}: has more than one block `--- {doubled[0]}`; keep one")
    sides = [heading for heading in headings if heading in ("example", "reply")]
    if sides != ["example", "reply"] * (len(sides) // 2):
        raise UserError(f"{name}: each `--- example` needs one `--- reply` after it")


def sentence(text: str) -> str:
    """`text` ended as a sentence: a full stop unless it ends in a mark, a bracket or a fence of its own."""
    text = text.rstrip()
    return text if not text or text[-1] in ".!?:;…。！？؟।|`)]}\"'”’»" else f"{text}."


def continued(text: str) -> str:
    """`text` to go on within a sentence: its first letter small, unless its first word is a name or an abbreviation."""
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    plain = first[:1].isupper() and (first[1:].islower() or first == "A")
    return f"{text[:1].lower()}{text[1:]}" if plain else text


@lru_cache(256)
def _compiled(text: str) -> jinja2.Template:
    # A block is rendered for every row; compiling it takes far longer than filling it in.
    return _ENVIRONMENT.from_string(text)


def _environment() -> jinja2.Environment:
    environment = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(sentence=sentence, continued=continued)
    return environment


_ENVIRONMENT = _environment()
