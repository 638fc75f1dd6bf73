"""The files of a published data set: rows as Parquet, the card, and the facts of the card as JSON."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

import msgspec

from stages.core.errors import UserError
from stages.core.records import Record, canonical
from stages.publishing import card, parquet
from stages.publishing.facts import Facts
from stages.publishing.licences import cautions, strictest
from stages.publishing.preference_rows import PreferenceRow, is_publishable, preference_rows
from stages.publishing.published_rows import Query, ReasonedRow, Row, queries, reasoned, reasoned_rows, rows, unanswered
from stages.publishing.reward_prompts import RewardForm, encode_rewards, is_verifiable, reward_rows
from stages.response_filter.preference_pairs import STAGE as FILTER
from stages.response_filter.preference_pairs import PreferencePair

T = TypeVar("T", Row, ReasonedRow, Query)


class Tally:
    """Counts the rows that pass through it."""

    def __init__(self) -> None:
        """All counts are zero."""
        self.rows = 0
        self.hash = hashlib.sha256()
        self.licences: Counter[tuple[str, str]] = Counter()
        self.languages: Counter[str] = Counter()
        self.generators: Counter[str] = Counter()
        self.steps: Counter[tuple[str, int, str, str]] = Counter()
        self.prompts: Counter[tuple[str, str, str]] = Counter()
        self.samplings: Counter[tuple[str, str]] = Counter()

    def __call__(self, rows: Iterable[T]) -> Iterator[T]:
        """The same rows, counted as they pass."""
        for row in rows:
            self.count(row)
            self.add_hash(row)
            yield row

    def add_hash(self, row: msgspec.Struct) -> None:
        """Add a row to the hash of all."""
        self.hash.update(canonical(row) + b"\n")

    def count(self, row: Row | Query) -> None:
        """Count a row."""
        self.rows += 1
        self.licences[row.source_reference, row.licence] += 1
        self.languages[row.language] += 1
        for step in row.steps:
            self.steps[step.stage, step.round, step.action, step.status] += 1
            if step.generator and step.stage != FILTER:  # whose model wrote nothing of the row
                self.generators[step.generator] += 1
            if step.prompt:
                self.prompts[step.stage, step.action, step.prompt] += 1
            if step.sampling:
                self.samplings[step.stage, step.sampling] += 1


def publication(
    name: str,
    version: str,
    reads: str,
    records: Callable[[], Iterable[Record]],
    form: Literal["rows", "preference"] | RewardForm = "rows",
) -> dict[str, bytes]:
    """Every file of a published data set by its path.

    records: gives the rows anew at each call, as they are read several times. Instructions without responses
    (SeqEval) become a benchmark with the split `test`, everything else a training set with the split `train`. A
    `RewardForm` makes prompts with verifiable rewards instead; raises UserError where no row has checks. "preference"
    makes preference pairs of `PreferencePair`s; raises UserError where there is none.
    """
    tally = Tally()
    if form == "preference":
        split, data = "train", _preference_pairs(reads, records, tally)
    elif form != "rows":
        split, data = "train", _reward_prompts(reads, records, form, tally)
    elif unanswered(records()):
        split, data = "test", parquet.encode(tally(queries(records())), Query)
    elif reasoned(records()):
        split, data = "train", parquet.encode(tally(reasoned_rows(records())), ReasonedRow)
    else:
        split, data = "train", parquet.encode(tally(rows(records())), Row)
    facts = _facts(name, version, reads, split, tally)
    if form != "rows":
        facts = msgspec.structs.replace(facts, form=form)
    elif split == "train" and reasoned(records()):
        facts = msgspec.structs.replace(facts, reasoning=True)
    provenance = msgspec.json.format(msgspec.json.encode(facts, order="sorted"), indent=1) + b"\n"
    more = {card.LICENCES: card.licences(facts).encode()} if facts.licence == "other" else {}
    text = card.dataset(facts).encode()
    return {f"data/{split}.parquet": data, "provenance.json": provenance, "README.md": text, **more}


def _reward_prompts(reads: str, records: Callable[[], Iterable[Record]], form: RewardForm, tally: Tally) -> bytes:
    """The Parquet file; `tally` counts its rows, and hashes them as they are written."""
    for row in rows(filter(is_verifiable, records())):
        tally.count(row)
    if not tally.rows:
        raise UserError(f"{reads}: no row has checks to be rewarded by; publish it in form rows")
    for prompt in reward_rows(records(), form):
        tally.add_hash(prompt)
    return encode_rewards(records(), form)


def _preference_pairs(reads: str, records: Callable[[], Iterable[Record]], tally: Tally) -> bytes:
    """The Parquet file; `tally` counts its rows, and hashes them as they are written."""

    def pairs() -> Iterator[PreferencePair]:
        return (pair for pair in records() if isinstance(pair, PreferencePair) and is_publishable(pair))

    for row in rows(pairs()):
        tally.count(row)
    if not tally.rows:
        raise UserError(f"{reads}: holds no preference pair; more `samples` of respond.filter may give some")
    for preference in preference_rows(pairs()):
        tally.add_hash(preference)
    return parquet.encode(preference_rows(pairs()), PreferenceRow)


def _facts(name: str, version: str, reads: str, split: str, tally: Tally) -> Facts:
    licences = [licence for _, licence in tally.licences]
    return Facts(
        name=name, version=version, artifact=reads, split=split, rows=tally.rows, rows_sha256=tally.hash.hexdigest(),
        licence=strictest(licences), cautions=cautions(licences, tally.generators),
        sources=[(*key, count) for key, count in sorted(tally.licences.items())],
        languages=dict(sorted(tally.languages.items())), generators=dict(sorted(tally.generators.items())),
        steps=_counted(tally.steps), prompts=_counted(tally.prompts), samplings=_counted(tally.samplings),
    )  # fmt: skip


def _counted(counter: Mapping[Any, int]) -> list[Sequence[str | int]]:
    return [(*key, count) for key, count in sorted(counter.items())]
