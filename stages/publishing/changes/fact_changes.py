"""Which facts of two versions differ: seed, prompt files, sampling, models, validation, licence, columns."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from stages.publishing.changes.change_types import FactChange
from stages.publishing.facts import Facts

SIMPLE = ("name", "artifact", "split", "form", "seed", "licence")
LISTED = 12
"""Columns and hashes named of one fact, at most."""


def fact_changes(
    before: Facts | None, after: Facts | None, columns: tuple[Sequence[str], Sequence[str]]
) -> list[FactChange]:
    """The facts that differ; where one version has none, the columns alone. columns: those of the files."""
    changes = [*_of_facts(before, after)] if before and after else []
    return [*changes, *_one_sided("columns", *columns)]


def _of_facts(before: Facts, after: Facts) -> Iterator[FactChange]:
    for name in SIMPLE:
        one, other = (getattr(facts, name) for facts in (before, after))
        if one != other:
            yield FactChange(name, _shown(one), _shown(other))
    yield from _one_sided(
        "sources", *({f"{one} ({licence})" for one, licence, _ in f.sources} for f in (before, after))
    )
    yield from _one_sided("models", before.generators, after.generators)
    yield from _by_key("prompt files of", _prompts(before), _prompts(after))
    yield from _by_key("sampling of", _samplings(before), _samplings(after))
    yield from _validation(before, after)


def _one_sided(fact: str, before: Iterable[str], after: Iterable[str]) -> Iterator[FactChange]:
    """What only one of two sets has."""
    first, second = {*before}, {*after}
    if first != second:
        yield FactChange(fact, _list(first - second), _list(second - first))


def _by_key(fact: str, before: dict[str, set[str]], after: dict[str, set[str]]) -> Iterator[FactChange]:
    for key in sorted({*before, *after}):
        yield from _one_sided(f"{fact} {key}", before.get(key, ()), after.get(key, ()))


def _prompts(facts: Facts) -> dict[str, set[str]]:
    """Stage and action -> hashes of prompt files; the one that chose the action is under "choose"."""
    hashes: dict[str, set[str]] = {}
    for stage, action, prompt, _ in facts.prompts:
        parts = str(prompt).split("+")
        chosen = stage == "rewrite" and (len(parts) > 1 or action in ("", "hold"))
        for number, part in enumerate(parts):
            name = "choose" if chosen and number == 0 else action
            hashes.setdefault(f"{stage} {name}".strip(), set()).add(part)
    return hashes


def _samplings(facts: Facts) -> dict[str, set[str]]:
    values: dict[str, set[str]] = {}
    for stage, sampling, _ in facts.samplings:
        values.setdefault(str(stage), set()).add(str(sampling))
    return values


def _validation(before: Facts, after: Facts) -> Iterator[FactChange]:
    if not before.validation or not after.validation:
        return
    for name in ("suite", "expectations", "quarantined"):
        one, other = getattr(before.validation, name), getattr(after.validation, name)
        if one != other:
            yield FactChange(f"validation: {name}", _shown(one), _shown(other))


def _shown(value: Any) -> str:
    return "" if value is msgspec.UNSET else str(value)


def _list(values: Iterable[str]) -> str:
    ordered = sorted(values)
    more = len(ordered) - LISTED
    return ", ".join(ordered[:LISTED]) + (f" and {more:,} more" if more > 0 else "")
