"""Runs the stages of the graph in a work folder, several at once, and compares what each makes with dvc.lock."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from stages.planning.dvc_graph import Step
from stages.planning.overlay import md5
from stages.reproduction.outputs import (
    Output,
    Rebuilt,
    changed_inputs,
    compare,
    not_rebuilt,
    recorded_md5,
)  # fmt: skip
from stages.reproduction.run_step import run_step
from stages.reproduction.work_folder import overlap

TRAINED = "train"
"""The module whose stages are not run: they need an environment and time of their own."""
UNTRAINED = "training is left to `make repro`"
MODELS = "models/"
Run = Callable[[Step, Path], str]
"""Runs a stage in a folder; returns why it failed, "" where it did not."""


def is_trained(step: Step) -> bool:
    """Whether a stage trains a model."""
    return step.module == TRAINED


def rebuild(
    stages: Sequence[Step],
    sources: Mapping[str, str],
    folder: Path,
    jobs: int,
    run: Callable[[Step, Path], str] = run_step,
) -> Iterator[tuple[Step, Rebuilt]]:
    """Each stage with what became of it, as it ends; a stage is run when those that it depends on are done.

    A stage is not run where one before it failed. sources: path -> MD5 of what no stage makes; it is in `folder`
    already, as are the outputs of stages that train.
    """
    waiting, done = list(stages), dict[str, Rebuilt]()
    producers = {step.name: _producers(step, stages) for step in stages}
    with ThreadPoolExecutor(jobs) as pool:
        running: dict[Future[Rebuilt], Step] = {}
        while waiting or running:
            for step in [one for one in waiting if producers[one.name] <= done.keys()]:
                waiting.remove(step)
                failed = sorted(name for name in producers[step.name] if _is_absent(done[name]))
                if failed:
                    done[step.name] = not_rebuilt(step, f"{failed[0]} was not rebuilt")
                    yield step, done[step.name]
                else:
                    running[pool.submit(_rebuilt, step, sources, folder, run)] = step
            ended, _ = wait(running, return_when=FIRST_COMPLETED) if running else ((), ())
            for future in ended:
                step = running.pop(future)
                done[step.name] = future.result()
                yield step, done[step.name]


def _producers(step: Step, stages: Sequence[Step]) -> set[str]:
    """The stages that make what a stage reads; none for one that trains, as what it made is known beforehand."""
    if is_trained(step):
        return set()
    return {
        other.name
        for other in stages
        if other is not step and any(overlap(dep, out) for dep in step.deps for out in other.outs)
    }


def _is_absent(rebuilt: Rebuilt) -> bool:
    """Whether a stage's outputs are not there for others to read."""
    blocked = any(output.state == "not rebuilt" and output.reason != UNTRAINED for output in rebuilt.outputs)
    return bool(rebuilt.failure) or blocked


def _rebuilt(step: Step, sources: Mapping[str, str], folder: Path, run: Run) -> Rebuilt:
    if is_trained(step):
        return Rebuilt(step.name, [*_committed(step, folder)])
    started = time.monotonic()
    failure = run(step, folder)
    seconds = time.monotonic() - started
    result = None if failure else compare(step, folder, seconds)
    if result and result.is_good:
        return result
    changes = changed_inputs(step, sources)
    cause = f"; changed since dvc.lock: {', '.join(changes)}" if changes else ""
    if result is None:
        return not_rebuilt(step, f"{step.name} failed", f"{failure}{cause}", seconds)
    outputs = [
        Output(one.path, one.stage, one.state, f"{one.reason}{cause}") if one.state != "reproduced" else one
        for one in result.outputs
    ]
    return Rebuilt(step.name, outputs, seconds)


def _committed(step: Step, folder: Path) -> Iterator[Output]:
    """The outputs of a stage that trains: models are not made, and its committed files are copied and compared."""
    recorded = recorded_md5(step)
    for path in step.outs:
        if path.startswith(MODELS):
            yield Output(path, step.name, "not rebuilt", UNTRAINED)
        elif (made := md5(folder / path)) and made == recorded.get(path):
            yield Output(path, step.name, "as committed", UNTRAINED)
        else:
            yield Output(path, step.name, "differs", "is not the file that dvc.lock records; `git checkout` it")
