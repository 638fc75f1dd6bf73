"""Parse the numbers of a text, in any script and with the separators of any language."""

import re
import unicodedata
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

COMMA_LANGUAGES = frozenset({
    "az", "be", "bg", "bs", "ca", "cs", "da", "de", "el", "es", "et", "eu", "fi", "fr", "gl", "hr", "hu", "hy", "id",
    "is", "it", "ka", "kk", "lt", "lv", "mk", "nb", "nl", "nn", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sq", "sr",
    "sv", "tr", "uk", "uz", "vi",
})  # fmt: skip
"""Languages with a decimal comma: 1.234,5 and not 1,234.5 (CLDR)."""
LONGEST = 1000
"""Digits of a number; longer ones are ignored."""
NEAR = 40
"""Characters before a number that are searched for its sign."""

_SPACES = re.compile(r"[\u00a0\u2000-\u200a\u202f]|\\[,;: ](?=\d)")
_SIGNS = str.maketrans("\u2212\uff0d\ufe63\u2012\u2019\u02bc\u066b\u066c\uff0e\u2044\u2215", "----''.'.//")
_WIDE_COMMA = re.compile(r"(?<=[\uff10-\uff19])\uff0c(?=[\uff10-\uff19])")
_LATEX = ((re.compile(r"\\[dtc]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r" \1/\2 "), (re.compile(r"\\!"), ""),
          (re.compile(r"\{([.,'])\}"), r"\1"), (re.compile(r"\\([$%#])"), r"\1"),
          (re.compile(r"\\(?:text|mathrm|mathbf|textbf|mbox)\s*\{([^{}]*)\}"), r" \1 "),
          (re.compile(r"\^\s*\{?\s*\\circ\s*\}?"), " "))  # fmt: skip
_NUMBER = re.compile(r"\d{1,3}(?:[ ']\d{3}(?!\d))+(?:[.,]\d+)?|\d+(?:[.,]\d+)*|(?<![\d.,])\.\d+")
_GROUPS = re.compile(r"\d{1,3}(?:([.,])\d{2,3})*\1\d{3}")
_MINUS = re.compile(r"(?P<sign>[-\u2013])(?P<space> ?)(?:[A-Z]{0,3}[$€£¥₹฿৳₽₩₺₫] ?)?$")
_NEGATIVE = re.compile(
    r"(^|[:=(]\s*|\b(?:is|ist|es|est|равен)\s+)(?:minus|negative|menos|moins|минус) (?=\d)", re.I | re.M
)
_HAN = re.compile("[〇零一二两兩三四五六七八九十百千万萬亿億]+")
_HAN_DIGITS = dict(zip("〇零一二两兩三四五六七八九", (0, 0, 1, 2, 2, 2, 3, 4, 5, 6, 7, 8, 9), strict=True))
_HAN_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_WORDS = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "tausend": 10**3, "millionen": 10**6, "mil": 10**3,
          "millón": 10**6, "millones": 10**6, "mille": 10**3, "millions": 10**6, "тысяч": 10**3, "тысячи": 10**3,
          "миллион": 10**6, "миллиона": 10**6, "миллионов": 10**6}  # fmt: skip
_SCALE = re.compile(rf" ?({'|'.join(sorted(_WORDS, key=len, reverse=True))})\b|([万萬亿億千])", re.I)


class Number(NamedTuple):
    """A number with its place in the text, including sign and currency."""

    start: int
    end: int
    value: Fraction


def normalize(text: str) -> str:
    """The text with ASCII digits, plain spaces, one kind of minus, and without LaTeX's markup around numbers."""
    text = _WIDE_COMMA.sub(",", text)
    for pattern, plain_form in _LATEX:
        text = pattern.sub(plain_form, text)
    text = re.sub(r"\d", lambda match: str(unicodedata.decimal(match.group())), text)
    text = _NEGATIVE.sub(r"\1-", text)
    return re.sub("[¼-¾⅐-⅞]", _vulgar, _SPACES.sub(" ", text).translate(_SIGNS))


def _vulgar(match: re.Match[str]) -> str:
    return " " + unicodedata.normalize("NFKC", match.group()).replace("\u2044", "/")


def parse_numbers(text: str, comma: bool) -> list[Number]:
    """The numbers of a text that was normalised by `normalize`, in order.

    comma: whether the comma is the decimal separator of ambiguous numbers such as 1,234 and 1.234. Unambiguous ones do
    not depend on it: 1.234,5, 1.000.000, 0,125, 4,8. A list of numbers gives each of them.
    """
    return list(_fractions(text, [each for match in _NUMBER.finditer(text) for each in _parts(text, match, comma)]))


def _parts(text: str, match: re.Match[str], comma: bool) -> Iterator[Number]:
    """The numbers of one run of digits and separators: one, or the members of a list."""
    written, start = match.group(), match.start()
    whole = _decimal(written, comma)
    for part in [written] if whole is not None else re.split("[.,]", written):
        value, end = _decimal(part, comma), start + len(part)
        if value is not None and len(part) <= LONGEST:
            yield _scaled(text, start, end, Fraction(value))
        start = end + 1


def _decimal(written: str, comma: bool) -> str | None:
    """The number with a point and without groups; None if it is a list of several."""
    written = written.replace(" ", "").replace("'", "")
    separators = re.findall("[.,]", written)
    if len(set(separators)) == 2:
        before, last, after = written.rpartition(separators[-1])
        before = before.replace("," if last == "." else ".", "")
        return f"{before}.{after}" if before.isdigit() else None
    if not separators or written.startswith("."):
        return written
    if len(separators) > 1:
        return re.sub("[.,]", "", written) if _GROUPS.fullmatch(written) else None
    before, after = re.split("[.,]", written)
    group = len(after) == 3 and len(before) <= 3 and not before.startswith("0")
    return before + after if group and (separators[0] == ".") == comma else f"{before}.{after}"


def _scaled(text: str, start: int, end: int, value: Fraction) -> Number:
    """With its sign, and times the million that may follow."""
    if match := _SCALE.match(text, end):
        value *= _WORDS[match[1].lower()] if match[1] else _HAN_UNITS[match[2]]
        end = match.end()
    first = _sign(text, start)
    return Number(start, end, value) if first is None else Number(first, end, -value)


def _sign(text: str, start: int) -> int | None:
    """The place of a number's minus sign; None if it has none.

    "16-3" subtracts and "-3" is negative: a minus is a sign only if no letter, digit or bracket precedes it. One
    with a space behind it counts only where a number may begin: at the start of the text or behind "=", ":" and "(".
    """
    first = max(0, start - NEAR)
    match = _MINUS.search(text[first:start])
    if not match:
        return None
    place, before = first + match.start(), text[first : first + match.start()]
    if match["space"] or match["sign"] != "-":
        begins = before.rstrip(" ")[-1:] in ("", "\n", "=", ":", "(", "：")
        return place if begins else None
    return None if re.search(r"[\w)\]]$", before) else place


def _fractions(text: str, parsed: list[Number]) -> Iterator[Number]:
    """Numbers with a slash between them as one fraction, together with a whole number before it."""
    place = 0
    while place < len(parsed):
        number, place = parsed[place], place + 1
        if _over(text, parsed, place) and not (_over(text, parsed, place + 1) or _over(text, parsed, place - 1)):
            number, place = Number(number.start, parsed[place].end, number.value / parsed[place].value), place + 1
        elif _mixed(text, parsed, place):
            part = parsed[place].value / parsed[place + 1].value
            value = number.value + part if number.value >= 0 else number.value - part
            number, place = Number(number.start, parsed[place + 1].end, value), place + 2
        yield number


def _over(text: str, parsed: list[Number], place: int) -> bool:
    """Whether the number at `place` divides the one before it."""
    if not 0 < place < len(parsed) or not parsed[place].value:
        return False
    return text[parsed[place - 1].end : parsed[place].start].strip(" ") == "/"


def _mixed(text: str, parsed: list[Number], place: int) -> bool:
    """Whether a fraction below one directly follows a whole number."""
    if not _over(text, parsed, place + 1) or _over(text, parsed, place + 2):
        return False
    whole, above, below = parsed[place - 1 : place + 2]
    near = re.fullmatch(" {1,2}", text[whole.end : above.start])
    return bool(near) and whole.value.denominator == 1 and 0 < above.value < below.value


def parse_han(text: str, alone: bool = False) -> Fraction | None:
    """The number that a text begins with in Chinese numerals, or is if it has to be alone; None if there is none."""
    match = _HAN.fullmatch(text) if alone else _HAN.match(text)
    if not match:
        return None
    written = match.group()
    if len(written) > 1 and all(sign in _HAN_DIGITS for sign in written):
        return Fraction("".join(str(_HAN_DIGITS[sign]) for sign in written))
    total = section = digit = 0
    for sign in written:
        unit = _HAN_UNITS.get(sign, 0)
        if not unit:
            digit = _HAN_DIGITS[sign]
        elif unit < 10**4:
            section, digit = section + (digit or 1) * unit, 0
        else:
            total, section, digit = total + (section + digit or 1) * unit, 0, 0
    return Fraction(total + section + digit)
