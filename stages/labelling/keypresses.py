"""Keypresses from a terminal without waiting for Enter, or lines from a pipe."""

import os
import termios
import tty
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TextIO

END = "\x04"
"""What a terminal sends for Ctrl-D."""
ESCAPE = "\x1b"


@contextmanager
def key_reader(stream: TextIO) -> Iterator[Callable[[], str]]:
    """A function that gives one key of a stream at a time: the next keypress of a terminal, else the next line.

    It gives "" at the end of the input and for Ctrl-D. The terminal is as it was before when the block ends, however
    it ends.
    """
    if not stream.isatty():
        yield partial(_next_line, stream)
        return
    handle = stream.fileno()
    before = termios.tcgetattr(handle)
    try:
        tty.setcbreak(handle, termios.TCSADRAIN)
        yield _Keypresses(handle)
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)


def _next_line(stream: TextIO) -> str:
    """The next line that is not empty, without white space around it; "" at the end."""
    for line in stream:
        if line.strip():
            return line.strip()
    return ""


class _Keypresses:
    """Gives the keys of a terminal one by one."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._waiting: deque[str] = deque()

    def __call__(self) -> str:
        """The next key; a key that sends several characters (an arrow, the keypad) is one, and means nothing."""
        if not self._waiting:
            text = os.read(self._handle, 1024).decode(errors="replace")
            self._waiting.extend([text] if text.startswith(ESCAPE) else text)
        key = self._waiting.popleft() if self._waiting else ""
        return "" if key == END else key
