"""Read rows from the bytes of benchmark files; every error names the file, the row and the remedy."""

import io
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from stages.core import encodings
from stages.core.compression import plain
from stages.core.errors import UserError
from stages.evaluation.benchmarks.questions import Files
from stages.readers import formats
from stages.readers.layout import Choice, Wanted, is_data, place, select

T = TypeVar("T")
PREFERRED = ("jsonl", "ndjson", "json", "parquet", "arrow", "csv", "tsv")
"""Formats, of which the first is read where a download has the same file in several."""


def contents(files: Files, name: str) -> bytes:
    """The file of that name. Raises UserError if it is missing."""
    if name not in files:
        raise UserError(
            f"{name}: missing among the benchmark's files ({_file_names(files)}); download it, or shorten `languages`"
        )
    return files[name]


def only(files: Files, *endings: str) -> str:
    """The name of the one file that ends in one of `endings`. Raises UserError if there is none or more than one."""
    names = sorted(name for name in files if name.endswith(endings) and is_data(name))
    if len(names) != 1:
        among = ", ".join(names) or f"none among {_file_names(files)}"
        wanted = " or ".join(f"*{ending}" for ending in endings)
        raise UserError(f"{wanted}: exactly one such file is needed, not {among}; name it or its folder as the source")
    return names[0]


def pick(files: Files, wanted: Wanted, avoid: str = "") -> list[str]:
    """The files of one split, in order; of several formats of the same file, one.

    File names without split and config may still contain a word of `wanted.configs`, which selects a file, or the word
    `avoid`, which excludes it. `split:`, `config:` and `files:` of params.yaml take precedence, except for a split of
    worked examples (`wanted.exact`). Raises UserError, with the candidates, where the split is ambiguous.
    """
    choice = getattr(files, "choice", Choice())
    choice = choice._replace(files=(), split="" if wanted.exact else choice.split)
    names = _one_format([name for name in sorted(files) if is_data(name)])
    if not names:
        raise UserError(
            f"no file of the split {wanted.split} ({_file_names(files)}); download it, or correct the source"
        )
    chosen = select(_source(files), _by_words(names, wanted.configs, avoid), wanted, choice, _readme(files)).names
    if not wanted.together and len({_base(name) for name in chosen}) > 1:
        listed = ", ".join(chosen[:12])
        raise UserError(f"exactly one file of the split {wanted.split} is needed, not {listed}; name it under `files:`")
    return chosen


def of_language(files: Files, benchmark: str, language: str) -> Files:
    """The files of one language: below a folder or in files of the name "de", "xquad.de" or "mgsm_de"; {} for none."""
    part = re.compile(rf"(^|/)({benchmark}[._-])?{re.escape(language)}(?=[/.-])", re.I)
    return {name: files[name] for name in files if is_data(name) and part.search(name)}


def tabular(files: Files) -> bool:
    """Whether the download is the Hub's tables, and not its makers' own documents."""
    return any(formats.kind(name) in ("parquet", "arrow") and is_data(name) for name in files)


def has_split(files: Files, split: str) -> bool:
    """Whether any file is of a split of that very name."""
    return any(file.split.lower() == split for file in place([name for name in files if is_data(name)], _readme(files)))


def picked(files: Files, wanted: Wanted, type: type[T], avoid: str = "") -> Iterator[tuple[str, T]]:
    """(place, row) of each row of the files that `pick` picks.

    Raises UserError naming a row that is no `type`, and where there is no row though worked examples are not meant.
    """
    names, empty = pick(files, wanted, avoid), not wanted.exact
    for name in names:
        for one in placed(files, name, type):
            empty = False
            yield one
    if empty:
        raise UserError(f"{', '.join(names)}: holds no rows; download it again, or name another file as the source")


def document(files: Files, name: str, type: type[T]) -> T:
    """A JSON file as `type`; keys that `type` lacks are ignored. Raises UserError with the place of the mistake."""
    try:
        return msgspec.json.decode(encodings.unmarked(contents(files, name)), type=type)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{name}: {error}; correct the file") from None


def rows(files: Files, name: str, type: type[T]) -> list[T]:
    """The rows of a file of any format. Raises UserError naming the row that is no `type`."""
    return [row for _, row in placed(files, name, type)]


def placed(files: Files, name: str, type: type[T]) -> Iterator[tuple[str, T]]:
    """(place, row) of each row of a file: "dev.jsonl:3" or "dev.json: row 2". Raises UserError as `rows` does."""
    for number, (line, row) in enumerate(formats.numbered(name, io.BytesIO(contents(files, name)))):
        where = f"{name}:{line}" if line else f"{name}: row {number}"
        yield where, converted(row, type, where)


def converted(row: dict[str, Any], type: type[T], where: str) -> T:
    """A row as `type`, without its nulls. Raises UserError naming `where`."""
    try:
        return msgspec.convert({key: value for key, value in row.items() if value is not None}, type)
    except msgspec.ValidationError as error:
        raise UserError(f"{where}: {error}; correct or remove it") from None


def separated(files: Files, name: str, columns: int) -> list[list[str]]:
    """The rows of a tab-separated file without a header line. Raises UserError naming the row."""
    records = []
    for line, row in formats.numbered(name, io.BytesIO(contents(files, name))):
        if not any(row.values()):
            continue
        if len(row) != columns:
            raise UserError(f"{name}:{line}: {len(row)} columns, not {columns}; correct this line")
        records.append(list(row.values()))
    return records


def _source(files: Files) -> str:
    return getattr(files, "path", "the benchmark")


def _readme(files: Files) -> str:
    return files["README.md"].decode(errors="replace") if "README.md" in files else ""


def _file_names(files: Files) -> str:
    return ", ".join(sorted(files)[:12]) or "no file"


def _base(name: str) -> str:
    """A name without numbers and endings, which shards of a split have alike."""
    return re.sub(r"\d+(-of-\d+)?(-[0-9a-f]{8,})?", "", plain(name).rpartition(".")[0])


def _one_format(names: Sequence[str]) -> list[str]:
    order = sorted(names, key=lambda name: PREFERRED.index(formats.kind(plain(name))))
    stems: dict[str, str] = {}
    for name in order:
        stems.setdefault(plain(name).rpartition(".")[0], name)
    return sorted(stems.values())


def _by_words(names: Sequence[str], words: Sequence[str], avoid: str) -> list[str]:
    for word in words:
        if matches := [name for name in names if _has(name, word)]:
            return matches
    return [name for name in names if not (avoid and avoid in name.lower())] or list(names)


def _has(name: str, word: str) -> bool:
    return re.search(rf"(?<![a-z0-9_]){re.escape(word)}(?![a-z0-9_])", name, re.I) is not None
