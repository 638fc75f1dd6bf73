"""The constraints that can be checked on any text: case, length, layout, words, letters, script, JSON."""

import re

import msgspec

from stages.verified.constraint_types import constraint

SCRIPTS = {
    "Russian": "\u0400-\u04ff", "Greek": "\u0370-\u03ff\u1f00-\u1fff", "Chinese": "\u3400-\u4dbf\u4e00-\u9fff",
    "Japanese": "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u3005", "Korean": "\u1100-\u11ff\uac00-\ud7af",
    "Hindi": "\u0900-\u097f", "Arabic": "\u0600-\u06ff", "Hebrew": "\u0590-\u05ff", "Thai": "\u0e00-\u0e7f",
}  # fmt: skip
"""Language -> the letters that it is written with. A text in another language of that script is not told apart."""
SCRIPT_SHARE = 0.9
"""Smallest share of a text's letters that are of the script; the rest may be names and abbreviations."""
QUOTES = frozenset('"\u201c\u201d\u201e')
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_BULLET = re.compile(r"^[ \t]*[-*\u2022][ \t]([^\n]+)", re.MULTILINE)
_NUMBERED = re.compile(r"^[ \t]*(\d{1,3})[.)][ \t]([^\n]+)", re.MULTILINE)
_SENTENCE_END = re.compile(r"[.!?\u2026]+[\"'\u201d\u2019)\]]*(?=\s|$)")
_TITLE = re.compile(r"<<[^<>\n]*\w[^<>\n]*>>")
_FENCED = re.compile(r"```(?:json)?[ \t]*\n(.*)\n```", re.DOTALL)
_KANA = re.compile("[\u3040-\u30ff]")


@constraint("case.upper", "case")
def _upper(text: str) -> bool:
    return any(char.isupper() for char in text) and not any(char.islower() for char in text)


@constraint("case.lower", "case")
def _lower(text: str) -> bool:
    return any(char.islower() for char in text) and not any(char.isupper() for char in text)


def word_count(text: str) -> int:
    """Words: pieces between white space that have a letter or digit; a dash or the sign of a bullet is none."""
    return sum(_has_content(piece) for piece in text.split())


def _has_content(text: str) -> bool:
    """Whether the text has a letter or digit, which a horizontal rule such as "---" or "* * *" has not."""
    return any(char.isalnum() for char in text)


@constraint("words.at_most", "words", n=int)
def _at_most(text: str, n: int) -> bool:
    return word_count(text) <= n


@constraint("words.at_least", "words", n=int)
def _at_least(text: str, n: int) -> bool:
    return word_count(text) >= n


def sentence_count(text: str) -> int:
    """Sentences: pieces up to a full stop, exclamation or question mark before a space; a last piece without one too.

    The number of a list item ("1.") ends none.
    """
    pieces = [piece for piece in _SENTENCE_END.split(text) if any(char.isalpha() for char in piece)]
    return len(pieces)


@constraint("sentences.at_most", "sentences", n=int)
def _few_sentences(text: str, n: int) -> bool:
    return 1 <= sentence_count(text) <= n


@constraint("sentences.at_least", "sentences", n=int)
def _many_sentences(text: str, n: int) -> bool:
    return sentence_count(text) >= n


@constraint("paragraphs.exactly", "layout", n=int)
def _paragraphs(text: str, n: int) -> bool:
    return len([part for part in _BLANK_LINE.split(text) if _has_content(part)]) == n


@constraint("bullets.exactly", "layout", n=int)
def _bullets(text: str, n: int) -> bool:
    return sum(_has_content(item) for item in _BULLET.findall(text)) == n


@constraint("numbered.exactly", "layout", n=int)
def _numbered(text: str, n: int) -> bool:
    items = [(number, item) for number, item in _NUMBERED.findall(text) if _has_content(item)]
    return [int(number) for number, _ in items] == list(range(1, n + 1))


@constraint("divider.parts", "layout", n=int)
def _divided(text: str, n: int) -> bool:
    parts = re.split(r"^[ \t]*\*\*\*[ \t]*$", text, flags=re.MULTILINE)
    return len(parts) == n and all(map(_has_content, parts))


@constraint("start.phrase", "start", phrase=str)
def _starts(text: str, phrase: str) -> bool:
    return text.startswith(phrase) and len(text) > len(phrase)


@constraint("start.title", "start")
def _title(text: str) -> bool:
    first, _, rest = text.partition("\n")
    return _TITLE.fullmatch(first.strip()) is not None and bool(rest.strip())


@constraint("end.phrase", "end", phrase=str)
def _ends(text: str, phrase: str) -> bool:
    return text.endswith(phrase) and len(text) > len(phrase)


@constraint("end.postscript", "end", marker=str)
def _postscript(text: str, marker: str) -> bool:
    *_, last = text.split("\n")
    return "\n" in text and last.startswith(marker) and _has_content(last.removeprefix(marker))


@constraint("quote.whole", "quote")
def _quoted(text: str) -> bool:
    inside = text[1:-1]
    return text[0] in QUOTES and text[-1] in QUOTES and bool(inside.strip()) and not QUOTES & set(inside)


@constraint("json.keys", "json", keys=list)
def _json(text: str, keys: list[str]) -> bool:
    """One JSON object with exactly these keys and values that are not empty; a fence around it is allowed."""
    fenced = _FENCED.fullmatch(text)
    try:
        value = msgspec.json.decode(fenced[1] if fenced else text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return isinstance(value, dict) and set(value) == set(keys) and not any(map(_empty, value.values()))


def _empty(value: object) -> bool:
    """Whether a value of JSON is null, blank, or a list or object without anything in it; 0 and false are not empty."""
    return not value.strip() if isinstance(value, str) else value is None or value in ([], {})


def _occurrences(text: str, word: str) -> int:
    return len(re.findall(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE))


@constraint("include.word", "include", word=str, n=int)
def _includes(text: str, word: str, n: int) -> bool:
    return _occurrences(text, word) >= n


@constraint("exclude.word", "exclude", word=str)
def _excludes(text: str, word: str) -> bool:
    return not _occurrences(text, word)


@constraint("letter.none", "letter", letter=str)
def _no_letter(text: str, letter: str) -> bool:
    return letter.casefold() not in text.casefold() and any(char.isalpha() for char in text)


@constraint("comma.none", "comma")
def _no_comma(text: str) -> bool:
    return not set(text) & set(",\uff0c\u3001\u060c")


@constraint("script.language", "script", language=str)
def _script(text: str, language: str) -> bool:
    letters = [char for char in text if char.isalpha()]
    own = re.findall(f"[{SCRIPTS[language]}]", "".join(letters))
    enough = bool(letters) and len(own) >= SCRIPT_SHARE * len(letters)
    return enough and (language != "Japanese" or _KANA.search(text) is not None)
