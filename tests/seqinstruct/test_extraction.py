"""Flat prompts told apart: what is read, what is taken, and what becomes of the input in the rounds that follow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import prompts
from stages.core.completions import Prompt, Reply, Sampling
from stages.core.records import Record
from stages.seqinstruct.input_extraction import (
    ExtractionConfig,
    contains_input,
    extract_rows,
    faults,
    is_extracted,
    parse_parts,
)
from stages.seqinstruct.round_statistics import RoundStats
from stages.seqinstruct.rounds import rewrite_round
from tests.seqinstruct.models import model, plan, record

TEMPLATE = prompts.parse("--- user\n{{ instruction }}\n", "extract.txt")
PLAN = ExtractionConfig(7, TEMPLATE, Sampling(0.0, 1.0, 0, 64), 2)
FLAT = "Text: The ferry leaves at 8 and sails\nfor two hours.\nWhen does it arrive?"
PARTS = ("When does it arrive?", "The ferry leaves at 8 and sails for two hours.")


def reply(instruction: str, given: str) -> str:
    return f"#Instruction#: {instruction}\n#Input#: {given}\n###"


def one(said: str | Reply, row: Record | None = None) -> Record:
    (found,) = extract_rows([row or record(FLAT)], model(lambda prompt: said), PLAN)
    return found


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (reply(*PARTS), PARTS),
        (reply("Why is it so?", "None"), ("Why is it so?", "")),
        (reply("Why is it so?", ""), ("Why is it so?", "")),
        ('**#Instruction#:** Why?\n**#Input#:** "A cat."', ("Why?", "A cat.")),
        ("## Instruction\nWhy?\n\n## Input\nA cat.", None),
        ("#Instruction#: Draft.\n#Input#: x\n###\n#Instruction#: Why?\n#Input#: A cat.\n###", ("Why?", "A cat.")),
        ("<think>#Instruction#: no\n#Input#: no</think>#Instruction#: Why?\n#Input#: A cat.###", ("Why?", "A cat.")),
        ("#Instruction#: Why?", None),
        ("#Input#: A cat.", None),
        ("#Instruction#:\n#Input#: A cat.", None),
        ("", None),
    ],
)
def test_the_last_two_parts_are_read(text: str, parts: tuple[str, str] | None) -> None:
    assert parse_parts(text) == parts


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (PARTS, ""),
        ((PARTS[0], f'"{PARTS[1]}"'), ""),
        ((PARTS[0], "The ferry leaves at nine."), "changed-input"),
        ((PARTS[0], "The ferry leaves at"), "lost-words"),
        (("When?", PARTS[1]), "lost-words"),
        (("When does it arrive, and what would a careful and patient traveller do there?", PARTS[1]), "added-words"),
    ],
)
def test_nothing_is_lost_and_nothing_made_up(parts: tuple[str, str], reason: str) -> None:
    assert faults(*parts, FLAT) == reason


def test_a_number_is_never_lost() -> None:
    prompt = "Anna had eggs. She sold 12. How many are left?"
    assert faults("How many are left?", "Anna had eggs.", prompt) == "lost-words"
    assert faults("She sold 12. How many are left?", "Anna had eggs.", prompt) == ""


def test_a_prompt_becomes_instruction_and_input_as_it_stood() -> None:
    row = one(reply(*PARTS))
    assert (row.instruction, row.input) == (PARTS[0], "The ferry leaves at 8 and sails\nfor two hours.")
    (step,) = row.steps
    assert (step.stage, step.action, step.status, len(step.replies)) == ("extract", "split", "ok", 1)
    assert step.prompt == TEMPLATE.hash and step.sampling["temperature"] == 0.0


@pytest.mark.parametrize(
    ("said", "status", "reason"),
    [
        ("I cannot.", "unparsed", "no parts found"),
        (reply(PARTS[0], "The bus."), "rejected", "changed-input"),
        (Reply("#Instruction#: When", "truncated", 1, 1), "truncated", ""),
        (Reply("", "refused", 1, 0, error="policy"), "refused", "policy"),
        (Reply("", "failed", 1, 0, error="timeout"), "failed", "timeout"),
    ],
)
def test_what_cannot_be_used_leaves_the_flat_prompt_and_is_counted(said: str | Reply, status: str, reason: str) -> None:
    found = one(said)
    assert (found.instruction, found.input) == (FLAT, "")
    assert (found.steps[-1].status, found.steps[-1].reason) == (status, reason)
    stats = RoundStats("extract")
    list(stats.records([found]))
    assert stats.summary()["failures_by_status"] == {status: 1}


def test_a_prompt_without_input_stays_whole_and_a_row_with_one_is_not_asked() -> None:
    seen: list[Prompt] = []
    rows = [record("Why is it so?"), record("Sum it up.", input="A text.")]
    whole, given = extract_rows(rows, model(lambda prompt: reply("Why?", "None"), seen), PLAN)
    assert (whole.instruction, whole.input, whole.steps[-1].action) == ("Why is it so?", "", "whole")
    assert (given.input, given.steps[-1].action, given.steps[-1].replies) == ("A text.", "given", ())
    assert len(seen) == 1


def test_the_input_comes_after_a_new_instruction_unless_it_is_in_there() -> None:
    row = one(reply(*PARTS))
    assert is_extracted(row)

    def rewritten(new: str, source: Record) -> Record:
        answer = model(lambda prompt: f"#New Instruction#: {new}###")
        (found,) = rewrite_round([source], answer, plan("fixed", ("suffix",)))
        assert found.steps[-1].status == "ok"
        return found

    asked = "When does it arrive? Then say how you know."
    assert rewritten(asked, row).input == row.input
    assert rewritten(f"{asked} Text: {row.input}", row).input == ""
    alpaca = record("When does it arrive?", input=row.input)
    assert rewritten(f"{asked} Text: {row.input}", alpaca).input == row.input


@pytest.mark.parametrize(
    ("given_input", "instruction", "within"),
    [
        ("A cat sleeps.", "Translate this: a  cat\nsleeps. Then count.", True),
        ("one two three four", "say one two three and six", True),
        ("one two three four five six", "tell me something else of the cat and the dog that sleep", False),
    ],
)
def test_an_input_is_within(given_input: str, instruction: str, within: bool) -> None:
    assert contains_input(given_input, instruction) is within


@given(st.text(), st.text())
def test_no_reply_breaks_it_and_no_row_is_lost(text: str, prompt: str) -> None:
    row = one(text, record(prompt))
    assert row.steps[-1].status in ("ok", "unparsed", "rejected")
    assert row.steps[-1].status == "ok" or row.instruction == prompt


def test_hostile_replies_cost_no_more_than_long_ones() -> None:
    for text in ("#Instruction#: ", "#Input#: ", "#", "# \n", "\n", "#Instruction#: a\n#Input#: b\n", "a "):
        parse_parts(text * (100_000 // len(text)))
    faults("a " * 50_000, "b " * 50_000, "b " * 50_000 + "a")
