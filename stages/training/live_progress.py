"""Files that follow a training while it runs, which `dvc exp show`, `dvc metrics show` and `dvc plots show` read.

They are no outputs of a stage, which DVC would remove before a run, and they are gone when the run has finished: its
losses are in data/metrics/train/ then. The layout is that of DVCLive, which itself would bring DVC into Axolotl's
environment: a dvc.yaml that names metrics and plots (https://dvc.org/doc/dvclive).
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from stages.core import artifacts

FOLDER = Path("data/live")
METRICS, CURVE, GRAPH = "train.json", "train.csv", "dvc.yaml"
DECLARED = f"""\
# Written while a run trains, for `dvc exp show` and `dvc plots show`; removed after it.
metrics: [{METRICS}]
plots:
- Loss of the run that trains: {{x: step, y: {{{CURVE}: [loss, validation_loss]}}}}
- Learning rate of the run that trains: {{x: step, y: {{{CURVE}: learning_rate}}}}
"""
COLUMNS = ("step", "loss", "validation_loss", "learning_rate", "grad_norm", "tokens_per_second")


class LiveProgress:
    """Copies the progress of a run into `folder`."""

    def __init__(self, run: str, progress: Path, folder: Path | None, period: float = 1.0) -> None:
        """progress: the file that `run_plugin` writes. folder: None to write nothing. period: least seconds between two
        updates, which take at most a twentieth of the time however long the run is."""
        self.run, self._progress, self._folder, self._period = run, progress, folder, period
        self._next = float("-inf")
        self._seen = (0, 0)
        """The size and the time of the progress file when it was read last."""
        self.values: dict[str, Any] = {}
        """The last value of each kind."""

    def update(self) -> None:
        """Read what is new, and write both files if there is any."""
        if (began := time.monotonic()) < self._next:
            return
        with suppress(OSError):
            status = self._progress.stat()
            if (status.st_size, status.st_mtime_ns) != self._seen:
                self._seen = (status.st_size, status.st_mtime_ns)
                self._write(list(self._entries()))
        self._next = time.monotonic() + max(self._period, 20 * (time.monotonic() - began)) * (self._period > 0)

    def _entries(self) -> Iterator[dict[str, Any]]:
        for line in self._progress.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(json.JSONDecodeError):  # the last line may be half written
                yield json.loads(line)

    def _write(self, entries: list[dict[str, Any]]) -> None:
        self.values = {name: value for entry in entries for name, value in entry.items() if name != "time"}
        if self._folder is None or not self.values:
            return
        artifacts.write_json(self._folder / METRICS, {"run": self.run, **self.values})
        artifacts.write_text(self._folder / CURVE, table(entries, COLUMNS))
        artifacts.write_text(self._folder / GRAPH, DECLARED)

    def remove(self) -> None:
        """Remove the files, after a run that has finished."""
        if self._folder is not None:
            for name in (GRAPH, METRICS, CURVE):
                (self._folder / name).unlink(missing_ok=True)
            with suppress(OSError):
                self._folder.rmdir()


def table(entries: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    """The entries as CSV with a header, what was logged of one step on one line."""
    steps: dict[int, Mapping[str, Any]] = {}
    for entry in entries:
        steps[entry["step"]] = {**steps.get(entry["step"], {}), **entry}
    lines = [",".join(str(values.get(column, "")) for column in columns) for values in steps.values()]
    return "\n".join([",".join(columns), *lines, ""])
