"""Run one command as a script and write what its start-up and its validation cost: `FILE [--begin] MODULE WORDS ...`.

For `tests.bench.share`. Standard library alone, as it is measured itself. CPU seconds of this process: `start` until
params.yaml is read, which commands do first, and of each import after that; `validation` of Great Expectations, its
import included. With --begin the command ends when params.yaml is read.
"""

import json
import os
import runpy
import sys
import time
from collections.abc import Callable
from importlib import _bootstrap
from typing import Any

TIMED = {"stages.params": "load", "stages.validation.receipts": "write_receipts"}
"""Module -> its function that is timed."""
REAL = _bootstrap._find_and_load  # type: ignore[attr-defined]


class Clock:
    """Adds up CPU; a part within another one counts for the outer one alone."""

    def __init__(self, only_begin: bool) -> None:
        self.only_begin, self.is_open, self.begun = only_begin, False, 0.0
        self.seconds = {"start": 0.0, "validation": 0.0}

    def timed(self, part: str, function: Callable[..., Any], begins: bool = False) -> Callable[..., Any]:
        """The same function, its CPU counted as `part`. begins: the command's own work begins after it."""

        def run(*args: Any, **kwargs: Any) -> Any:
            if self.is_open:
                return function(*args, **kwargs)
            self.is_open, before = True, time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                self.is_open = False
                self.seconds[part] += time.process_time() - before
                if begins and not self.begun:
                    self.begun = time.process_time()
                    self.seconds["start"] = self.begun
                    if self.only_begin:
                        raise SystemExit(0)

        return run


def main(file: str, words: list[str]) -> None:
    """Run the command in this process."""
    clock = Clock("--begin" in words)
    module, *sys.argv[1:] = [word for word in words if word != "--begin"]
    sys.path[0] = os.getcwd()
    load = clock.timed("start", REAL)
    clock.seconds["start"] = time.process_time()  # the interpreter

    def find_and_load(name: str, importer: Any) -> Any:
        loaded = load(name, importer)
        function = TIMED.get(name)
        if function and function in vars(loaded) and not hasattr(vars(loaded)[function], "is_timed"):
            is_load = function == "load"
            wrapped = clock.timed("start" if is_load else "validation", vars(loaded)[function], is_load)
            wrapped.is_timed = True  # type: ignore[attr-defined]
            setattr(loaded, function, wrapped)
        return loaded

    _bootstrap._find_and_load = find_and_load  # type: ignore[attr-defined]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        with open(file, "w", encoding="utf-8") as stream:
            json.dump(clock.seconds, stream)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
