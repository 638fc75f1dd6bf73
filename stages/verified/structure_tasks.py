"""Tasks about tables, JSON objects and a few lines of Python."""

from random import Random
from typing import Any

from stages.verified.task_types import Arguments, task
from stages.verified.typed_values import Value

Table = tuple[tuple[Any, ...], ...]


def _column(random: Random, value: Value) -> Arguments:
    """A column of numbers, by its name."""
    return {"column": random.choice(value[0][1:])}


def _column_and_bound(random: Random, value: Value) -> Arguments | None:
    column = random.choice(value[0][1:])
    cells = _cells(value, column)
    return {"column": column, "n": random.randint(min(cells), max(cells) - 1)} if min(cells) < max(cells) else None


def _name(random: Random, value: Value) -> Arguments:
    return {"name": random.choice([row[0] for row in value[1:]]), **_column(random, value)}


def _key(random: Random, value: Value) -> Arguments | None:
    return {"key": random.choice(sorted(value))} if value else None


def _variable(random: Random, value: Value) -> Arguments:
    return {"name": random.choice(_assigned(value))}


def _cells(table: Table, column: str) -> list[int]:
    place = table[0].index(column)
    return [row[place] for row in table[1:]]


@task("table.column_sum", "number", draw=_column)
def _column_sum(table: Table, column: str) -> int:
    return sum(_cells(table, column))


@task("table.column", "numbers", draw=_column)
def _column_values(table: Table, column: str) -> tuple[int, ...]:
    return tuple(_cells(table, column))


@task("table.names", "words")
def _names(table: Table) -> tuple[str, ...]:
    return tuple(row[0] for row in table[1:])


@task("table.highest", "word", draw=_column)
def _highest(table: Table, column: str) -> str:
    place = table[0].index(column)
    return str(max(table[1:], key=lambda row: row[place])[0])


@task("table.above", "words", draw=_column_and_bound, held_out=True)
def _above(table: Table, column: str, n: int) -> tuple[str, ...]:
    place = table[0].index(column)
    return tuple(row[0] for row in table[1:] if row[place] > n)


@task("table.cell", "number", draw=_name)
def _cell(table: Table, name: str, column: str) -> int:
    place = table[0].index(column)
    return int(next(row[place] for row in table[1:] if row[0] == name))


@task("table.count_rows", "number")
def _count_rows(table: Table) -> int:
    return len(table) - 1


@task("object.keys", "words")
def _keys(value: dict[str, int]) -> tuple[str, ...]:
    return tuple(value)


@task("object.values", "numbers")
def _values(value: dict[str, int]) -> tuple[int, ...]:
    return tuple(value.values())


@task("object.get", "number", draw=_key)
def _get(value: dict[str, int], key: str) -> int:
    return value[key]


@task("object.remove", "object", draw=_key, held_out=True)
def _remove(value: dict[str, int], key: str) -> dict[str, int]:
    return {name: number for name, number in value.items() if name != key}


@task("object.largest_key", "word")
def _largest_key(value: dict[str, int]) -> str:
    return max(value, key=lambda name: value[name])


def _assigned(code: str) -> list[str]:
    return [line.partition(" = ")[0] for line in code.split("\n") if " = " in line]


def _environment(code: str) -> dict[str, int]:
    """Variable -> value after the assignments `name = term op term` of our own making; nothing is executed."""
    values: dict[str, int] = {}
    for line in code.split("\n"):
        name, _, expression = line.partition(" = ")
        parts = expression.split(" ")
        terms = [values[part] if part in values else int(part) for part in parts[::2]]
        values[name] = terms[0] if len(terms) == 1 else _OPERATIONS[parts[1]](*terms)
    return values


_OPERATIONS = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b}


@task("code.value", "number", draw=_variable)
def _value(code: str, name: str) -> int:
    return _environment(code)[name]


@task("code.variables", "words")
def _variables(code: str) -> tuple[str, ...]:
    return tuple(_assigned(code))


@task("code.count_lines", "number")
def _count_lines(code: str) -> int:
    return len(code.split("\n"))


@task("code.values", "object", held_out=True)
def _state(code: str) -> dict[str, int]:
    return _environment(code)
