"""Manual chains (paper 4.1, A.1): an intermediate task enters instruction and response by rule.

A chain of your own is one function and one line in CHAINS: `each(shout)` with
`def shout(record: Record, link: Link, means: Means) -> Middle | None`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import tee
from typing import Any

import msgspec
from msgspec.structs import replace

from stages.chains import caption as captioned
from stages.chains.caption import captions
from stages.chains.chain_types import Chain, Link, Means, Middle, each, enter, instruct, part
from stages.chains.paraphrase import paraphrase
from stages.chains.repeat import repeat
from stages.chains.translate import translate, translations
from stages.core.errors import UserError
from stages.core.records import Record
from stages.prompts import Template, parse

__all__ = [
    "CHAINS", "Chain", "Link", "Means", "Middle", "Sets", "answer", "captions", "chained", "each", "links", "plain",
    "prompt", "sets", "templates", "translations",
]  # fmt: skip

CHAINS: dict[str, Chain] = {
    "repeat": Chain(each(repeat), repeats=True),
    "paraphrase": Chain(paraphrase),
    "translate": Chain(translate),
    "caption": Chain(captioned.caption, plain=captioned.plain),
}


def links(entries: Iterable[dict[str, Any]], wording: Mapping[str, str]) -> tuple[Link, ...]:
    """Links from params.yaml. wording: chain -> prefix, for entries that have none of their own.

    Raises UserError for an unknown chain, or one without what it needs.
    """
    return tuple(_link({key: value for key, value in entry.items() if value is not None}, wording) for entry in entries)


def _link(entry: dict[str, Any], wording: Mapping[str, str]) -> Link:
    chain = entry["chain"]
    if chain not in CHAINS:
        raise UserError(f"params.yaml: unknown chain {chain!r}; known are {', '.join(CHAINS)}")
    said = {"prefix": wording[chain], **entry} if chain in wording else entry
    needed = ("prefix", "languages", "share", "labels") if chain == "translate" else ("prefix",)
    if missing := [key for key in needed if said.get(key) in (None, [])]:
        raise UserError(f"params.yaml: chain {chain!r} needs {' and '.join(missing)}")
    return msgspec.convert(said, Link)


def plain(records: Iterable[Record], links: Sequence[Link]) -> Iterator[Record]:
    """The rows of the plain set: same rows, same order, no intermediate task."""
    for record in records:
        for link in links:
            record = CHAINS[link.chain].plain(record)
        yield record


def chained(records: Iterable[Record], links: Sequence[Link], means: Means) -> Iterator[Record]:
    """The rows of the chained set: same rows, same order. A row gets all links or none: where one does not apply or
    its model failed, the row is as in the plain set, with the steps that failed.

    links: in the order in which the tasks are done ("translate, then repeat, then answer"). The last one is put
    nearest to the instruction and to the answer, so they are applied from the last to the first; each sees the
    row's own input.
    """
    before, rows = tee(plain(records, links))
    for link in reversed(links):
        rows = _entered(rows, link, means)
    return (_all_or_none(old, new, len(links)) for old, new in zip(before, rows, strict=True))


def _all_or_none(old: Record, new: Record, links: int) -> Record:
    steps = new.steps[len(old.steps) :]
    if sum(step.status == "ok" for step in steps) == links:
        return new
    return replace(old, steps=(*old.steps, *(step for step in steps if step.status != "ok")))


def _entered(rows: Iterable[Record], link: Link, means: Means) -> Iterator[Record]:
    for record, middle in CHAINS[link.chain].make(link, rows, means):
        yield record if middle is None else enter(record, link, middle)


def prompt(instruction: str, links: Sequence[Link]) -> str:
    """A test question's instruction with the intermediate tasks before it, worded as in training (paper A.2: the
    links may be others than those trained on)."""
    for link in reversed(links):
        instruction = instruct(link, instruction)
    return instruction


def answer(response: str, input: str, links: Sequence[Link]) -> str:
    """The answer in a chained response; `chained` undone. input: that of the chained row."""
    for link in links:
        middle, response = part(link, CHAINS[link.chain], response, input)
        input = middle if link.chain == "translate" else input
    return response


class Sets:
    """The chained and the plain set over the same rows, made one by one and counted as they pass."""

    def __init__(self, pairs: Iterable[tuple[Record, Record]], captioned: bool = False) -> None:
        """`pairs`: each row of the plain set with that of the chained one. captioned: rows with an image get a
        caption."""
        self._pairs, self._captioned = pairs, captioned
        self._links: Counter[str] = Counter()
        self._characters = Counter(input=0, response_before=0, response_after=0)
        self._rows = self._with_input = self._chained = 0
        self._unchanged: Counter[str] = Counter()

    def rows(self) -> Iterator[tuple[str, Record]]:
        """Each row of both with the name of its file: "" for the chained, ".plain" for the plain ones."""
        for old, new in self._pairs:
            self._count(old, new)
            yield "", new
            yield ".plain", old

    def _count(self, old: Record, new: Record) -> None:
        self._rows += 1
        if failed := next((step for step in new.steps[len(old.steps) :] if step.status != "ok"), None):
            self._unchanged[f"{failed.action} {failed.status}"] += 1
        elif self._captioned and new.image and new.response == old.response:
            self._unchanged["no caption"] += 1
        self._with_input += bool(old.input.strip())
        self._chained += old.response != new.response
        self._links.update(f"{step.action}/{step.status}" for step in new.steps[len(old.steps) :])
        self._characters["input"] += len(new.input)
        self._characters["response_before"] += len(old.response)
        self._characters["response_after"] += len(new.response)

    def losses(self) -> dict[str, dict[str, int]]:
        """ "unchanged" -> why rows have no chain though one was meant for them -> how many."""
        return {"unchanged": dict(self._unchanged)}

    def statistics(self) -> dict[str, Any]:
        """Of the rows that have passed: how many, how many with an input, links by what they did and how they ended,
        characters of all inputs and responses."""
        return {
            "rows": self._rows, "with_input": self._with_input, "chained": self._chained,
            "links": dict(sorted(self._links.items())), "characters": dict(self._characters),
        }  # fmt: skip


def sets(
    records: Iterable[Record],
    entries: Iterable[dict[str, Any]],
    means: Means,
    watched: Callable[[Iterable[Record]], Iterable[Record]] = iter,
) -> Sets:
    """Both sets, see `plain` and `chained`, by the links of an entry of params.yaml.

    watched: passes the chained rows on and tells of them as they come.
    """
    asked = links(entries, means.wording)
    before, rows = tee(records)
    pairs = zip(plain(before, asked), watched(chained(rows, asked, means)), strict=True)
    return Sets(pairs, captioned=any(link.chain == "caption" for link in asked))


def templates(files: Mapping[str, bytes], folder: str) -> dict[str, Template]:
    """Chain -> its prompt file, from the files of a folder ("paraphrase.txt"). Raises UserError for what is none."""
    found = {}
    for name, data in files.items():
        try:
            found[name.removesuffix(".txt")] = parse(data.decode(), f"{folder}/{name}")
        except UnicodeDecodeError as error:
            raise UserError(f"{folder}/{name}: not UTF-8 (byte {error.start}); mend the prompt file") from None
    return found
