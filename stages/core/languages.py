"""Language tags (BCP 47): the language of a tag by ISO 639, and the script that it is written in."""

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langcodes import Language

MULTI = "multi"
"""Stands for several languages, in place of a tag."""
SCRIPTS = {
    "Arab": r"\p{Arabic}", "Armn": r"\p{Armenian}", "Beng": r"\p{Bengali}", "Cans": r"\p{Canadian_Aboriginal}",
    "Cyrl": r"\p{Cyrillic}", "Deva": r"\p{Devanagari}", "Ethi": r"\p{Ethiopic}", "Geor": r"\p{Georgian}",
    "Grek": r"\p{Greek}", "Gujr": r"\p{Gujarati}", "Guru": r"\p{Gurmukhi}", "Hans": r"\p{Han}", "Hant": r"\p{Han}",
    "Hani": r"\p{Han}", "Hebr": r"\p{Hebrew}", "Jpan": r"\p{Han}\p{Hiragana}\p{Katakana}", "Khmr": r"\p{Khmer}",
    "Knda": r"\p{Kannada}", "Kore": r"\p{Hangul}\p{Han}", "Laoo": r"\p{Lao}", "Latn": r"\p{Latin}",
    "Mlym": r"\p{Malayalam}", "Mong": r"\p{Mongolian}", "Mymr": r"\p{Myanmar}", "Nkoo": r"\p{Nko}",
    "Olck": r"\p{Ol_Chiki}", "Orya": r"\p{Oriya}", "Sinh": r"\p{Sinhala}", "Syrc": r"\p{Syriac}",
    "Taml": r"\p{Tamil}", "Telu": r"\p{Telugu}", "Tfng": r"\p{Tifinagh}", "Thaa": r"\p{Thaana}", "Thai": r"\p{Thai}",
    "Tibt": r"\p{Tibetan}", "Vaii": r"\p{Vai}",
}  # fmt: skip
"""Script of ISO 15924 -> the letters that it is written with, as part of a character class. Japanese and Korean need no
kana and no hangul: a word may be of Han characters alone."""
SEVERAL = frozenset(re.findall(r"\w+", "az bs cr ff iu kk kr ks ku ky mn pa sd sr tg tk tt ug uz vai zgh"))
"""Languages that are written in several scripts, or were until lately (CLDR's languageData): their tag says which, as
sr-Latn does, or their script is not known."""


@cache
def base(tag: str) -> str:
    """The language of a tag by the shortest code of ISO 639: "zh" of "zh-CN", "en" of "EN" and "eng"; "" for none."""
    language = _parsed(tag)
    if language is None or not language.language or not language.is_valid():
        return ""
    code = str(language.prefer_macrolanguage().language)
    return code if re.fullmatch("[a-z]{2,3}", code) and code not in ("mul", "und", "zxx", "mis") else ""


@cache
def script(tag: str) -> str:
    """The script that a tag's language is written in, a key of SCRIPTS; "" where that is not known, or several are."""
    from langcodes.data_dicts import LIKELY_SUBTAGS

    language = _parsed(tag)
    code = base(tag)
    if not code or language is None:
        return ""
    if language.script:
        return language.script if language.script in SCRIPTS else ""
    # Where nothing is known of a language, CLDR's rule of last resort says Latin: that is no knowledge.
    known = code in LIKELY_SUBTAGS and code not in SEVERAL
    likely = language.maximize().script if known else ""
    return likely if likely in SCRIPTS else ""


def mistake(tag: str) -> str:
    """Why a tag stands for no language, with what may have been meant, in words; "" for one that does."""
    if base(tag):
        return ""
    meant = _meant(tag)
    return "is no language; " + (f"did you mean {meant}?" if meant else "write its code of ISO 639, as de, sw or zh-CN")


def _parsed(tag: str) -> "Language | None":
    from langcodes import Language
    from langcodes.tag_parser import LanguageTagError

    try:
        return Language.get(tag)
    except LanguageTagError:
        return None


def _meant(tag: str) -> str:
    """The code of a language that is called so ("German", "Deutsch"), or that is spoken in a country of that code."""
    from langcodes import Language, find
    from langcodes.data_dicts import LIKELY_SUBTAGS

    if country := LIKELY_SUBTAGS.get(f"und-{tag.upper()}" if re.fullmatch("[A-Za-z]{2}", tag) else ""):
        return base(str(Language.get(country).language))
    try:
        return base(str(find(tag).language)) if re.fullmatch(r"[^\W\d_]{4,}", tag) else ""
    except LookupError:
        return ""
