"""Counts the rows again and compares with provenance.json and the card."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import msgspec

from stages.publishing.facts import Facts
from stages.publishing.row_hashes import SourceHashes
from stages.response_filter.preference_pairs import STAGE as FILTER
from stages.verification.check_results import CheckLog, CheckResult
from stages.verification.hash_checks import NO_PROVENANCE
from stages.verification.published_files import CARD, PROVENANCE, PublishedSet
from stages.verification.set_columns import (
    GENERATOR,
    ID,
    LANGUAGE,
    LICENCE,
    OUTPUT,
    OUTPUT_STATUS,
    PROMPT,
    SOURCE_REFERENCE,
    SOURCE_SHA256,
    STEPS,
    Row,
)  # fmt: skip


class CountCheck:
    """Counts sources, languages and steps."""

    def __init__(self, published: PublishedSet) -> None:
        """`published`: the set whose rows are added."""
        self._set, self._rows, self._log = published, 0, CheckLog("counts of provenance.json", "numbers")
        self._card = CheckLog("numbers of the card", "texts")
        self._counts: dict[str, Counter[Hashable]] = {}
        self._sources = SourceHashes()
        self._first: dict[tuple[str, Hashable], str] = {}
        """(field, key) -> id of the first row with it."""

    def add(self, row: Row) -> None:
        """Count a row."""
        self._rows += 1
        if SOURCE_REFERENCE in row:
            self._sources.add(row[SOURCE_REFERENCE], row[SOURCE_SHA256])
        for field, key in _keys(row):
            self._counts.setdefault(field, Counter())[key] += 1
            self._first.setdefault((field, key), row[ID])

    def results(self) -> list[CheckResult]:
        """Compare with what was published."""
        facts = self._set.facts
        if facts is None:
            self._log.skip(NO_PROVENANCE)
            self._card.skip(NO_PROVENANCE)
        else:
            self._compare_counts(facts)
            self._compare_card(facts)
        return [self._log.result(), self._card.result()]

    def _compare_counts(self, facts: Facts) -> None:
        file = str(self._set.folder / PROVENANCE)
        if facts.rows == self._rows:
            self._log.agrees()
        else:
            self._log.differs(file, "", "rows", f"says {facts.rows:,}; there are {self._rows:,}")
        self._compare_sources(facts, file)
        for field, counts in _published_counts(facts).items():
            if field not in self._counts and counts and facts.form is not msgspec.UNSET:
                self._log.skip(f"rows of form {facts.form} have no such column: {field}")
                continue
            self._compare(file, field, counts, self._counts.get(field, Counter()))

    def _compare_sources(self, facts: Facts, file: str) -> None:
        """Compare the hashes of source rows, which the statement has too, unless the form has no such column."""
        published, actual = facts.sources_sha256 or {}, self._sources.totals()
        for reference in sorted({*published, *actual}) if published and actual else ():
            if published.get(reference) == actual.get(reference):
                self._log.agrees()
            else:
                message = f"{reference}: its rows have other source_sha256, or another order"
                self._log.differs(file, "", "sources_sha256", message)

    def _compare(self, file: str, field: str, published: Mapping[Hashable, int], actual: Counter[Hashable]) -> None:
        for key in sorted({*published, *actual}, key=repr):
            if published.get(key, 0) == actual[key]:
                self._log.agrees()
                continue
            row = self._first.get((field, key), "") if key not in published else ""
            words = ", ".join(map(str, key)) if isinstance(key, tuple) else str(key)
            self._log.differs(file, row, field, f"{words}: says {published.get(key, 0):,}; counted {actual[key]:,}")

    def _compare_card(self, facts: Facts) -> None:
        if self._set.card is None:
            self._card.skip(f"no {CARD} lies beside the file")
            return
        hashes = [part for _, _, prompt, _ in facts.prompts for part in str(prompt).split("+")]
        for text in dict.fromkeys([facts.rows_sha256, f"{facts.rows:,} rows", facts.version, *hashes]):
            if text in self._set.card:
                self._card.agrees()
            else:
                self._card.differs(str(self._set.folder / CARD), "", "", f"does not say {text!r}, as {PROVENANCE} does")


def _keys(row: Row) -> Iterable[tuple[str, Hashable]]:
    """(field of provenance.json, what is counted) of a row."""
    if SOURCE_REFERENCE in row:
        yield "sources", (row[SOURCE_REFERENCE], row[LICENCE])
    yield "languages", row[LANGUAGE]
    if OUTPUT in row and GENERATOR in row:
        yield "outputs", "generated" if row[GENERATOR] else "source"
        if not row[OUTPUT].strip():
            yield "outputs", "empty"
        if row.get(OUTPUT_STATUS) == "truncated":
            yield "outputs", "truncated"
    for step in row.get(STEPS) or ():
        yield "steps", (step["stage"], step["round"], step["action"], step["status"])
        if step["generator"] and step["stage"] != FILTER:
            yield "generators", step["generator"]
        if step[PROMPT]:
            yield "prompts", (step["stage"], step["action"], step[PROMPT])
        if step["sampling"]:
            yield "samplings", (step["stage"], step["sampling"])


def _published_counts(facts: Facts) -> dict[str, dict[Hashable, int]]:
    lists: dict[str, Iterable[Any]] = {
        "sources": facts.sources, "steps": facts.steps, "prompts": facts.prompts, "samplings": facts.samplings,
    }  # fmt: skip
    counts: dict[str, dict[Hashable, int]] = {
        field: {tuple(entry[:-1]): int(entry[-1]) for entry in entries} for field, entries in lists.items()
    }
    named = [("languages", facts.languages), ("generators", facts.generators)]
    for field, published in [*named, ("outputs", facts.outputs)] if facts.outputs else named:
        counts[field] = dict(published.items())
    return counts
