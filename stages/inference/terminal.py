"""Progress on stderr: a line that rich redraws on a terminal, elsewhere (CI, a log) one every `PERIOD` seconds.

The text comes from outside (a model's name, a row's id): it is never taken for markup or control characters.
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
REFRESH_RATE = 4
"""Redraws per second on a terminal."""
BAR_WIDTH = 20
"""Columns of the progress bar."""


class View(NamedTuple):
    """The progress at one moment."""

    label: str
    share: float | None
    """The finished share of the work, 0 to 1; None if unknown."""
    text: str


class ProgressLine:
    """Shows the `view` until it is closed."""

    def __init__(self, view: Callable[[], View]) -> None:
        """`view`: called from a thread of rich's."""
        self._view = view
        self._last_printed = time.monotonic()
        self._live: Any = None

    def tick(self) -> None:
        """Print a plain line, if it is time to. On a terminal rich redraws the line."""
        now = time.monotonic()
        if self._live is None and now - self._last_printed >= PERIOD:
            self._last_printed = now
            self.print_line(f"{self._view().label}: {self._view().text}")

    def print_line(self, text: str) -> None:
        """Print a line that stays. Errors are ignored: stderr may be closed, or the log's disk full."""
        if sys.stderr:
            with contextlib.suppress(OSError):
                print(f"seqit {one_line(text)}", file=sys.stderr, flush=True)

    def __enter__(self) -> "ProgressLine":
        """Start drawing."""
        if sys.stderr and sys.stderr.isatty() and not _console().is_dumb_terminal:
            from rich.live import Live

            # Output of others appears above the line; stdout is redirected only where it is a terminal as well.
            self._live = Live(
                console=_console(), get_renderable=lambda: render(self._view(), _console().width), transient=True,
                refresh_per_second=REFRESH_RATE, redirect_stdout=sys.stdout.isatty(),
            )  # fmt: skip
            self._live.start()
            # rich hides the cursor, and a killed process would leave the terminal without one.
            _console().show_cursor()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Remove the line."""
        if self._live is not None:
            self._live.stop()
            self._live = None


@cache
def _console() -> Any:
    """One console for all: rich draws the lines of several connections below each other."""
    from rich.console import Console

    return Console(stderr=True)


def render(view: View, width: int) -> Any:
    """A rich renderable of the view for a terminal of `width` columns."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    label = Text(f"seqit {one_line(view.label)}")
    label.truncate(max(width // 2, 1), overflow="ellipsis")  # a name is long, and what matters comes after it
    cells: list[Any] = [label, Text(one_line(view.text), style="dim")]
    if view.share is not None and width >= 5 * BAR_WIDTH:
        cells.insert(1, ProgressBar(1.0, min(view.share, 1.0), width=BAR_WIDTH))
    row = Table.grid(padding=(0, 1))
    for _ in cells[:-1]:
        row.add_column(no_wrap=True)
    row.add_row(*cells)
    return row
