"""Language tags: what they stand for, how it is written, and what is no tag."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.languages import SCRIPTS, base, mistake, script

TAGS = [
    ("zh-CN", "zh", "Hans"), ("EN", "en", "Latn"), ("pt-BR", "pt", "Latn"), ("pt_BR", "pt", "Latn"),
    ("eng", "en", "Latn"), ("cmn", "zh", "Hans"), ("zh-Hant-TW", "zh", "Hant"), ("yue", "yue", "Hant"),
    ("iw", "he", "Hebr"), ("nb", "nb", "Latn"), ("ja", "ja", "Jpan"), ("ko-KR", "ko", "Kore"), ("bn", "bn", "Beng"),
    ("ta", "ta", "Taml"), ("te", "te", "Telu"), ("am", "am", "Ethi"), ("sr", "sr", ""), ("sr-Latn", "sr", "Latn"),
    ("sr-Cyrl", "sr", "Cyrl"), ("uz", "uz", ""), ("sw", "sw", "Latn"), ("swh", "sw", "Latn"), ("vi", "vi", "Latn"),
    ("tlh", "tlh", ""), ("es-419", "es", "Latn"),
]  # fmt: skip


@pytest.mark.parametrize(("tag", "language", "written"), TAGS)
def test_a_tag_is_reduced_to_its_language_and_says_how_that_is_written(tag: str, language: str, written: str) -> None:
    assert (base(tag), script(tag), mistake(tag)) == (language, written, "")


@pytest.mark.parametrize(
    ("tag", "meant"),
    [
        ("English", "en"), ("german", "de"), ("Deutsch", "de"), ("chinese", "zh"), ("jp", "ja"), ("cn", "zh"),
        ("CZ", "cs"), ("ua", "uk"), ("dk", "da"),
    ],
)  # fmt: skip
def test_what_is_no_tag_is_told_with_what_may_be_meant(tag: str, meant: str) -> None:
    assert base(tag) == "" and mistake(tag) == f"is no language; did you mean {meant}?"


@pytest.mark.parametrize(
    "tag", ["", "xx", "multi", "mul", "und", "e n", "en\n", "qqqqqq", "x-foo", "中文", "../en", "a" * 99]
)
def test_what_is_no_tag_at_all_is_told_in_one_line(tag: str) -> None:
    assert base(tag) == "" and script(tag) == ""
    assert mistake(tag) == "is no language; write its code of ISO 639, as de, sw or zh-CN"


@given(st.text())
def test_any_text_is_a_tag_or_none(text: str) -> None:
    assert bool(base(text)) != bool(mistake(text))
    assert base(base(text)) == base(text) and "\n" not in mistake(text)
    assert script(text) in {*SCRIPTS, ""}
