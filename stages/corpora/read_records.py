"""Read the rows of a corpus into records, and draw a sample of them."""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from stages.core.errors import UserError
from stages.core.records import Record, Rejected, Source, digest
from stages.core.registry import CORPUS_FORMATS, implementation, unknown_name
from stages.corpora.ingest_statistics import IngestStats
from stages.corpora.row_types import BY_DESIGN, Content, MissingFieldError, Read, Refusal
from stages.readers.formats import Raw


class Origin(msgspec.Struct, frozen=True):
    """Name, source, licence and language of a corpus, as in params.yaml."""

    corpus: str
    reference: str
    """`path:…` or `hub:org/name@revision`."""
    licence: str
    language: str


def header_columns(adapter: str, fields: Mapping[str, str]) -> set[str]:
    """Column names by which the first line of a .tsv file is recognised as a header."""
    return {field.partition(".")[0] for field in fields.values()} | ({"instruction"} if adapter == "alpaca" else set())


def is_fault(reason: str) -> bool:
    """Whether rows rejected for this reason count towards the limit of rejected rows."""
    return reason not in BY_DESIGN


def read(
    adapter: str, raws: Iterable[Raw], origin: Origin, fields: Mapping[str, str], stats: IngestStats | None = None
) -> Iterator[Record | Rejected]:
    """Each row as a record, or rejected with a reason of `row_types.Reason`; in order, lazily.

    A record's id is "<corpus>-<16 hex digits of the row's SHA-256>", then "-<part>" where a row is several records,
    then "-2", "-3", … for exact duplicates. `stats` counts the repairs. Raises UserError for an unknown
    adapter and for a malformed row.
    """
    if adapter not in CORPUS_FORMATS:
        raise UserError(f"params.yaml: {unknown_name('adapter', adapter, CORPUS_FORMATS)}")
    seen: Counter[str] = Counter()
    for raw, content in _contents(adapter, raws, origin, fields):
        sha256 = digest(raw.row)
        part = content.part if isinstance(content, Content) else ""
        if stats and isinstance(content, Content):
            stats.repaired.update(content.repairs)
        key = "-".join([origin.corpus, sha256[:16], *([part] if part else [])])
        seen[key] += 1
        yield _item(key if seen[key] == 1 else f"{key}-{seen[key]}", raw, content, origin, sha256)


def _contents(adapter: str, raws: Iterable[Raw], origin: Origin, fields: Mapping[str, str]) -> Iterator[Read]:
    try:
        yield from implementation(CORPUS_FORMATS[adapter])(raws, fields)
    except MissingFieldError as error:
        raise error.of(origin.corpus) from None


def _item(id: str, raw: Raw, content: Content | Refusal, origin: Origin, sha256: str) -> Record | Rejected:
    checked = _checked(content)
    if isinstance(checked, Refusal):
        # OpenOrca has millions of rows of other subsets: only their ids are kept.
        row = {} if checked.reason == "other-subset" else raw.row
        return Rejected(id, checked.reason, checked.detail or raw.where, row)
    reference = f"{origin.reference}#{raw.file}" if raw.file else origin.reference
    source = Source(reference, raw.number, sha256, origin.licence, origin.language)
    return Record(
        id, origin.corpus, checked.instruction, checked.input, checked.response, checked.system, source,
        history=checked.history, image=checked.image, checks=checked.checks or msgspec.UNSET,
    )  # fmt: skip


def _checked(content: Content | Refusal) -> Content | Refusal:
    """The content, or why it is no record whatever its source."""
    if isinstance(content, Refusal):
        return content
    if not content.instruction.strip():
        return Refusal("no-instruction")
    history = [text for turn in content.history for text in (turn.instruction, turn.response)]
    texts = (content.instruction, content.input, content.response, content.system, content.image, *history)
    return Refusal("not-text") if any("\0" in text for text in texts) else content


def sample(
    items: Iterable[Record | Rejected], size: int | None, seed: int, stats: IngestStats
) -> Iterator[Record | Rejected]:
    """`size` of the records in their order, or all for None; the rejected pass.

    A record's draw is SHA-256 of "<seed>:<id>:sample", and the smallest are kept: a smaller sample lies inside a larger
    one, and rows added to the corpus push out some, but never exchange others. Memory grows with `size` alone.
    """
    kept: list[tuple[int, int, Record]] = []
    for number, item in enumerate(items):
        if size is None or isinstance(item, Rejected):
            yield item
            continue
        draw = int.from_bytes(hashlib.sha256(f"{seed}:{item.id}:sample".encode()).digest()[:16])
        heapq.heappush(kept, (-draw, number, item))
        if len(kept) > size:
            heapq.heappop(kept)
            stats.not_sampled += 1
    yield from (item for _, _, item in sorted(kept, key=lambda entry: entry[1]))
