"""Add the intermediate tasks of a list of links to rows, and take them out of a response again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import tee
from typing import Any

import msgspec
from msgspec.structs import replace

from stages.chains.chain_types import Chain, Link, Resources, add_task, prefixed, split_response
from stages.core.errors import UserError
from stages.core.records import Record
from stages.core.registry import CHAINS, Implementations, unknown_name

IMPLEMENTATIONS = Implementations(CHAINS, Chain)
"""`chain` of a link -> its `Chain`."""


def parse_links(entries: Iterable[dict[str, Any]], wording: Mapping[str, str]) -> tuple[Link, ...]:
    """Links from params.yaml. wording: chain -> prefix, for entries without a prefix of their own.

    Raises UserError for an unknown chain and for a missing setting.
    """
    given = ({key: value for key, value in entry.items() if value is not None} for entry in entries)
    return tuple(_parse_link(settings, wording) for settings in given)


def _parse_link(settings: dict[str, Any], wording: Mapping[str, str]) -> Link:
    chain = settings["chain"]
    if chain not in CHAINS:
        raise UserError(f"params.yaml: {unknown_name('chain', chain, CHAINS)}")
    if chain in wording:
        settings = {"prefix": wording[chain], **settings}
    if missing := [key for key in ("prefix", *CHAINS[chain].settings) if settings.get(key) in (None, [])]:
        raise UserError(f"params.yaml: chain {chain!r} needs {' and '.join(missing)}")
    return msgspec.convert(settings, Link)


def plain_rows(records: Iterable[Record], links: Sequence[Link]) -> Iterator[Record]:
    """The rows of the plain set: same rows, same order, no intermediate task."""
    for record in records:
        for link in links:
            record = IMPLEMENTATIONS[link.chain].plain(record)
        yield record


def chained_rows(records: Iterable[Record], links: Sequence[Link], resources: Resources) -> Iterator[Record]:
    """The rows of the chained set: same rows, same order. A row gets all links or none: where one does not apply or
    its model failed, the row is as in the plain set, with the steps that failed.

    links: in the order in which the tasks are done ("translate, then repeat, then answer"). The last one is put
    nearest to the instruction and to the answer, so they are applied from the last to the first; each sees the
    row's own input.
    """
    before, rows = tee(plain_rows(records, links))
    for link in reversed(links):
        rows = _apply(rows, link, resources)
    return (_all_or_none(old, new, len(links)) for old, new in zip(before, rows, strict=True))


def _all_or_none(old: Record, new: Record, links: int) -> Record:
    steps = new.steps[len(old.steps) :]
    if sum(step.status == "ok" for step in steps) == links:
        return new
    return replace(old, steps=(*old.steps, *(step for step in steps if step.status != "ok")))


def _apply(rows: Iterable[Record], link: Link, resources: Resources) -> Iterator[Record]:
    for record, result in IMPLEMENTATIONS[link.chain].apply(link, rows, resources):
        yield record if result is None else add_task(record, link, result)


def chained_instruction(instruction: str, links: Sequence[Link]) -> str:
    """A test question's instruction with the intermediate tasks before it, worded as in training (paper A.2: the
    links may be others than those trained on)."""
    for link in reversed(links):
        instruction = prefixed(link, instruction)
    return instruction


def final_answer(response: str, input: str, links: Sequence[Link]) -> str:
    """The answer in a chained response; the inverse of `chained_rows`. input: that of the chained row."""
    for link in links:
        chain = IMPLEMENTATIONS[link.chain]
        result, response = split_response(link, chain, response, input)
        input = result if chain.replaces_input else input
    return response
