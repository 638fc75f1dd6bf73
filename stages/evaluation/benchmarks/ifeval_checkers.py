"""The checkers of lm-evaluation-harness for IFEval's 25 types of instruction, made to give the same verdict everywhere.

lm-eval's modules draw arguments at random where a row lacks them, seed langdetect with the clock, and download NLTK's
sentence tokenizer when they are imported. Here a row must have all arguments, langdetect's seed is 0, and the tokenizer
gets our own parameters, `english_sentences.yaml`, as the resource `punkt_tab` that NLTK looks for.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, NamedTuple

import msgspec

PARAMETERS = Path(__file__).parent / "english_sentences.yaml"
CAPITALISED_AT_THE_START = 2 | 32
"""Punkt's flags of a word: seen with a capital at the start of a sentence, and without one within."""
LETTER_FREQUENCY = "keywords:letter_frequency"


class Verdicts(NamedTuple):
    """Whether a response follows each instruction of a prompt, in the order of the instructions."""

    strict: tuple[bool, ...]
    loose: tuple[bool, ...]
    """The same where any of eight variants of the response may follow: without asterisks, without its first or last
    line, or both."""


class Instruction(NamedTuple):
    """One instruction of a prompt."""

    type: str
    """Such as "punctuation:no_comma"."""
    arguments: Mapping[str, Any]


@cache
def _checkers() -> ModuleType:
    """lm-eval's module of IFEval, with a fixed seed and our parameters of the sentence tokenizer."""
    import nltk.data
    from langdetect import DetectorFactory

    DetectorFactory.seed = 0
    nltk.data.path.insert(0, _punkt_folder().name)  # before a resource of this machine, so that all split alike
    from lm_eval.tasks.ifeval import utils

    return utils  # type: ignore[no-any-return]


@cache
def _punkt_folder() -> TemporaryDirectory[str]:
    """A folder with the resource, which lives as long as the process.

    NLTK opens no file that has several hard links or belongs to another user, as files of an installed package may.
    """
    parameters = msgspec.yaml.decode(PARAMETERS.read_bytes(), type=dict[str, list[str]])
    folder = TemporaryDirectory(prefix="seqit-punkt-")
    english = Path(folder.name, "tokenizers", "punkt_tab", "english")
    english.mkdir(parents=True)
    lines = {
        "abbrev_types.txt": parameters["abbreviations"],
        "ortho_context.tab": [f"{word}\t{CAPITALISED_AT_THE_START}" for word in parameters["function_words"]],
        "collocations.tab": [],
        "sent_starters.txt": [],
    }
    for name, content in lines.items():
        (english / name).write_text("\n".join(content), "utf-8")
    return folder


def types() -> Sequence[str]:
    """The types of instruction that lm-eval can check."""
    return tuple(_checkers().instructions_registry.INSTRUCTION_DICT)


def mistake(instruction: Instruction) -> str:
    """What is wrong with an instruction, "" for nothing: an unknown type, or an argument that is missing or of no use.

    lm-eval would draw such an argument at random, so that the same response is right once and wrong once.
    """
    known = _checkers().instructions_registry.INSTRUCTION_DICT
    if instruction.type not in known:
        return f"lm-eval has no checker for {instruction.type!r}"
    checker, given = known[instruction.type](instruction.type), _latin(instruction).arguments
    state = random.getstate()
    try:
        checker.build_description(**given)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return f"{instruction.type} does not take these arguments ({error})"
    if lacking := [name for name in checker.get_instruction_args_keys() if name not in given]:
        return f"{instruction.type} needs {', '.join(lacking)}"
    drawn = random.getstate() != state
    return f"{instruction.type}: one of {', '.join(given)} is out of range" if drawn else ""


def check(prompt: str, instructions: Sequence[Instruction], response: str) -> Verdicts:
    """The verdict on each instruction; all False for an empty response."""
    strict, loose = [], []
    for instruction, text in _translated(instructions, response):
        row = _checkers().InputExample(0, [instruction.type], prompt, [dict(instruction.arguments)])
        strict += _checkers().test_instruction_following_strict(row, text).follow_instruction_list
        loose += _checkers().test_instruction_following_loose(row, text).follow_instruction_list
    return Verdicts(tuple(strict), tuple(loose))


def _translated(instructions: Sequence[Instruction], response: str) -> Iterator[tuple[Instruction, str]]:
    """Each instruction with the response, both in the form that lm-eval can check."""
    for instruction in instructions:
        latin = _latin(instruction)
        if latin is instruction:
            yield instruction, response
        else:
            sign = instruction.arguments["letter"]
            yield latin, response.replace("z", "").replace("Z", "").replace(sign, "z")


def _latin(instruction: Instruction) -> Instruction:
    """An instruction about how often a sign such as "#" occurs as one about the letter z, others unchanged.

    lm-eval counts a letter of its own drawing instead of a sign, of which google/IFEval has two.
    """
    sign = instruction.arguments.get("letter", "")
    if instruction.type != LETTER_FREQUENCY or len(sign) != 1 or (sign.isascii() and sign.isalpha()):
        return instruction
    return Instruction(instruction.type, {**instruction.arguments, "letter": "z"})
