"""Compares the types of the columns of each Parquet file with those that were published: equal values of another type
have equal hashes."""

from typing import Any

from stages.core.errors import UserError
from stages.publishing.verify_rows import feature
from stages.verification.check_results import CheckLog, CheckResult
from stages.verification.published_files import PublishedSet


def column_results(published: PublishedSet) -> list[CheckResult]:
    """The outcome. Raises UserError for a file that is no Parquet file."""
    log = CheckLog("types of columns", "columns")
    expected = published.facts.features if published.facts else None
    if not expected:
        log.skip("provenance.json, where there is one, names no types")
        return [log.result()]
    by_name = {str(one["name"]): one for one in expected}
    for path in published.files:
        actual = {field.name: {"name": field.name, **feature(field.type)} for field in _schema(str(path))}
        for name in by_name | actual:
            if actual.get(name) == by_name.get(name):
                log.agrees()
            elif name not in actual or name not in by_name:
                log.differs(str(path), "", name, f"is {'a new' if name in actual else 'a missing'} column")
            else:
                message = f"has the type {_words(actual[name])}; published was {_words(by_name[name])}"
                log.differs(str(path), "", name, message)
    return [log.result()]


def _schema(path: str) -> Any:
    import pyarrow
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a Parquet file, or a damaged one ({str(error).splitlines()[0]})") from None


def _words(feature: dict[str, Any]) -> str:
    if "list" not in feature:
        return str(feature.get("dtype", "struct"))
    inner = feature["list"]
    fields = ", ".join(f"{one['name']}: {_words(one)}" for one in inner) if isinstance(inner, list) else str(inner)
    return f"list of {{{fields}}}" if isinstance(inner, list) else f"list of {fields}"
