"""The forms in which an answer may be stated, brought to the notation of its type."""

import re
from collections.abc import Iterator
from datetime import date
from json import dumps

from stages.verified.response_segments import FENCE
from stages.verified.typed_values import ValueType

_BOLD = re.compile(r"\*\*([^*]+)\*\*")
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,]|\.\d)")
_DATE = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")
_LABEL = re.compile(r"^[^:\n]{1,60}:[ \t]+")
_BULLET = re.compile(r"^[ \t]*[-*\u2022][ \t]+")
_NUMBER = re.compile(r"(?<![\w.,-])[-\u2212]?\d+(?![\w]|[.,]\d)")
_RULE = re.compile(r"\|?[\s:|-]*-[\s:|-]*")
_INTEGER = re.compile(r"[-\u2212]?\d+")
_MONTHS = """
january jan januar jänner enero | february feb februar febrero | march mar märz marzo | april apr abril
may mai mayo | june jun juni junio | july jul juli julio | august aug agosto | september sep sept septiembre
october oct oktober okt octubre | november nov noviembre | december dec dezember dez diciembre"""
MONTHS = {
    name: month
    for month, names in enumerate(re.split(r"\||\n", _MONTHS.strip()), 1) for name in names.split()
}  # fmt: skip
"""Name of a month, English, German or Spanish, in small letters -> its number."""
_NAMES = "|".join(sorted(MONTHS, key=len, reverse=True))
_PROSE_DATE = re.compile(
    rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?\s+(?:of\s+|de\s+)?(?P<month>{_NAMES})\b\.?,?\s+(?:de\s+)?(?P<year>\d{{4}})\b"
    rf"|\b(?P<first>{_NAMES})\b\.?\s+(?P<second>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<third>\d{{4}})\b",
    re.IGNORECASE,
)
_DECISIONS = frozenset(("yes", "no"))


def forms(segment: str, type: ValueType) -> list[str]:
    """The segment without fences, bullet, label, bold; lines or a table as a list; a sentence's only number, date or
    quotation; dates in words as numbers."""
    plain = _BULLET.sub("", FENCE.sub("", segment).strip())
    if type in ("date", "dates"):
        plain = _PROSE_DATE.sub(_iso, plain)
    either = [segment, plain, _LABEL.sub("", plain)]
    if bold := _BOLD.fullmatch(plain):
        either.append(bold[1])
    return [*either, *_of_type(plain, type)]


def _of_type(plain: str, type: ValueType) -> Iterator[str]:
    """The forms that values of this type may have."""
    if type in ("words", "numbers", "dates") and "\n" in plain:
        yield ", ".join(_BULLET.sub("", line) for line in plain.splitlines() if line.strip())
    if type in ("words", "numbers", "dates", "object"):
        yield from _of_table(plain, type)
    if type == "object":
        yield plain.strip("`")
    if type == "date" and len(dates := set(_DATE.findall(plain))) == 1:
        yield from dates
    if type == "number":
        numbers = _NUMBER.findall(_GROUPED.sub(lambda match: match.group().replace(",", ""), plain))
        yield from numbers[:1] if len(set(numbers)) == 1 else []
    if type == "decision" and not _undecided(words := re.findall(r"\w+", plain.casefold())):
        yield from words[:1]
    if type in ("word", "text", "words"):
        quoted = re.findall(r"[\"\u201c\u201e]([^\"\u201c\u201d]+)[\"\u201d]", plain)
        yield from quoted if len(quoted) == 1 else []


def _undecided(words: list[str]) -> bool:
    """Whether nothing but both decisions is there: "yes or no"."""
    return _DECISIONS <= set(words) <= _DECISIONS | {"or", "and"}


def _of_table(plain: str, type: ValueType) -> Iterator[str]:
    """A Markdown table as a list, if it has one row or one column, or as an object, if it has two columns."""
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    if not lines or not all(line.startswith("|") for line in lines):
        return
    rules = [number for number, line in enumerate(lines) if _RULE.fullmatch(line)]
    if len(rules) > 1 or (rules and rules != [1]):
        return
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in (lines[2:] if rules else lines)]
    if type == "object" and rows and all(len(row) == 2 and _INTEGER.fullmatch(row[1]) for row in rows):
        yield dumps({key: int(value.replace("\u2212", "-")) for key, value in rows})
    elif type != "object" and (len(rows) == 1 or all(len(row) == 1 for row in rows)):
        yield ", ".join(cell for row in rows for cell in row)


def _iso(match: re.Match[str]) -> str:
    """A date in words as year-month-day; unchanged where there is no such day."""
    day, month, year = (
        match["day"] or match["second"],
        match["month"] or match["first"],
        match["year"] or match["third"],
    )
    try:
        return date(int(year), MONTHS[month.lower()], int(day)).isoformat()
    except ValueError:
        return match.group()
