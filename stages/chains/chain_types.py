"""The types of manual chains; how an intermediate task is added to a row, and split from a response again."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from stages.core.completions import Complete
from stages.core.records import Record, Status, Step
from stages.prompts import Template


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One link of a manual chain, as params.yaml defines it."""

    chain: str
    """A name in the registry CHAINS (stages/core/registry.py)."""
    prefix: str
    """The text before the instruction, in training and in evaluation: "First repeat the input, then"."""
    languages: tuple[str, ...] = ()
    """translate: codes of the languages that inputs are translated into."""
    share: float = 1.0
    """translate: share of the rows with an input that are translated, 0 to 1."""
    labels: tuple[str, str] | None = None
    """Headings of the intermediate result and of the answer; None: a line end separates them."""


class Resources(msgspec.Struct, frozen=True):
    """What chains use beside the row: seed, wording, aligned data, a model and its prompts."""

    seed: int = 0
    wording: Mapping[str, str] = {}
    """Chain -> its prefix, for links without a prefix of their own."""
    translations: Mapping[str, Mapping[str, str]] = {}
    """English text -> language -> its translation."""
    captions: Mapping[str, Sequence[str]] = {}
    """Image reference -> its captions."""
    complete: Complete | None = None
    templates: Mapping[str, Template] = {}
    """Chain -> the prompt file with which the model writes the intermediate result."""
    max_tokens: int = 2048
    """Longest reply of the model, in its tokens."""


class Intermediate(msgspec.Struct, frozen=True):
    """The result of an intermediate task, and how it was made."""

    text: str
    """The result itself."""
    input: str
    """The input of the chained row."""
    action: str
    """The action of the row's step: "repeat", "translate:de"."""
    status: Status = "ok"
    """If it is not "ok", the row is unchanged and the step records status and reason."""
    reason: str = ""
    generator: str = ""
    prompt: str = ""
    sampling: Mapping[str, Any] = {}
    replies: tuple[str, ...] = ()
    text_hashes: tuple[str, ...] = ()


Apply = Callable[[Link, Iterable[Record], Resources], Iterator[tuple[Record, Intermediate | None]]]
"""Rows -> the same rows in the same order, each with its intermediate result; None leaves a row unchanged."""


class Chain(NamedTuple):
    """A manual chain: an entry of the registry CHAINS."""

    apply: Apply
    repeats_input: bool = False
    """Whether the intermediate result is the input of the chained row, verbatim."""
    replaces_input: bool = False
    """Whether the intermediate result is the original input, and the chained row has another."""
    plain: Callable[[Record], Record] = lambda record: record
    """The row of the plain set, from which that of the chained set is made."""
    without_result: str = ""
    """Reason under which rows with an image that have no intermediate result are counted; "" if they are not."""


def per_row(intermediate: Callable[[Record, Link, Resources], Intermediate | None]) -> Apply:
    """The `Apply` of a chain that handles one row at a time. Rows without an input are unchanged (paper A.1)."""

    def apply(
        link: Link, records: Iterable[Record], resources: Resources
    ) -> Iterator[tuple[Record, Intermediate | None]]:
        return ((record, intermediate(record, link, resources) if record.input.strip() else None) for record in records)

    return apply


def prefixed(link: Link, instruction: str) -> str:
    """The instruction with the intermediate task before it; used for training and for tests."""
    return f"{link.prefix} {instruction}"


def add_task(record: Record, link: Link, result: Intermediate) -> Record:
    """The row with the intermediate task in its instruction and the task's result before its response."""
    step = Step(
        stage="augment", action=result.action, status=result.status, reason=result.reason,
        generator=result.generator, prompt=result.prompt, sampling=dict(result.sampling), replies=result.replies,
        text_hashes=result.text_hashes,
    )  # fmt: skip
    if result.status != "ok":
        return record.step(step)
    response = join_response(link, result.text, record.response)
    return record.step(
        step,
        instruction=prefixed(link, record.instruction),
        input=result.input,
        response=response,
        checks=msgspec.UNSET,
    )


def join_response(link: Link, intermediate: str, answer: str) -> str:
    """The response of a chained row."""
    return f"{link.labels[0]}\n{intermediate}{_heading(link)}{answer}" if link.labels else f"{intermediate}\n{answer}"


def split_response(link: Link, chain: Chain, response: str, input: str) -> tuple[str, str]:
    """(intermediate result, answer) of a chained response; the inverse of `join_response`. input: the row's.

    A model's output may have another form: what is missing is "" then.
    """
    if link.labels:
        intermediate, _, answer = response.removeprefix(f"{link.labels[0]}\n").partition(_heading(link))
    elif chain.repeats_input and response.startswith(f"{input}\n"):
        intermediate, answer = input, response[len(input) + 1 :]
    else:
        intermediate, _, answer = response.partition("\n")
    return intermediate, answer


def is_separable(link: Link, intermediate: str) -> bool:
    """Whether `split_response` finds the end of this intermediate result: it does not contain the answer's heading."""
    return not (link.labels and _heading(link) in f"{intermediate}{_heading(link)}"[:-1])


def formatted(link: Link, text: str) -> str:
    """A text as an intermediate result: on one line if there are no headings, since the first line end ends it."""
    return text.strip() if link.labels else " ".join(text.split())


def _heading(link: Link) -> str:
    return f"\n\n{link.labels[1]}\n" if link.labels else "\n"
