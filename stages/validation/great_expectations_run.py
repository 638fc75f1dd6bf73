"""Run Great Expectations on a table of columns: which rows, and which properties of the table, fail expectations."""

from functools import cache
from typing import TYPE_CHECKING, Any, cast

import msgspec

from stages.core.errors import UserError
from stages.validation.lazy_import import great_expectations
from stages.validation.suites import Expectation, Suite

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

SOURCE = "seqit"
"""The name of the data source that holds an artifact while it is validated."""


class Finding(msgspec.Struct, frozen=True):
    """One failed expectation."""

    expectation: Expectation
    rows: tuple[int, ...]
    """0-based positions of the rows that fail it; empty for an expectation of the whole table."""
    observed: str
    """The observed value, for people."""

    @property
    def failure(self) -> str:
        """What it means and what to change; a share is told in per cent."""
        try:
            observed = f"{100 * float(self.observed):.0f}%"
        except ValueError:
            observed = self.observed
        return self.expectation.failure(observed)


def findings(frame: "pl.DataFrame", suite: Suite, file: str) -> list[Finding]:
    """The failed expectations, in the order of the suite. A mean, a share, … over no value at all is skipped.

    file: the suite's, for messages. Raises UserError for an expectation that Great Expectations does not know, with
    arguments that it does not take, or that it can't compute.
    """
    package = great_expectations()
    expectations = [
        _expectation(package, expectation, position, file)
        for position, expectation in enumerate(suite.expectations)
        if not _of_nothing(frame, expectation)
    ]
    named = package.ExpectationSuite(name=suite.name, expectations=expectations)
    results = sorted(_results(slim(frame, suite.columns()), named), key=_position)
    failures = ((suite.expectations[_position(r)], r) for r in results if not r.success)
    return [_finding(expectation, result, file) for expectation, result in failures]


def _of_nothing(frame: "pl.DataFrame", expectation: Expectation) -> bool:
    column = expectation.kwargs.get("column")
    aggregate = not expectation.type.startswith("expect_column_values_")
    return column is not None and aggregate and frame[column].null_count() == len(frame)


def _expectation(package: Any, expectation: Expectation, position: int, file: str) -> Any:
    from great_expectations.exceptions import GreatExpectationsError

    # Its results come in an order of its own: the position comes back with them. Built one by one, because a suite
    # that is given a list only logs an expectation that it does not know, and judges without it.
    values = {"type": expectation.type, "kwargs": expectation.kwargs, "severity": expectation.severity}
    configuration = package.expectations.expectation_configuration.ExpectationConfiguration
    try:
        return configuration(**values, meta={"position": position}).to_domain_obj()
    except (GreatExpectationsError, ValueError, TypeError) as error:
        raise UserError(f"{file}: {expectation.title}: {_one_line(str(error))}; correct the suite") from error


@cache
def _context() -> Any:
    """One for all artifacts of a process; it keeps nothing of them."""
    context = great_expectations().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context


def _results(frame: "pd.DataFrame", suite: Any) -> list[Any]:
    sources = _context().data_sources
    asset = sources.add_pandas(SOURCE).add_dataframe_asset("rows")
    try:
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
        return list(batch.validate(suite, result_format="COMPLETE").results)
    finally:
        sources.delete(SOURCE)  # with the frame


def _position(result: Any) -> int:
    return cast(int, result.expectation_config.meta["position"])


def slim(frame: "pl.DataFrame", names: list[str]) -> "pd.DataFrame":
    """The columns `names` as pandas: numbers as numpy arrays, texts as categories, so that a million rows stay
    small."""
    import pandas as pd

    return pd.DataFrame({name: _slim(frame[name]) for name in names}, copy=False)


def _slim(series: "pl.Series") -> Any:
    import pandas as pd
    import polars as pl

    if series.dtype != pl.String:
        return series.to_numpy()
    names = series.drop_nulls().unique().sort()
    codes = series.cast(pl.Enum(names)).to_physical().cast(pl.Int32).fill_null(-1)
    return pd.Categorical.from_codes(codes.to_numpy(), categories=pd.Index(names.to_list()))


def _finding(expectation: Expectation, result: Any, file: str) -> Finding:
    if message := _exception(result.exception_info):
        raise UserError(f"{file}: {expectation.title}: {_one_line(message)}; correct the suite")
    details = result.result
    rows = details.get("unexpected_index_list")
    if rows is None:
        return Finding(expectation, (), f"{details.get('observed_value')}")
    some = ", ".join(repr(value)[:40] for value in details["partial_unexpected_list"][:3])
    return Finding(expectation, tuple(rows), some)


def _exception(info: dict[str, Any]) -> str:
    """The first exception of a result, which has either one or one a metric."""
    several = [info] if "raised_exception" in info else list(info.values())
    return next((one["exception_message"] for one in several if one["raised_exception"]), "")


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
