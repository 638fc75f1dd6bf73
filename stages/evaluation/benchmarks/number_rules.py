"""Parse the number that an answer states, and compare it with the right one (MGSM and GSM8K)."""

import re
import string
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from stages.evaluation.benchmarks.number_parser import COMMA_LANGUAGES, normalize, parse_han, parse_numbers

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
"""Language -> its words for "answer"."""
_JOINED = frozenset(("zh", "ja", "th", "bn", "te", "hi", "ar", "ko"))
"""Languages that may append a number or an ending to the word without a space."""
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
"""Words between "answer" and its number; after more words the number belongs to the reasoning."""
NEAR_CHARACTERS = 60
LONGEST = 400
"""Characters of a statement."""
REST = 4000
"""Characters after a statement that are searched for more reasoning."""


def paper_rule(text: str, gold: str) -> bool:
    """Whether the last number equals `gold`, both without punctuation; without a number the whole text is compared.

    The authors' rule, so that numbers compare: 4.8 equals 48, and -10 equals 10.
    """
    matches = _NUMBER.findall(_THOUSANDS.sub("", text))
    return bool((matches[-1] if matches else text).translate(_PUNCTUATION) == gold.translate(_PUNCTUATION))


def strict_rule(text: str, gold: str, language: str = "en") -> bool:
    """Whether the number that the text states has the value of `gold`: 4.8 is not 48, -10 is not 10, 18.00 is 18.

    language: that of the question, whose separators are assumed where the digits are ambiguous; an English text is
    read with the English separators.
    """
    number = parse_answer(text, language)
    return number is not None and number == parse_answer(gold, "en")


def last_number(text: str) -> Fraction | None:
    """The value of the last number in `text`, or None if there is none."""
    values = parse_numbers(normalize(text), comma=False)
    return values[-1].value if values else None


class _Statement(NamedTuple):
    start: int
    text: str
    language: str
    """That of the statement; "" for a box, which has none."""
    reasoning: bool = False
    """Whether it may be reasoning of which the answer is the end: "Answer: Ann has 5 eggs. She eats 3."."""


def parse_answer(text: str, language: str) -> Fraction | None:
    """The last boxed or stated number; else, of the last line with a number, the last bold one or the last one.

    None if there is none. language: see `strict_rule`.
    """
    text = normalize(text)
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
    """The text up to its first unmatched closing brace, or to the end of the line."""
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
    """The first number of a statement, after its last equals sign if a number follows that."""
    text = re.sub(r"\([^()]*\)", " ", statement.text)
    text = text if parse_numbers(text, comma) else statement.text
    concluded = _SO.split(text)[-1]
    text = concluded if parse_numbers(concluded, comma) else text
    after = text.rpartition("=")[2]
    values = parse_numbers(after, comma)
    if "=" in text and values:
        return None if statement.reasoning else values[0].value
    values = parse_numbers(text, comma)
    if not values:
        return parse_han(statement.text.strip(" *$")) if statement.language in ("zh", "ja", "") else None
    before = text[: values[0].start].strip(" *_`$")
    far = len(before.split()) > NEAR or len(before) > NEAR_CHARACTERS or (statement.reasoning and before)
    return None if statement.language and far else values[0].value


def _ending(text: str, comma: bool) -> Fraction | None:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    for line in reversed(lines):
        line = _BULLET.sub("", line, count=1) if _BULLET.match(line) and len(lines) > 1 else line
        bold = [
            values[0] for part in _BOLD.findall(line) if _emphasised(part) and (values := parse_numbers(part, comma))
        ]
        if bold or (bold := parse_numbers(line, comma)):
            return bold[-1].value
    return parse_han(text.strip(" *。.\n"), alone=True)


def _emphasised(part: str) -> bool:
    """Whether bold text may be the answer, and not the number or the heading of a step."""
    return not re.search(r"[.:：)]\s*$", part)
