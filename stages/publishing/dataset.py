"""Writes a published data set: rows as Parquet, the card, and the facts of the card as JSON."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Literal, cast

import msgspec

from stages.core.artifacts import Receipt, document, write_bytes
from stages.core.atomic_write import disk, replacing
from stages.core.errors import UserError
from stages.core.records import Record
from stages.publishing import card, described, parquet, verify_rows
from stages.publishing.changes.change_types import Changes
from stages.publishing.croissant_fields import Config, columns
from stages.publishing.facts import Facts, Validation
from stages.publishing.licences import cautions, strictest
from stages.publishing.preference_rows import PreferenceRow, is_publishable, preference_row
from stages.publishing.published_rows import Query, Row, row, row_type
from stages.publishing.resource_names import Resource
from stages.publishing.reward_prompts import GrpoRow, RewardForm, RlvrRow, is_verifiable, reward_row
from stages.publishing.row_hashes import ROW_HASHES, RowHashes, SourceHashes, line
from stages.response_filter.preference_pairs import STAGE as FILTER
from stages.response_filter.preference_pairs import PreferencePair

Form = Literal["rows", "preference"] | RewardForm
PublishedType = type[Row] | type[Query]
VERIFIER = "verify_rows.py"
"""A program in each set that checks its rows without seqit."""
Records = Callable[[], Iterable[Record]]
"""Gives the rows anew at each call, as they are read twice: for their columns, then to be written."""
Compare = Callable[[Path, Facts], Changes]
"""What changed since an earlier version, of the folder with the rows, and the facts that are to be written."""


class Publication(msgspec.Struct, frozen=True):
    """What is published, and as what."""

    name: str
    version: str
    reads: str
    """The artifact that holds the rows."""
    form: Form = "rows"
    """Instructions without responses (SeqEval) become a benchmark with the split `test` in form rows, everything else a
    training set with the split `train`."""
    repository: str | None = None
    """ORG/NAME on the Hub."""
    seed: int | None = None
    """Of the experiment; None where it is not known."""


class Tally:
    """Counts the rows that pass through it, and writes a line with the hash of each."""

    def __init__(self, hash_lines: IO[bytes], path: Path) -> None:
        """All counts are zero; `hash_lines` is the open file `path`."""
        self.rows = 0
        self.hashes = RowHashes()
        self.hash_lines, self._path = hash_lines, path
        self.licences: Counter[tuple[str, str]] = Counter()
        self.sources = SourceHashes()
        self.languages: Counter[str] = Counter()
        self.generators: Counter[str] = Counter()
        self.steps: Counter[tuple[str, int, str, str]] = Counter()
        self.prompts: Counter[tuple[str, str, str]] = Counter()
        self.samplings: Counter[tuple[str, str]] = Counter()
        self.outputs: Counter[str] = Counter()

    def add_hash(self, row: msgspec.Struct) -> None:
        """Add a row to the hashes of all, and write its own. Raises UserError for a full disk."""
        row_hash = self.hashes.add(msgspec.structs.asdict(row))
        with disk(self._path):
            self.hash_lines.write(line(row_hash, getattr(row, "id", "")).encode())

    def count(self, row: Row | Query) -> None:
        """Count a row."""
        self.rows += 1
        self.licences[row.source_reference, row.licence] += 1
        self.sources.add(row.source_reference, row.source_sha256)
        self.languages[row.language] += 1
        if isinstance(row, Row):
            self.outputs["generated" if row.generator else "source"] += 1
            self.outputs["empty"] += not row.output.strip()
            self.outputs["truncated"] += row.output_status == "truncated"
        for step in row.steps:
            self.steps[step.stage, step.round, step.action, step.status] += 1
            if step.generator and step.stage != FILTER:  # whose model wrote nothing of the row
                self.generators[step.generator] += 1
            if step.prompt_sha256:
                self.prompts[step.stage, step.action, step.prompt_sha256] += 1
            if step.sampling:
                self.samplings[step.stage, step.sampling] += 1


def write_dataset(
    folder: Path, publication: Publication, records: Records, receipt: Receipt | None = None,
    inputs: Sequence[Resource] = (), changes: Compare | None = None,
) -> None:  # fmt: skip
    """Write every file of a published data set below `folder`, which holds nothing yet.

    receipt: that of the artifact's validation. inputs: the files that `records` come from. changes: compares the set
    with an earlier version. Memory holds some thousand rows. Raises UserError where a form other than rows finds no row
    for it, and for a full disk.
    """
    type = _struct(publication.form, records)
    split = "test" if type is Query else "train"
    with replacing(path := folder / ROW_HASHES) as hash_lines:
        tally = Tally(hash_lines, path)
        written = parquet.write(
            folder, split, _rows(publication, records, type, tally), type, expected=receipt.rows if receipt else 0
        )
    facts = _facts(publication, split, type, tally, receipt)
    if changes:
        facts = msgspec.structs.replace(facts, changes=changes(folder, facts))
    write_bytes(folder / "provenance.json", document(facts))
    write_bytes(folder / VERIFIER, Path(verify_rows.__file__).read_bytes())
    write_bytes(folder / "README.md", card.dataset(facts, written, parquet.features(type)).encode())
    if facts.licence == "other":
        write_bytes(folder / card.LICENCES, card.licences(facts).encode())
    described.write(folder, [Config("default", written.files, columns(type), facts)], inputs)


def _struct(form: Form, records: Records) -> type[msgspec.Struct]:
    others: dict[str, type[msgspec.Struct]] = {"preference": PreferenceRow, "grpo": GrpoRow, "rlvr": RlvrRow}
    return row_type(records()) if form == "rows" else others[form]


def _rows(
    publication: Publication, records: Records, struct: type[msgspec.Struct], tally: Tally
) -> Iterator[msgspec.Struct]:
    """The rows as published, counted and hashed as they pass. Raises UserError behind the last where there is none."""
    form, reads = publication.form, publication.reads
    if form == "rows":
        yield from _counted_rows(records(), cast(PublishedType, struct), tally)
    elif form == "preference":
        pairs = (pair for pair in records() if isinstance(pair, PreferencePair) and is_publishable(pair))
        yield from _counted_others(pairs, preference_row, tally)
        if not tally.rows:
            raise UserError(f"{reads}: holds no preference pair; more `samples` of respond.filter may give some")
    else:
        yield from _counted_others(filter(is_verifiable, records()), lambda record: reward_row(record, form), tally)
        if not tally.rows:
            raise UserError(f"{reads}: no row has checks to be rewarded by; publish it in form rows")


def _counted_rows(records: Iterable[Record], type: type[Row] | type[Query], tally: Tally) -> Iterator[msgspec.Struct]:
    for record in records:
        published = row(record, type)
        tally.count(published)
        tally.add_hash(published)
        yield published


def _counted_others(
    records: Iterable[Any], make: Callable[[Any], msgspec.Struct], tally: Tally
) -> Iterator[msgspec.Struct]:
    for record in records:
        published = make(record)
        tally.count(row(record, Row))
        tally.add_hash(published)
        yield published


def _facts(
    publication: Publication, split: str, type: type[msgspec.Struct], tally: Tally, receipt: Receipt | None
) -> Facts:
    licences = [licence for _, licence in tally.licences]
    form, outputs = publication.form, {key: count for key, count in sorted(tally.outputs.items()) if count}
    return Facts(
        name=publication.name, version=publication.version, artifact=publication.reads, split=split, rows=tally.rows,
        rows_sha256=tally.hashes.total(), licence=strictest(licences), cautions=cautions(licences, tally.generators),
        sources=[(*key, count) for key, count in sorted(tally.licences.items())],
        languages=dict(sorted(tally.languages.items())), generators=dict(sorted(tally.generators.items())),
        steps=_counted(tally.steps), prompts=_counted(tally.prompts), samplings=_counted(tally.samplings),
        columns_sha256=tally.hashes.columns(), columns=list(type.__struct_fields__),
        sources_sha256=tally.sources.totals(), features=parquet.features(type),
        repository=publication.repository or msgspec.UNSET,
        form=msgspec.UNSET if form == "rows" else form,
        reasoning=True if form == "rows" and "reasoning" in type.__struct_fields__ else msgspec.UNSET,
        outputs=outputs if outputs and form == "rows" else msgspec.UNSET,
        validation=_validation(receipt) if receipt else msgspec.UNSET,
        seed=msgspec.UNSET if publication.seed is None else publication.seed,
    )  # fmt: skip


def _validation(receipt: Receipt) -> Validation:
    reasons = Counter(reason for reasons in receipt.quarantined.values() for reason in reasons)
    return Validation(
        receipt.suite, receipt.expectations, receipt.rows, len(receipt.quarantined), dict(sorted(reasons.items()))
    )


def _counted(counter: Mapping[Any, int]) -> list[Any]:
    return [(*key, count) for key, count in sorted(counter.items())]
