"""Which stages would run and what they would ask, one after another, each on what those before it would have made."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from stages.evaluation.benchmarks.program_outcomes import Outcome
from stages.evaluation.sandbox import ASSUMED
from stages.inference.budgets import Tokens, cost
from stages.inference.dry_run import PLANNER, Planner, RequestCounts
from stages.params import PARAMS, Params
from stages.planning import overlay
from stages.planning.dvc_graph import Made, Step, as_run, concerned, reasons
from stages.reply_store.identity import reference_of

CHEAP = ("ingest", "index_benchmarks", "decontaminate", "count_tokens", "sample", "format")
"""Doors that ask nobody and are done in a moment: run for what they write."""


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of one model at one endpoint."""

    model: str
    endpoint: str
    remembered: int
    new: int
    """Not remembered, certain to be sent."""
    guessed: int
    """Depend on replies that aren't there yet: counted as if those were like remembered ones."""
    tokens_in: int
    tokens_out: int
    tokens_out_at_most: int
    """If every reply to `new` and `guessed` took its max_tokens."""
    hours: float | None
    cost: float | None
    cost_at_most: float | None
    currency: str | None


class Requests(Demand, frozen=True, kw_only=True):
    """What one stage would ask."""

    measured: bool
    """tokens_out follows from remembered replies to the same steps; where not, from max_tokens."""
    counted: bool
    """tokens_in follows from the model's tokenizer or from remembered replies; where not, it is a guess."""


class Forecast(msgspec.Struct, frozen=True):
    """What would become of one stage that would run."""

    stage: str
    why: list[str]
    certain: bool
    """False where it hangs on what stages before it make of replies or weights that aren't there yet."""
    asks: list[Requests]
    unknown: str
    """What can't be said about it, and why; "" where all is told."""


@dataclass
class World:
    """How far the plan has come."""

    folder: Path
    baseline: Path | None
    """A second shadow, for what stages have been told before, under the parameters that they last ran with."""
    params: Params
    planner: Planner
    before: str = ""
    """params.yaml without the overrides that are asked about."""
    made: dict[str, Made] = field(default_factory=dict)
    guessed: dict[str, set[str]] = field(default_factory=dict)
    """Artifact -> its rows that rest on stand-ins."""
    waits: dict[str, str] = field(default_factory=dict)
    """Artifact that can't be made here -> the stage that it fails at."""
    told: Callable[[str], None] = lambda name: None

    def md5(self, path: str) -> str:
        """Of a file or folder as the plan has made it."""
        return overlay.md5(self.folder / path)


def forecasts(steps: list[Step], world: World) -> Iterator[Forecast]:
    """A forecast for each stage that would run. Stages that ask are run in the shadow, and so are cheap ones."""
    for step in steps:
        why = reasons(step, world.made, world.md5)
        _place_models(step, world)
        if why:
            world.told(step.name)
            certain = all(one.certain for path in step.deps for one in concerned(path, world.made))
            yield _forecast(step, world, why, certain)


def _forecast(step: Step, world: World, why: list[str], certain: bool) -> Forecast:
    upstream = {
        row for path in step.deps for name, rows in world.guessed.items() if _within(path, name) for row in rows
    }
    world.planner.begin(upstream)
    waits = [name for path in step.deps for where, name in world.waits.items() if _within(path, where)]
    root = next(iter(waits), "")
    # Around every command that is run: none of them may reach a model or run a program, whatever it is.
    with _planning(world.planner):
        unknown = f"{WAITS}{root}" if root else _simulate(step, world)
    if not unknown and not any(asked.total() for asked in world.planner.counts) and _nothing_came(step, world):
        unknown = "what it reads hangs on replies that aren't there yet, and no stand-in got through"
    asks = [_requests(world.planner, asked) for asked in world.planner.counts]
    known = not unknown and certain and not world.planner.guessed
    for path in step.outs:
        world.made.update(_made(world.folder, path, known, bool(unknown)))
        world.guessed[path] = set(world.planner.guessed)
        if unknown and (unknown != NOT_RUN or _irreplaceable(world.folder, path)):
            world.waits[path] = root or step.name
    return Forecast(step.name, why, certain, asks, unknown.removeprefix(NOT_RUN))


def _irreplaceable(folder: Path, path: str) -> bool:
    """Whether nothing can stand for what a plan does not make: a model is played, a file must be there."""
    return not path.startswith("models/") and not (folder / path).exists()


def _nothing_came(step: Step, world: World) -> bool:
    """Whether an artifact that the plan has made for this stage is empty."""
    return any(
        path.endswith(".jsonl") and path in world.made and (world.folder / path).stat().st_size == 0
        for path in step.deps if (world.folder / path).is_file()
    )  # fmt: skip


WAITS = "waits for "
"""Begins why nothing can be told of a stage whose input can't be made here."""
NOT_RUN = "\0"
"""Marks a stage that isn't run for a plan: nothing to tell about it."""


def _simulate(step: Step, world: World) -> str:
    """Run a stage in the shadow as far as that is cheap; returns why what it makes can't be known, "" if it can."""
    unknown = _simulate_making(step, world)
    for command in step.commands[1:]:
        unknown = unknown or overlay.validate(world.folder, command[3:])
    return unknown


def _simulate_making(step: Step, world: World) -> str:
    """`_simulate` of the command that makes the outputs."""
    module, arguments = step.module, step.command[3:]
    if module == "fetch" and _endpoint(world, arguments):
        overlay.clear(world.folder, arguments[-1])
        return overlay.run(world.folder, step.command)
    if module in CHEAP:
        return overlay.run(world.folder, step.command)
    if not asks(module):
        return NOT_RUN
    if world.baseline:
        _learn(step, world)
    return overlay.run(world.folder, step.command)


def asks(module: str) -> bool:
    """Whether a command, a module of stages/, reaches a model."""
    return bool(module) and hasattr(importlib.import_module(f"stages.{module}"), "connect")


def _learn(step: Step, world: World) -> None:
    """What the same stage has been told when it last ran: stand-ins, and how long replies are."""
    assert world.baseline
    (world.baseline / PARAMS).write_text(as_run(step, world.before), encoding="utf-8")
    world.planner.learning = True
    kept = world.planner.counts, world.planner.guessed
    try:
        overlay.run(world.baseline, step.command)
    finally:
        world.planner.learning = False
        world.planner.counts, world.planner.guessed = [], kept[1]


@contextmanager
def _planning(planner: Planner) -> Iterator[None]:
    with ExitStack() as stack:
        stack.callback(PLANNER.reset, PLANNER.set(planner))
        stack.callback(ASSUMED.reset, ASSUMED.set(Outcome("failed", "not run for a plan")))
        yield


def _endpoint(world: World, arguments: list[str]) -> bool:
    """Whether it is a model behind an endpoint: then there is nothing to download."""
    model = world.params.fetch.models.get(arguments[-1]) if arguments[0] == "model" else None
    return model is not None and model.reference.startswith("endpoint:")


def _place_models(step: Step, world: World) -> None:
    """Stand-ins for the models of a stage that aren't there, or would be made anew."""
    for path in step.deps:
        top, _, rest = path.partition("/")
        model = rest.partition("/")[0]
        if top != "models" or not model:
            continue
        remade = any(name == f"models/{model}" and not one.md5 for name, one in world.made.items())
        folder = world.folder / "models" / model
        if not folder.exists() or (remade and folder.is_symlink() and not _same(folder, model, world)):
            trained = world.params.train.runs.get(model)
            overlay.place(world.folder, model, f"{model} (not there yet)", like=trained.model if trained else model)


def _same(folder: Path, model: str, world: World) -> bool:
    """Whether a model that would be fetched again is the one that is there: the same reference, other code."""
    found, fetched = reference_of(folder), world.params.fetch.models.get(model)
    return found is not None and fetched is not None and found.reference == fetched.reference


def _made(folder: Path, path: str, certain: bool, unknown: bool) -> dict[str, Made]:
    """A file, or each file of a folder; something without contents where they can't be known."""
    place = folder / path
    files = [file for file in (place, *place.rglob("*")) if file.is_file()]
    if unknown or not files:
        return {path: Made("", False)}
    return {file.relative_to(folder).as_posix(): Made(overlay.md5(file), certain) for file in files}


def _in(folder: str, path: str) -> bool:
    return path.startswith(f"{folder}/")


def _within(one: str, other: str) -> bool:
    return one == other or _in(one, other) or _in(other, one)


def _requests(planner: Planner, asked: RequestCounts) -> Requests:
    load = planner.tokens(asked)
    read, written, most = load.read, load.written, max(load.most, load.written)
    price, speed = asked.engine.price, asked.engine.speed
    tokens: Tokens = (read, written)
    return Requests(
        model=asked.identity.model, endpoint=asked.identity.endpoint, remembered=asked.cached, new=asked.new,
        guessed=asked.guessed, tokens_in=read, tokens_out=written, tokens_out_at_most=most, measured=load.measured,
        counted=load.counted,
        hours=(read / speed.input + written / speed.output) / 3600 if speed else None,
        cost=cost(price, tokens) if price else None,
        cost_at_most=cost(price, (read, most)) if price else None,
        currency=price.currency if price else None,
    )  # fmt: skip
