"""Draws a constraint for an instruction, with its wording: one that contradicts neither it nor earlier constraints."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec

from stages.core.records import ResponseCheck
from stages.verified.constraint_types import CONSTRAINT_TYPES, ConstraintType, exclude_each_other
from stages.verified.response_checks import TASKS

COUNTS = {
    "words.at_most": (30, 40, 50, 60, 80), "words.at_least": (20, 30, 40, 50), "sentences.at_most": (2, 3, 4),
    "sentences.at_least": (2, 3, 4), "paragraphs.exactly": (2, 3), "bullets.exactly": (2, 3, 4, 5),
    "numbered.exactly": (2, 3, 4, 5), "divider.parts": (2, 3), "include.word": (2, 3),
}  # fmt: skip
"""Type of constraint -> the numbers that its `n` is drawn from."""


class DrawnConstraint(NamedTuple):
    """A constraint and the sentence that states it."""

    check: ResponseCheck
    sentence: str


class _Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words of one language, as the file explains them."""

    arguments: dict[str, list[Any]]
    """Texts, or lists of texts."""
    languages: dict[str, str]
    unsuited: dict[str, str]
    wordings: dict[str, list[str]]


_FILE = Path(__file__).parent / "wordings" / "constraints.yaml"


@cache
def _words() -> dict[str, _Words]:
    return msgspec.yaml.decode(_FILE.read_bytes(), type=dict[str, _Words])


def constraint_languages() -> tuple[str, ...]:
    """Languages of instructions that constraints are worded in."""
    return tuple(_words())


def draw_constraint(
    random: Random, instruction: str, language: str, checks: Sequence[ResponseCheck] = ()
) -> DrawnConstraint | None:
    """A constraint on the response to `instruction`, which already has the constraints `checks`.

    None where the language has no wordings, or no constraint suits the instruction and the others.
    """
    words = _words().get(language)
    if words is None or any(check.name == TASKS for check in checks):
        return None
    text = _own_text(instruction, language, checks)
    if _matches(words.unsuited["any"], text):
        return None
    names = [name for name, type in CONSTRAINT_TYPES.items() if _suits(type, words, text)]
    for name in random.sample(names, len(names)):
        check = ResponseCheck(name, _arguments(random, name, words))
        if not any(exclude_each_other(name, check.arguments, other.name, other.arguments) for other in checks):
            return DrawnConstraint(check, _sentence(random, check, words))
    return None


def _own_text(instruction: str, language: str, checks: Sequence[ResponseCheck]) -> str:
    """The instruction without the sentences of its constraints, which are no reason against others."""
    words = _words()[language]
    for check in checks:
        for wording in words.wordings.get(check.name, ()):
            instruction = instruction.replace(_filled(wording, check, words), "")
    return instruction


def _suits(type: ConstraintType, words: _Words, text: str) -> bool:
    pattern = words.unsuited.get(type.family, "")
    return type.name in words.wordings and not (pattern and _matches(pattern, text))


def _matches(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None


def _arguments(random: Random, name: str, words: _Words) -> dict[str, Any]:
    drawn: dict[str, Any] = {}
    for parameter, type in CONSTRAINT_TYPES[name].parameters.items():
        drawn[parameter] = random.choice(COUNTS[name] if type is int else words.arguments[name])
    return drawn


def _sentence(random: Random, check: ResponseCheck, words: _Words) -> str:
    return _filled(random.choice(words.wordings[check.name]), check, words)


def _filled(wording: str, check: ResponseCheck, words: _Words) -> str:
    for name, value in check.arguments.items():
        text = ", ".join(f'"{key}"' for key in value) if isinstance(value, list) else str(value)
        wording = wording.replace(f"{{{name}}}", words.languages.get(text, text) if name == "language" else text)
    return wording
