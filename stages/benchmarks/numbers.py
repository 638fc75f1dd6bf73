"""The number that an answer ends with, and when it equals the right one (MGSM and GSM8K)."""

import re
import string

_NUMBER = re.compile(r"[-+]?\d*\.\d+|\d+")
# "16-3" subtracts and "-3" is negative: a sign counts only where no figure, letter or bracket stands before it.
_SIGNED = re.compile(r"(?:(?<![\w)])[-+\u2212][$€£]?)?(?:\d+(?:\.\d+)?|\.\d+)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d)")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_PLAIN = str.maketrans({"\u2212": "-", "$": "", "€": "", "£": ""})


def paper_rule(text: str, gold: str) -> bool:
    """The last number equals `gold` once both have lost their punctuation; with no number, the whole text is compared.

    As the authors computed it, so that numbers compare: 4.8 equals 48, and -10 equals 10.
    """
    found = _NUMBER.findall(_THOUSANDS.sub("", text))
    return bool((found[-1] if found else text).translate(_PUNCTUATION) == gold.translate(_PUNCTUATION))


def strict_rule(text: str, gold: str) -> bool:
    """The last number has the value of `gold`: 4.8 is not 48, -10 is not 10, 18.00 is 18."""
    number = last_number(text)
    return number is not None and number == last_number(gold)


def last_number(text: str) -> float | None:
    """The value of the last number in `text`, or None if there is none."""
    found = _SIGNED.findall(_THOUSANDS.sub("", text))
    return float(found[-1].translate(_PLAIN)) if found else None
