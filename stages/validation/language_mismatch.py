"""What a corpus in another language than params.yaml says comes to, in words that name the entry to correct."""

from collections.abc import Sequence

from stages.validation.great_expectations_run import Finding

FOLDER = "ingested/"
"""Artifacts whose rows have the language of their entry of `ingest.corpora`."""
FEATURES = ("strange", "foreign")
"""Columns FIELD.FEATURE that say that a text is not in the language of its row."""


def is_about_language(finding: Finding) -> bool:
    """Whether an expectation failed that is about the language of a text."""
    return str(finding.expectation.kwargs.get("column", "")).rpartition(".")[2] in FEATURES


def mismatch(findings: Sequence[Finding], artifact: str, language: str, rows: int, limit: float) -> str:
    """The sentence for an ingested corpus whose language is not `language`; "" where it is, and for other artifacts.

    rows: those of the artifact. limit: the share of them that may fail an expectation of severity "warning".
    """
    name = artifact.removeprefix(FOLDER)
    if not artifact.startswith(FOLDER) or "/" in name or not language:
        return ""
    stopping = [
        finding
        for finding in findings
        if is_about_language(finding)
        and (finding.expectation.severity == "critical" or len(finding.rows) > limit * rows)
    ]
    if not stopping:
        return ""
    most = max(stopping, key=lambda finding: len(finding.rows))
    return (
        f"ingest.corpora.{name}.language is {language}; {_counted(most, rows)} not {_name(language)}; correct it, or "
        "write multi"
    )


def _counted(finding: Finding, rows: int) -> str:
    """ "29 of 30 rows are", or "40% of the responses are" of a share."""
    if finding.rows:
        return f"{len(finding.rows):,} of {rows:,} rows are"
    field = str(finding.expectation.kwargs["column"]).partition(".")[0]
    return f"{100 * float(finding.observed):.0f}% of its {field}s are"


def _name(tag: str) -> str:
    """The English name of a language: "German" of "de"."""
    from langcodes import Language

    return str(Language.get(tag).display_name())
