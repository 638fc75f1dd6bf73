"""A judge's opinion of a response: whether everything was answered, and how well (paper B.5; Zheng et al., 2023)."""

import re
from collections.abc import Iterable, Iterator

import msgspec

from stages.judges.asking import Opinion, reason
from stages.messages import Complete, Constraint, Prompt, Reply, Sampling, ask, draw_seed
from stages.prompts import Template

Exchange = tuple[str, str, str]
"""What is judged: (id, instruction, response)."""
_VERDICT = re.compile(r"\[\[\s*[\"'*]*([A-Za-z]+)[\"'*]*\s*,\s*[\"'*]*(\d+(?:\.\d+)?)[\"'*]*\s*\]\]")


class Verdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a judge decided."""

    answered: bool
    """Whether every request of the instruction was answered."""
    rating: int
    """Quality from 1 to 5."""


class Judgement(Opinion, frozen=True):
    """A judge's opinion of one exchange."""

    values: dict[str, float]
    """following (0 or 1) and quality (1 to 5); empty if there is no verdict."""


class _Case(msgspec.Struct, frozen=True):
    exchange: Exchange | None
    replies: tuple[Reply, ...] = ()


def parse_verdict(text: str) -> Verdict | None:
    """The last "[[Yes, 4]]" in `text`; None if there is none, or if it says anything but yes or no and 1 to 5."""
    stated = _VERDICT.findall(text)
    if not stated:
        return None
    answered, rating = stated[-1][0].lower(), stated[-1][1]
    if answered not in ("yes", "no") or rating not in ("1", "2", "3", "4", "5"):
        return None
    return Verdict(answered == "yes", int(rating))


def judge(
    complete: Complete,
    template: Template,
    sampling: Sampling,
    attempts: int,
    seed: int,
    exchanges: Iterable[Exchange | None],
) -> Iterator[Judgement | None]:
    """A judgement for each exchange, in order; None passes by unasked.

    A reply without a verdict is asked for again, up to `attempts` times in all. The template gets `instruction` and
    `response`, which are data: nothing in them can open a block of it.
    """
    cases: Iterator[_Case] = (_Case(exchange) for exchange in exchanges)
    for attempt in range(attempts):
        cases = _asked(complete, cases, template, sampling, seed, attempt)
    return map(_judgement, cases)


def _asked(
    complete: Complete, cases: Iterator[_Case], template: Template, sampling: Sampling, seed: int, attempt: int
) -> Iterator[_Case]:
    def prompt(case: _Case) -> Prompt | None:
        settled = case.replies and parse_verdict(case.replies[-1].text)
        return None if case.exchange is None or settled else _prompt(case.exchange, template, sampling, seed, attempt)

    for case, reply in ask(complete, cases, prompt):
        yield case if reply is None else msgspec.structs.replace(case, replies=(*case.replies, reply))


def _prompt(exchange: Exchange, template: Template, sampling: Sampling, seed: int, attempt: int) -> Prompt:
    name, instruction, response = exchange
    rendered = template.render({"instruction": instruction, "response": response})
    return Prompt(
        messages=rendered.messages,
        sampling=sampling,
        seed=draw_seed(seed, name, f"judge/{attempt}"),
        sample=attempt,
        constraint=Constraint(regex=rendered.regex) if rendered.regex else None,
        purpose=f"{name}/judge",
        prefix=rendered.prefix,
        continue_final=rendered.continue_final,
    )


def _judgement(case: _Case) -> Judgement | None:
    if not case.replies:
        return None
    last = case.replies[-1]
    verdict = parse_verdict(last.text)
    values = {"following": float(verdict.answered), "quality": float(verdict.rating)} if verdict else {}
    return Judgement(
        values,
        reason="" if verdict else reason(last),
        replies=tuple(reply.id for reply in case.replies),
        judge=last.model,
        text=last.text,
    )
