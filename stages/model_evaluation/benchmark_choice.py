"""The grammar of `--on`: which benchmarks, in which languages, from which files, and how many items of each.

ITEM, ITEM, …    with ITEM = NAME [LANGUAGE, …] =PATH :N, of which everything but NAME may be left out
verified[1-6]:120, seqeval:10, xquad[de,es]:50, sifo=/data/sifo_datasets:100
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from stages.core import languages
from stages.core.errors import UserError
from stages.core.registry import BENCHMARKS, unknown_name
from stages.verified.phrases import LANGUAGES as WRITTEN_IN

GENERATED = "verified"
"""The benchmark whose items are generated; its brackets also take numbers of tasks."""
MOST_TASKS = 20
_COMMA = re.compile(r",(?![^\[\]]*\])")
_ITEM = re.compile(
    r"(?P<name>[^\[\]=:]*)(?:\[(?P<options>[^\[\]]*)\])?(?:=(?P<path>.*?))?(?::(?P<count>[^:/]*))?", re.S
)
_NUMBERS = re.compile(r"([0-9]{1,3})(?:-([0-9]{1,3}))?")


class BenchmarkChoice(NamedTuple):
    """A benchmark to evaluate on."""

    name: str
    """A key of BENCHMARKS."""
    languages: tuple[str, ...] = ()
    """Those to read; () for the ones that the files of seqit have."""
    tasks: tuple[int, ...] = ()
    """Numbers of tasks of generated sequences, ascending; () for the default."""
    path: str = ""
    """The user's own file or folder; "" for the files of seqit."""
    items: int | None = None
    """Number of items; None for all of a file."""


def parse_choices(text: str) -> list[BenchmarkChoice]:
    """The benchmarks of `--on`, in order. Raises UserError with the first item that is wrong."""
    choices = [_choice(item.strip()) for item in _COMMA.split(text)]
    names = [choice.name for choice in choices]
    if repeated := next((name for name in names if names.count(name) > 1), ""):
        raise UserError(f"--on names {repeated} twice; name it once, or make two evaluations")
    return choices


def render_choice(choice: BenchmarkChoice) -> str:
    """A choice as `--on` has it; `parse_choices` reads it back."""
    options = [*map(str, choice.tasks), *choice.languages]
    listed = f"[{','.join(options)}]" if options else ""
    path = f"={choice.path}" if choice.path else ""
    count = "" if choice.items is None else f":{choice.items}"
    return f"{choice.name}{listed}{path}{count}"


def _choice(item: str) -> BenchmarkChoice:
    match = _ITEM.fullmatch(item)
    if match is None or not match["name"]:
        raise UserError(
            f"--on {item!r}: write NAME, NAME:10, NAME[de,es]:10 or NAME=/its/files:10, with commas between"
        )
    name = match["name"].strip()
    if name not in BENCHMARKS:
        raise UserError(f"--on {item!r}: {unknown_name('benchmark', name, BENCHMARKS)}")
    tags, tasks = _options(item, name, match["options"])
    path = (match["path"] or "").strip()
    if match["path"] is not None and not path:
        raise UserError(f"--on {item!r}: no path follows the =; write {name}=/its/files")
    if path and tasks:
        raise UserError(
            f"--on {item!r}: the sequences of a file have the tasks that they have; remove {_numbers(tasks)}"
        )
    return BenchmarkChoice(name, tags, tasks, path, _count(item, match["count"]))


def _count(item: str, digits: str | None) -> int | None:
    if digits is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", digits.strip()) or not int(digits):
        raise UserError(f"--on {item!r}: {digits.strip()!r} is no number of items; write 1 or more after the colon")
    return int(digits)


def _options(item: str, name: str, listed: str | None) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """(languages, numbers of tasks) of what is in brackets."""
    if listed is None:
        return (), ()
    options = [option.strip() for option in listed.split(",")]
    tasks = sorted({number for option in options for number in _tasks(item, name, option)})
    tags = [option for option in options if not option[:1].isdecimal()]
    if tags and name != GENERATED and "languages" not in BENCHMARKS[name].settings:
        raise UserError(f"--on {item!r}: {name} has one language; remove [{listed}]")
    for tag in tags:
        if fault := languages.mistake(tag):
            raise UserError(f"--on {item!r}: {tag!r} {fault}")
        if name == GENERATED and tag not in WRITTEN_IN:
            raise UserError(f"--on {item!r}: {name} has no instructions in {tag}; write {', '.join(WRITTEN_IN)}")
    return tuple(dict.fromkeys(tags)), tuple(tasks)


def _tasks(item: str, name: str, option: str) -> Iterator[int]:
    """The numbers of "3" or "1-6"; none for a language."""
    if not option[:1].isdecimal():
        return
    match = _NUMBERS.fullmatch(option)
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if name != GENERATED:
        raise UserError(f"--on {item!r}: only {GENERATED} takes numbers of tasks; write {name}:10 for ten items")
    if not 1 <= low <= high <= MOST_TASKS:
        raise UserError(f"--on {item!r}: {option!r} are no numbers of tasks; write 1 to {MOST_TASKS}, as 3 or 1-6")
    yield from range(low, high + 1)


def _numbers(tasks: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, tasks))}]"
