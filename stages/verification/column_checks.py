"""Compares the types of the columns of each Parquet file with those that were published: equal values of another type
have equal hashes."""

from pathlib import Path
from typing import Any

import msgspec

from stages.core.errors import UserError
from stages.publishing.verify_rows import feature
from stages.verification.check_results import CheckLog, CheckResult
from stages.verification.published_files import PROVENANCE, PublishedSet


class _Feature(msgspec.Struct, omit_defaults=True):
    """A column, or a field within one, as `dataset_info` names it."""

    name: str
    dtype: str | msgspec.UnsetType = msgspec.UNSET
    inner: "str | list[_Feature] | msgspec.UnsetType" = msgspec.field(name="list", default=msgspec.UNSET)


def column_results(published: PublishedSet) -> list[CheckResult]:
    """The outcome. Raises UserError for a file that is no Parquet file."""
    log = CheckLog("types of columns", "columns")
    expected = published.facts.features if published.facts else None
    if not expected:
        log.skip("provenance.json, where there is one, names no types")
        return [log.result()]
    try:
        every = {one.name: msgspec.to_builtins(one) for one in msgspec.convert(expected, list[_Feature])}
    except msgspec.ValidationError as error:
        place = published.folder / PROVENANCE
        raise UserError(f"{place}: its `features` have another form: {error}; get the file again") from None
    for files, names in published.parts():
        by_name = every if names is None else {name: every[name] for name in names}
        for path in files:
            _compare(log, path, by_name, more=names is not None)
    return [log.result()]


def _compare(log: CheckLog, path: Path, by_name: dict[str, Any], more: bool) -> None:
    """more: whether the file may have columns that are none of the set's own."""
    actual = {field.name: {"name": field.name, **feature(field.type)} for field in _schema(str(path))}
    for name in by_name if more else by_name | actual:
        if actual.get(name) == by_name.get(name):
            log.agrees()
        elif name not in actual or name not in by_name:
            log.differs(str(path), "", name, f"is {'a new' if name in actual else 'a missing'} column")
        else:
            message = f"has the type {_words(actual[name])}; published was {_words(by_name[name])}"
            log.differs(str(path), "", name, message)


def _schema(path: str) -> Any:
    import pyarrow
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(path)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: not a Parquet file, or a damaged one ({reason}); get the file again") from None


def _words(feature: dict[str, Any]) -> str:
    if "list" not in feature:
        return str(feature.get("dtype", "struct"))
    inner = feature["list"]
    fields = ", ".join(f"{one['name']}: {_words(one)}" for one in inner) if isinstance(inner, list) else str(inner)
    return f"list of {{{fields}}}" if isinstance(inner, list) else f"list of {fields}"
