"""CSV and TSV: the separator is found in the file, rows are read one by one, and each cell is text."""

import csv
import io
import itertools
import re
from collections.abc import Collection, Iterator
from typing import IO, Any

from stages.core import encodings
from stages.core.errors import UserError
from stages.readers.json_rows import Numbered

SEPARATORS = ",;\t|"
"""In the order of preference where several split a file into columns alike."""
PEEKED = 200
"""Lines from which the separator of a file is found."""


class _Lines:
    """The decoded lines of a stream, one at a time, with the beginning of the file kept for a guess of its encoding."""

    def __init__(self, path: str, stream: IO[bytes]) -> None:
        self.path, self.number = path, 0
        self._stream, self._sample = encodings.utf8(stream), io.BytesIO()

    def __iter__(self) -> Iterator[str]:
        for line in self._stream:
            self.number += 1
            yield encodings.decoded(line, self.path, f"{self.path}:{self.number}", self._sample.getvalue())
            if self._sample.tell() < encodings.SAMPLE:
                self._sample.write(line)


def comma_separated(path: str, stream: IO[bytes]) -> Numbered:
    """The rows of a .csv file with a header, by column; the separator is one of `SEPARATORS`.

    A first line "sep=;", as Excel writes it, names the separator. Raises UserError naming the line of a row with
    another number of columns.
    """
    lines = _unix(iter(_Lines(path, stream)))
    first = list(itertools.islice(lines, PEEKED))
    named = re.fullmatch(r"sep=(.)\s*", first[0], re.I) if first else None
    separator = named[1] if named else _separator(first)
    return _with_header(path, itertools.chain(first[1:] if named else first, lines), separator, int(bool(named)))


def tab_separated(path: str, stream: IO[bytes], names: Collection[str] = ()) -> Numbered:
    """The rows of a .tsv file as Flan, MGSM and PICa publish it: no header, no quotes; columns are "0", "1", ….

    A file whose first line holds one of `names`, the fields that are looked for, has a header and may have quotes.
    """
    lines = iter(_Lines(path, stream))
    first = next(lines, "")
    rest = itertools.chain([first] if first else [], lines)
    header = first.rstrip("\r\n").replace('"', "").split("\t")
    if set(header) & set(names) and not all(cell.isdigit() for cell in header):
        return _with_header(path, rest, "\t", 0)
    return _without_header(path, rest)


def _unix(lines: Iterator[str]) -> Iterator[str]:
    """The same, also where lines end with a carriage return alone, so that the whole file looks like one line."""
    for line in lines:
        yield from io.StringIO(line, newline="") if "\r" in line.rstrip("\r\n") and not line.endswith("\n") else [line]


def _separator(lines: list[str]) -> str:
    """The separator by which every row has as many columns as the header, two or more; a comma if none is such."""
    for separator in SEPARATORS:
        try:
            rows = [row for row in csv.reader(lines, delimiter=separator) if row]
        except csv.Error:
            continue
        # The last row may be cut where the peeked lines end.
        counts = {len(row) for row in (rows[:-1] if len(lines) == PEEKED else rows)}
        if len(counts) == 1 and min(counts) > 1:
            return separator
    return ","


def _with_header(path: str, lines: Iterator[str], separator: str, skipped: int) -> Numbered:
    # The module's own limit of 128 KiB is less than some documents.
    csv.field_size_limit(1 << 30)
    reader = csv.DictReader(lines, strict=True, delimiter=separator)
    try:
        if len(set(names := reader.fieldnames or ())) < len(names):
            raise UserError(f"{path}:{1 + skipped}: two columns have the same name; rename one")
        for row in reader:
            number = reader.line_num + skipped
            if None in row or None in row.values():
                raise UserError(
                    f"{path}:{number}: another number of columns than the first line has; correct this line"
                )
            yield number, row
    except csv.Error as error:
        raise UserError(f"{path}:{reader.reader.line_num + skipped}: {error}; correct this line") from None


def _without_header(path: str, lines: Iterator[str]) -> Iterator[tuple[int, Any]]:
    columns = 0
    for number, line in enumerate(lines, 1):
        cells = line.rstrip("\r\n").split("\t")
        columns = columns or len(cells)
        if len(cells) != columns:
            raise UserError(
                f"{path}:{number}: {len(cells)} columns, but the first line has {columns}; correct this line"
            )
        yield number, {str(index): cell for index, cell in enumerate(cells)}
