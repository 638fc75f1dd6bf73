"""Print unmet expectations as a table on stderr."""

from collections.abc import Sequence

from stages.validation.great_expectations_run import Finding

EXAMPLES = 3


def show(findings: Sequence[Finding], ids: Sequence[str], title: str) -> None:
    """Print one line a finding, if there are any; nothing in it is read as markup or as a terminal's control
    sequence."""
    if not findings:
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left")
    for heading in ("expectation", "wants", "severity", "rows", "found", "for example"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        table.add_row(*(Text(plain(cell)) for cell in _cells(finding, ids)))
    Console(stderr=True, width=140).print(table)


def _cells(finding: Finding, ids: Sequence[str]) -> list[str]:
    expectation = finding.expectation
    wants = ", ".join(f"{key}={value}" for key, value in expectation.kwargs.items() if key != "column")
    some = ", ".join(ids[row] for row in finding.rows[:EXAMPLES])
    return [expectation.title, wants, expectation.severity, str(len(finding.rows) or "all"), finding.observed, some]


def plain(text: str) -> str:
    """Text whose control characters show instead of acting."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
