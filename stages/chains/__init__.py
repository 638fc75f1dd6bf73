"""Manual chains (paper 4.1, A.1): an intermediate task enters instruction and response by rule.

A chain of your own is one function and one line in CHAINS: `each(shout)` with
`def shout(record: Record, link: Link, means: Means) -> Middle | None`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from stages.chains import caption as captioned
from stages.chains.caption import captions
from stages.chains.links import Chain, Link, Means, Middle, each, enter, instruct, part
from stages.chains.paraphrase import paraphrase
from stages.chains.repeat import repeat
from stages.chains.translate import translate, translations
from stages.errors import UserError
from stages.records import Record

__all__ = [
    "CHAINS", "Chain", "Link", "Means", "Middle", "answer", "captions", "chained", "each", "links", "plain", "prompt",
    "statistics", "translations",
]  # fmt: skip

CHAINS: dict[str, Chain] = {
    "repeat": Chain(each(repeat), repeats=True),
    "paraphrase": Chain(paraphrase),
    "translate": Chain(translate),
    "caption": Chain(captioned.caption, plain=captioned.plain),
}


def links(entries: Iterable[dict[str, Any]]) -> tuple[Link, ...]:
    """Links from params.yaml. Raises UserError for an unknown chain, or one without what it needs."""
    return tuple(_link({key: value for key, value in entry.items() if value is not None}) for entry in entries)


def _link(entry: dict[str, Any]) -> Link:
    if entry["chain"] not in CHAINS:
        raise UserError(f"params.yaml: unknown chain {entry['chain']!r}; known are {', '.join(CHAINS)}")
    needed = ("languages", "share", "labels") if entry["chain"] == "translate" else ()
    missing = [key for key in needed if entry.get(key) in (None, [])]
    if missing:
        raise UserError(f"params.yaml: chain 'translate' needs {' and '.join(missing)}")
    return msgspec.convert(entry, Link)


def plain(records: Iterable[Record], links: Sequence[Link]) -> Iterator[Record]:
    """The rows of the plain set: same rows, same order, no intermediate task."""
    for record in records:
        for link in links:
            record = CHAINS[link.chain].plain(record)
        yield record


def chained(records: Iterable[Record], links: Sequence[Link], means: Means) -> Iterator[Record]:
    """The rows of the chained set: same rows, same order; those that no link applies to as they are.

    links: in the order in which the tasks are done ("translate, then repeat, then answer"). The last one is put
    nearest to the instruction and to the answer, so they are applied from the last to the first; each sees the
    row's own input.
    """
    rows = plain(records, links)
    for link in reversed(links):
        rows = _entered(rows, link, means)
    return rows


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


def statistics(before: Sequence[Record], after: Sequence[Record]) -> dict[str, Any]:
    """Counts of a chained set: rows, rows with an input, and links by what they did and how they ended."""
    new = [step for old, record in zip(before, after, strict=True) for step in record.steps[len(old.steps) :]]
    return {
        "rows": len(after),
        "with_input": sum(bool(record.input.strip()) for record in before),
        "chained": sum(old.response != record.response for old, record in zip(before, after, strict=True)),
        "links": dict(sorted(Counter(f"{step.action}/{step.status}" for step in new).items())),
        "characters": {
            "input": sum(len(record.input) for record in after),
            "response_before": sum(len(record.response) for record in before),
            "response_after": sum(len(record.response) for record in after),
        },
    }
