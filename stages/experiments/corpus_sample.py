"""The first rows of a corpus: where they are, how they read as records, and in which language they are."""

import json
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stages.core.errors import UserError
from stages.core.records import Record
from stages.corpora import chat
from stages.corpora.read_records import Origin, read
from stages.experiments import row_fields
from stages.experiments.corpus_language import most_common
from stages.experiments.row_fields import Layout
from stages.params import plain_messages
from stages.params.engine_sections import HubCorpus
from stages.params.field_types import ADDRESSABLE, addressable
from stages.readers.formats import Raw

EXAMPLE_ROWS = 200
"""Rows that are read to guess by."""
FILES = ("*.parquet", "*.jsonl", "*.json", "*.csv", "README.md")
"""What is downloaded of a data set of the Hub where nothing is named."""


def source(name: str, corpus: str, hub: str, given_path: Callable[[str], Path]) -> tuple[str, str]:
    """The `source` of the corpus in params.yaml, and its reference on the Hub, "" for a file or folder.

    given_path: a path of the command line -> the same from the top of the project. Raises UserError for none, for both,
    and for what is not there.
    """
    if not ADDRESSABLE.fullmatch(name):
        raise UserError(f"{name}: is no name; write small letters, digits, - and _ only, such as {addressable(name)}")
    if corpus.startswith("hub:") and not hub:
        corpus, hub = "", corpus
    if bool(corpus) == bool(hub):
        raise UserError("--corpus: name one file or folder of rows (or, with --from, a data set of the Hub)")
    if hub:
        return f"data/fetched/{name}", _pinned(hub if hub.startswith("hub:") else f"hub:{hub}")
    if "://" in corpus:
        raise UserError(
            f"--corpus {corpus}: is an address; download it first, or name a data set of the Hub with --from"
        )
    path = given_path(corpus)
    if not path.exists():
        near = get_close_matches(path.name, os.listdir(path.parent) if path.parent.is_dir() else [], n=1)
        meant = f"; did you mean {path.with_name(near[0])}?" if near else f"; the path counts from {Path.cwd()}"
        raise UserError(f"--corpus {corpus}: no such file or folder{meant}")
    return path.as_posix(), ""


def _pinned(reference: str) -> str:
    try:
        return HubCorpus(reference=reference, files=["*"]).reference
    except ValidationError as error:
        raise UserError(f"--from: {plain_messages.message(error.errors()[0])}") from None


def reading(rows: Iterator[Raw], fields: str, language: str, name: str) -> tuple[Layout, str, Record]:
    """How the rows of a corpus are read, the language of their instructions, and one of them as a record,
    with an input if any has one.

    rows: as downloaded, of which the first `EXAMPLE_ROWS` are read. fields, language: as on the command line, "" to
    guess. Raises UserError for rows that can't be read, or not told apart.
    """
    some = list(islice(rows, EXAMPLE_ROWS))
    _refuse_container(some)
    layout = row_fields.parse(fields, some) if fields else row_fields.guess(some)
    read_rows = records(some, layout, name)
    example = next((row for row in read_rows if row.input), read_rows[0])
    return layout, language or most_common([row.instruction for row in read_rows]), example


def _refuse_container(rows: Sequence[Raw]) -> None:
    """Raise UserError for one object that has the rows in a list, as {"data": [{…}, {…}]}."""
    if len(rows) != 1:
        return
    raw = rows[0]
    for key, value in raw.row.items():
        if isinstance(value, list) and value and isinstance(value[0], dict) and not _is_turn(value[0]):
            path = raw.where.partition(", row ")[0]
            command = f"jq -c {shlex.quote(f'.[{json.dumps(key)}][]')} {shlex.quote(path)} > rows.jsonl"
            raise UserError(
                f"{path}: one object; its rows are in {key!r}; write them one a line: `{command}`, and name that file"
            )


def _is_turn(value: Mapping[str, Any]) -> bool:
    """Whether an object is a message of a conversation: it says who speaks."""
    return any(name in value for name in chat.AUTHOR)


def shortage(sample: int | None, rows: Sequence[Raw]) -> str:
    """A warning where a sample is larger than the corpus, "" where it is not or the corpus is not read to its end.

    rows: the first `EXAMPLE_ROWS`, or all.
    """
    if sample is None or len(rows) >= min(sample, EXAMPLE_ROWS):
        return ""
    return f"--sample {sample:,}: the corpus has {len(rows):,} rows, so all of them are read"


def records(rows: Sequence[Raw], layout: Layout, name: str) -> list[Record]:
    """The rows as records. Raises UserError for a malformed row, and where every row is rejected."""
    read_rows = list(read(layout.adapter, rows, Origin(name, "path:", "unknown", "multi"), layout.fields))
    good = [row for row in read_rows if isinstance(row, Record)]
    if not good:
        reasons = sorted({row.reason for row in read_rows if not isinstance(row, Record)})
        raise UserError(
            f"{layout.words}: none of the first {len(rows)} rows is usable ({', '.join(reasons)}); see --fields"
        )
    return good
