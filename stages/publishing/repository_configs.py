"""The configs of a repository: published sets whose columns are parted in those to train on and those of their origin.

Both parts have the column `id` and the rows in the same order, so that one can be joined with the other. The parts are
copied a row group at a time as Arrow, never row by row.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from stages.core import artifacts
from stages.core.errors import UserError
from stages.publishing.facts import Facts
from stages.publishing.hub import PROVENANCE as FACTS
from stages.publishing.parquet import FOLDER, arrow, features
from stages.publishing.preference_rows import PreferenceRow
from stages.publishing.published_rows import TRAINING_TYPES, Query
from stages.publishing.reward_prompts import GrpoRow, RlvrRow
from stages.publishing.row_hashes import ROW_HASHES

PROVENANCE = "provenance"
"""The config with the origin of every row of every other config."""
CONFIG, ID = "config", "id"
"""Columns of PROVENANCE by which its rows are joined with those of the other configs."""
ORIGIN_COLUMNS = tuple(
    re.findall(
        r"\w+",
        "history source_reference source_row source_sha256 rounds round action status generator prompt_sha256 sampling "
        "reply steps",
    )
)
"""Columns that only PROVENANCE has. `messages` has the earlier turns of `history` too, as trainers read them."""
TYPES: dict[str, Sequence[type[msgspec.Struct]]] = {
    "": (*TRAINING_TYPES.values(), Query), "preference": (PreferenceRow,), "grpo": (GrpoRow,), "rlvr": (RlvrRow,),
}  # fmt: skip
"""Form, "" for rows -> the types that a set of it may have."""


class Config(msgspec.Struct, frozen=True):
    """A published set as a config of a repository."""

    name: str
    facts: Facts
    type: type[msgspec.Struct]
    files: list[Path]
    """Its Parquet files, in order."""
    row_hashes: Path

    @property
    def columns(self) -> list[str]:
        """The columns of the config itself."""
        return [name for name in self.type.__struct_fields__ if name not in ORIGIN_COLUMNS]

    @property
    def origin_columns(self) -> list[str]:
        """Its columns in PROVENANCE, beside CONFIG and ID."""
        return [name for name in ORIGIN_COLUMNS if name in self.type.__struct_fields__]

    def tables(self) -> Iterator[Any]:
        """The rows as Arrow tables with `columns`, a row group each."""
        return (table.cast(self.schema) for table in self._groups(self.columns))

    def origin_tables(self, schema: Any) -> Iterator[Any]:
        """The origin of the rows, a row group each; a column of another config's is null."""
        import pyarrow as pa

        for table in self._groups([ID, *self.origin_columns]):
            own = {CONFIG: pa.array([self.name] * table.num_rows, pa.string())} | dict(
                zip(table.column_names, table.columns, strict=True)
            )
            columns = [own.get(field.name, pa.nulls(table.num_rows, field.type)) for field in schema]
            yield pa.table(columns, names=schema.names).cast(schema)

    @property
    def schema(self) -> Any:
        """The Arrow schema of `columns`."""
        return _chosen(arrow(self.type), self.columns)

    @property
    def features(self) -> list[dict[str, Any]]:
        """`columns` as `dataset_info` names them."""
        return [feature for feature in features(self.type) if feature["name"] in self.columns]

    def check_rows(self) -> None:
        """Raise UserError where the files have not as many rows with an id as the set's facts say."""
        import pyarrow.parquet as pq

        rows = 0
        for path in self.files:
            ids = pq.read_table(path, columns=[ID])[ID]
            rows += len(ids) - ids.null_count
        if rows != self.facts.rows:
            raise UserError(
                f"{self.files[0].parent}: has {rows:,} rows with an id where {FACTS} says {self.facts.rows:,}; run "
                f"`seqit publish {self.name}` again"
            )

    def _groups(self, columns: list[str]) -> Iterator[Any]:
        import pyarrow.parquet as pq

        for path in self.files:
            with pq.ParquetFile(path) as file:
                for number in range(file.num_row_groups):
                    yield file.read_row_group(number, columns=columns).select(columns).combine_chunks()


def open_config(name: str, folder: Path) -> Config:
    """The set that `publish` wrote to a folder. Raises UserError where there is none, or one of another version."""
    files = sorted(folder.glob(f"{FOLDER}/*.parquet"))
    if not files or not (folder / FACTS).is_file():
        raise UserError(f"{folder}: holds no published set; run `seqit publish {name}` first")
    facts = artifacts.read_json(folder / FACTS, Facts)
    form = facts.form if isinstance(facts.form, str) else ""
    type = type_of(facts)
    if type is None or not (folder / ROW_HASHES).is_file() or not _fits(files, type):
        of_form = f" of form {form}" if form else ""
        raise UserError(f"{folder}: no set{of_form} as this version writes it; run `seqit publish {name}` again")
    return Config(name, facts, type, files, folder / ROW_HASHES)


def type_of(facts: Facts) -> type[msgspec.Struct] | None:
    """The type of a set's rows; None where this version publishes no such columns."""
    types = TYPES.get(facts.form if isinstance(facts.form, str) else "", ())
    return next((type for type in types if list(type.__struct_fields__) == facts.columns), None)


def origin_schema(configs: Sequence[Config]) -> Any:
    """The Arrow schema of PROVENANCE: the columns that any config has."""
    import pyarrow as pa

    fields = {field.name: field for config in configs for field in arrow(config.type)}
    return pa.schema([pa.field(CONFIG, pa.string()), *(fields[name] for name in _origin_names(configs))])


def origin_features(configs: Sequence[Config]) -> list[dict[str, Any]]:
    """The columns of PROVENANCE as `dataset_info` names them."""
    known = {feature["name"]: feature for config in configs for feature in features(config.type)}
    return [{"name": CONFIG, "dtype": "string"}, *(known[name] for name in _origin_names(configs))]


def _origin_names(configs: Sequence[Config]) -> list[str]:
    present = {name for config in configs for name in config.origin_columns}
    return [ID, *(name for name in ORIGIN_COLUMNS if name in present)]


def _chosen(schema: Any, columns: Sequence[str]) -> Any:
    import pyarrow as pa

    return pa.schema([schema.field(name) for name in columns])


def _fits(files: Sequence[Path], type: type[msgspec.Struct]) -> bool:
    """Whether the files have the columns of a type."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return all(pq.read_schema(path).equals(arrow(type)) for path in files)
    except (pa.ArrowException, OSError):
        return False
