"""The chained and the plain set of an entry of `augment`, with their statistics."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import tee
from typing import Any

from stages.chains.chain_types import Resources
from stages.chains.links import IMPLEMENTATIONS, chained_rows, parse_links, plain_rows
from stages.core.records import Record


class AugmentedSets:
    """The chained and the plain set over the same rows, made lazily and counted as they are read."""

    def __init__(self, pairs: Iterable[tuple[Record, Record]], without_result: str = "") -> None:
        """`pairs`: each row of the plain set with that of the chained set. without_result: see `Chain`."""
        self._pairs, self._without_result = pairs, without_result
        self._links: Counter[str] = Counter()
        self._characters = Counter(input=0, response_before=0, response_after=0)
        self._rows = self._with_input = self._chained = 0
        self._unchanged: Counter[str] = Counter()

    def rows(self) -> Iterator[tuple[str, Record]]:
        """Each row of both sets with the suffix of its file: "" for the chained set, ".plain" for the plain one."""
        for old, new in self._pairs:
            self._count(old, new)
            yield "", new
            yield ".plain", old

    def _count(self, old: Record, new: Record) -> None:
        self._rows += 1
        steps = new.steps[len(old.steps) :]
        if failed := next((step for step in steps if step.status != "ok"), None):
            self._unchanged[f"{failed.action} {failed.status}"] += 1
        elif self._without_result and new.image and new.response == old.response:
            self._unchanged[self._without_result] += 1
        self._with_input += bool(old.input.strip())
        self._chained += old.response != new.response
        self._links.update(f"{step.action}/{step.status}" for step in steps)
        self._characters["input"] += len(new.input)
        self._characters["response_before"] += len(old.response)
        self._characters["response_after"] += len(new.response)

    def losses(self) -> dict[str, dict[str, int]]:
        """ "unchanged" -> why rows that a chain was meant for have none -> number of rows."""
        return {"unchanged": dict(self._unchanged)}

    def statistics(self) -> dict[str, Any]:
        """Of the rows read so far: their number, those with an input, links by action and status, characters of all
        inputs and responses."""
        return {
            "rows": self._rows, "with_input": self._with_input, "chained": self._chained,
            "links": dict(sorted(self._links.items())), "characters": dict(self._characters),
        }  # fmt: skip


def augmented_sets(
    records: Iterable[Record],
    entries: Iterable[dict[str, Any]],
    resources: Resources,
    progress: Callable[[Iterable[Record]], Iterable[Record]] = iter,
) -> AugmentedSets:
    """Both sets, see `plain_rows` and `chained_rows`, by the links of an entry of params.yaml.

    progress: passes the chained rows on unchanged and reports how many have passed.
    """
    links = parse_links(entries, resources.wording)
    before, rows = tee(records)
    pairs = zip(plain_rows(before, links), progress(chained_rows(rows, links, resources)), strict=True)
    reasons = [reason for link in links if (reason := IMPLEMENTATIONS[link.chain].without_result)]
    return AugmentedSets(pairs, next(iter(reasons), ""))
