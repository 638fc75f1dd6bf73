"""WizardLM's evolution and its elimination rules."""

import pytest

from stages.core.completions import Prompt, Reply
from stages.core.records import Record, Rejected
from stages.prompts import parse
from stages.seqinstruct.wizardlm import REASONS, EvolutionConfig, declined, evolve_rows, parse_evolved, useless
from tests.seqinstruct.models import SAMPLING, model, record

TEMPLATES = {
    name: parse(f"--- system\n{name}\n--- user\n{{{{ instruction }}}}\n", name) for name in ("deepening", "breadth")
}


def plan(*operations: str, rounds: int = 1) -> EvolutionConfig:
    return EvolutionConfig(7, rounds, operations, TEMPLATES, SAMPLING, SAMPLING, 2)


def run(
    rows: list[Record], answer: object, how: EvolutionConfig, seen: list[Prompt] | None = None
) -> list[tuple[str, object]]:
    return list(evolve_rows(rows, model(answer, seen), how))  # type: ignore[arg-type]


def evolving(prompt: Prompt) -> bool:
    return prompt.messages[0].role == "system"


def harder(prompt: Prompt) -> str:
    return f"#Rewritten Prompt#\n{prompt.messages[-1].content} Explain why." if evolving(prompt) else "An answer."


def test_rows_are_evolved_and_answered() -> None:
    ((name, row),) = run([record("Name a sea.", input="In Asia.")], harder, plan("deepening", rounds=2))
    assert name == "rows" and isinstance(row, Record)
    assert row.instruction == "Name a sea. Explain why. Explain why." and row.input == "In Asia."
    assert row.response == "An answer." and [s.action for s in row.steps] == ["deepening", "deepening", "respond"]


def test_breadth_leaves_the_input_behind() -> None:
    ((_, row),) = run([record("Sum it up.", input="A text.")], harder, plan("breadth"))
    assert isinstance(row, Record) and row.input == ""


def test_an_eliminated_evolution_leaves_the_instruction_and_says_why() -> None:
    seen: list[Prompt] = []
    ((name, row),) = run(
        [record("Name a sea.")], lambda p: "Name a sea." if evolving(p) else "The Baltic.", plan("deepening"), seen
    )
    assert name == "rows" and isinstance(row, Record) and row.instruction == "Name a sea."
    assert (row.steps[0].status, row.steps[0].reason) == ("rejected", "no-gain")
    assert [p.sample for p in seen if evolving(p)] == [0, 1]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("I'm sorry, I can't assist with that.", "sorry"),
        ("...", "no-content"),
        ("Yes, it is.", "no-content"),
        (Reply("", "failed", 0, 0), "failed"),
    ],
)
def test_an_eliminated_response_rejects_the_row(reply: str | Reply, reason: str) -> None:
    ((name, row),) = run([record("Name a sea.")], lambda p: harder(p) if evolving(p) else reply, plan("deepening"))
    assert name == "rejected" and isinstance(row, Rejected) and row.reason == reason and reason in REASONS


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ("Name a sea and say why it is salt.", ""),
        ("Name a sea", "no-gain"),
        ("", "empty"),
        ("Answer the given prompt: name a sea.", "copies-prompt"),
        ("#Rewritten Prompt#: name a deep sea and a lake.", "copies-prompt"),
    ],
)
def test_elimination_of_instructions(new: str, reason: str) -> None:
    assert useless(new, "Name a sea.") == reason


def test_a_long_response_may_say_sorry() -> None:
    assert declined("Sorry to hear it! " + "Here is what may help you further along. " * 15) == ""


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("#Rewritten Prompt#\nName a sea.", "Name a sea."),
        ("#Rewritten Prompt#: Name a sea.", "Name a sea."),
        ("Sure!\n\n**#Created Prompt#**\nName a sea.\n\nThen a lake.", "Name a sea.\n\nThen a lake."),
        ("Name a sea.", "Name a sea."),
        ("<think>#Rewritten Prompt#\nA draft.</think>#Rewritten Prompt#\nName a sea.<|eot_id|>", "Name a sea."),
        ("#Rewritten Prompt#\n", None),
    ],
)
def test_parse_evolved(reply: str, text: str | None) -> None:
    assert parse_evolved(reply) == text
