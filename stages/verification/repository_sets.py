"""Opens a repository with several configs: each config as a set whose rows are joined with their origin.

Rows and origin are in one order, so that both are read once and side by side. Where one of them was removed or put in,
some are kept until their partner comes: memory holds no more than `AHEAD` of them.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from stages.core import artifacts
from stages.core.errors import UserError
from stages.publishing.parquet import FOLDER
from stages.publishing.repository_configs import CONFIG, ORIGIN_COLUMNS
from stages.publishing.repository_configs import PROVENANCE as ORIGIN
from stages.publishing.repository_facts import RepositoryFacts, all_configs
from stages.publishing.row_hashes import ROW_HASHES
from stages.verification.check_results import CheckLog, CheckResult, Mismatch
from stages.verification.published_files import CARD, PROVENANCE, PublishedSet, open_set
from stages.verification.set_columns import ID, Row

AHEAD = 10_000
"""Most rows of origin that are kept for rows which have not come yet."""


class ConfigSet(PublishedSet, frozen=True):
    """A config of a repository."""

    config: str
    origin: PublishedSet
    """Its rows of the config `provenance`."""
    columns: list[str]
    """Those of the joined rows, in order."""
    join: CheckLog
    totals: list[CheckResult]
    """Of the repository as a whole; of its first config alone."""
    repository: str
    """Its name, of the first config alone."""

    @property
    def hashes_path(self) -> Path:
        """Where ROW_HASHES lies, or would lie."""
        return self.folder / FOLDER / self.config / ROW_HASHES

    @property
    def out(self) -> str:
        """Path of the folder in a dvc.lock, of the first config alone: it is compared once."""
        return f"data/repositories/{self.repository}" if self.repository else ""

    def rows(self) -> Iterator[Row]:
        """All rows with all columns, in order; those without their origin are differences of `join`.

        Raises UserError for a file that lacks a column.
        """
        _check_columns(self)
        own, origins = super().rows(), _Ahead(self._own_origins())
        for row in own:
            origin = origins.take(row[ID])
            if origin is None:
                self.join.differs(self.data, row[ID], "", f"has no row in {self.origin.data}")
                continue
            if origins.is_behind:
                self.join.differs(self.origin.data, row[ID], "", "lies behind rows that come later in the config")
            else:
                self.join.agrees()
            joined = origin | row
            yield {name: joined[name] for name in self.columns}
        for id in origins.left():
            self.join.differs(self.origin.data, id, "", f"has no row in {self.data}")

    def _own_origins(self) -> Iterator[Row]:
        """The rows of origin; one that names another config is a difference and none of them."""
        for origin in self.origin.rows():
            if origin.get(CONFIG) == self.config:
                yield origin
            else:
                self.join.differs(self.origin.data, origin[ID], CONFIG, f"is not {self.config}")

    def parts(self) -> list[tuple[list[Path], Sequence[str] | None]]:
        """The rows, and their origin."""
        own = [name for name in self.columns if name not in ORIGIN_COLUMNS]
        return [
            (self.files, own),
            (self.origin.files, [ID, *(name for name in self.columns if name in ORIGIN_COLUMNS)]),
        ]

    def own_results(self) -> list[CheckResult]:
        """How the rows fit their origin, and the totals."""
        return [self.join.result(), *self.totals]

    def located(self, mismatch: Mismatch) -> Mismatch:
        """The same with the file in which its column lies."""
        columns = set(mismatch.field.partition("[")[0].split(", "))
        if mismatch.file == self.data and columns <= {*self.columns} - _names(self.files[0]):
            return msgspec.structs.replace(mismatch, file=self.origin.data)
        return mismatch


class _Ahead:
    """Rows of origin by id, read as far ahead as is needed."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows, self._waiting = enumerate(rows), dict[str, deque[tuple[int, Row]]]()
        self._count, self._last = 0, -1
        self.is_behind = False
        """Whether the row that was taken last lies before the one taken before it."""

    def take(self, id: str) -> Row | None:
        """The next row of an id; None where there is none among the next `AHEAD`."""
        while id not in self._waiting and self._count < AHEAD and (read := next(self._rows, None)) is not None:
            self._waiting.setdefault(read[1][ID], deque()).append(read)
            self._count += 1
        same_id = self._waiting.get(id)
        if same_id is None:
            return None
        place, row = same_id.popleft()
        self.is_behind, self._last = place < self._last, max(place, self._last)
        self._count -= 1
        if not same_id:
            del self._waiting[id]
        return row

    def left(self) -> Iterator[str]:
        """The ids of rows that nobody took."""
        yield from (row[ID] for rows in self._waiting.values() for _, row in rows)
        yield from (row[ID] for _, row in self._rows)


def open_sets(target: Path) -> list[PublishedSet]:
    """The set of a folder or a Parquet file, or the configs of a repository's folder.

    Raises UserError where there is none, and for a file of a repository: its rows lie in two of them.
    """
    if target.is_file() and (folder := next((one for one in target.parents[2:4] if _is_repository(one)), None)):
        raise UserError(f"{target}: is a part of the repository {folder}; name that folder")
    if target.is_file() and _is_origin(target):
        raise UserError(f"{target}: has only the origin of rows; name the folder of the repository that it is from")
    if not target.is_dir() or not _is_repository(target):
        return [open_set(target)]
    facts = artifacts.read_json(target / PROVENANCE, RepositoryFacts)
    card = artifacts.read_text(target / CARD) if (target / CARD).is_file() else None
    totals = _totals(target, facts, card)
    return [
        _config(target, name, facts, card, totals if number == 0 else []) for number, name in enumerate(facts.configs)
    ]


def _is_repository(folder: Path) -> bool:
    """Whether a folder has the facts of a repository."""
    try:
        facts = msgspec.json.decode((folder / PROVENANCE).read_bytes())
    except (OSError, msgspec.DecodeError):
        return False
    return isinstance(facts, dict) and bool(facts.get("configs"))


def _is_origin(path: Path) -> bool:
    """Whether a Parquet file has columns of the config `provenance` alone."""
    try:
        names = _names(path)
    except UserError:  # told where it is read
        return False
    return CONFIG in names and names <= {CONFIG, ID, *ORIGIN_COLUMNS}


def _config(
    folder: Path, name: str, whole: RepositoryFacts, card: str | None, totals: list[CheckResult]
) -> PublishedSet:
    facts = whole.configs[name]
    if ID not in facts.columns:
        raise UserError(f"{folder / PROVENANCE}: the columns of config {name} lack `{ID}`; get the repository again")
    files, origins = (_files(folder / FOLDER / part) for part in (name, f"{ORIGIN}/{name}"))
    hashes = folder / FOLDER / name / ROW_HASHES
    lines = artifacts.read_text(hashes).splitlines() if hashes.is_file() else None
    return ConfigSet(
        folder, files, facts, card, lines, name, PublishedSet(folder, origins, None, None, None), facts.columns,
        CheckLog(f"rows joined with the config {ORIGIN}", "rows"), totals, whole.name if totals else "",
    )  # fmt: skip


def _files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise UserError(f"{folder}: holds no .parquet file; the repository is not whole, get all of it")
    return files


def _totals(folder: Path, facts: RepositoryFacts, card: str | None) -> list[CheckResult]:
    """The facts of the repository against those of its configs, and what lies in it beside them."""
    log = CheckLog("facts of the repository", "facts")
    together = all_configs(facts.name, facts.version, facts.configs)
    expected = {
        "rows": together.rows, "rows_sha256": together.rows_sha256, "licence": together.licence,
        "cautions": together.cautions, "default": facts.default if facts.default in facts.configs else "a config",
    }  # fmt: skip
    for field, value in expected.items():
        if getattr(facts, field) == value:
            log.agrees()
        else:
            log.differs(str(folder / PROVENANCE), "", field, f"says {getattr(facts, field)}; the configs give {value}")
    if card is None:
        log.skip(f"there is no {CARD}")
    else:
        for text in (facts.version, facts.rows_sha256):
            if text in card:
                log.agrees()
            else:
                log.differs(str(folder / CARD), "", "", f"does not say {text!r}, as {PROVENANCE} does")
    for path in _unknown(folder, facts.configs):
        log.differs(str(path), "", "", f"is of no config that {PROVENANCE} names")
    return [log.result()]


def _unknown(folder: Path, configs: Iterable[str]) -> Iterator[Path]:
    """Parquet files that no config has."""
    known = {folder / FOLDER / part for name in configs for part in (name, f"{ORIGIN}/{name}")}
    yield from (path for path in sorted(folder.rglob("*.parquet")) if path.parent not in known)


def _check_columns(config: ConfigSet) -> None:
    """Raise UserError for a file without a column that the config's rows have."""
    for path in config.origin.files:
        own = set(config.columns) & {CONFIG, ID, *ORIGIN_COLUMNS}
        if lost := sorted({CONFIG, ID, *own} - _names(path)):
            raise UserError(f"{path}: lacks the column {lost[0]}, which the config {config.config} has by {PROVENANCE}")
    for path in config.files:
        if lost := sorted({ID, *config.columns} - {*ORIGIN_COLUMNS} - _names(path)):
            raise UserError(f"{path}: lacks the column {lost[0]}, which the config {config.config} has by {PROVENANCE}")


def _names(path: Path) -> set[str]:
    """The columns of a Parquet file. Raises UserError for another file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return set(pq.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: not a Parquet file, or a damaged one ({reason}); get the file again") from None
