"""A user's mistake, told in one line."""


class UserError(Exception):
    """Bad input that a person can mend: the message names the file, the row where there is one, and what to do.

    Doors print it without a traceback and exit with status 2 (stages/cli.py).
    """
