"""Record sets of Croissant: one a configuration, with a typed field for every column, nested ones too.

https://github.com/mlcommons/croissant/blob/main/docs/croissant-spec-1.1.md#recordsets
"""

import typing
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

import msgspec

from stages.publishing.column_meanings import meanings
from stages.publishing.facts import Facts

JsonLd = dict[str, Any]
DATA_TYPES: Mapping[Any, str] = {str: "sc:Text", int: "cr:Int64", bool: "sc:Boolean"}
ORIGINS = {"source_reference": "prov:wasDerivedFrom", "generator": "prov:wasAttributedTo"}
"""Columns whose value says where the row comes from, and the term of PROV-O that says the same."""


class Config(msgspec.Struct, frozen=True):
    """A configuration of a published data set, as `datasets` calls it: the files of one split, and their facts."""

    name: str
    files: Sequence[str]
    """Paths of the Parquet files below the folder, in order."""
    columns: Mapping[str, Any]
    """Column -> its type: str, int, bool, a struct, or a list of one of these."""
    facts: Facts
    key: Sequence[str] = ("id",)
    """Columns that name a row."""


def columns(type: type[msgspec.Struct], names: Sequence[str] | None = None) -> dict[str, Any]:
    """The columns of a struct with their types; names: only these."""
    return {name: kind for name, kind in typing.get_type_hints(type).items() if names is None or name in names}


def record_id(config: Config, configs: Sequence[Config]) -> str:
    """The id of a configuration's record set: its name, and its split where it has several."""
    several = sum(one.name == config.name for one in configs) > 1
    return quote(f"{config.name}_{config.facts.split}" if several else config.name, safe="")


def file_set_id(record: str) -> str:
    """The id of the files that a record set is read from."""
    return f"{record}-files"


def file_set(config: Config, record: str) -> JsonLd:
    """The files of a configuration as one, by their paths below the folder of croissant.json."""
    return {
        "@type": "cr:FileSet", "@id": file_set_id(record), "name": file_set_id(record),
        "encodingFormat": "application/x-parquet", "includes": list(config.files),
    }  # fmt: skip


def record_set(config: Config, record: str) -> JsonLd:
    """The record set of a configuration. Fields of a single file name it as their source: readers check its hash."""
    facts = config.facts
    source = {"fileObject": {"@id": config.files[0]}} if len(config.files) == 1 else _files(record)
    kinds = config.columns
    texts = {name: text for names, text in meanings(list(kinds), facts.form or "", facts.split) for name in names}
    return {
        "@type": "cr:RecordSet", "@id": record, "name": config.name,
        "key": [{"@id": f"{record}/{name}"} for name in config.key],
        "description": f"{facts.rows:,} rows, split {facts.split}",
        "field": [_field(f"{record}/{name}", name, kind, source, texts.get(name, "")) for name, kind in kinds.items()],
    }  # fmt: skip


def is_nested(kind: Any) -> bool:
    """Whether a column of that type has fields of its own."""
    return isinstance(_element(kind), type) and issubclass(_element(kind), msgspec.Struct)


def encoding(path: str) -> str:
    """The media type of a published file by its ending."""
    types = {".parquet": "application/x-parquet", ".json": "application/json", ".md": "text/markdown"}
    return types.get(PurePosixPath(path).suffix, "text/plain")


def _files(record: str) -> JsonLd:
    return {"fileSet": {"@id": file_set_id(record)}}


def _field(id: str, column: str, kind: Any, source: JsonLd, text: str, path: str = "") -> JsonLd:
    """path: of a value within an element of a nested column."""
    place = {**source, "extract": {"column": column}}
    field: JsonLd = {"@type": "cr:Field", "@id": id, "name": path or column}
    field |= {"description": text} if text else {}
    field |= {"isArray": True, "arrayShape": "-1"} if typing.get_origin(kind) is list else {}
    if is_nested(kind):
        inner = typing.get_type_hints(_element(kind))
        return field | {"subField": [_field(f"{id}/{n}", column, k, source, "", n) for n, k in inner.items()]}
    origin = {"equivalentProperty": ORIGINS[column]} if column in ORIGINS and not path else {}
    transform = {"transform": {"jsonPath": path}} if path else {}
    return field | origin | {"dataType": DATA_TYPES[_element(kind)], "source": place | transform}


def _element(kind: Any) -> Any:
    return typing.get_args(kind)[0] if typing.get_origin(kind) is list else kind
