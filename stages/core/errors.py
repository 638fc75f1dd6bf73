"""UserError: an error that the user can fix, with a message of one line."""

from collections.abc import Iterable


class UserError(Exception):
    """Wrong input: the message names the file, the row if there is one, and what to do.

    Doors print it without a traceback and exit with status 2 (stages/core/cli.py).
    """


MISREAD = (ValueError, LookupError, TypeError, AttributeError)
"""Exceptions of the Hub's client where a server answers 200 with anything but the Hub's JSON."""
NOT_THE_HUB = (
    "the address of the Hub answers, but not as the Hub does (a login page of the network, or a wrong HF_ENDPOINT); "
    "open it in a browser, then run again"
)


def joined(sentences: Iterable[str]) -> str:
    """Sentences on one line, empty ones left out; a semicolon after each that does not end with ?, ! or a stop."""
    text = ""
    for sentence in filter(None, sentences):
        between = " " if text[-1:] in ("?", "!", ".") else "; "
        text += f"{between}{sentence}" if text else sentence
    return text


def one_line(text: str) -> str:
    """`text` with line ends and control characters escaped, safe to print on a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
