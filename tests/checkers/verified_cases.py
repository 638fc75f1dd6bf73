"""Answers to every type of verified task, and to sequences of them."""

from collections.abc import Callable, Iterator
from functools import partial
from random import Random

from stages.verified import typed_values
from stages.verified.grading import Grade, grade
from stages.verified.sequence_generation import Settings, sequences
from stages.verified.task_types import TASK_TYPES
from stages.verified.verified_rows import Check, Verified, respond
from tests.checkers.cases import INSTANCES, Accepts, Case
from tests.verified.examples import broken, drawn

SEQUENCES = Settings(lengths=(2, 3, 4, 6), languages=("en", "de", "es"), types="all", wordings="all")
MEASURES: dict[str, Callable[[Grade], float]] = {"lenient": lambda g: g.right, "strict": lambda g: g.strict}


def rows() -> Iterator[tuple[str, list[Case]]]:
    """A name and the cases of every type with each measure, then those of whole sequences."""
    for name in TASK_TYPES:
        made = [drawn(TASK_TYPES[name], Random(f"{name}-{n}")) for n in range(INSTANCES)]
        for measure, take in MEASURES.items():
            yield f"{name}, {measure}", list(_cases(name, made, take))
    yield from _of_sequences()


def _cases(name: str, made: list[tuple[object, Check]], take: Callable[[Grade], float]) -> Iterator[Case]:
    for number, (value, check) in enumerate(made):
        shown = typed_values.render(TASK_TYPES[name].takes, value)
        right = typed_values.parse(check.type, check.answer)
        wrong = typed_values.render(check.type, broken(check.type, right))
        hedged = (wrong, f"{wrong} or {check.answer}", f"{check.answer} or {wrong}", f"{wrong}\n{check.answer}",
                  f"{check.answer}\n{wrong}")  # fmt: skip
        others = [*made[number + 1 :], *made[:number]]
        other = next((c.answer for _, c in others if not _alike(c.answer, check.answer)), f"not {check.answer}")
        yield Case(partial(_accepted, check, shown, take), check.answer, other, hedged[number % len(hedged)])


def _alike(one: str, other: str) -> bool:
    return one.rstrip(".") == other.rstrip(".")


def _accepted(check: Check, shown: str, take: Callable[[Grade], float], text: str) -> bool:
    return take(grade(text, [check], shown)) == 1


def _of_sequences() -> Iterator[tuple[str, list[Case]]]:
    made = list(sequences(7, INSTANCES, SEQUENCES))
    for name, take in {"complete": lambda g: g.all_right, "strict": lambda g: g.strict}.items():
        yield f"sequence, {name}", [one_wrong(row, made, number, take) for number, row in enumerate(made)]
    yield "sequence, following", [_one_missing(row, number) for number, row in enumerate(made)]


def one_wrong(row: Verified, made: list[Verified], number: int, take: Callable[[Grade], float]) -> Case:
    """The case of a sequence; one answer of its right response is broken."""
    place = number % len(row.checks)
    check = row.checks[place]
    wrong = typed_values.render(check.type, broken(check.type, typed_values.parse(check.type, check.answer)))
    checks = [*row.checks]
    checks[place] = Check(check.task, {}, 0, check.type, wrong)
    return Case(_whole(row, take), row.response, made[number - 1].response, respond(checks, row.layout))


def _one_missing(row: Verified, number: int) -> Case:
    """Foreign: the prompt itself, which attempts nothing."""
    place = len(row.checks) - 1 if row.layout == "numbered" else number % len(row.checks)
    fewer = [line for at, line in enumerate(row.response.split("\n")) if at != place]
    return Case(_whole(row, lambda g: g.following), row.response, row.instruction, "\n".join(fewer))


def _whole(row: Verified, take: Callable[[Grade], float]) -> Accepts:
    return lambda text: take(grade(text, row.checks, row.input, row.instruction)) == 1
