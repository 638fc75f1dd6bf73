"""Tasks about lists of words and lists of numbers."""

from itertools import accumulate
from random import Random

from stages.verified.task_types import Arguments, task
from stages.verified.typed_values import Value

Words = tuple[str, ...]
Numbers = tuple[int, ...]


def _fewer(random: Random, value: Value) -> Arguments | None:
    """A number of items below the length of the list."""
    return {"n": random.randint(1, min(4, len(value) - 1))} if len(value) > 1 else None


def _position(random: Random, value: Value) -> Arguments:
    return {"n": random.randint(1, len(value))}


def _shared_letter(random: Random, value: Value) -> Arguments | None:
    """A letter that some of the words have, and not all."""
    some = [x for x in "aeiorstnl" if 0 < sum(x in word.lower() for word in value) < len(value)]
    return {"letter": random.choice(some)} if some else None


def _separator(random: Random, _value: Value) -> Arguments:
    return {"separator": random.choice(("-", "/", "+", "_"))}


def _threshold(random: Random, value: Value) -> Arguments | None:
    """A bound that some of the numbers exceed, and not all."""
    if min(value) == max(value):
        return None
    return {"n": random.randint(min(value), max(value) - 1)}


def _small(random: Random, _value: Value) -> Arguments:
    return {"n": random.randint(2, 9)}


@task("words.sort", "words")
def _sort(words: Words) -> Words:
    return tuple(sorted(words, key=str.lower))


@task("words.reverse", "words")
def _reverse(words: Words) -> Words:
    return words[::-1]


@task("words.distinct", "words", held_out=True)
def _distinct(words: Words) -> Words:
    return tuple(dict.fromkeys(words))


@task("words.count", "number")
def _count(words: Words) -> int:
    return len(words)


@task("words.first", "words", draw=_fewer)
def _first(words: Words, n: int) -> Words:
    return words[:n]


@task("words.last", "word")
def _last(words: Words) -> str:
    return words[-1]


@task("words.item", "word", draw=_position)
def _item(words: Words, n: int) -> str:
    return words[n - 1]


@task("words.lengths", "numbers")
def _lengths(words: Words) -> Numbers:
    return tuple(map(len, words))


@task("words.longest", "word")
def _longest(words: Words) -> str:
    return max(words, key=len)


@task("words.join", "text", draw=_separator)
def _join(words: Words, separator: str) -> str:
    return separator.join(words)


@task("words.upper", "words")
def _upper(words: Words) -> Words:
    return tuple(word.upper() for word in words)


@task("words.containing", "words", draw=_shared_letter)
def _containing(words: Words, letter: str) -> Words:
    return tuple(word for word in words if letter in word.lower())


@task("words.sort_length", "words", held_out=True)
def _sort_length(words: Words) -> Words:
    return tuple(sorted(words, key=len))


@task("words.rotate", "words")
def _rotate(words: Words) -> Words:
    return (*words[1:], words[0])


@task("words.count_containing", "number", draw=_shared_letter, held_out=True)
def _count_containing(words: Words, letter: str) -> int:
    return sum(letter in word.lower() for word in words)


@task("words.object", "object")
def _object(words: Words) -> dict[str, int]:
    return {word: len(word) for word in words}


@task("numbers.sum", "number")
def _sum(numbers: Numbers) -> int:
    return sum(numbers)


@task("numbers.maximum", "number")
def _maximum(numbers: Numbers) -> int:
    return max(numbers)


@task("numbers.minimum", "number")
def _minimum(numbers: Numbers) -> int:
    return min(numbers)


@task("numbers.range", "number", held_out=True)
def _range(numbers: Numbers) -> int:
    return max(numbers) - min(numbers)


@task("numbers.ascending", "numbers")
def _ascending(numbers: Numbers) -> Numbers:
    return tuple(sorted(numbers))


@task("numbers.descending", "numbers")
def _descending(numbers: Numbers) -> Numbers:
    return tuple(sorted(numbers, reverse=True))


def _mixed(_random: Random, value: Value) -> Arguments | None:
    """No argument, but even and odd numbers must be there."""
    return {} if 0 < sum(number % 2 == 0 for number in value) < len(value) else None


@task("numbers.even", "numbers", draw=_mixed)
def _even(numbers: Numbers) -> Numbers:
    return tuple(number for number in numbers if number % 2 == 0)


@task("numbers.odd", "numbers", draw=_mixed, held_out=True)
def _odd(numbers: Numbers) -> Numbers:
    return tuple(number for number in numbers if number % 2)


@task("numbers.greater", "numbers", draw=_threshold)
def _greater(numbers: Numbers, n: int) -> Numbers:
    return tuple(number for number in numbers if number > n)


@task("numbers.double", "numbers")
def _double(numbers: Numbers) -> Numbers:
    return tuple(2 * number for number in numbers)


@task("numbers.add_each", "numbers", draw=_small)
def _add_each(numbers: Numbers, n: int) -> Numbers:
    return tuple(number + n for number in numbers)


@task("numbers.count", "number")
def _count_numbers(numbers: Numbers) -> int:
    return len(numbers)


@task("numbers.running", "numbers", held_out=True)
def _running(numbers: Numbers) -> Numbers:
    return tuple(accumulate(numbers))


@task("numbers.reverse", "numbers")
def _reverse_numbers(numbers: Numbers) -> Numbers:
    return numbers[::-1]
