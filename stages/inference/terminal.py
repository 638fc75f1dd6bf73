"""Long work on stderr: on a terminal a line that rich redraws, elsewhere (CI, a log) a plain line now and then.

What is shown comes from outside (a model's name, a row's id): it is text, never markup, and moves no cursor.
"""

import contextlib
import sys
import time
from collections.abc import Callable
from functools import cache
from types import TracebackType
from typing import Any, NamedTuple

from stages.core.errors import one_line

PERIOD = 30.0
"""Seconds between plain lines."""
REDRAWN = 4
"""Times a second, on a terminal."""
BAR = 20
"""Columns."""


class View(NamedTuple):
    """How it goes at this moment."""

    label: str
    share: float | None
    """Of all that is to be done; None where nobody knows."""
    text: str


class Display:
    """Shows what `view` says until it is closed."""

    def __init__(self, view: Callable[[], View]) -> None:
        """`view` is called from a thread of rich's."""
        self._view = view
        self._told = time.monotonic()
        self._live: Any = None

    def tick(self) -> None:
        """Tell how it goes, if it is time to. A terminal's line redraws itself."""
        now = time.monotonic()
        if self._live is None and now - self._told >= PERIOD:
            self._told = now
            self.say(f"{self._view().label}: {self._view().text}")

    def say(self, text: str) -> None:
        """A line that stays. Nobody may be listening any more, and the log's disk may be full: work goes on."""
        if sys.stderr:
            with contextlib.suppress(OSError):
                print(f"seqit {one_line(text)}", file=sys.stderr, flush=True)

    def __enter__(self) -> "Display":
        """Begin to draw."""
        if sys.stderr and sys.stderr.isatty() and not _console().is_dumb_terminal:
            from rich.live import Live

            # What others print meanwhile goes above the line; what they print for a pipe or a file goes there.
            self._live = Live(
                console=_console(), get_renderable=lambda: drawn(self._view(), _console().width), transient=True,
                refresh_per_second=REDRAWN, redirect_stdout=sys.stdout.isatty(),
            )  # fmt: skip
            self._live.start()
            # rich hides the cursor, and a process that is killed would leave the terminal without one.
            _console().show_cursor()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Take the line away."""
        if self._live is not None:
            self._live.stop()
            self._live = None


@cache
def _console() -> Any:
    """One for all: rich draws the lines of several displays below each other."""
    from rich.console import Console

    return Console(stderr=True)


def drawn(view: View, width: int) -> Any:
    """What rich draws on a terminal of so many columns."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    label = Text(f"seqit {one_line(view.label)}")
    label.truncate(max(width // 2, 1), overflow="ellipsis")  # a name is long, and what matters comes after it
    cells: list[Any] = [label, Text(one_line(view.text), style="dim")]
    if view.share is not None and width >= 5 * BAR:
        cells.insert(1, ProgressBar(1.0, min(view.share, 1.0), width=BAR))
    row = Table.grid(padding=(0, 1))
    for _ in cells[:-1]:
        row.add_column(no_wrap=True)
    row.add_row(*cells)
    return row
