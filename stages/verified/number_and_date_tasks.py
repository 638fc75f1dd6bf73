"""Tasks about one number, one date and several dates."""

from datetime import date, timedelta
from random import Random

from stages.verified.task_types import Arguments, task
from stages.verified.typed_values import Value

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _small(random: Random, _value: Value) -> Arguments:
    return {"n": random.randint(2, 9)}


def _days(random: Random, _value: Value) -> Arguments:
    return {"n": random.randint(2, 60)}


def _compared(random: Random, value: Value) -> Arguments:
    return {"n": max(0, value + random.choice((-7, -3, -1, 1, 3, 7)))}


@task("number.add", "number", draw=_small)
def _add(number: int, n: int) -> int:
    return number + n


@task("number.multiply", "number", draw=_small)
def _multiply(number: int, n: int) -> int:
    return number * n


@task("number.square", "number", held_out=True)
def _square(number: int) -> int:
    return number * number


@task("number.even", "decision")
def _even(number: int) -> bool:
    return number % 2 == 0


@task("number.greater", "decision", draw=_compared)
def _greater(number: int, n: int) -> bool:
    return number > n


@task("number.digits", "numbers")
def _digits(number: int) -> tuple[int, ...]:
    return tuple(int(digit) for digit in str(abs(number)))


@task("number.binary", "word", held_out=True)
def _binary(number: int) -> str:
    return format(number, "b")


@task("number.next_multiple", "number", draw=_small)
def _next_multiple(number: int, n: int) -> int:
    return (number // n + 1) * n


@task("date.add_days", "date", draw=_days)
def _add_days(day: date, n: int) -> date:
    return day + timedelta(n)


@task("date.weekday", "word")
def _weekday(day: date) -> str:
    return WEEKDAYS[day.weekday()]


@task("date.year", "number")
def _year(day: date) -> int:
    return day.year


@task("date.dotted", "word")
def _dotted(day: date) -> str:
    return f"{day:%d.%m.%Y}"


@task("date.day_of_year", "number", held_out=True)
def _day_of_year(day: date) -> int:
    return day.timetuple().tm_yday


@task("dates.earliest", "date")
def _earliest(days: tuple[date, ...]) -> date:
    return min(days)


@task("dates.latest", "date", held_out=True)
def _latest(days: tuple[date, ...]) -> date:
    return max(days)


@task("dates.sort", "dates")
def _sort(days: tuple[date, ...]) -> tuple[date, ...]:
    return tuple(sorted(days))


@task("dates.span", "number")
def _span(days: tuple[date, ...]) -> int:
    return (max(days) - min(days)).days


@task("dates.years", "numbers")
def _years(days: tuple[date, ...]) -> tuple[int, ...]:
    return tuple(day.year for day in days)
