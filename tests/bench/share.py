"""Start-up and validation as a share of the default run's CPU: `python -m tests.bench.share CPU [CHECKOUT ...]`.

CPU: seconds, user and system, of a whole run on this machine: the sum that bash's `time` prints of `seqit repro` in a
fresh checkout. CHECKOUT: folders of checkouts to compare, before and after a change; left out, this one.

Every process that the graph of dvc.yaml starts is run once, as DVC would, from the committed replies in place of a
model (as `seqit reproduce` does), each in turn for every checkout, so that a load falls on all alike. Training is begun
and not done. All outputs are compared with dvc.lock. Prints a row for each command: its processes and, for each
checkout, CPU seconds of start-up (interpreter, imports wherever they are, params.yaml) and of validation (all else that
a process of `validate` does, and what `rewrite` and `respond` spend in it, Great Expectations' import included).
What stored replies leave out is a row of its own, the import of the embedded engine. DVC's own process is one, too:
its imports. A line on stderr follows each process.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import NamedTuple

from stages.planning.dvc_graph import Step
from stages.reply_store import exchange
from stages.reply_store.store import Replies
from stages.reproduction import reproduce_run
from stages.reproduction.named_replies import all_stages
from stages.reproduction.outputs import compare
from stages.reproduction.rebuild import MODELS, is_trained
from stages.reproduction.run_step import STORE, environment
from stages.reproduction.trained_models import place, read_models
from stages.reproduction.work_folder import copy_sources, sources
from tests.bench import usage
from tests.bench.startup import cpu

SCRIPT = Path(__file__).with_name("share_process.py")
ENGINE = {"import openvino_genai": ("rewrite", "respond", "predict")}
"""What the embedded engine imports, and the commands that ask it."""
DVC = "import stages.execution.dvc_program, dvc.repo.reproduce"


class Cost(NamedTuple):
    """CPU seconds of processes."""

    processes: int = 0
    start: float = 0.0
    validation: float = 0.0

    def plus(self, other: "Cost") -> "Cost":
        """The sum of both."""
        return Cost(self.processes + other.processes, self.start + other.start, self.validation + other.validation)


Costs = defaultdict[str, Cost]


def prepare(folder: Path) -> list[Step]:
    """The stages of the current folder's graph; what they read is written to `folder`."""
    stages = all_stages([])
    trained = read_models(reproduce_run.TRAINED_MODELS, reproduce_run.trained(stages))
    made = [out for step in filter(is_trained, stages) for out in step.outs if not out.startswith(MODELS)]
    copy_sources([*sources(stages), *made], folder)
    for name, model in trained.items():
        place(model, folder / MODELS / name)
    with Replies(folder / STORE) as store:
        exchange.import_(store, reproduce_run.REPLIES)
    subprocess.run([sys.executable, "-m", "compileall", "-q", "stages"], cwd=folder, check=True)
    return stages


def measured(command: list[str], step: Step, folder: Path) -> Cost:
    """The cost of a command of the stage. Raises SystemExit where it fails."""
    _, _, module, *words = command
    variables = environment(folder, step.module)
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    file = folder / ".seqit" / "cost.json"
    begin = ["--begin"] * is_trained(step)
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(file), *begin, module, *words], cwd=folder, env=variables,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    printed = process.stderr.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{folder}: {' '.join(command)} failed: {printed[-500:]}")
    parts = json.loads(file.read_text("utf-8"))
    if module == "stages.validate":
        parts["validation"] = used.ru_utime + used.ru_stime - parts["start"]
    return Cost(1, parts["start"], parts["validation"])


def differing(step: Step, folder: Path) -> list[str]:
    """The outputs of a stage that are not those of dvc.lock."""
    if is_trained(step):
        return []
    return [one.path for one in compare(step, folder, 0.0).outputs if one.state != "reproduced"]


def row(command: list[str]) -> str:
    """The name of a command's row."""
    name = command[2].removeprefix("stages.")
    return f"{name} --suite {command[command.index('--suite') + 1]}" if name == "validate" else name


def run_all(checkouts: list[Path], folders: list[Path]) -> list[Costs]:
    """The costs of all commands for each checkout, by row."""
    graphs = []
    for checkout, folder in zip(checkouts, folders, strict=True):
        with chdir(checkout):
            graphs.append({step.name: step for step in prepare(folder)})
    costs = [Costs(Cost) for _ in checkouts]
    for name in graphs[0]:
        for graph, checkout, folder, mine in zip(graphs, checkouts, folders, costs, strict=True):
            for command in graph[name].commands:
                cost = measured(command, graph[name], folder)
                mine[row(command)] = mine[row(command)].plus(cost)
                print(f"{checkout.name} {name} {row(command)}: {cost.start:.2f} {cost.validation:.2f}", file=sys.stderr)
            with chdir(checkout):
                if paths := differing(graph[name], folder):
                    print(f"{checkout}: not as in dvc.lock: {', '.join(paths)}", file=sys.stderr)
    return costs


def others(processes: dict[str, int], checkout: Path) -> Iterator[tuple[str, Cost]]:
    """The rows of what stored replies leave out, and of DVC's process."""
    with chdir(checkout):
        bare = cpu(["-c", "pass"])
        for code, commands in ENGINE.items():
            count = sum(processes[name] for name in commands)
            more = min(cpu(["-c", code]) for _ in range(2)) - bare
            yield f"{code}, in {', '.join(commands)}", Cost(0, count * more)
        yield "DVC's own imports", Cost(1, min(cpu(["-c", DVC]) for _ in range(2)))


def table(costs: list[Costs], checkouts: list[Path], run: float) -> Iterator[str]:
    """The lines of the table."""
    yield f"| command | processes |{''.join(f' {one.name}: start-up, s | validation, s |' for one in checkouts)}"
    yield f"|---|---|{'---|---|' * len(costs)}"
    for name in dict.fromkeys(name for mine in costs for name in mine):
        count = max(mine[name].processes for mine in costs)
        seconds = "".join(f" {mine[name].start:.2f} | {mine[name].validation:.2f} |" for mine in costs)
        yield f"| `{name}` | {count} |{seconds}"
    for mine, checkout in zip(costs, checkouts, strict=True):
        processes, start, validation = (sum(column) for column in zip(*mine.values(), strict=True))
        yield (
            f"{checkout.name}: {processes} processes, start-up {start:.1f} s ({start / run:.1%} of {run:,.0f} s), "
            f"validation {validation:.1f} s ({validation / run:.1%}), together {(start + validation) / run:.1%}"
        )


def main(run: float, checkouts: list[Path]) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as top:
        folders = [Path(top, str(number)) for number in range(len(checkouts))]
        costs = run_all(checkouts, folders)
    for mine, checkout in zip(costs, checkouts, strict=True):
        mine.update(others({name: cost.processes for name, cost in mine.items()}, checkout))
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    print("\n".join(table(costs, checkouts, run)))


if __name__ == "__main__":
    usage(__doc__, least=1)
    main(float(sys.argv[1]), [Path(name).absolute() for name in sys.argv[2:] or ["."]])
