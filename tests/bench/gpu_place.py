"""Where the parts of the GPU check work, with how much, and how they run programs."""

import json
import os
import resource
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Size(NamedTuple):
    """How much work the parts do."""

    matrix: int
    rows: int
    """Of the training sets."""
    length: int
    """Tokens of a sequence."""
    hidden: int
    layers: int
    """Of the model of random weights."""
    prompts: int
    tokens: int
    """To generate."""
    questions: int


GPU = Size(8192, 1024, 2048, 2048, 24, 512, 128, 60)
CPU = Size(256, 24, 256, 64, 2, 4, 8, 3)


class Place(NamedTuple):
    """Where a part works, and with what."""

    folder: Path
    size: Size
    cpu: bool
    train: Path
    """The Python that has Axolotl."""
    engines: Path
    """The Python that has vLLM, or on a CPU torch and Transformers."""

    def asked(self) -> list[str]:
        """The same as arguments."""
        places = ["--folder", str(self.folder), "--train", str(self.train), "--engines", str(self.engines)]
        return [*places, *(["--cpu"] if self.cpu else [])]


def place_of(arguments: list[str]) -> Place:
    """The place that `asked` wrote as arguments."""
    _, folder, _, train, _, engines, *cpu = arguments
    return Place(Path(folder), CPU if cpu else GPU, bool(cpu), Path(train), Path(engines))


class Skipped(Exception):
    """A part that can't be here, and why."""


Result = dict[str, Any]
"""What a part found: seconds, peak_gib, tokens_per_second, tflops, share, said."""


def python(python: Path, code: str, *arguments: str) -> Any:
    """The last line that a program prints, as JSON. Raises RuntimeError with its last error."""
    done = subprocess.run(
        [str(python), "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        raise RuntimeError(line((done.stderr.strip() or "?").splitlines()[-1]))
    return json.loads(done.stdout.splitlines()[-1])


def run_command(command: list[str], folder: Path, place: Place) -> str:
    """What a command prints. Raises RuntimeError with its last line."""
    done = subprocess.run(
        command, cwd=folder, env=variables(place, folder if folder != ROOT else place.folder), capture_output=True,
        text=True, errors="replace",
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(line((done.stderr.strip() or done.stdout.strip() or "?").splitlines()[-1]))
    return done.stdout


def line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))[:240]


def smi(field: str) -> list[str]:
    """A field of nvidia-smi, a line a GPU; none without a driver or a GPU."""
    if not shutil.which("nvidia-smi"):
        return []
    done = subprocess.run(
        ["nvidia-smi", f"--query-gpu={field}", "--format=csv,noheader"], capture_output=True, text=True
    )
    return done.stdout.strip().splitlines() if not done.returncode else []


def memory(place: Place) -> float:
    """GiB: on a CPU of this process, on a GPU of all of it, as the driver says."""
    if place.cpu:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return float(smi("memory.used")[0].split()[0]) / 1024


def variables(place: Place, project: Path) -> dict[str, str]:
    return {**os.environ, "SEQIT_CACHE": str(project / "cache"), "SEQIT_REPLIES": str(place.folder / "replies.sqlite"),
            "PYTHONPATH": str(ROOT)}  # fmt: skip
