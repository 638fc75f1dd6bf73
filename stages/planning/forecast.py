"""Forecasts the requests of each stage that would run, on the outputs that the stages before it would write."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from stages.evaluation.benchmarks.program_outcomes import Execute, Outcome
from stages.evaluation.sandbox import Limits
from stages.inference.budgets import Tokens, cost
from stages.params import PARAMS, Params
from stages.planning import overlay
from stages.planning.command_models import FAST, MODELS
from stages.planning.dry_run import Planner, RequestCounts
from stages.planning.dvc_graph import PlannedFile, Step, as_run, reasons, related_files
from stages.reply_store.identity import reference_of


class RequestTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Requests to one model at one endpoint, with their tokens and cost."""

    model: str
    endpoint: str
    cached: int
    new: int
    """Not in the reply store: certain to be sent."""
    guessed: int
    """Requests that depend on replies which are not in the store, estimated by replies that are."""
    tokens_in: int
    tokens_out: int
    tokens_out_at_most: int
    """If every reply to `new` and `guessed` took its max_tokens."""
    hours: float | None
    cost: float | None
    cost_at_most: float | None
    currency: str | None


class StageRequests(RequestTotals, frozen=True, kw_only=True):
    """Requests of one stage."""

    measured: bool
    """Whether tokens_out is estimated by stored replies to the same steps; else it is max_tokens."""
    counted: bool
    """Whether tokens_in is by the model's tokenizer or by stored replies; else by a fixed ratio."""
    checked_rate: float = 0.0
    """Tokens written a second, as a check recorded, from which `hours` follow; 0 where they follow from `costs`."""
    batch_hours: int = 0
    """Within how many hours the server answers a batch of them, which `hours` leave out; 0 without batches."""


class Forecast(msgspec.Struct, frozen=True):
    """The forecast of one stage that would run."""

    stage: str
    why: list[str]
    certain: bool
    """False where its inputs depend on replies or weights that do not exist yet."""
    asks: list[StageRequests]
    unknown: str
    """Why its requests can't be forecast; "" where they can."""


@dataclass
class PlanState:
    """The state of a plan while its stages are simulated one by one."""

    folder: Path
    baseline: Path | None
    """A second overlay, in which stages run with the parameters of their last run, to learn from its replies."""
    params: Params
    planner: Planner
    before: str = ""
    """params.yaml without the overrides of the plan."""
    planned_files: dict[str, PlannedFile] = field(default_factory=dict)
    guessed: dict[str, set[str]] = field(default_factory=dict)
    """Artifact -> ids of its rows that depend on stand-in replies."""
    waiting: dict[str, str] = field(default_factory=dict)
    """Artifact that can't be written in a plan -> the stage that fails."""
    on_stage: Callable[[str], None] = lambda name: None

    def md5(self, path: str) -> str:
        """The MD5 of a file or folder of the overlay, as DVC computes it."""
        return overlay.md5(self.folder / path)


def forecasts(steps: list[Step], state: PlanState) -> Iterator[Forecast]:
    """A forecast for each stage that would run. Stages with requests and fast stages run in the overlay."""
    for step in steps:
        why = reasons(step, state.planned_files, state.md5)
        _place_stand_in_models(step, state)
        if why:
            state.on_stage(step.name)
            certain = all(one.certain for path in step.deps for one in related_files(path, state.planned_files))
            yield _forecast(step, state, why, certain)


def _forecast(step: Step, state: PlanState, why: list[str], certain: bool) -> Forecast:
    upstream = {
        row for path in step.deps for name, rows in state.guessed.items() if _within(path, name) for row in rows
    }
    state.planner.begin(upstream)
    waits = [name for path in step.deps for where, name in state.waiting.items() if _within(path, where)]
    root = next(iter(waits), "")
    unknown = f"{WAITS}{root}" if root else _simulate(step, state)
    sends = any(counts.total() for counts in state.planner.counts)
    if not unknown and not sends and _has_empty_input(step, state):
        unknown = "its input depends on replies that are not stored yet, and every stand-in was rejected"
    asks = [_requests(state.planner, counts) for counts in state.planner.counts]
    known = not unknown and certain and not state.planner.guessed
    for path in step.outs:
        state.planned_files.update(_planned_files(state.folder, path, known, bool(unknown)))
        state.guessed[path] = set(state.planner.guessed)
        if unknown and (unknown != NOT_RUN or _irreplaceable(state.folder, path)):
            state.waiting[path] = root or step.name
    return Forecast(step.name, why, certain, asks, unknown.removeprefix(NOT_RUN))


def _irreplaceable(folder: Path, path: str) -> bool:
    """Whether a path that a plan does not write has no stand-in: models have, missing files have not."""
    return not path.startswith("models/") and not (folder / path).exists()


def _has_empty_input(step: Step, state: PlanState) -> bool:
    """Whether an input of this stage that the plan has written is empty."""
    return any(
        path.endswith(".jsonl") and path in state.planned_files and (state.folder / path).stat().st_size == 0
        for path in step.deps if (state.folder / path).is_file()
    )  # fmt: skip


WAITS = "waits for "
"""Prefix of `unknown` for stages whose input can't be written in a plan."""
NOT_RUN = "\0"
"""Marks a stage that a plan does not run and that sends no requests."""


def _simulate(step: Step, state: PlanState) -> str:
    """Run a stage in the overlay, except for slow ones; returns why its outputs are unknown, "" if they are known."""
    unknown = _simulate_first_command(step, state)
    for command in step.commands[1:]:
        unknown = unknown or overlay.validate(state.folder, command[3:])
    return unknown


def _simulate_first_command(step: Step, state: PlanState) -> str:
    """`_simulate` of the command that writes the outputs."""
    module, arguments = step.module, step.command[3:]
    if module == "fetch" and _is_endpoint(state, arguments):
        overlay.clear(state.folder, arguments[-1])
        return overlay.run(state.folder, step.command)
    if module in FAST:
        return overlay.run(state.folder, step.command)
    if module not in MODELS:
        return NOT_RUN
    if state.baseline:
        _learn_from_last_run(step, state)
    return overlay.run(state.folder, step.command, stand_ins(state.planner))


def _learn_from_last_run(step: Step, state: PlanState) -> None:
    """Let the planner see the replies of the stage's last run: for stand-ins, and for lengths of replies."""
    assert state.baseline
    (state.baseline / PARAMS).write_text(as_run(step, state.before), encoding="utf-8")
    state.planner.learning = True
    guessed = state.planner.guessed
    try:
        overlay.run(state.baseline, step.command, stand_ins(state.planner))
    finally:
        state.planner.learning = False
        state.planner.counts, state.planner.guessed = [], guessed


def stand_ins(planner: Planner) -> dict[str, Any]:
    """Parameter of a command -> what a plan passes for it: no model, sandbox or encoder is opened."""
    return {"connect": planner.connect, "open_sandbox": _open_no_sandbox, "open_encoder": _open_no_encoder}


@contextmanager
def _open_no_sandbox(limits: Limits) -> Iterator[Execute]:
    yield lambda programs: (Outcome("failed", "not run for a plan") for _ in programs)


@contextmanager
def _open_no_encoder(**settings: Any) -> Iterator[None]:
    yield None


def _is_endpoint(state: PlanState, arguments: list[str]) -> bool:
    """Whether the words of a `fetch` command name a model at an endpoint, which needs no download."""
    model = state.params.fetch.models.get(arguments[-1]) if arguments[0] == "model" else None
    return model is not None and model.reference.startswith("endpoint:")


def _place_stand_in_models(step: Step, state: PlanState) -> None:
    """Put stand-ins for models of a stage that do not exist, or would be trained or fetched again."""
    for path in step.deps:
        top, _, rest = path.partition("/")
        model = rest.partition("/")[0]
        if top != "models" or not model:
            continue
        remade = any(name == f"models/{model}" and not one.md5 for name, one in state.planned_files.items())
        folder = state.folder / "models" / model
        if not folder.exists() or (remade and folder.is_symlink() and not _same_reference(folder, model, state)):
            trained = state.params.train.runs.get(model)
            base = trained.model if trained else model
            overlay.place_stand_in_model(state.folder, model, f"{model} (not there yet)", like=base)


def _same_reference(folder: Path, model: str, state: PlanState) -> bool:
    """Whether a model that would be fetched again has the reference that params.yaml has."""
    reference, fetched = reference_of(folder), state.params.fetch.models.get(model)
    return reference is not None and fetched is not None and reference.reference == fetched.reference


def _planned_files(folder: Path, path: str, certain: bool, unknown: bool) -> dict[str, PlannedFile]:
    """The file `path`, or each file of that folder; one without a hash where contents are unknown."""
    place = folder / path
    files = [file for file in (place, *place.rglob("*")) if file.is_file()]
    if unknown or not files:
        return {path: PlannedFile("", False)}
    return {file.relative_to(folder).as_posix(): PlannedFile(overlay.md5(file), certain) for file in files}


def _in(folder: str, path: str) -> bool:
    return path.startswith(f"{folder}/")


def _within(one: str, other: str) -> bool:
    return one == other or _in(one, other) or _in(other, one)


def _requests(planner: Planner, counts: RequestCounts) -> StageRequests:
    load = planner.tokens(counts)
    read, written, most = load.read, load.written, max(load.most, load.written)
    price, speed = counts.engine.charged_price, counts.engine.speed
    rate = 0.0 if speed else planner.measured_rate(counts.identity)
    seconds = read / speed.input + written / speed.output if speed else written / rate if rate else None
    tokens: Tokens = (read, written)
    return StageRequests(
        model=counts.identity.model, endpoint=counts.identity.endpoint, cached=counts.cached,
        new=counts.new, guessed=counts.guessed, tokens_in=read, tokens_out=written, tokens_out_at_most=most,
        measured=load.measured, counted=load.counted,
        hours=None if seconds is None else seconds / 3600,
        checked_rate=rate,
        batch_hours=counts.engine.batch_hours,
        cost=cost(price, tokens) if price else None,
        cost_at_most=cost(price, (read, most)) if price else None,
        currency=price.currency if price else None,
    )  # fmt: skip
