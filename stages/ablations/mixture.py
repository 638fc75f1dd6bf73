"""Mix rounds: each source row once, from one of several rounds, in exact shares, as for SeqEval (paper 3)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from msgspec import to_builtins

from stages.ablations.comparisons import AblationSets
from stages.ablations.row_lengths import record_draw
from stages.core.records import Record, Rejected, Step
from stages.core.row_history import tasks


class Mixture(NamedTuple):
    """The rows in the order of their ids, and the source rows of which no round had a usable version."""

    rows: list[Record]
    rejected: list[Rejected]


def draw_mixture(rounds: Sequence[Iterable[Record]], shares: Sequence[float], seed: int) -> Mixture:
    """One version of each source row, so that iteration k (from 1) makes up `shares[k - 1]` of the rows.

    A version's iteration is the number of tasks that were added to its source row: rewrites that came out ok and
    did not hold. So a round that failed for a row (unparsed, truncated, rejected for leaking or for being empty, …)
    gives no version, and what it left unchanged does not count as one round further. Not usable either are a
    version without instruction, and one with the same texts as a version of another row (of these, one row keeps it).

    Rows are lined up by their own draws and cut into blocks of the wanted sizes. A row that has no version of its
    block's iteration changes places along the shortest chain of rows that can; only where no such chain exists do the
    shares differ from the wanted ones, the row then takes its highest iteration. A row without any version is rejected
    ("no-version").
    """
    made = [list(records) for records in rounds]
    versions = _versions(made)
    usable = _unlike(versions, seed)
    order = sorted((id for id in versions if usable[id]), key=lambda id: (record_draw(seed, id, "mixture"), id))
    placed = place({id: frozenset(usable[id]) for id in order}, quotas(shares, len(order)))
    rows = [
        usable[id][k].step(Step(stage="sample", action="mixture", status="ok", round=k))
        for id, k in sorted(placed.items())
    ]
    missing = sorted(versions.keys() - placed.keys())
    first = {record.id: record for record in chain.from_iterable(reversed(made))}
    return Mixture(rows, [_missing(first[id]) for id in missing])


def _missing(record: Record) -> Rejected:
    return Rejected(record.id, "no-version", "no round had a usable version", to_builtins(record))


def mixture_sets(rounds: Sequence[Iterable[Record]], shares: Sequence[float], seed: int) -> AblationSets:
    """The rows of `mixture`, the rejected ones beside them, and the counts."""
    mixture = draw_mixture(rounds, shares, seed)
    counts = statistics(mixture, shares)
    lost = {"rejected": Counter(row.reason for row in mixture.rejected)}
    return AblationSets(
        {"": mixture.rows, ".rejected": mixture.rejected}, counts, lost, _shortage(counts["iterations"])
    )


def _shortage(iterations: Mapping[str, Mapping[str, int]]) -> str:
    """What the shares wanted of each iteration and what there was, "" where these agree."""
    wanted, got = ([counts[key] for counts in iterations.values()] for key in ("wanted", "got"))
    listed = ["/".join(map(str, counts)) for counts in (wanted, got)]
    several = f"iterations {'/'.join(iterations)}"
    return "" if wanted == got else f"wanted {listed[0]} rows of {several}, got {listed[1]}"


def iteration(record: Record) -> int:
    """How many tasks were added to the source row."""
    return tasks(record) - 1


def _versions(rounds: Sequence[Sequence[Record]]) -> dict[str, dict[int, Record]]:
    """Source row -> iteration -> the first version of it that has an instruction."""
    versions: dict[str, dict[int, Record]] = {}
    for records in rounds:
        for record in records:
            mine = versions.setdefault(record.id, {})
            if record.instruction.strip() and 1 <= iteration(record) <= len(rounds):
                mine.setdefault(iteration(record), record)
    return versions


def _unlike(versions: Mapping[str, Mapping[int, Record]], seed: int) -> dict[str, dict[int, Record]]:
    """The versions without those that another row, with a smaller draw, has too."""
    owners: dict[tuple[str, ...], str] = {}
    for id in sorted(versions, key=lambda id: (record_draw(seed, id, "mixture"), id)):
        for record in versions[id].values():
            owners.setdefault(_texts(record), id)
    return {id: {k: r for k, r in mine.items() if owners[_texts(r)] == id} for id, mine in versions.items()}


def _texts(record: Record) -> tuple[str, ...]:
    return tuple(" ".join(text.split()).lower() for text in (record.system, record.instruction, record.input))


def quotas(shares: Sequence[float], rows: int) -> list[int]:
    """Whole numbers that add up to `rows`, in these shares: rounded down, the rest to the largest remainders."""
    exact = [share * rows for share in shares]
    counts = [int(number + 1e-9) for number in exact]
    order = sorted(range(len(shares)), key=lambda k: (counts[k] - exact[k], k))
    for k in order[: rows - sum(counts)]:
        counts[k] += 1
    return counts


def place(usable: Mapping[str, frozenset[int]], quota: Sequence[int]) -> dict[str, int]:
    """Row -> iteration, from 1. usable: rows in the order of their draws. As many rows as at all possible are
    placed within the quotas; see `mixture`."""
    block = [k for k, number in enumerate(quota, 1) for _ in range(number)]
    placed = {id: k for id, k in zip(usable, block, strict=True) if k in usable[id]}
    free = Counter(dict(enumerate(quota, 1)))
    free.subtract(Counter(placed.values()))
    for id in usable:
        if id not in placed:
            _place_by_moves(id, usable, placed, free)
    return placed


def _place_by_moves(id: str, usable: Mapping[str, frozenset[int]], placed: dict[str, int], free: Counter[int]) -> None:
    """Place a row in one of its iterations, moving rows along the shortest chain to one below its quota."""
    chain = _chain(usable[id], usable, placed, free)
    if chain is None:
        placed[id] = max(usable[id])
        free[placed[id]] -= 1
        return
    free[chain[-1][1]] -= 1
    for mover, k in [(id, chain[0][1]), *((mover, k) for mover, k in chain[1:])]:
        placed[mover] = k


def _chain(
    wanted: Iterable[int], usable: Mapping[str, frozenset[int]], placed: Mapping[str, int], free: Mapping[int, int]
) -> list[tuple[str, int]] | None:
    """[("", k1), (a row in k1, k2), (a row in k2, k3), …] the last one below its quota; None if there is none."""
    reached: dict[int, list[tuple[str, int]]] = {k: [("", k)] for k in sorted(wanted)}
    waiting = list(reached)
    for k in waiting:
        if free[k] > 0:
            return reached[k]
        for mover, to in _moves(k, usable, placed):
            if to not in reached:
                reached[to] = [*reached[k], (mover, to)]
                waiting.append(to)
    return None


def _moves(k: int, usable: Mapping[str, frozenset[int]], placed: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Rows of iteration k that could be elsewhere, the last drawn first, and where."""
    for id in reversed(list(usable)):
        if placed.get(id) == k:
            yield from ((id, to) for to in sorted(usable[id] - {k}))


def statistics(mixture: Mixture, shares: Sequence[float]) -> dict[str, Any]:
    """Counts: rows, wanted and got per iteration, source rows without a version."""
    got = Counter(record.steps[-1].round for record in mixture.rows)
    wanted = quotas(shares, len(mixture.rows))
    return {
        "rows": len(mixture.rows),
        "rejected": {row.id: row.reason for row in mixture.rejected},
        "iterations": {str(k): {"wanted": number, "got": got[k]} for k, number in enumerate(wanted, 1)},
    }
