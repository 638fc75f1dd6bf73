"""Random inputs for tasks, made of word lists of our own: no text of anybody else's, no two seeds alike."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from random import Random

import msgspec

from stages.verified.typed_values import Value, ValueType

_WORDS = msgspec.yaml.decode(
    (Path(__file__).parent / "wordings" / "inputs.yaml").read_bytes(), type=dict[str, list[str]]
)
ADJECTIVES, NOUNS, VERBS, PLACES, NAMES, COLUMNS, KEYS = _WORDS.values()
EPOCH = date(1950, 1, 1)
DAYS = 30_000
"""Dates lie from 1950 to 2032."""


def draw_input(random: Random, type: ValueType) -> Value:
    """A random value of a type that `MAKERS` names."""
    return MAKERS[type](random)


def _sentence(random: Random) -> str:
    first, second = random.sample(NOUNS, 2)
    return (
        f"The {random.choice(ADJECTIVES)} {first} {random.choice(VERBS)} the {random.choice(ADJECTIVES)} {second} "
        f"{random.choice(PLACES)}."
    )


def _text(random: Random) -> str:
    return " ".join(_sentence(random) for _ in range(random.randint(1, 3)))


def _words(random: Random) -> tuple[str, ...]:
    words = random.sample(NOUNS, random.randint(3, 7))
    if random.random() < 0.3:  # a repeated word, so that removing duplicates is a task
        words.insert(random.randint(1, len(words)), words[0])
    return tuple(words)


def _numbers(random: Random) -> tuple[int, ...]:
    return tuple(random.randint(1, 99) for _ in range(random.randint(3, 7)))


def _day(random: Random) -> date:
    return EPOCH + timedelta(random.randrange(DAYS))


def _table(random: Random) -> Value:
    header = ("name", *random.sample(COLUMNS, random.randint(1, 3)))
    names = random.sample(NAMES, random.randint(2, 5))
    return (header, *((name, *(random.randint(1, 99) for _ in header[1:])) for name in names))


def _object(random: Random) -> dict[str, int]:
    return {key: random.randint(1, 99) for key in random.sample(KEYS, random.randint(2, 5))}


def _code(random: Random) -> str:
    """Two to five assignments of small integers, sums, differences and products of what came before."""
    names, lines = "abcde", [f"a = {random.randint(1, 9)}"]
    for number in range(1, random.randint(2, 5)):
        operation, other = random.choice("+-*"), random.randint(1, 9)
        lines.append(f"{names[number]} = {random.choice(names[:number])} {operation} {other}")
    return "\n".join(lines)


def _number(random: Random) -> int:
    return random.randint(2, 99)


def _word(random: Random) -> str:
    return random.choice(NOUNS)


def _days(random: Random) -> tuple[date, ...]:
    return tuple(_day(random) for _ in range(random.randint(2, 5)))


MAKERS: dict[ValueType, Callable[[Random], Value]] = {
    "text": _text, "words": _words, "numbers": _numbers, "number": _number, "date": _day, "dates": _days,
    "table": _table, "object": _object, "code": _code, "word": _word,
}  # fmt: skip
