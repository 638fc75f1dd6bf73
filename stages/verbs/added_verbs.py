"""What each row of a set was asked to do more than before: the verb that was added, and its object."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import tee
from typing import Any, NamedTuple

import msgspec

from stages.core.records import Record
from stages.core.row_history import action
from stages.verbs.added_text import Span, added_spans
from stages.verbs.root_verbs import Sentence, verb_and_object

Parse = Callable[[Iterable[str]], Iterable[list[Sentence]]]
"""Texts -> the sentences of each, in the same order."""
LONGEST_TEXT = 20_000
"""Characters of an instruction that is parsed: longer ones cost seconds each and are counted as too long."""


class VerbRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of data/verbs/NAME.jsonl."""

    id: str
    action: str
    """What the last round did to the row: decompose, prefix, suffix, an evolution, a manual chain."""
    verb: str
    """Lemma; "" for none."""
    noun: str
    """Lemma of the verb's direct object; "" for none."""


class _Change(NamedTuple):
    record: Record
    added: list[Span]


class AddedVerbs:
    """The rows with a change, lazily and once; `skipped` counts the others by reason as it goes.

    Reasons: unchanged, no row before, too long.
    """

    def __init__(self, before: Mapping[str, str], after: Iterable[Record], parse: Parse) -> None:
        """before: row id -> the instruction. after: the rows as the round left them. parse: the parser."""
        self.skipped: Counter[str] = Counter()
        self._before, self._after, self._parse = before, after, parse

    def __iter__(self) -> Iterator[VerbRow]:
        """The rows, in the order of `after`."""
        changes, texts = tee(self._changes())
        parses = self._parse(change.record.instruction for change in texts)
        for change, sentences in zip(changes, parses, strict=True):
            pair = verb_and_object(sentences, change.added)
            yield VerbRow(change.record.id, action(change.record), pair.verb, pair.noun)

    def _changes(self) -> Iterator[_Change]:
        for record in self._after:
            before = self._before.get(record.id)
            long = max(len(record.instruction), len(before or "")) > LONGEST_TEXT
            added = [] if before is None or long else added_spans(before, record.instruction)
            if added:
                yield _Change(record, added)
            else:
                self.skipped["no row before" if before is None else "too long" if long else "unchanged"] += 1


class VerbCounts:
    """Counts of verbs and objects by action, of the rows that pass through."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, Counter[str]]] = {}

    def counted(self, rows: Iterable[VerbRow]) -> Iterator[VerbRow]:
        """The rows as they are."""
        for row in rows:
            self._counts.setdefault(row.action, {}).setdefault(row.verb, Counter())[row.noun] += 1
            yield row

    def document(self) -> dict[str, Any]:
        """{rows, with_verb, with_object, verbs: action -> verb -> noun -> rows}; "" for no verb or no object."""
        pairs = [(verb, noun, n) for by_verb in self._counts.values() for verb, nouns in by_verb.items()
                 for noun, n in nouns.items()]  # fmt: skip
        return {
            "rows": sum(n for _, _, n in pairs), "with_verb": sum(n for verb, _, n in pairs if verb),
            "with_object": sum(n for verb, noun, n in pairs if verb and noun), "verbs": self._counts,
        }  # fmt: skip
