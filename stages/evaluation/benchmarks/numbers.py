"""The number that an answer gives, and when it equals the right one (MGSM and GSM8K)."""

import re
import string
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from stages.evaluation.benchmarks.numerals import COMMA_LANGUAGES, han, numbers, plain

_NUMBER = re.compile(r"[-+]?\d*\.\d+|\d+")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d)")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_NAMED = {
    "en": r"(?<!step )(?:answer|result)(?!\s*is\s+(?:not|correct|right|wrong|incorrect|clear|obvious)\b)",
    "de": "antwort|ergebnis|lösung", "es": "respuesta|resultado", "fr": "réponse|résultat", "it": "risposta|risultato",
    "pt": "resposta", "nl": "antwoord", "ru": "ответ", "sw": "jibu", "vi": "đáp án|đáp số", "tr": "cevap",
    "ja": "答え", "zh": "答案|答", "th": "คำตอบ", "bn": "উত্তর", "te": "సమాధానం", "hi": "उत्तर", "ar": "الجواب|الإجابة",
    "ko": "정답|답",
}  # fmt: skip
"""Language -> how it names the answer."""
_JOINED = frozenset(("zh", "ja", "th", "bn", "te", "hi", "ar", "ko"))
"""Languages that may put a number or an ending right behind the word."""
_STATED = re.compile(
    "|".join(
        rf"(?P<{language}>(?<![\w-])(?:{names})(?!\w))" if language not in _JOINED else f"(?P<{language}>{names})"
        for language, names in _NAMED.items()
    ),
    re.I,
)
_LINK = re.compile(
    r"[\s*_`\"']*(?:(?P<colon>[:：])|(?:(?:is|are|would be|will be|ist|lautet|beträgt|es|est|è|é|são|son|ni|là)\b"
    r"|[-–—]\s|==?|равен|是|為|为|は|คือ|হলো|হল|है|هو|هي|은|는)\s*(?:[:：]|about\b|approximately\b)?)[ \t*_`]*"
    r"|(?P<none>[\s*_`$]*(?=\d))",
    re.I,
)
_BOX = re.compile(r"\\f?boxed\s*\{")
_MARK = re.compile(r"####")
_BOLD = re.compile(r"\*\*(?!\s)([^*\n]+?)\*\*(?!\s*[:：])")
_ENGLISH = re.compile(r"\b(?:the|and|each|she|answer|equals)\b", re.I)
_SENTENCE = re.compile(r"[!?。！？।॥]|\.(?!\d)|\n")
_SO = re.compile(r"\b(?:so|thus|hence|therefore)\b", re.I)
_BULLET = re.compile(r"[-–*•+]\s+")
NEAR = 5
"""Words between the name of an answer and its number; behind more the number belongs to the reasoning."""
NEAR_CHARACTERS = 60
LONGEST = 400
"""Characters of a statement."""
REST = 4000
"""Characters behind a statement that are looked at for more reasoning."""


def paper_rule(text: str, gold: str) -> bool:
    """The last number equals `gold` once both have lost their punctuation; with no number, the whole text is compared.

    As the authors computed it, so that numbers compare: 4.8 equals 48, and -10 equals 10.
    """
    found = _NUMBER.findall(_THOUSANDS.sub("", text))
    return bool((found[-1] if found else text).translate(_PUNCTUATION) == gold.translate(_PUNCTUATION))


def strict_rule(text: str, gold: str, language: str = "en") -> bool:
    """The number that the text gives as its answer has the value of `gold`: 4.8 is not 48, -10 is not 10, 18.00 is 18.

    language: the question's, whose separators are read where the digits leave them open; those of the text's own
    language if it is English, which is what the tasks ask for.
    """
    number = answer(text, language)
    return number is not None and number == answer(gold, "en")


def last_number(text: str) -> Fraction | None:
    """The value of the last number in `text`, or None if there is none."""
    values = numbers(plain(text), comma=False)
    return values[-1].value if values else None


class _Statement(NamedTuple):
    start: int
    text: str
    language: str
    """That of the statement; "" for a box, which has none."""
    reasoning: bool = False
    """Whether it may be reasoning of which the answer is the end: "Answer: Ann has 5 eggs. She eats 3."."""


def answer(text: str, language: str) -> Fraction | None:
    """The last boxed or stated number; else, of the last line with a number, the last bold one or the last one.

    None if there is none. language: see `strict_rule`.
    """
    text = plain(text)
    own = "en" if len(_ENGLISH.findall(text)) > 1 else language
    for statement in sorted(_statements(text), key=lambda each: each.start, reverse=True):
        number = _first(statement, (statement.language or own) in COMMA_LANGUAGES)
        if number is not None:
            return number
    return _ending(text, own in COMMA_LANGUAGES)


def _statements(text: str) -> Iterator[_Statement]:
    for match in _BOX.finditer(text):
        yield _Statement(match.start(), _braced(text[match.end() : match.end() + LONGEST]), "")
    for match in _MARK.finditer(text):
        yield _Statement(match.start(), _sentence(text[match.end() : match.end() + LONGEST])[0], "")
    for match in _STATED.finditer(text):
        language, link = match.lastgroup or "", _LINK.match(text, match.end())
        if link and (link["none"] is None or language in _JOINED):
            sentence, rest = _sentence(text[link.end() : link.end() + REST])
            more = bool(link["colon"] and re.search(r"\d", rest))
            yield _Statement(match.start(), sentence[:LONGEST], language, reasoning=more)


def _braced(text: str) -> str:
    """Up to the brace that closes one before the text, or to the end of the line."""
    depth = 1
    for place, sign in enumerate(text):
        depth += (sign == "{") - (sign == "}")
        if not depth or sign == "\n":
            return text[:place]
    return text


def _sentence(text: str) -> tuple[str, str]:
    """The first sentence, without the bullet of a list, and what comes after it."""
    stripped = text.lstrip()
    if "\n" in text[: len(text) - len(stripped)]:
        stripped = _BULLET.sub("", stripped, count=1)
    end = _SENTENCE.search(stripped)
    return (stripped[: end.start()], stripped[end.end() :]) if end else (stripped, "")


def _first(statement: _Statement, comma: bool) -> Fraction | None:
    """The number that a statement gives: the first, behind its last equals sign if one has a number behind it."""
    text = re.sub(r"\([^()]*\)", " ", statement.text)
    text = text if numbers(text, comma) else statement.text
    concluded = _SO.split(text)[-1]
    text = concluded if numbers(concluded, comma) else text
    after = text.rpartition("=")[2]
    values = numbers(after, comma)
    if "=" in text and values:
        return None if statement.reasoning else values[0].value
    values = numbers(text, comma)
    if not values:
        return han(statement.text.strip(" *$")) if statement.language in ("zh", "ja", "") else None
    before = text[: values[0].start].strip(" *_`$")
    far = len(before.split()) > NEAR or len(before) > NEAR_CHARACTERS or (statement.reasoning and before)
    return None if statement.language and far else values[0].value


def _ending(text: str, comma: bool) -> Fraction | None:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    for line in reversed(lines):
        line = _BULLET.sub("", line, count=1) if _BULLET.match(line) and len(lines) > 1 else line
        bold = [values[0] for part in _BOLD.findall(line) if _emphasised(part) and (values := numbers(part, comma))]
        if bold or (bold := numbers(line, comma)):
            return bold[-1].value
    return han(text.strip(" *。.\n"), alone=True)


def _emphasised(part: str) -> bool:
    """Whether bold text may be the answer, and not the number or the heading of a step."""
    return not re.search(r"[.:：)]\s*$", part)
