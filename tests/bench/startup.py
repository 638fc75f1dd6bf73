"""What starting a command costs: `python -m tests.bench.startup [RUNS]`.

CPU seconds of a process, the least of RUNS (10), beside the bare interpreter, the import of Typer and Rich, and the
`--help` of a Typer app with two empty commands. All take turns in one run, so that a load falls on all alike, with
their bytecode written before, as after a user's first call. A command's row is the import of its module: everything
before it reads params.yaml.
"""

import os
import sys
import tempfile
from pathlib import Path

from stages.__main__ import COMMANDS
from tests.bench import usage

BARE = "bare Typer --help"
APP = """
import typer

app = typer.Typer(help="An app.")


@app.command()
def one() -> None:
    "One."


@app.command()
def two() -> None:
    "Two."


app()
"""


def commands(folder: Path) -> dict[str, list[str]]:
    """What is measured: its name and its arguments to Python."""
    (folder / "app.py").write_text(APP, "utf-8")
    basis = {"python -c pass": ["-c", "pass"], "import typer, rich": ["-c", "import typer, rich"]}
    helped = {BARE: [str(folder / "app.py"), "--help"], "seqit --help": ["-m", "stages", "--help"]}
    return basis | helped | {f"import {name}": ["-c", f"import stages.{name}"] for name in COMMANDS}


def cpu(arguments: list[str]) -> float:
    """CPU seconds of one process, user and system."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    process = os.posix_spawn(sys.executable, [sys.executable, *arguments], variables, file_actions=silent)
    _, status, used = os.wait4(process, 0)
    assert status == 0, arguments
    return used.ru_utime + used.ru_stime


def main(runs: int) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        measured = commands(Path(folder))
        seconds: dict[str, list[float]] = {name: [] for name in measured}
        for number in range(runs + 1):
            for name, arguments in measured.items():
                taken = cpu(arguments)
                if number:  # the first one writes the bytecode
                    seconds[name].append(taken)
    bare = min(seconds[BARE])
    print(f"least of {runs} runs, load {os.getloadavg()[0]:.1f}: CPU seconds, and times {BARE}")
    for name, values in seconds.items():
        print(f"{name:22} {min(values):5.2f} s  x {min(values) / bare:4.2f}")


if __name__ == "__main__":
    usage(__doc__)
    main(int((sys.argv[1:] or ["10"])[0]))
