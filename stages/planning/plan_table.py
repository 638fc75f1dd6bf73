"""A plan for people: one row a stage that asks, what else runs, what it all comes to, what is guessed."""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import ceil
from typing import Any

import msgspec

from stages.planning.forecast import WAITS, Demand, Forecast, Requests


class Total(Demand, frozen=True, kw_only=True):
    """What all stages together would ask."""

    budget: str = ""
    """What is spent of it, where there is one: for people."""


class Plan(msgspec.Struct, frozen=True):
    """What `python -m stages plan --json` prints."""

    stages: list[Forecast]
    totals: list[Total]
    notes: list[str]


def totals(found: Sequence[Forecast]) -> list[Total]:
    """By model and endpoint, in the order they come."""
    groups: dict[tuple[str, str], list[Requests]] = {}
    for forecast in found:
        for one in forecast.asks:
            groups.setdefault((one.model, one.endpoint), []).append(one)
    return [_total(who, ones) for who, ones in groups.items()]


def _total(who: tuple[str, str], ones: list[Requests]) -> Total:
    def add(name: str) -> Any:
        values = [getattr(one, name) for one in ones]
        return None if None in values else sum(values)

    named = {"model": who[0], "endpoint": who[1], "currency": ones[0].currency}
    sums = {name: add(name) for name in Demand.__struct_fields__ if name not in named}
    return msgspec.convert(named | sums, Total)


def notes(found: Sequence[Forecast], missing: bool, validated: bool) -> list[str]:
    """What a reader of the plan must know, as far as it applies to this one.

    missing: files are missing. validated: some stage of it validates what it makes.
    """
    ones = [one for forecast in found for one in forecast.asks]
    asked = [one for one in ones if one.new or one.guessed]
    told = [
        (any(one.guessed for one in ones), GUESSED),
        (any(not forecast.certain for forecast in found), HANGING),
        (any(not one.measured for one in asked), UNMEASURED),
        (any(not one.counted for one in asked), UNCOUNTED),
        (any(one.hours is None for one in asked), NO_HOURS),
        (validated, VALIDATED),
        (missing, MISSING),
    ]
    return [text for applies, text in told if applies]


WIDTH = 160
"""Columns where no terminal says how many."""
GUESSED = (
    "perhaps: requests that depend on replies which aren't there yet, as if those were like the remembered ones of the "
    "same step. The column new is certain: the least that is sent."
)
HANGING = "~ before a stage: whether it runs, and on what, hangs on replies or weights that aren't there yet."
UNMEASURED = "≤ before tokens out: no reply to such a step is remembered, so it is max_tokens, a bound."
UNCOUNTED = (
    "≈ before tokens in: this model has no tokenizer here, and no remembered reply says how many it read, so it is a "
    "token for 4 characters; its chat template adds to that."
)
NO_HOURS = (
    "? under hours: the engine that reaches this model has no `speed` under `costs` in params.yaml; write there how "
    "many tokens it reads and writes a second, as in {input: 8000, output: 2500}."
)
MISSING = "Files are missing here: `dvc checkout` or `dvc pull` brings those that are known, `dvc repro` makes them."
VALIDATED = "Validations are not run: as if they set no row aside."


def show(plan: Plan) -> None:
    """Print the plan."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    if not plan.stages:
        console.print("Nothing would run: data and pipelines are up to date.")
        return
    if any(map(_any, (one for forecast in plan.stages for one in forecast.asks))):
        console.print(_table(plan))
    for label, names in _others(plan.stages):
        console.print(f"{label}: {names}", markup=False)
    for line in _unknown(plan.stages):
        console.print(line, markup=False)
    for total in plan.totals:
        console.print(_line(total), markup=False)
    for note in plan.notes:
        console.print(note, markup=False, style="dim")


def _table(plan: Plan) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("stage", no_wrap=True)
    table.add_column("because of", overflow="fold")
    for name in ("remembered", "new", "perhaps", "tokens in", "tokens out", "hours", "cost"):
        table.add_column(name, justify="right", no_wrap=True)
    for forecast in plan.stages:
        for one in filter(_any, forecast.asks):
            name = ("" if forecast.certain else "~ ") + forecast.stage
            table.add_row(*map(Text, (name, _some(forecast.why), *_cells(one))))
    return table


def _any(one: Requests) -> bool:
    return bool(one.remembered or one.new or one.guessed)


def _cells(one: Requests) -> list[str]:
    bound = "" if one.measured or not one.tokens_out else "≤"
    guess = "" if one.counted or not one.tokens_in else "≈"
    return [
        f"{one.remembered:,}", f"{one.new:,}", f"{one.guessed:,}", f"{guess}{one.tokens_in:,}",
        f"{bound}{one.tokens_out:,}", _hours(one.hours), _money(one.cost, one.currency),
    ]  # fmt: skip


def _hours(hours: float | None) -> str:
    """Hours and minutes, rounded up."""
    return "?" if hours is None else f"{ceil(hours * 60) // 60}:{ceil(hours * 60) % 60:02}"


def _money(cost: float | None, currency: str | None) -> str:
    return "-" if cost is None else f"{cost:.2f} {currency}"


def _some(why: Sequence[str]) -> str:
    return ", ".join(why[:2]) + (f" and {len(why) - 2} more" if len(why) > 2 else "")


def _others(found: Iterable[Forecast]) -> list[tuple[str, str]]:
    """Stages that run and ask nobody, by their kinds."""
    kinds: dict[str, list[str]] = {}
    for forecast in found:
        if not forecast.asks and not forecast.unknown:
            kind, _, name = forecast.stage.partition("@")
            kinds.setdefault(kind, []).append(name)
    said = [kind if names == [""] else f"{kind} ({len(names)})" for kind, names in kinds.items()]
    return [("also run", ", ".join(said))] if said else []


def _unknown(found: Sequence[Forecast]) -> list[str]:
    """What nothing can be told of, and how many stages wait for it."""
    roots = [forecast for forecast in found if forecast.unknown and not forecast.unknown.startswith(WAITS)]
    waits = [forecast.unknown for forecast in found if forecast.unknown.startswith(WAITS)]
    waiting = Counter(unknown.removeprefix(WAITS) for unknown in waits)
    others = sorted(waiting.keys() - {one.stage for one in roots})
    return [
        *(f"not known: {_stages(waiting[name])} after {name}, which a plan does not run" for name in others),
        *(f"not known: {one.stage}{_after(waiting[one.stage])}: {one.unknown}" for one in roots),
    ]  # fmt: skip


def _after(count: int) -> str:
    return f" and {_stages(count)} after it" if count else ""


def _stages(count: int) -> str:
    return f"{count} stage" if count == 1 else f"{count} stages"


def _line(total: Total) -> str:
    cells = f"{total.new:,} new and perhaps {total.guessed:,} more requests, {total.remembered:,} remembered"
    tokens = f"{total.tokens_in:,} tokens in, {total.tokens_out:,} out (at most {total.tokens_out_at_most:,})"
    hours = "" if total.hours is None else f", {_hours(total.hours)} h"
    money = ""
    if total.cost is not None:
        money = f", {_money(total.cost, total.currency)} (at most {_money(total.cost_at_most, total.currency)})"
    budget = f"; {total.budget}" if total.budget else ""
    model = total.model if len(total.model) < 60 else f"{total.model[:56]}…"
    return f"{model}: {cells}; {tokens}{hours}{money}{budget}"
