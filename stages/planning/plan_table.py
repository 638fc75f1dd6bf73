"""Prints a plan: a row per stage with requests, other stages, totals, and notes on estimates."""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import ceil
from typing import Any

import msgspec

from stages.planning.forecast import WAITS, Forecast, RequestTotals, StageRequests
from stages.planning.power import PowerRow, power_note, power_table
from stages.planning.wall_time import KindTime, time_lines


class Total(RequestTotals, frozen=True, kw_only=True):
    """Requests of all stages to one model at one endpoint."""

    budget: str = ""
    """What is spent of the model's budget, as text; "" without a budget."""


class Plan(msgspec.Struct, frozen=True):
    """What `seqit plan --json` prints."""

    stages: list[Forecast]
    totals: list[Total]
    times: list[KindTime]
    notes: list[str]
    power: list[PowerRow] = []
    """What the comparisons of the report can detect; [] where no model is tested."""


def totals(planned: Sequence[Forecast]) -> list[Total]:
    """Totals by model and endpoint, in order of first use."""
    groups: dict[tuple[str, str], list[StageRequests]] = {}
    for forecast in planned:
        for one in forecast.asks:
            groups.setdefault((one.model, one.endpoint), []).append(one)
    return [_total(group, ones) for group, ones in groups.items()]


def _total(group: tuple[str, str], ones: list[StageRequests]) -> Total:
    def add(name: str) -> Any:
        values = [getattr(one, name) for one in ones]
        return None if None in values else sum(values)

    named = {"model": group[0], "endpoint": group[1], "currency": ones[0].currency}
    sums = {name: add(name) for name in RequestTotals.__struct_fields__ if name not in named}
    return msgspec.convert(named | sums, Total)


def notes(planned: Sequence[Forecast], missing: bool, validated: bool) -> list[str]:
    """The notes that apply to a plan.

    missing: whether files are missing. validated: whether a planned stage validates its outputs.
    """
    ones = [one for forecast in planned for one in forecast.asks]
    sending = [one for one in ones if one.new or one.guessed]
    conditions = [
        (any(one.guessed for one in ones), GUESSED),
        (any(not forecast.certain for forecast in planned), UNCERTAIN),
        (any(not one.measured for one in sending), UNMEASURED),
        (any(not one.counted for one in sending), UNCOUNTED),
        (any(one.hours is None for one in sending), NO_HOURS),
        (
            bool(rates := {f"{one.checked_rate:.0f}" for one in sending if one.checked_rate}),
            CHECKED_RATE.format(" and ".join(sorted(rates))),
        ),
        (
            bool(waits := {f"{one.batch_hours}" for one in sending if one.batch_hours}),
            BATCHES.format(" or ".join(sorted(waits, key=int))),
        ),
        (bool(planned), TIMES),
        (validated, VALIDATED),
        (missing, MISSING),
    ]
    return [text for applies, text in conditions if applies]


WIDTH = 160
"""Columns of the table where the output is no terminal."""
GUESSED = (
    "perhaps: requests that depend on replies which are not stored yet, estimated by stored replies to the same step. "
    "The column new is certain: at least these are sent."
)
UNCERTAIN = "~ before a stage: whether it runs, and on what, depends on replies or weights that do not exist yet."
UNMEASURED = "≤ before tokens out: no reply to such a step is stored, so it is an upper bound by max_tokens."
UNCOUNTED = (
    "≈ before tokens in: this model has no tokenizer here and no stored reply with a token count, so it is 1 token per "
    "4 characters; its chat template adds to that."
)
NO_HOURS = (
    "? under hours: the engine that reaches this model has no `speed` under `costs` in params.yaml; write there how "
    "many tokens it reads and writes a second, as in {input: 8000, output: 2500}; `seqit check` measures a server."
)
CHECKED_RATE = (
    "≈ before hours: by the {} tokens a second that `seqit check` measured, one request alone; reading takes more time "
    "and requests at once take less. `speed` under `costs` in params.yaml takes its place."
)
BATCHES = (
    "Requests go in batches: the server answers each within {} hours, which the hours above do not hold. Requests that "
    "need earlier replies wait for them: a round of rewriting takes at least two batches, and responses one more."
)
TIMES = (
    "time: by the `speed` under `costs` for stages that send requests; else as long as `seqit run` measured here, the "
    "longest run for stages that send requests and the last one for others; else by what `seqit check` measured."
)
MISSING = "Files are missing here: `dvc checkout` or `dvc pull` gets those of dvc.lock, `dvc repro` makes them."
VALIDATED = "Validations are not run: the plan assumes that every row passes."


def show(plan: Plan) -> None:
    """Print the plan."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    if not plan.stages:
        console.print("Nothing would run: data and pipelines are up to date.")
        return
    if any(map(_has_requests, (one for forecast in plan.stages for one in forecast.asks))):
        console.print(_table(plan))
    for label, names in _stages_without_requests(plan.stages):
        console.print(f"{label}: {names}", markup=False)
    for line in _unknown(plan.stages):
        console.print(line, markup=False)
    for total in plan.totals:
        console.print(_line(total), markup=False)
    for line in time_lines(plan.times):
        console.print(line, markup=False)
    for note in plan.notes:
        console.print(note, markup=False, style="dim")
    if plan.power:
        console.print(power_table(plan.power))
        console.print(power_note(plan.power), markup=False, style="dim")


def _table(plan: Plan) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("stage", no_wrap=True)
    table.add_column("because of", overflow="fold")
    for name in ("cached", "new", "perhaps", "tokens in", "tokens out", "hours", "cost"):
        table.add_column(name, justify="right", no_wrap=True)
    for forecast in plan.stages:
        for one in filter(_has_requests, forecast.asks):
            name = ("" if forecast.certain else "~ ") + forecast.stage
            table.add_row(*map(Text, (name, _first_two(forecast.why), *_cells(one))))
    return table


def _has_requests(one: StageRequests) -> bool:
    return bool(one.cached or one.new or one.guessed)


def _cells(one: StageRequests) -> list[str]:
    bound = "" if one.measured or not one.tokens_out else "≤"
    about = "≈" if one.checked_rate else ""
    guess = "" if one.counted or not one.tokens_in else "≈"
    return [
        f"{one.cached:,}", f"{one.new:,}", f"{one.guessed:,}", f"{guess}{one.tokens_in:,}",
        f"{bound}{one.tokens_out:,}", f"{about}{_hours(one.hours)}",
        _money(one.cost, one.currency),
    ]  # fmt: skip


def _hours(hours: float | None) -> str:
    """Hours and minutes, rounded up."""
    return "?" if hours is None else f"{ceil(hours * 60) // 60}:{ceil(hours * 60) % 60:02}"


def _money(cost: float | None, currency: str | None) -> str:
    return "-" if cost is None else f"{cost:.2f} {currency}"


def _first_two(why: Sequence[str]) -> str:
    return ", ".join(why[:2]) + (f" and {len(why) - 2} more" if len(why) > 2 else "")


def _stages_without_requests(planned: Iterable[Forecast]) -> list[tuple[str, str]]:
    """Stages that run and send no requests, by kind."""
    kinds: dict[str, list[str]] = {}
    for forecast in planned:
        if not forecast.asks and not forecast.unknown:
            kind, _, name = forecast.stage.partition("@")
            kinds.setdefault(kind, []).append(name)
    texts = [kind if names == [""] else f"{kind} ({len(names)})" for kind, names in kinds.items()]
    return [("also run", ", ".join(texts))] if texts else []


def _unknown(planned: Sequence[Forecast]) -> list[str]:
    """Stages whose requests are unknown, and how many stages wait for them."""
    roots = [forecast for forecast in planned if forecast.unknown and not forecast.unknown.startswith(WAITS)]
    waits = [forecast.unknown for forecast in planned if forecast.unknown.startswith(WAITS)]
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
    cells = f"{total.new:,} new and perhaps {total.guessed:,} more requests, {total.cached:,} cached"
    tokens = f"{total.tokens_in:,} tokens in, {total.tokens_out:,} out (at most {total.tokens_out_at_most:,})"
    hours = "" if total.hours is None else f", {_hours(total.hours)} h"
    money = ""
    if total.cost is not None:
        money = f", {_money(total.cost, total.currency)} (at most {_money(total.cost_at_most, total.currency)})"
    budget = f"; {total.budget}" if total.budget else ""
    model = total.model if len(total.model) < 60 else f"{total.model[:56]}…"
    return f"{model}: {cells}; {tokens}{hours}{money}{budget}"
