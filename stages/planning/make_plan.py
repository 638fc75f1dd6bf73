"""Makes a plan: the graph, the overlays, the forecasts and their totals."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import msgspec

from stages.core.errors import UserError
from stages.core.state_folder import store_path
from stages.execution.stage_times import read_times, times_path
from stages.inference.budgets import Tokens, cost
from stages.inference.engine_interface import Recall
from stages.params import PARAMS, Engine, Params, load
from stages.params.missing_paths import missing_paths
from stages.planning import dvc_graph, overlay, plan_table, preflight
from stages.planning.dry_run import Planner
from stages.planning.forecast import Forecast, PlanState, forecasts
from stages.planning.power import power_rows
from stages.planning.run_targets import check_targets
from stages.planning.wall_time import wall_times
from stages.reply_store.identity import Identity
from stages.reply_store.store import Replies


def plan(
    root: Path, overrides: list[str], targets: list[str], on_stage: Callable[[str], None], check: bool = True
) -> plan_table.Plan:  # fmt: skip
    """The requests that `dvc exp run` with these overrides and targets would send. None is sent; `root` is not written.

    on_stage: called with the name of each stage before it is simulated. check: whether servers that would get requests
    are checked, by a few small requests to each that is not recorded. Raises UserError for bad parameters or files.
    """
    if not (root / PARAMS).exists():
        raise UserError(f"{PARAMS}: no such file; run from the top of the repository")
    changed = dvc_graph.overridden(root, overrides)
    with ExitStack() as stack:
        folder = stack.enter_context(overlay.checkout_overlay(root, changed))
        params = _params(folder)
        check_targets(targets, params)
        before = dvc_graph.overridden(root, [])
        steps = dvc_graph.steps(root, changed, targets)
        others = bool(overrides) or any(dvc_graph.as_run(step, before) != before for step in steps)
        baseline = stack.enter_context(overlay.checkout_overlay(root, before)) if others else None
        # Opening a store creates it: a plan writes none.
        path = store_path()
        replies = stack.enter_context(Replies(path)) if path.exists() else None
        recall = preflight.recall(probes=check)
        checked = _check_unknown(steps, root, params, recall) if check else []
        planner = Planner(replies, recall._replace(probes=False))
        state = PlanState(folder, baseline, params, planner, before, on_stage=on_stage)
        planned = list(forecasts(steps, state))
        validating = {step.name for step in steps if len(step.commands) > 1}
        validated = any(forecast.stage in validating for forecast in planned)
        return plan_table.Plan(
            planned, totals := _totals(planned, planner, replies), wall_times(planned, read_times(times_path())),
            [*(f"{one.path}: {one.message}" for one in missing_paths(params, root)),
             *plan_table.notes(planned, lacks_files(planned), validated), *planner.unknown, *checked,
             *(_check_senders(totals, planner, params, recall) if check else [])],
            power_rows(folder, params, [forecast.stage for forecast in planned]),
        )  # fmt: skip


def _check_unknown(steps: list[dvc_graph.Step], root: Path, params: Params, recall: Recall) -> list[str]:
    """Learn the dialects that are "auto", without which no request can be looked up. Returns notes."""
    automatic = [one for one in preflight.subjects(params) if preflight.is_automatic(one)]
    if not automatic:
        return []
    known = preflight.subjects_of(preflight.steps_to_run(steps, root), params)
    return _notes([one for one in known if preflight.is_automatic(one)], params, recall)


def _check_senders(
    totals: list[plan_table.Total], planner: Planner, params: Params, recall: Recall
) -> list[str]:  # fmt: skip
    """Check the servers that would get requests. Returns notes."""
    sending = {Identity(one.model, one.endpoint) for one in totals if one.new or one.guessed}
    connected = [planner.connected[identity] for identity in sending if identity in planner.connected]
    known = [
        one for one in preflight.subjects(params)
        if any(one.engine.options == engine.options and one.model == model for engine, model in connected)
    ]  # fmt: skip
    servers = [one for one in known if preflight.is_endpoint(one) and not preflight.is_automatic(one)]
    return _notes(servers, params, recall)


def _notes(subjects: list[preflight.Subject], params: Params, recall: Recall) -> list[str]:
    checks = [(one, preflight.check(one, params, recall)) for one in subjects]
    lines = [preflight.probe_line(subject, result) for subject, result in checks]
    return [line for line in (*lines, *preflight.failures(checks)) if line]


MISSING = (" is deleted", " is not in cache")
"""Ends of DVC's messages about outputs that dvc.lock has and the checkout lacks."""


SHARED = ("fetch_model", "fetch_corpus", "index_benchmarks", "report")
"""Stages of every project: dvc.lock has those of the experiment that is committed with the code."""


def lacks_files(planned: Sequence[Forecast]) -> bool:
    """Whether files are missing that an earlier run of this project made, by dvc.lock."""
    ran = [one for one in planned if one.stage.rpartition(":")[2].partition("@")[0] not in SHARED]
    return any(why.endswith(MISSING) for forecast in ran for why in forecast.why)


def _params(folder: Path) -> Params:
    try:
        return load(folder / PARAMS)
    except UserError as error:
        raise UserError(str(error).replace(f"{folder}/", "")) from None


def _totals(stages: list[Forecast], planner: Planner, replies: Replies | None) -> list[plan_table.Total]:
    """Totals by model, with what is spent of its budget and whether this plan would exceed it."""
    totals = []
    for total in plan_table.totals(stages):
        identity = Identity(total.model, total.endpoint)
        limited = [engine for engine in planner.engines[identity] if engine.budget]
        spent = replies.spent(identity)[0] if replies and limited else (0, 0)
        planned = total.tokens_in, total.tokens_out
        texts = [_budget(engine, spent, planned, planner.largest.get(identity, (0, 0))) for engine in limited]
        totals.append(msgspec.structs.replace(total, budget="; ".join(dict.fromkeys(filter(None, texts)))))
    return totals


STOPS = "; this plan would stop on the way"
MAY_STOP = "; this plan might stop before its end: a request is sent only if there is room for its most"


def _budget(engine: Engine, spent: Tokens, planned: Tokens, dearest: Tokens) -> str:
    """What is spent of a budget, as text. dearest: most tokens of the largest request; (0, 0) where none is sent."""
    budget, price = engine.budget, engine.charged_price
    limits: list[tuple[str, float, Callable[[Tokens], float]]] = []
    if budget and budget.tokens is not None:
        limits.append((f"{sum(spent):,} of {budget.tokens:,} tokens", budget.tokens, sum))
    if budget and budget.money is not None and price:
        spent_text = f"{cost(price, spent):.2f} of {budget.money:.2f} {price.currency}"
        limits.append((spent_text, budget.money, partial(cost, price)))
    after = _sum(spent, planned)
    over = any(max(count(after), count(_sum(spent, dearest))) > limit for _, limit, count in limits)
    near = any(count(_sum(after, dearest)) > limit for _, limit, count in limits)
    ends = "" if dearest == (0, 0) else STOPS if over else MAY_STOP if near else ""
    return f"spent {' and '.join(text for text, _, _ in limits)}{ends}" if limits else ""


def _sum(one: Tokens, other: Tokens) -> Tokens:
    return one[0] + other[0], one[1] + other[1]
