"""What became of a corpus in a run, as one line: its chains, held and failed rows, and what to be warned of."""

from collections.abc import Mapping, Sequence

import msgspec

TOO_MANY = 1 / 3
"""Share of rows that came to nothing from which a warning is due."""
REMEDY = "change its policy, its prompts or the model"


class RoundCounts(msgspec.Struct, frozen=True):
    """What the metrics of a round of rewriting, or of responding, say of its rows; other numbers are skipped."""

    rows: int = 0
    rejected: int = 0
    rejected_by_reason: dict[str, int] = {}
    counts: dict[str, int] = {}
    """Action -> rows for which the round chose it and it came out well."""
    frozen: int = 0
    failures: int = 0
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

    rounds: those of rewriting that were made, at least one. responses: of the last of them, None for none.
    """
    last = rounds[-1]
    outcomes = dict(last.single_tasks_by_outcome)
    unchanged = outcomes.pop("held", 0)
    parts = [_chains(last.chains), f"{unchanged:,} held" if unchanged else "", _reasons("failed", outcomes)]
    if responses:
        parts.append(_reasons("without a response", responses.rejected_by_reason))
    return f"{name}: {last.rows:,} {'row' if last.rows == 1 else 'rows'}: {', '.join(filter(None, parts))}"


def corpus_warnings(name: str, rounds: Sequence[RoundCounts], responses: RoundCounts | None) -> list[str]:
    """What a person must not miss: no sequences, a round that changed nothing, a third of the rows lost."""
    warnings = []
    idle = [number for number, one in enumerate(rounds, 1) if one.due and not one.changed]
    if rounds[-1].rows and not rounds[-1].chains:
        warnings.append("no row is a sequence of tasks")
    elif idle:
        warnings.append(f"{_numbered(idle)} changed no row")
    for number, one in enumerate(rounds, 1):
        if one.failures and one.failures >= TOO_MANY * one.due:
            warnings.append(f"{one.failures:,} of {one.due:,} rows failed in round {number}")
    if responses and responses.rejected >= TOO_MANY * (responses.rows + responses.rejected) > 0:
        warnings.append(f"{responses.rejected:,} of {responses.rows + responses.rejected:,} rows have no response")
    return [f"{name}: {', '.join(warnings)}; {REMEDY}; `seqit show {name}` shows why"] if warnings else []


def _chains(chains: Mapping[int, int]) -> str:
    rows = sum(chains.values())
    if not rows:
        return "no chain"
    least, most = min(chains), max(chains)
    return f"{rows:,} {'chain' if rows == 1 else 'chains'} of {least if least == most else f'{least} to {most}'} tasks"


def _reasons(what: str, reasons: Mapping[str, int]) -> str:
    listed = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    causes = ", ".join(f"{rows:,} {reason}" for reason, rows in listed)
    return f"{sum(reasons.values()):,} {what} ({causes})" if reasons else ""


def _numbered(rounds: Sequence[int]) -> str:
    return f"round{'s' * (len(rounds) > 1)} {', '.join(map(str, rounds))}"
