"""A user's mistake, told in one line."""


class UserError(Exception):
    """Bad input that a person can mend: the message names the file, the row where there is one, and what to do.

    Doors print it without a traceback and exit with status 2 (stages/core/cli.py).
    """


MISREAD = (ValueError, LookupError, TypeError, AttributeError)
"""What a client of the Hub raises where a server answers 200 with something else than the Hub's JSON."""
NOT_THE_HUB = (
    "the address of the Hub answers, but not as the Hub does (a login page of the network, or a wrong HF_ENDPOINT); "
    "open it in a browser, then run again"
)


def one_line(text: str) -> str:
    """What a terminal may be shown: a file's name, a row or a value may hold line ends and escape sequences."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
