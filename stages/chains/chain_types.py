"""What a link of a chain is, and how its intermediate task enters a row and can be taken out again."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from stages.core.completions import Complete
from stages.core.records import Record, Status, Step
from stages.prompts import Template


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One link, as params.yaml has it."""

    chain: str
    """A key of CHAINS."""
    prefix: str
    """What is said before the instruction, in training and in evaluation: "First repeat the input, then"."""
    languages: tuple[str, ...] = ()
    """translate: codes of the languages that inputs are translated into."""
    share: float = 1.0
    """translate: share of the rows with an input that are translated, 0 to 1."""
    labels: tuple[str, str] | None = None
    """Headings of the intermediate result and of the answer; None: a new line parts them."""


class Means(msgspec.Struct, frozen=True):
    """What chains draw on beside the row."""

    seed: int = 0
    wording: Mapping[str, str] = {}
    """Chain -> its prefix, for links that have none of their own."""
    translations: Mapping[str, Mapping[str, str]] = {}
    """English text -> language -> its translation."""
    captions: Mapping[str, Sequence[str]] = {}
    """Image reference -> its captions."""
    complete: Complete | None = None
    templates: Mapping[str, Template] = {}
    """Chain -> the prompt file by which the model writes its intermediate result."""
    max_tokens: int = 2048
    """Longest reply of the model, in its tokens."""


class Middle(msgspec.Struct, frozen=True):
    """What a chain does to a row."""

    text: str
    """The result of the intermediate task."""
    input: str
    """The new input."""
    action: str
    """For the row's step: "repeat", "translate:de"."""
    status: Status = "ok"
    """Where it is not "ok" the row stays as it is, and the step says why."""
    reason: str = ""
    generator: str = ""
    prompt: str = ""
    sampling: Mapping[str, Any] = {}
    replies: tuple[str, ...] = ()
    text_hashes: tuple[str, ...] = ()


Make = Callable[[Link, Iterable[Record], Means], Iterator[tuple[Record, Middle | None]]]
"""Rows in, the same rows in the same order with what is done to them; None leaves a row as it is."""


class Chain(NamedTuple):
    """A kind of link."""

    make: Make
    repeats: bool = False
    """Whether the intermediate result is the row's new input, word by word."""
    plain: Callable[[Record], Record] = lambda record: record
    """The row as the plain set has it, which the chained set starts from."""


def each(middle: Callable[[Record, Link, Means], Middle | None]) -> Make:
    """A chain that looks at one row at a time. Rows without an input stay as they are (paper A.1)."""

    def make(link: Link, records: Iterable[Record], means: Means) -> Iterator[tuple[Record, Middle | None]]:
        return ((record, middle(record, link, means) if record.input.strip() else None) for record in records)

    return make


def instruct(link: Link, instruction: str) -> str:
    """The instruction with the intermediate task before it: the one wording for training and for tests."""
    return f"{link.prefix} {instruction}"


def enter(record: Record, link: Link, middle: Middle) -> Record:
    """The row with the intermediate task in its instruction and the task's result before its response."""
    step = Step(
        stage="augment", action=middle.action, status=middle.status, reason=middle.reason,
        generator=middle.generator, prompt=middle.prompt, sampling=dict(middle.sampling), replies=middle.replies,
        text_hashes=middle.text_hashes,
    )  # fmt: skip
    if middle.status != "ok":
        return record.step(step)
    response = join(link, middle.text, record.response)
    return record.step(step, instruction=instruct(link, record.instruction), input=middle.input, response=response)


def join(link: Link, middle: str, answer: str) -> str:
    """The chained response."""
    return f"{link.labels[0]}\n{middle}{_heading(link)}{answer}" if link.labels else f"{middle}\n{answer}"


def part(link: Link, chain: Chain, response: str, input: str) -> tuple[str, str]:
    """(intermediate result, answer) of a chained response; `join` undone. input: the row's.

    For a model's own output that does not keep to the form, both are what was found, or "".
    """
    if link.labels:
        middle, _, answer = response.removeprefix(f"{link.labels[0]}\n").partition(_heading(link))
    elif chain.repeats and response.startswith(f"{input}\n"):
        middle, answer = input, response[len(input) + 1 :]
    else:
        middle, _, answer = response.partition("\n")
    return middle, answer


def fits(link: Link, middle: str) -> bool:
    """Whether the answer can be told from this intermediate result: it does not hold the answer's heading itself."""
    return not (link.labels and _heading(link) in f"{middle}{_heading(link)}"[:-1])


def laid_out(link: Link, text: str) -> str:
    """A text as an intermediate result: without headings it goes on one line, so that the first new line ends it."""
    return text.strip() if link.labels else " ".join(text.split())


def _heading(link: Link) -> str:
    return f"\n\n{link.labels[1]}\n" if link.labels else "\n"
