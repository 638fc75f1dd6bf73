"""Random inputs for tasks, made of word lists of our own: no text of anybody else's, no two seeds alike."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple

import msgspec

from stages.verified.typed_values import Value, ValueType

_WORDS = msgspec.yaml.decode(
    (Path(__file__).parent / "wordings" / "inputs.yaml").read_bytes(), type=dict[str, list[str]]
)
ADJECTIVES, NOUNS, VERBS, PLACES, NAMES, COLUMNS, KEYS = _WORDS.values()
WORDS = (*NOUNS, *ADJECTIVES, *VERBS, *KEYS)
"""What a single word is drawn from."""
EPOCH = date(1950, 1, 1)
DAYS = 30_000
"""Dates lie from 1950 to 2032."""


Size = Literal["short", "long"]
"""short: a sentence, 3 to 5 items. long: up to three sentences, 7 items."""


class _Range(NamedTuple):
    """The smallest and the largest number of parts of inputs of each type."""

    sentences: tuple[int, int]
    items: tuple[int, int]
    columns: tuple[int, int]
    rows: tuple[int, int]
    """Of tables, objects, programs and lists of dates."""


_RANGES: dict[Size, _Range] = {
    "short": _Range((1, 1), (3, 5), (1, 2), (2, 3)),
    "long": _Range((1, 3), (3, 7), (1, 3), (2, 5)),
}


def draw_input(random: Random, type: ValueType, size: Size = "long") -> Value:
    """A random value of a type that `MAKERS` names."""
    return MAKERS[type](random, _RANGES[size])


def _sentence(random: Random) -> str:
    first, second = random.sample(NOUNS, 2)
    return (
        f"The {random.choice(ADJECTIVES)} {first} {random.choice(VERBS)} the {random.choice(ADJECTIVES)} {second} "
        f"{random.choice(PLACES)}."
    )


def _text(random: Random, size: _Range) -> str:
    return " ".join(_sentence(random) for _ in range(random.randint(*size.sentences)))


def _words(random: Random, size: _Range) -> tuple[str, ...]:
    words = random.sample(NOUNS, random.randint(*size.items))
    if random.random() < 0.3:  # a repeated word, so that removing duplicates is a task
        words.insert(random.randint(1, len(words)), words[0])
    return tuple(words)


def _numbers(random: Random, size: _Range) -> tuple[int, ...]:
    return tuple(random.randint(1, 99) for _ in range(random.randint(*size.items)))


def _day(random: Random, _size: _Range) -> date:
    return EPOCH + timedelta(random.randrange(DAYS))


def _table(random: Random, size: _Range) -> Value:
    header = ("name", *random.sample(COLUMNS, random.randint(*size.columns)))
    names = random.sample(NAMES, random.randint(*size.rows))
    return (header, *((name, *(random.randint(1, 99) for _ in header[1:])) for name in names))


def _object(random: Random, size: _Range) -> dict[str, int]:
    return {key: random.randint(1, 99) for key in random.sample(KEYS, random.randint(*size.rows))}


def _code(random: Random, size: _Range) -> str:
    """Assignments of small integers, sums, differences and products of what came before."""
    names, lines = "abcde", [f"a = {random.randint(1, 9)}"]
    for number in range(1, random.randint(*size.rows)):
        operation, other = random.choice("+-*"), random.randint(1, 9)
        lines.append(f"{names[number]} = {random.choice(names[:number])} {operation} {other}")
    return "\n".join(lines)


def _number(random: Random, _size: _Range) -> int:
    return random.randint(2, 999)


def _word(random: Random, _size: _Range) -> str:
    return random.choice(WORDS)


def _days(random: Random, size: _Range) -> tuple[date, ...]:
    return tuple(_day(random, size) for _ in range(random.randint(*size.rows)))


MAKERS: dict[ValueType, Callable[[Random, _Range], Value]] = {
    "text": _text, "words": _words, "numbers": _numbers, "number": _number, "date": _day, "dates": _days,
    "table": _table, "object": _object, "code": _code, "word": _word,
}  # fmt: skip
