"""Where a check may accept what is not right, or reject what is, and why that is left as it is."""

import re

ATTEMPT = "it says whether something was done, right or wrong"
BY_ABSENCE = "an answer to something else need not have what is forbidden, or too much of something"
PAPER = "the paper's rule leaves out signs and decimal points, so -48 and 4.8 are 48; `strict` compares values"
PUBLISHED = "the published rule takes an answer that goes on after the right one; `strict` does not"
FITTING = "any answer of a fitting length is right"
LOOSE = "a line more or less at the start or end is of no account"
WEAKNESSES = {
    ("constraints", r"constraints/(words|sentences|paragraphs)\..*", "other"): FITTING,
    ("constraints", r"constraints/(exclude\.word|letter\.none|comma\.none)", "other"): BY_ABSENCE,
    (
        "constraints",
        r".*\(no space between\)",
        "broken",
    ): "a sentence ends where a space or the end of the text follows",
    ("constraints", r".*\(abbreviations\)", "broken"): "the full stop of an abbreviation ends a sentence",
    ("constraints", r".*\(another language of the script\)", "broken"): "languages are told apart by their script only",
    ("ifeval", r"keywords:frequency(, loose)?", "other"): BY_ABSENCE,
    ("ifeval", r"keywords:forbidden_words(, loose)?", "other"): BY_ABSENCE,
    ("ifeval", r"keywords:letter_frequency(, loose)?", "other"): BY_ABSENCE,
    ("ifeval", r"length_constraints:number_sentences(, loose)?", "other"): FITTING,
    ("ifeval", r"length_constraints:number_words(, loose)?", "other"): FITTING,
    ("ifeval", r"change_case:capital_word_frequency(, loose)?", "other"): BY_ABSENCE,
    ("ifeval", r"punctuation:no_comma(, loose)?", "other"): BY_ABSENCE,
    (
        "ifeval",
        r"change_case:english_capital(, loose)?",
        "right",
    ): "langdetect mistakes English in capitals for other languages",
    ("ifeval", r"change_case:english_capital(, loose)?", "broken"): "langdetect takes Spanish in capitals for English",
    ("ifeval", r".*\(part of a longer word\)", "broken"): "lm-eval finds a keyword inside another word",
    ("ifeval", r".*\(not at the end\)", "broken"): "lm-eval takes a postscript anywhere",
    ("ifeval", r".*\(two options\)", "broken"): "lm-eval wants one of the options somewhere in the answer",
    ("ifeval", r".*\(one too many\)", "broken"): "lm-eval wants at least as many sections",
    ("ifeval", r"detectable_format:json_format(, loose)?", "other"): "a text in double quotation marks is JSON",
    ("ifeval", r".*\(part of a longer word\)", "other"): "lm-eval finds a keyword inside another word",
    ("benchmarks", r"xquad, accuracy", "broken"): "the paper's rule takes a part of the right answer for it",
    ("benchmarks", r"sifo/.*, (accuracy|instance|depth)", "broken"): PUBLISHED,
    ("ifeval", r"language:response_language, loose", "other"): "a text without letters has no language and passes",
    ("ifeval", r"length_constraints:(number_paragraphs|nth_paragraph_first_word), loose", "broken"): LOOSE,
    ("ifeval", r"detectable_format:(number_bullet_lists|json_format), loose", "broken"): LOOSE,
    ("benchmarks", r"(mgsm|mgsm-en|gsm8k), accuracy", "broken"): PAPER,
    ("benchmarks", r"gsm8k-harness, gsm8k", "broken"): PAPER,
    ("benchmarks", r"commonsenseqa, answered", "other"): ATTEMPT,
    ("benchmarks", r"(vqav2|gqa), (answered|described)", "other"): ATTEMPT,
    ("benchmarks", r"sifo/.*, following", "other"): ATTEMPT,
}
"""(section, pattern of the check's name, kind of answer) -> the reason."""


def reason(section: str, name: str, kind: str) -> str:
    """Why a check may be wrong about this kind of answer; "" where it may not."""
    reasons = (
        why for (of, pattern, wrong), why in WEAKNESSES.items()
        if of == section and wrong == kind and re.fullmatch(pattern, name)
    )  # fmt: skip
    return next(reasons, "")
