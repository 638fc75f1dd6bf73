"""Which number an answer gives, by hand: statements, separators, scripts, signs."""

# ruff: noqa: E501   tables, and letters that are wider than they count

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.evaluation.benchmarks import number_rules
from stages.evaluation.benchmarks.number_rules import parse_answer

STATED = [
    ("The answer is 18. Checked 2 times.", 18), ("**18** apples in 2 boxes", 18), (r"\boxed{18}, as in step 2", 18),
    (r"So $\boxed{18\text{ apples in 2 boxes}}$ for 3 people.", 18), (r"\boxed{x = 18} (2 steps)", 18),
    ("Answer: 18 apples in 2 boxes", 18), ("**Answer:** 18\n\nI used 2 steps.", 18), ("**Answer: 18** (2 steps)", 18),
    ("Final Answer: **18**\n\n3 remarks follow.", 18), ("#### 18\n\nQuestion 2", 18), ("The final answer is: $18 for 2.", 18),
    ("The answer is 10 + 8 = 18 in 2 steps.", 18), ("The answer is 20. No, the answer is 18. I tried 2 times.", 18),
    (r"\boxed{17} is wrong. The answer is 18, after 2 tries", 18), (r"The answer is 17. Wait: \boxed{18} after 2 tries", 18),
    ("The answer is not 5. It is 18", 18), ("The answer is correct because 2 + 16 = 18", 18),
    ("Answer:\n\n18\n\nin 2 steps", 18), ("Answer:\n- 18 apples\n\nin 2 steps", 18), ("Answer - 18, in 2 steps", 18),
    ("The answer is that she has 18 eggs in 2 boxes.", 18), ("I answer 2 questions: 18", 18),
    ("Answer: Ann has 16 eggs. She eats 3. 16 - 3 = 13. She sells 13 eggs.", 13),
    ("Step-by-Step Answer: Roger started with 5 balls. 5 + 6 = 11.", 11), ("Answer: 16-3-4=9. Then 9*2=18.", 18),
    ("Answer: She sells 9 eggs at $2 each, so she makes $18", 18), ("It took 3 days, the result is 18, not 2.", 18),
    ("**Step 1:** 3 boxes\n**Step 2:** 6 each, in total 18", 18), ("1. 3 boxes\n2. 6 each\n\nIn total 18.", 18),
    ("She has **3 apples**. Later 18.\n\nIn total **18** from 2 boxes", 18), ("18", 18), ("so there are 18 apples", 18),
    (r"\boxed{18", 18), (r"\(\boxed{\$18}\)", 18), ("\\fbox{2} \\boxed{\\frac{36}{2}}", 18), ("no number", None), ("", None),
    ("The answer is obvious in 2 steps: 18", 18), ("18 is the answer", 18), ("The answer is 9 (3 x 3).", 9),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), STATED)
def test_the_stated_number_counts(text: str, value: int | None) -> None:
    assert parse_answer(text, "en") == value


OTHERS = [
    ("de", "Die Antwort ist 1.234,50 Euro für 2 Personen.", "1234.5"), ("de", "Die Antwort ist 1.234.", "1234"),
    ("de", "Antwort: 18,00 Euro (2 Mal geprüft)", "18"), ("de", "The answer is 1,234.", "1234"),
    ("de", "So she and her friends pay the 1,234 dollars", "1234"), ("de", "Also zahlt sie 1,234", "1.234"),
    ("fr", "La réponse est 70 000. J'ai vérifié 2 fois.", "70000"), ("fr", "70\u202f000,5", "70000.5"),
    ("fr", "Réponse : 1\u00a0234", "1234"), ("es", "La respuesta es 1.000.000 en 2 pasos", "1000000"),
    ("es", "La respuesta es 1,5 millones de 2 tipos", "1500000"), ("ru", "Ответ — 11. Проверено 2 раза.", "11"),
    ("ru", "Ответ: –11 (2 раза)", "-11"), ("ru", "Ответ: 12,5 за 3 дня", "12.5"), ("it", "La risposta è 2.500 in 3 casi", "2500"),
    ("zh", "答案是 11。检查了2次。", "11"), ("zh", "答案是十八。", "18"), ("zh", "答案：一千二百三十四", "1234"),
    ("zh", "两万三千", "23000"), ("zh", "答案是7万元，共2人", "70000"), ("zh", "二〇二六", "2026"), ("zh", "一共有18个", "18"),
    ("ja", "答えは11です。2回確認しました。", "11"), ("ja", "答え：１，２３４個", "1234"), ("ja", "答えは十一です", "11"),
    ("th", "คำตอบคือ ๑๘ ใน ๒ วัน", "18"), ("sw", "Jibu ni 11. Hatua 2.", "11"), ("bn", "উত্তর হল ১১। ২টি ধাপ।", "11"),
    ("bn", "উত্তর: ১,২৩,৪৫৬", "123456"), ("te", "సమాధానం 11. 2 దశలు", "11"), ("te", "౧౮", "18"), ("hi", "उत्तर १८ है।", "18"),
    ("ar", "الجواب هو ١٨٫٥ في ٢", "18.5"), ("ar", "١٬٢٣٤", "1234"), ("ko", "정답은 18입니다. 2번", "18"), ("vi", "Đáp án là 18,5", "18.5"),
    ("ch", "1'234", "1234"), ("ch", "1’234’567.5", "1234567.5"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text", "value"), OTHERS)
def test_the_answer_of_every_language(language: str, text: str, value: str) -> None:
    assert parse_answer(text, language) == Fraction(value)


WRITTEN = [
    ("1{,}234", "1234"), (r"\boxed{1{,}234}", "1234"), (r"\boxed{1\,234}", "1234"), ("1.234,5", "1234.5"),
    ("1,234.5", "1234.5"), ("70 000", "70000"), ("1.000.000", "1000000"), ("1,000,000", "1000000"), ("18,00", "18"),
    ("0,125", "0.125"), ("0.125", "0.125"), ("1,2,3", "3"), ("2024 100", "100"), ("12 34", "34"), ("1/2", "1/2"), ("½", "1/2"),
    ("2½", "5/2"), ("1 1/2", "3/2"), (r"\frac{3}{4}", "3/4"), (r"-\dfrac{3}{4}", "-3/4"), (r"1\frac{1}{2}", "3/2"),
    ("3 / 4 cups", "3/4"), ("1/2/2020", "2020"), ("5/0", "0"), ("-10", "-10"), ("\u221210", "-10"), ("– 10", "-10"),
    ("－１０", "-10"), ("-$10", "-10"), ("$-10", "-10"), ("− $ 10", "-10"), ("US$ 10", "10"), ("10 €", "10"), ("€10", "10"),
    ("16-3", "3"), ("16 - 3", "3"), ("(2)-3", "3"), ("= -3", "-3"), ("x = – 3", "-3"), ("a loss of -3", "-3"),
    ("10–18", "18"), ("50%", "50"), ("18.", "18"), (".5", "0.5"), ("2 million", "2000000"), ("18 km²", "18"), ("1e", "1"),
    ("18 apples", "18"), ("1٫5", "1.5"), ("90°", "90"), (r"90^\circ", "90"), ("1 234 567", "1234567"), ("1.5.2", "2"),
    ("1\u20442", "1/2"), ("3\u22154", "3/4"), ("The answer is minus 3.", "-3"), ("Answer: negative 3", "-3"),
    ("He loses 5 minus 3", "3"), ('{"answer": "12", "steps": 3}', "12"), ("{'answer': 12, 'steps': 3}", "12"),
    ("007", "7"), ("- 3 apples\n- 5 pears", "5"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), WRITTEN)
def test_how_numbers_are_written(text: str, value: str) -> None:
    assert parse_answer(text, "en") == Fraction(value)


DIGITS = [
    "0123456789",
    "০১২৩৪৫৬৭৮৯",
    "๐๑๒๓๔๕๖๗๘๙",
    "٠١٢٣٤٥٦٧٨٩",
    "۰۱۲۳۴۵۶۷۸۹",
    "０１２３４５６７８９",
    "०१२३४५६७८९",
    "౦౧౨౩౪౫౬౭౮౯",
]
SPACES = [",", ".", " ", "\u00a0", "\u202f", "\u2009", "'", "’", "{,}", r"\,"]


@given(st.integers(1000, 10**12), st.sampled_from(DIGITS), st.sampled_from(SPACES), st.booleans())
def test_groups_of_thousands_in_every_script(number: int, digits: str, separator: str, negative: bool) -> None:
    written = f"{number:,}".replace(",", separator).translate(dict(zip(map(ord, "0123456789"), digits, strict=True)))
    language = "de" if separator == "." else "en"
    assert parse_answer(f"= {'-' * negative}{written} in 2", "en") is not None
    assert parse_answer("\\boxed{" + "-" * negative + written + "} in 2", language) == (-number if negative else number)


@given(st.integers(0, 10**6), st.integers(0, 99), st.sampled_from(["de", "en", "fr"]))
def test_decimals_by_language(whole: int, part: int, language: str) -> None:
    groups, point = {"de": (".", ","), "en": (",", "."), "fr": (" ", ",")}[language]
    written = f"{whole:,}".replace(",", groups) + f"{point}{part:02}"
    assert parse_answer(f"#### {written}\n\n2", language) == Fraction(f"{whole}.{part:02}")


@given(st.integers(1, 10**8 - 1))
def test_chinese_numerals(number: int) -> None:
    assert parse_answer(f"答案是{chinese(number)}。", "zh") == number


def chinese(number: int) -> str:
    if number >= 10**4:
        rest = number % 10**4
        return chinese(number // 10**4) + "万" + ("零" * (0 < rest < 1000) + chinese(rest) if rest else "")
    text = "".join("零一二三四五六七八九"[int(d)] + "千百十"[4 - len(str(number)) + n :][:1] * (n < len(str(number)) - 1)
                   for n, d in enumerate(str(number)))  # fmt: skip
    for unit in "千百十":
        text = text.replace("零" + unit, "零")
    while "零零" in text:
        text = text.replace("零零", "零")
    return text.rstrip("零")


@given(
    st.text(alphabet="0123456789.,/-–= $*\\{}boxedanswer is:\n½十万()'", max_size=60),
    st.sampled_from(["en", "de", "zh"]),
)
def test_any_text_has_an_answer_or_none(text: str, language: str) -> None:
    value = parse_answer(text, language)
    assert value is None or isinstance(value, Fraction)


@given(st.integers(-(10**6), 10**6), st.integers(0, 99))
def test_what_follows_a_statement_is_no_answer(number: int, later: int) -> None:
    for statement in (f"The answer is {number}.", f"\\boxed{{{number}}}", f"#### {number}\n", f"Answer: {number}."):
        assert parse_answer(f"3 boxes. {statement} It took {later} steps.", "en") == number


def test_long_texts_and_numbers_take_no_time_of_their_square() -> None:
    for text in (
        "1" * 10**5,
        "1," * 10**5,
        "1/" * 10**5,
        "answer: " * 10**4,
        "\\boxed{" * 10**4,
        "- " * 10**5,
        "1 000" * 10**4,
    ):
        parse_answer(text, "en")


def test_the_strict_rule_reads_by_the_language_of_the_question() -> None:
    assert number_rules.strict_rule("Die Antwort ist 1.234.", "1234", "de") and number_rules.strict_rule(
        "1.234", "1234", "de"
    )
    assert not number_rules.strict_rule("1.234", "1234", "en") and number_rules.strict_rule("18,00", "18", "en")
