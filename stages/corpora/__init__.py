"""One module a source: rows as downloaded become records. A new source is a function and a line in ADAPTERS."""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from stages.core.errors import UserError
from stages.core.records import Record, Rejected, Source, digest
from stages.corpora import (
    alpaca,
    alpaca_eval_prompts,
    chat,
    flan_cot,
    mapped_fields,
    metamath,
    parallel,
    vqa_and_captions,
)
from stages.corpora.row_types import BY_DESIGN, REPAIRED, Adapter, Content, Raw, Refusal
from stages.readers.formats import rows

__all__ = ["ADAPTERS", "Origin", "Raw", "Tally", "columns", "faulty", "read", "rows", "sample"]

ADAPTERS: dict[str, Adapter] = {
    "alpaca": alpaca.contents,
    "alpaca_eval": alpaca_eval_prompts.contents,
    "parallel": parallel.contents,
    "flan_cot": flan_cot.contents,
    "chat": chat.contents,
    "tulu": chat.contents,
    "metamath": metamath.contents,
    "vqa": vqa_and_captions.questions,
    "captions": vqa_and_captions.captions,
    "own": mapped_fields.contents,
}


class Origin(msgspec.Struct, frozen=True):
    """What params.yaml says of a corpus."""

    corpus: str
    reference: str
    """`path:…` or `hub:org/name@revision`."""
    licence: str
    language: str


def columns(adapter: str, fields: Mapping[str, str]) -> set[str]:
    """Names of columns by which the header of a .tsv file is known."""
    return {field.partition(".")[0] for field in fields.values()} | ({"instruction"} if adapter == "alpaca" else set())


def faulty(reason: str) -> bool:
    """Whether rows that are rejected for a reason should not be there, and not merely what nobody looked for."""
    return reason not in BY_DESIGN


def read(
    adapter: str, raws: Iterable[Raw], origin: Origin, fields: Mapping[str, str], tally: "Tally | None" = None
) -> Iterator[Record | Rejected]:
    """Each row as a record, or rejected with a reason of `rows.Reason`; in order, lazily. `tally` counts the repairs.

    A record's id is "<corpus>-<16 hex digits of the row's SHA-256>", then "-<part>" where a row is several records,
    then "-2", "-3", … for exact duplicates. Raises UserError for an unknown adapter and for a malformed row.
    """
    if adapter not in ADAPTERS:
        raise UserError(f"params.yaml: unknown adapter {adapter!r}; known are {', '.join(ADAPTERS)}")
    seen: Counter[str] = Counter()
    for raw, content in ADAPTERS[adapter](raws, fields):
        sha256 = digest(raw.row)
        part = content.part if isinstance(content, Content) else ""
        if tally and isinstance(content, Content):
            tally.repaired.update(content.repairs)
        key = "-".join([origin.corpus, sha256[:16], *([part] if part else [])])
        seen[key] += 1
        yield _item(key if seen[key] == 1 else f"{key}-{seen[key]}", raw, content, origin, sha256)


def _item(id: str, raw: Raw, content: Content | Refusal, origin: Origin, sha256: str) -> Record | Rejected:
    said = _checked(content)
    if isinstance(said, Refusal):
        # The rows of another subset are no waste to look through, but millions: their ids say enough.
        row = {} if said.reason == "other-subset" else raw.row
        return Rejected(id, said.reason, said.detail or raw.where, row)
    reference = f"{origin.reference}#{raw.file}" if raw.file else origin.reference
    source = Source(reference, raw.number, sha256, origin.licence, origin.language)
    return Record(
        id, origin.corpus, said.instruction, said.input, said.response, said.system, source,
        history=said.history, image=said.image,
    )  # fmt: skip


def _checked(content: Content | Refusal) -> Content | Refusal:
    """The content, or why it is no record whatever its source."""
    if isinstance(content, Refusal):
        return content
    if not content.instruction.strip():
        return Refusal("no-instruction")
    turns = [said for turn in content.history for said in (turn.instruction, turn.response)]
    texts = (content.instruction, content.input, content.response, content.system, content.image, *turns)
    return Refusal("not-text", "holds a NUL character") if any("\0" in text for text in texts) else content


def sample(
    items: Iterable[Record | Rejected], size: int | None, seed: int, tally: "Tally"
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
            tally.not_sampled += 1
    yield from (item for _, _, item in sorted(kept, key=lambda entry: entry[1]))


class Tally:
    """Counts what passes: rows in = kept + rejected + not sampled. `repaired` counts what was changed of them."""

    def __init__(self) -> None:
        self.kept: Counter[str] = Counter()
        self.words: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.repaired: Counter[str] = Counter()
        self.not_sampled = 0

    def split(self, items: Iterable[Record | Rejected]) -> Iterator[tuple[str, Record | Rejected]]:
        """Each item with the name of the file it belongs to: "kept" or "rejected"."""
        for item in items:
            if isinstance(item, Rejected):
                self.rejected[item.reason] += 1
                yield "rejected", item
            else:
                self._count(item)
                yield "kept", item

    def _count(self, record: Record) -> None:
        for field in ("instruction", "input", "response", "system", "history"):
            self.kept[field] += bool(getattr(record, field))
        for field in ("instruction", "input", "response"):
            self.words[field] += len(getattr(record, field).split())

    def losses(self) -> dict[str, dict[str, int]]:
        """What happened to rows that are not kept -> why -> how many."""
        return {"rejected": dict(self.rejected), "left out": {"not in the sample": self.not_sampled}}

    def shortage(self, sample: int | None) -> str:
        """What a sample of that many rows lacks, in words; "" for nothing."""
        kept = self.kept["instruction"]
        return f"wanted a sample of {sample:,} rows, there are {kept:,}" if sample and kept < sample else ""

    def repairs(self) -> str:
        """One line for people on rows that were changed, by kind and count; "" for none."""
        counts = ", ".join(f"{REPAIRED[repair]} in {count:,}" for repair, count in self.repaired.most_common())
        return f"rows repaired: {counts}" if counts else ""

    def metrics(self) -> dict[str, Any]:
        """Rows read, kept, rejected by reason, left out of the sample; how many have what, and its mean words there."""
        kept = self.kept["instruction"]
        return {
            "read": kept + self.rejected.total() + self.not_sampled,
            "kept": kept,
            "rejected": dict(self.rejected),
            **({"repaired": dict(self.repaired)} if self.repaired else {}),
            "not_sampled": self.not_sampled,
            "with": {field: self.kept[field] for field in ("input", "response", "system", "history")},
            "mean_words": {field: round(self.words[field] / max(1, self.kept[field]), 2) for field in self.words},
        }
