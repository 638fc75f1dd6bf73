"""Compares the messages of each row, which trainers read, with its flat columns, which the other checks read."""

from stages.core.records import Record, Source, Turn
from stages.publishing.chat_messages import conversation, prompt_messages
from stages.verification.check_results import CheckLog, CheckResult
from stages.verification.set_columns import (
    HISTORY,
    ID,
    INPUT,
    INSTRUCTION,
    MESSAGES,
    OUTPUT,
    STEPS,
    SYSTEM,
    TURN,
    Row,
)  # fmt: skip

NO_MESSAGES = "the rows have no flat columns beside `messages`, or no `messages`"


class MessageCheck:
    """Builds the messages of each row again."""

    def __init__(self, data: str) -> None:
        """data: the file for messages."""
        self._data, self._log = data, CheckLog("messages built of the other columns", "rows")

    def add(self, row: Row) -> None:
        """Compare a row."""
        if MESSAGES not in row or STEPS not in row:
            self._log.skip(NO_MESSAGES)
            return
        actual = [(message["role"], message["content"]) for message in row[MESSAGES] or ()]
        if HISTORY not in row:  # benchmarks have no column of earlier turns
            actual = [*(one for one in actual[:1] if one[0] == "system"), *actual[-1:]]
        if actual == _expected(row):
            self._log.agrees()
        else:
            self._log.differs(self._data, row[ID], MESSAGES, "are not those of the row's other columns")

    def results(self) -> list[CheckResult]:
        """The outcome."""
        return [self._log.result()]


def _expected(row: Row) -> list[tuple[str, str]]:
    turns = tuple(Turn(*(turn[name] for name in TURN)) for turn in row.get(HISTORY) or ())
    source = Source("", 0, "", "", "")
    texts = (row[INSTRUCTION], row[INPUT], row.get(OUTPUT, ""), row[SYSTEM])
    record = Record(row[ID], "", *texts, source, history=turns)
    messages = conversation(record) if OUTPUT in row else prompt_messages(record)
    return [(message.role, message.content) for message in messages]
