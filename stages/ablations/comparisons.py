"""The paper's comparisons (5.1), each as the rows of its sets and their statistics."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from stages.ablations.equal_length import Certificate, match_pairs, rows_within_budget
from stages.ablations.length_report import report_lengths
from stages.ablations.row_lengths import Arm, Count, arm_of, count_lengths
from stages.ablations.sequence_split import SplitResult, conversation, losses, single_task_rows, statistics
from stages.core.errors import UserError
from stages.core.records import Record, Rejected, Step


class AblationSets(NamedTuple):
    """The sets of an ablation and their statistics."""

    rows: Mapping[str, Iterable[Record | Rejected]]
    """Suffix of the set's file ("" for the main set, ".rejected" for rows of no set) -> its rows, in order."""
    statistics: dict[str, Any]
    lost: Mapping[str, Mapping[str, int]] = {}
    """What happened to source rows that are missing, in whole or in part ("rejected", "whole") -> reason -> rows."""
    shortage: str = ""
    """For people: what was wanted and is missing; "" for nothing."""

    def tagged(self) -> Iterator[tuple[str, Record | Rejected]]:
        """Each row with the suffix of its set."""
        return ((part, record) for part, records in self.rows.items() for record in records)


class EqualLengthSets(NamedTuple):
    """The rows of two sets that are compared at equal length."""

    arms: Mapping[str, Arm]
    rows: Mapping[str, Sequence[int]]
    """Set -> its selected rows, 0-based. A set that is kept whole is not in it."""
    statistics: dict[str, Any]
    action: str
    certificate: Certificate | None = None
    shortage: str = ""
    """For people: what was wanted and is missing; "" for nothing."""

    def sets(self, read: Callable[[str], Iterable[Record]]) -> AblationSets:
        """The rows themselves, lazily. read: a set's name -> its records."""
        named = dict(zip(self.rows, ("", ".like"), strict=False))
        sets = {part: self._selected(name, read) for name, part in named.items()}
        return AblationSets(sets, self.statistics, shortage=self.shortage)

    def _selected(self, name: str, read: Callable[[str], Iterable[Record]]) -> Iterator[Record]:
        return selected_rows(read(name), {*self.rows[name]}, self.arms[name], name, self.action)


def data_level(arms: Mapping[str, Arm], seed: int) -> EqualLengthSets:
    """Rows of the first set until their tokens equal those of the second, which stays whole."""
    (name, whole), (other, like) = arms.items()
    taken = rows_within_budget(whole, sum(like.lengths), seed)
    report = report_lengths(arms, {name: _part(whole, taken), other: like})
    wanted, there = sum(like.lengths), sum(whole.lengths)
    short = f"wanted {wanted:,} tokens of {name}, it has {there:,}" if there < wanted else ""
    return EqualLengthSets(arms, {name: taken}, report, "budget", shortage=short)


def instance_level(arms: Mapping[str, Arm], seed: int, tolerance: int) -> EqualLengthSets:
    """The most rows of both sets that pair off with a row of the other of equal length, and the
    certificate that no matching has more."""
    (name, first), (other, second) = arms.items()
    matched = match_pairs(first, second, seed, tolerance)
    rows = {name: sorted(matched.left), other: sorted(matched.right)}
    report = report_lengths(arms, {name: _part(first, rows[name]), other: _part(second, rows[other])})
    most = matched.certificate.bound(first.lengths, second.lengths)
    matching = {"pairs": len(matched.left), "no_matching_has_more_than": most, "tolerance": tolerance}
    wanted, got = min(len(first.ids), len(second.ids)), len(matched.left)
    short = (
        f"wanted a pair for each of {wanted:,} rows, {got:,} pair off (tolerance {tolerance})" if got < wanted else ""
    )
    return EqualLengthSets(arms, rows, report | {"matching": matching}, "pairs", matched.certificate, short)


def task_level(results: Sequence[SplitResult], reads: str, count: Count) -> AblationSets:
    """Rows with one task each, and the same tasks as turns. reads: name of the set that was split.

    The statistics count the tokens of the responses, and source rows by id.
    """
    parts = {
        "": [record for result in results for record in single_task_rows(result)],
        ".turns": [conversation(result) for result in results],
    }
    sources = {
        "": [result.record.id for result in results for _ in result.tasks],
        ".turns": [result.record.id for result in results],
    }
    whole = arm_of(count_lengths((result.record for result in results), count), "output")
    named = {"single tasks": "", "turns": ".turns"}
    after = {
        title: Arm(sources[part], arm_of(count_lengths(parts[part], count), "output").lengths)
        for title, part in named.items()
    }
    return AblationSets(
        parts, report_lengths({reads: whole}, after) | {"taken_apart": statistics(results)}, losses(results)
    )


def _part(whole: Arm, rows: Sequence[int]) -> Arm:
    return Arm([whole.ids[row] for row in rows], [whole.lengths[row] for row in rows])


def selected_rows(
    records: Iterable[Record], rows: Container[int], whole: Arm, name: str, action: str
) -> Iterator[Record]:
    """The selected records of a set, in order, lazily.

    Raises UserError if the lengths that they were selected by belong to other rows.
    """
    step = Step(stage="sample", action=action, status="ok")
    for number, (record, id) in enumerate(zip_longest(records, whole.ids)):
        if record is None or record.id != id:
            raise UserError(f"token_counts/{name}: holds the lengths of other rows than {name} has; run `dvc repro`")
        if number in rows:
            yield record.step(step)
