"""What became of a corpus in a run, as one line: its chains, held and failed rows, and what to be warned of."""

from collections.abc import Mapping, Sequence

import msgspec

TOO_MANY = 1 / 3
"""Share of the rows of a round that came to nothing from which a warning is due."""
REMEDY = (
    "name another policy (uniform draws the action), prompts that suit the model, more `rewrite.settings.attempts`, or "
    "another model"
)
"""What to change where rounds change too few rows, in the words of schemas/rewritten.json (a test compares)."""
RESPONSE_REMEDY = "raise max_tokens or attempts under respond.settings, or name another model"
"""The same for missing responses, in the words of the command `respond`."""
LIMIT = "validate.max_failed says how many may fail"
KEPT = " (they keep what earlier rounds made of them)"


class RoundCounts(msgspec.Struct, frozen=True):
    """What the metrics of a round of rewriting, or of responding, say of its rows; other numbers are skipped."""

    rows: int = 0
    rejected: int = 0
    rejected_by_reason: dict[str, int] = {}
    counts: dict[str, int] = {}
    """Action -> rows for which the round chose it and it came out well."""
    frozen: int = 0
    failures: int = 0
    failures_by_status: dict[str, int] = {}
    """Status of the last attempt -> rows; of responses "truncated", which are kept."""
    rows_by_tasks: dict[str, int] = {}
    single_tasks_by_outcome: dict[str, int] = {}
    """"held" or the cause of the last failure -> rows to which no round added a task."""

    @property
    def due(self) -> int:
        """Rows that were not frozen in an earlier round."""
        return self.rows - self.frozen

    @property
    def changed(self) -> int:
        """Rows that the round gave a new instruction."""
        return sum(rows for action, rows in self.counts.items() if action != "hold")

    @property
    def chains(self) -> dict[int, int]:
        """Number of tasks -> rows that have so many, of those with several."""
        return {int(tasks): rows for tasks, rows in self.rows_by_tasks.items() if int(tasks) > 1}


def corpus_line(name: str, rounds: Sequence[RoundCounts], responses: RoundCounts | None) -> str:
    """ "mine: 30 rows: 12 chains of 2 to 3 tasks, 15 held, 3 failed (2 unparsed, 1 HTTP 422)".

    rounds: those of rewriting that were made, at least one. responses: of the last of them, None for none. After
    several rounds, "failed" are the rows that failed in every one, and those of single rounds come after them.
    """
    last, several = rounds[-1], len(rounds) > 1
    outcomes = dict(last.single_tasks_by_outcome)
    unchanged = outcomes.pop("held", 0)
    parts = [
        _chains(last.chains), f"{unchanged:,} held" if unchanged else "",
        _reasons("failed in every round" if several else "failed", outcomes),
        *(_response_parts(responses) if responses else ()),
    ]  # fmt: skip
    rows = f"{name}: {last.rows:,} {_plural('row', last.rows)}: {', '.join(filter(None, parts))}"
    lost = [f"{one.failures:,} in round {number}" for number, one in enumerate(rounds, 1) if one.failures]
    return f"{rows}; attempts that failed and left a row as it was: {', '.join(lost)}" if several and lost else rows


def _response_parts(responses: RoundCounts) -> list[str]:
    truncated = responses.failures_by_status.get("truncated", 0)
    return [
        _reasons("without a response", responses.rejected_by_reason),
        f"{truncated:,} {_plural('response', truncated)} truncated (at the token limit)" if truncated else "",
    ]


def corpus_warnings(
    name: str, rounds: Sequence[RoundCounts], responses: RoundCounts | None, max_failed: float | None = None
) -> list[str]:  # fmt: skip
    """What a person must not miss: no sequences, a round that changed nothing or lost many rows, missing responses.

    Many rows: a third, or more than `max_failed` (`validate.max_failed`) where that is less.
    """
    idle = [number for number, one in enumerate(rounds, 1) if one.due and not one.changed]
    made = []
    if rounds[-1].rows and not rounds[-1].chains:
        made.append("no row is a sequence of tasks")
    elif idle:
        made.append(f"{_numbered(idle)} changed no row")
    failed = [
        f"{one.failures:,} of {one.due:,} rows failed in round {number}{KEPT if number > 1 else ''}"
        for number, one in enumerate(rounds, 1) if _is_many(one.failures, one.due, max_failed)
    ]  # fmt: skip
    total = responses.rows + responses.rejected if responses else 0
    unanswered = responses is not None and _is_many(responses.rejected, total, max_failed)
    warnings = [*made, *failed] + ([f"{total - responses.rows:,} of {total:,} rows have no response"]
                                   if responses and unanswered else [])  # fmt: skip
    if not warnings:
        return []
    remedies = [REMEDY] if made or failed else []
    remedies += [RESPONSE_REMEDY] if unanswered else []
    remedies += [LIMIT] if failed or unanswered else []
    option = " --rejected" if failed or unanswered else ""
    return [f"{name}: {', '.join(warnings)}; {'; '.join(remedies)}; `seqit show {name}{option}` shows why"]


def _is_many(failures: int, rows: int, max_failed: float | None) -> bool:
    return failures >= TOO_MANY * rows > 0 or (max_failed is not None and failures > max_failed * rows)


def _plural(noun: str, number: int) -> str:
    return noun if number == 1 else f"{noun}s"


def _chains(chains: Mapping[int, int]) -> str:
    rows = sum(chains.values())
    if not rows:
        return "no chain"
    least, most = min(chains), max(chains)
    return f"{rows:,} {_plural('chain', rows)} of {least if least == most else f'{least} to {most}'} tasks"


def _reasons(what: str, reasons: Mapping[str, int]) -> str:
    listed = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    causes = ", ".join(f"{rows:,} {reason}" for reason, rows in listed)
    return f"{sum(reasons.values()):,} {what} ({causes})" if reasons else ""


def _numbered(rounds: Sequence[int]) -> str:
    return f"round{'s' * (len(rounds) > 1)} {', '.join(map(str, rounds))}"
