"""What models said: our own table of forms, and the real replies in shared/, where they are present."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.seqinstruct.parse_choice import LETTERS, parse_choice
from stages.seqinstruct.parse_instruction import parse_instruction, parse_task

COMPLETIONS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "completions"
needs_shared = pytest.mark.skipif(not COMPLETIONS.exists(), reason="the real replies of shared/ are not here")

CHOICES = [
    ("So the option is: C.", "suffix"),
    ("So the option is: C.###", "suffix"),
    ("Therefore, the best option is B", "prefix"),
    ("**Option is: D**", "hold"),
    ("So, the option is: **D**. Keep as the original version.", "hold"),
    ("The option is: “A”.", "decompose"),
    ("the option is (b).", "prefix"),
    ("option is: c", "suffix"),
    ("Final answer: B", "prefix"),
    ('{"reasoning": "one fact", "option": "C"}', "suffix"),
    ("My choice is therefore **B) Add a prefix task**.", "prefix"),
    ("The answer is \\boxed{C}", "suffix"),
    ("$\\boxed{\\text{A}}$", "decompose"),
    ("[[D]]", "hold"),
    ("I would choose option A here.", "decompose"),
    ("I'd go with B.", "prefix"),
    ("Option C", "suffix"),
    ("So the option is: D, a simple fact needs no more.", "hold"),
    ("So the option is:\n\n**C. Add a suffix task**", "suffix"),
    ("So the option is: to add a suffix task.", "suffix"),
    ("The final answer is: $\\boxed{D}$", "hold"),
    ("Decision - B", "prefix"),
    ("Therefore: C.", "suffix"),
    ("The answer is A in the new instruction. This modification (Option C) goes on from it.", "suffix"),
    ("Adding a suffix task (C) is what it needs.", "suffix"),
    ("The best action is to keep it as it is; there is no need to add a prefix task.", "hold"),
    ("I recommend Option B: Add a prefix task.", "prefix"),
    ("B is the most suitable option.", "prefix"),
    ("(B)", "prefix"),
    ("A", "decompose"),
    ("D.", "hold"),
    ("B\n", "prefix"),
    ("C. Add a suffix task.", "suffix"),
    ("A. Decompose it into two tasks.###\n\nThe new instruction can be: …", "decompose"),
    ("It is fine as it is.\n\nD.", "hold"),
    ("Ｏｐｔｉｏｎ　ｉｓ：　Ｂ", "prefix"),
    ("Option B is tempting, but the option is: C.", "suffix"),
    ("The option is: A. On reflection, the option is: D.", "hold"),
    ("Option A is not suitable here. Option C is the best choice.", "suffix"),
    ("This modification (Option C) goes further. So the option is: C.", "suffix"),
    ("The most suitable option for the given instruction is to add a suffix task.", "suffix"),
    ("The instruction can be improved by adding a prefix task.", "prefix"),
    ("It could be decomposed into two tasks.", "decompose"),
    ("The best option is to keep the instruction as it is.", "hold"),
    ("So the option is: suffix", "suffix"),
    ("Rather than Option A, the instruction deserves Option B.", "prefix"),
    ("The option is: C.\n\nThe instruction is: Name a bird.\nLet's think step by step. So the option is: A.", "suffix"),
    ("The instruction is: Name a bird. So the option is: A.", "decompose"),
    ("Which is right? New instruction: 'Say why the answer is A.' So the option is: B.", "prefix"),
    ("Options A and B do not fit. Therefore the option is D: keep it.", "hold"),
]
NO_CHOICE = [
    "", " ", "The capital of the U.S.A. is Washington.",
    "A good plan needs Vitamin C.", "I am sorry, I can't help with that.",
    "A. Decompose it into two tasks.\nB. Add a prefix task.\nC. Add a suffix task.\nD. Keep as original version.",
    "The option is: A, B or C.", "What is the option?", "The choice is yours.", "The answer is Antarctica.",
    "E", "So the option is: E.", "RoundConfig B failed. Cats are animals.", "option is: X",
    "There is no need to add a prefix task.",
]  # fmt: skip


@pytest.mark.parametrize(("reply", "action"), CHOICES)
def test_the_last_explicit_statement_wins(reply: str, action: str) -> None:
    assert parse_choice(reply) == action


@pytest.mark.parametrize("reply", NO_CHOICE)
def test_no_statement_is_none(reply: str) -> None:
    assert parse_choice(reply) is None


@given(st.text(), st.sampled_from(sorted(LETTERS)), st.sampled_from(["So the option is: {}.", "**Option is: {}**"]))
def test_whatever_was_said_before_the_last_line_decides(text: str, letter: str, form: str) -> None:
    assert parse_choice(f"{text}\n{form.format(letter)}") == LETTERS[letter]


@given(st.text())
def test_no_reply_breaks_the_parsers(text: str) -> None:
    parse_choice(text)
    parse_instruction(text)
    parse_task(text)


# Where we and the released labels differ: (file, line from 0) -> (theirs, ours, why).
DISAGREEMENTS = {
    ("classify.flancot.c4ai-command-r-v01", 40): (
        "D", "A", "ends with 'the option is A, as decomposing …'; nothing in it speaks for keeping"),
    ("classify.flancot.gpt-3.5-turbo", 65): (
        "B", "C", "argues for a suffix and ends with 'option is: C'; no B is named anywhere"),
}  # fmt: skip


def _rows(name: str) -> list[dict[str, str]]:
    with gzip.open(COMPLETIONS / f"{name}.jsonl.gz") as stream:
        return [json.loads(line) for line in stream]


@needs_shared
@pytest.mark.parametrize(
    "name",
    [
        f"classify.{corpus}.{model}"
        for corpus in ("alpaca", "flancot")
        for model in ("c4ai-command-r-v01", "gpt-3.5-turbo")
    ],
)
def test_real_replies_to_the_choosing_prompt(name: str) -> None:
    ours = {action: letter for letter, action in LETTERS.items()}
    actions = {
        (name, i): (row["their_option"], ours.get(parse_choice(row["completion"])))  # type: ignore[arg-type]
        for i, row in enumerate(_rows(name))
    }
    differing = {place: pair for place, pair in actions.items() if pair[0] != pair[1]}
    assert differing == {place: (a, b) for place, (a, b, _) in DISAGREEMENTS.items() if place[0] == name}


INSTRUCTIONS = [
    ("Why.\n\n#New Instruction#: Name a sea, then a lake.###", "Name a sea, then a lake."),
    ("#New Instruction#: “Name a sea, then a lake.”###", "Name a sea, then a lake."),
    ('#New Instruction#: "Name a sea, then a lake."###\n###', "Name a sea, then a lake."),
    ('#New Instruction#: “Name a sea, then a lake."###', "Name a sea, then a lake."),
    ("#New Instruction#: 'Name a sea, then say why it's salty.'", "Name a sea, then say why it's salty."),
    ("#New Instruction#\nName a sea.\nThen a lake.", "Name a sea.\nThen a lake."),
    ("**#New Instruction#:** Name a sea.", "Name a sea."),
    ("**New Instruction:** Name a sea.\n###", "Name a sea."),
    ("## New Instruction\n\nName a sea.", "Name a sea."),
    ("# New Instruction #: Name a sea.", "Name a sea."),
    ("New Instruction#: Name a sea.", "Name a sea."),
    ("#New Instruction: Name a sea.\n###", "Name a sea."),
    ("**#New Instruction#**:\n“Name a sea.”\n\n###", "Name a sea."),
    ("#New Instruction#:\n```\nName a sea.\n```\n###", "Name a sea."),
    ("### New Instruction:\nName a sea. ###", "Name a sea."),
    ('#New Instruction#: "Name a sea, then a lake.', "Name a sea, then a lake."),
    ('#New Instruction#: Spell "sea" and "lake".###', 'Spell "sea" and "lake".'),
    ('#New Instruction#: "Sea" is a word. Spell it, then "lake"###', '"Sea" is a word. Spell it, then "lake"'),
    (
        '#New Instruction#: “Premise: "A cat sleeps."\nHypothesis: "It purrs."\nDecide, then explain.”###',
        'Premise: "A cat sleeps."\nHypothesis: "It purrs."\nDecide, then explain.',
    ),
    ('#New Instruction#: "Name a sea." \n\nThe added suffix task encourages thought. ###', "Name a sea."),
    ("#New Instruction#: Name a sea. This added task encourages thought. ###", "Name a sea."),
    ("#New Instruction#: Name a sea.###\n\nWould you like another example?", "Name a sea."),
    ("#New Instruction#: Name a sea.\n\nExplanation: it is short.", "Name a sea."),
    (
        "#New Instruction#: Name a sea.###\n\n#Original Instruction#: Sing.\n#New Instruction#: Sing twice.",
        "Name a sea.",
    ),
    ("#New Instruction#: Draft.###\nBetter:\n#New Instruction#: Name a sea.###", "Name a sea."),
    ("#New Instruction#: Name a sea.###\n#New Instruction#: Name a", "Name a sea."),
    ("#New Instruction#: #New Instruction#: Name a sea.", "Name a sea."),
    (
        "#New Instruction#: Name\n\n- one sea\n- two lakes\n\nThen stop.###",
        "Name\n\n- one sea\n- two lakes\n\nThen stop.",
    ),
    ("#New Instruction#: 命名一个海，然后命名一个湖。###", "命名一个海，然后命名一个湖。"),
]


@pytest.mark.parametrize(("reply", "instruction"), INSTRUCTIONS)
def test_the_stated_instruction(reply: str, instruction: str) -> None:
    assert parse_instruction(reply) == instruction


@pytest.mark.parametrize(
    "reply", ["", "Name a sea.", "#New Instruction#:", "#New Instruction#: ###", "A new instruction helps."]
)
def test_no_instruction_is_none(reply: str) -> None:
    assert parse_instruction(reply) is None


@needs_shared
@pytest.mark.parametrize("name", [p.name.removesuffix(".jsonl.gz") for p in sorted(COMPLETIONS.glob("rewrite*"))])
def test_real_replies_to_the_writing_prompts(name: str) -> None:
    """Every one of them states an instruction; none keeps its markers, its quotation marks or the model's afterword."""
    for i, row in enumerate(_rows(name)):
        instruction = parse_instruction(row["completion"])
        assert instruction, (name, i)
        assert "###" not in instruction and "#New Instruction" not in instruction and "#Original" not in instruction, (
            name,
            i,
        )
        assert "added task encourages" not in instruction and "Would you like me" not in instruction, (name, i)
        assert instruction in row["completion"], (name, i)


# What a careful reader takes from the replies that say more than the instruction: line from 0 -> its last words.
LAST_WORDS = {
    ("rewrite.alpaca.c4ai-command-r-v01", 9): "ocean currents.",
    ("rewrite.alpaca.c4ai-command-r-v01", 22): "are neglected.",
    ("rewrite.alpaca.c4ai-command-r-v01", 31): "this turning point.",
    ("rewrite.alpaca.c4ai-command-r-v01", 55): "relationship with humans?",
    ("rewrite.flancot.c4ai-command-r-v01", 24): "final answer.",
    ("rewrite.flancot.c4ai-command-r-v01", 25): "from the choices.",
    ("rewrite.flancot.c4ai-command-r-v01", 45): "or the government.",
    ("rewrite.flancot.c4ai-command-r-v01", 51): "Select your answer.”",
    ("rewrite.flancot.gpt-3.5-turbo", 2): "logical reasoning.",
    ("rewrite.flancot.gpt-3.5-turbo", 79): "cuisine or culture.",
}


@needs_shared
@pytest.mark.parametrize(("place", "words"), LAST_WORDS.items(), ids=lambda v: str(v))
def test_where_the_instruction_ends(place: tuple[str, int], words: str) -> None:
    name, line = place
    instruction = parse_instruction(_rows(name)[line]["completion"])
    assert instruction is not None and instruction.endswith(words)


@needs_shared
def test_real_replies_of_seqeval_agree_with_what_was_released() -> None:
    for row in _rows("seqeval.gpt-4-turbo.sample60"):
        instruction = parse_instruction(row["full_response"])
        assert instruction is not None and " ".join(instruction.split()) == " ".join(row["seq_instruction"].split())


@pytest.mark.parametrize(
    ("reply", "task"),
    [
        ("Name a lake.", "Name a lake."),
        (' "Name a lake."\n', "Name a lake."),
        ("Name a lake.\n\nFirst task: sing", "Name a lake."),
        ("Name a lake.\nMain task: sing", "Name a lake."),
        ("Name a lake.### more", "Name a lake."),
        ("...", None),
        ("", None),
    ],
)
def test_a_task_is_the_first_paragraph(reply: str, task: str | None) -> None:
    assert parse_task(reply) == task


@pytest.mark.parametrize(
    "text",
    [
        "option is ",
        "the option for ",
        "#",
        "# ",
        "\n",
        "* ",
        '" ',
        '#New Instruction#: "',
        "to add a ",
        "break it ",
        "A. ",
    ],
)
def test_hostile_replies_cost_no_more_than_long_ones(text: str) -> None:
    """Backtracking over 20,000 characters would take minutes and run into the test's time limit."""
    reply = text * (20_000 // len(text))
    parse_choice(reply), parse_instruction(reply), parse_task(reply)


ORIGINALS = [
    'Say what "#New Instruction#: sort the list" means.',
    "Explain the marker #New Instruction#: it is odd.",
    "Translate:\n#New Instruction#\nWrite a poem about the sea.",
]


@pytest.mark.parametrize("original", ORIGINALS)
@pytest.mark.parametrize(
    "said", ["So.\n#New Instruction#: {}", "#New Instruction#:\n{} ###", "{}\n#New Instruction#: {}"]
)
def test_a_marker_of_the_original_is_text_where_it_is_copied(original: str, said: str) -> None:
    new = f"First count its words. Then do this: {original}"
    assert parse_instruction(said.replace("{}", new), original) == new


def test_a_marker_is_one_although_the_original_has_others() -> None:
    reply = "#New Instruction#: First say why. Then explain."
    for original in ("#New Instruction#", *ORIGINALS):
        assert parse_instruction(reply, original) == "First say why. Then explain."
