"""A whole plan: the graph, the shadows, the forecasts, and what they come to."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import msgspec

from stages.engines.budgets import Tokens, cost
from stages.engines.checkout import store_path
from stages.engines.identities import Identity
from stages.engines.planning import Planner
from stages.engines.store import Replies
from stages.errors import UserError
from stages.foresight import graph, shadow, tables
from stages.foresight.forecast import Forecast, World, forecasts
from stages.params import PARAMS, Engine, Params, load


def plan(root: Path, overrides: list[str], targets: list[str], told: Callable[[str], None]) -> tables.Plan:
    """What `dvc exp run` with these overrides and targets would ask. Nothing is asked, and nothing of `root` written.

    `told` is called with the name of each stage as its turn comes. Raises UserError for bad parameters or files.
    """
    changed = graph.overridden(root, overrides)
    with ExitStack() as stack:
        folder = stack.enter_context(shadow.shadow(root, changed))
        params = _params(folder)
        before = graph.overridden(root, [])
        baseline = stack.enter_context(shadow.shadow(root, before)) if overrides else None
        # A look-up makes no file where there is none.
        path = store_path()
        replies = stack.enter_context(Replies(path)) if path.exists() else None
        planner = Planner(replies)
        world = World(folder, baseline, params, planner, told=told)
        found = list(forecasts(graph.steps(root, changed, targets), world))
        missing = any(why.endswith(MISSING) for forecast in found for why in forecast.why)
        return tables.Plan(found, _totals(found, planner, replies), tables.notes(found, missing))


MISSING = (" is deleted", " is not in cache")
"""How DVC says that it knows an output, but does not find it here."""


def _params(folder: Path) -> Params:
    try:
        return load(folder / PARAMS)
    except UserError as error:
        raise UserError(str(error).replace(f"{folder}/", "")) from None


def _totals(found: list[Forecast], planner: Planner, replies: Replies | None) -> list[tables.Total]:
    """With what is spent of each model's budget, and whether this plan would stop on the way."""
    named = []
    for total in tables.totals(found):
        identity = Identity(total.model, total.endpoint)
        spent = replies.spent(identity)[0] if replies else (0, 0)
        told = _budget(planner.engines[identity], spent, (total.tokens_in, total.tokens_out))
        named.append(msgspec.structs.replace(total, budget=told))
    return named


def _budget(engine: Engine, spent: Tokens, planned: Tokens) -> str:
    if engine.budget is None:
        return ""
    tokens, money, price = engine.budget.tokens, engine.budget.money, engine.price
    after = spent[0] + planned[0], spent[1] + planned[1]
    told = []
    if tokens is not None:
        told.append((f"{sum(spent):,} of {tokens:,} tokens", sum(after) > tokens))
    if money is not None and price is not None:
        told.append((f"{cost(price, spent):.2f} of {money:.2f} {price.currency}", cost(price, after) > money))
    stops = "; this plan would stop on the way" if any(over for _, over in told) else ""
    return f"spent {' and '.join(text for text, _ in told)}{stops}" if told else ""
