"""How five kinds of model state a choice or an instruction: one table of forms each, read as a careful reader would.

Each line stands for a way of writing of Llama, Qwen, Mistral, Gemma, DeepSeek or GPT models; the words are ours.
"""

# ruff: noqa: E501
# A table: one line a reply, however long.

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.seqinstruct.parse_choice import LETTERS, parse_choice
from stages.seqinstruct.parse_instruction import parse_instruction
from tests.seqinstruct.stated import STATED

# fmt: off
WRITTEN = [
    ('#New Instruction#: Name a sea, then a lake.###', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('#New Instruction#:\nName a sea, then a lake.\n###', 'Name a sea, then a lake.'),
    ('# New Instruction #\nName a sea, then a lake.', 'Name a sea, then a lake.'),
    ('### New Instruction\nName a sea, then a lake.', 'Name a sea, then a lake.'),
    ('### New Instruction ###\nName a sea, then a lake.', 'Name a sea, then a lake.'),
    ('### New Instruction ###:\nName a sea, then a lake.\n###', 'Name a sea, then a lake.'),
    ('### **New Instruction**\nName a sea, then a lake.', 'Name a sea, then a lake.'),
    ('**### New Instruction:**\nName a sea, then a lake.', 'Name a sea, then a lake.'),
    ('#### New Instruction:\n\n> Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('**New Instruction**: Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('**New Instruction**\nName a sea, then a lake.', 'Name a sea, then a lake.'),
    ('**New Instruction**\n\nName a sea, then a lake.\n\n**Explanation**\nbla', 'Name a sea, then a lake.'),
    ('__New Instruction__: Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('*New Instruction*: Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('***New Instruction:*** Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('New Instruction: Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('New instruction: Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('NEW INSTRUCTION: Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('#NEW INSTRUCTION#: Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('#new instruction#: Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('#New_Instruction#: Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('#NewInstruction#: Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('#New Instructions#: Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('#New Instruction#： Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('＃New Instruction＃：“Name a sea, then a lake.”###', 'Name a sea, then a lake.'),
    ('#New Instruction#- Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('#New Instruction# - Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('#New Instruction# = Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('The new instruction is: Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('So the new instruction is: "Name a sea, then a lake."', 'Name a sea, then a lake.'),
    ('The new instruction would be: "Name a sea, then a lake."', 'Name a sea, then a lake.'),
    ('Here is the new instruction:\n\n"Name a sea, then a lake."', 'Name a sea, then a lake.'),
    ("Here's the new instruction:\n\n#New Instruction#: Name a sea, then a lake.\n###", 'Name a sea, then a lake.'),
    ('"#New Instruction#: Name a sea, then a lake."', 'Name a sea, then a lake.'),
    ('`#New Instruction#: Name a sea, then a lake.`', 'Name a sea, then a lake.'),
    ('```\n#New Instruction#: Name a sea, then a lake.\n###\n```', 'Name a sea, then a lake.'),
    ('```\n#New Instruction#: Name a sea, then a lake.\n```', 'Name a sea, then a lake.'),
    ('#New Instruction#:\n```text\nName a sea, then a lake.\n```', 'Name a sea, then a lake.'),
    ('#New Instruction#: `Name a sea, then a lake.`', 'Name a sea, then a lake.'),
    ('#New Instruction#: **Name a sea, then a lake.**', 'Name a sea, then a lake.'),
    ('#New Instruction#: *Name a sea, then a lake.*', 'Name a sea, then a lake.'),
    ('#New Instruction#: "Name a sea, then a lake."\n\nThis new instruction first asks for a sea, and then a lake.', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n\nThis new instruction first asks for a sea, and then a lake.', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n\nNote: I added a suffix.', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n\n(Note: I added a suffix task.)', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n\n**Note:** I added a suffix.', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n\n*Explanation:* I added a suffix.', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n\n#Explanation#: I added a suffix.', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n\n#Explanation#\nI added a suffix.', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n\n## Explanation\nI added a suffix.', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n\n---\n\nThis instruction adds a suffix.', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n---', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n\nI added a suffix task asking for a lake.', 'Name a sea, then a lake.'),
    ("#New Instruction#: Name a sea, then a lake.\n\nI've added a suffix task asking for a lake.", 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n\nHere, the added task asks for a lake.', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n\nIn this rewritten instruction, the second task asks for more.', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n\nBy adding this prefix task, we ensure that the user thinks.', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n\nPlease let me know if you need anything else.', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n\nLet me know if you need anything else!', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n\nI hope this helps!', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n\nHope this helps.', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake. ### End', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n##', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n#', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n\\#\\#\\#', 'Name a sea, then a lake.'),
    ('\\#New Instruction\\#: Name a sea, then a lake.\\#\\#\\#', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.<|eot_id|>', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.</s>', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake. <|im_end|>\n', 'Name a sea, then a lake.'),
    ('<think>\n#New Instruction#: Draft one.###\nHmm.\n</think>\n\n#New Instruction#: Name a sea, then a lake.\n###', 'Name a sea, then a lake.'),
    ('<think>\nI could write #New Instruction#: Draft.###\n</think>\n\nThe model thinks.\n#New Instruction#: Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('<think>#New Instruction#: Draft.###', None),
    ('<think>x</think>#New Instruction#: Name a sea, then a lake.###', 'Name a sea, then a lake.'),
    ('{"new_instruction": "Name a sea, then a lake."}', 'Name a sea, then a lake.'),
    ('```json\n{\n  "explanation": "x",\n  "new_instruction": "Name a sea, then \\"a lake\\"."\n}\n```', 'Name a sea, then "a lake".'),
    ('{"#New Instruction#": "Name a sea, then a lake."}', 'Name a sea, then a lake.'),
    ('{"New Instruction": "Name a sea, then a lake."}', 'Name a sea, then a lake.'),
    ('#Original Instruction#: Sing.\n#New Instruction#: Name a sea, then a lake.###', 'Name a sea, then a lake.'),
    ('#Explanation#\nWe do.\n\n#New Instruction#\nName a sea, then a lake.\n###', 'Name a sea, then a lake.'),
    ('I must start with "#New Instruction#: " and end with "###".\n\n#New Instruction#: Name a sea, then a lake.###', 'Name a sea, then a lake.'),
    ('I will generate my new instruction with prefix "#New Instruction#: ". \n\n#New Instruction#: Name a sea, then a lake.\n###', 'Name a sea, then a lake.'),
    ('The #New Instruction# should add a task before.\n#New Instruction#: Name a sea, then a lake.###', 'Name a sea, then a lake.'),
    ('The #Original Instruction# asks X, so the #New Instruction# adds Y.\n\n#New Instruction#: Name a sea, then a lake.###', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.###\n\nThis #New Instruction# adds a task.', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n\nThis #New Instruction# adds a task.', 'Name a sea, then a lake.'),
    ('#New Instruction#: Sing.###\n\nWait, that has one task.\n\n#New Instruction#: Name a sea, then a lake.###', 'Name a sea, then a lake.'),
    ('#New Instruction#: Sing.\n\nOn reflection, a better one:\n\n#New Instruction#: Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.###\n\n#New Instruction#: Name a sea, then a lake.###', 'Name a sea, then a lake.'),
    ("#New Instruction#: Name a sea, then a lake.###\n#Original Instruction#: Sing.\nLet's think step by step.\nbla\n#New Instruction#: Sing twice.###", 'Name a sea, then a lake.'),
    ('#New Instruction#: Name a sea, then a lake.\n\n#Original Instruction#: Sing.\n#New Instruction#: Sing twice.###', 'Name a sea, then a lake.'),
    ('Step 1: ...\nStep 2: ...\n\n**#New Instruction#:** "Name a sea, then a lake."###', 'Name a sea, then a lake.'),
    ('**#New Instruction#: Name a sea, then a lake.**', 'Name a sea, then a lake.'),
    ('**#New Instruction#: "Name a sea, then a lake."**\n###', 'Name a sea, then a lake.'),
    ('**\\#New Instruction#:** Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('#New Instruction#: First, name a sea.\nSecond, name a lake.###', 'First, name a sea.\nSecond, name a lake.'),
    ('#New Instruction#: Fix this code:\n```python\nprint(1)\n```\nThen explain it.###', 'Fix this code:\n```python\nprint(1)\n```\nThen explain it.'),
    ('#New Instruction#: Fix this code, then explain it.\n```python\n# comment ### here\nprint(1)\n```\n###', 'Fix this code, then explain it.\n```python\n# comment ### here\nprint(1)\n```'),
    ("#New Instruction#: Write a Markdown page with a heading '### Sea' and a list.###", "Write a Markdown page with a heading '### Sea' and a list."),
    ('#New Instruction#: | a | b |\n|---|---|\n| 1 | 2 |\n\nAdd the rows, then sort.###', '| a | b |\n|---|---|\n| 1 | 2 |\n\nAdd the rows, then sort.'),
    ('#New Instruction#: Write an explanation of tides. This explanation should be short. Then name a sea.###', 'Write an explanation of tides. This explanation should be short. Then name a sea.'),
    ('#New Instruction#: Read the note.\n\nNote: the sea is salty.\n\nThen say why.###', 'Read the note.\n\nNote: the sea is salty.\n\nThen say why.'),
    ('新指令：“先说出一个海，然后说出一个湖。”', '先说出一个海，然后说出一个湖。'),
    ('#新指令#：先说出一个海，然后说出一个湖。###', '先说出一个海，然后说出一个湖。'),
    ('#New Instruction#：“先说出一个海，然后说出一个湖。”###', '先说出一个海，然后说出一个湖。'),
    ('#Neue Anweisung#: Nenne ein Meer, dann einen See.###', 'Nenne ein Meer, dann einen See.'),
    ('#Nueva instrucción#: Nombra un mar.###', 'Nombra un mar.'),
    ('#Nouvelle instruction#: Nomme une mer.###', 'Nomme une mer.'),
    ('#Новая инструкция#: Назови море.###', 'Назови море.'),
    ('#Rewritten Instruction#: Name a sea, then a lake.###', 'Name a sea, then a lake.'),
    ('#Modified Instruction#: Name a sea, then a lake.###', 'Name a sea, then a lake.'),
    ('#New Sequential Instruction#: Name a sea, then a lake.###', 'Name a sea, then a lake.'),
    ('#New Sequential Related Instruction#: Name a sea, then a lake.###', 'Name a sea, then a lake.'),
    ('New Instruction (with prefix task): Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('#New Instruction (Option B)#: Name a sea, then a lake.###', 'Name a sea, then a lake.'),
    ('1. **New Instruction:** Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('- New Instruction: Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('> #New Instruction#: Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('> **New Instruction:** Name a sea, then a lake.\n> ###', 'Name a sea, then a lake.'),
    ('<new_instruction>Name a sea, then a lake.</new_instruction>', 'Name a sea, then a lake.'),
    ('<New Instruction>\nName a sea, then a lake.\n</New Instruction>', 'Name a sea, then a lake.'),
    ('[New Instruction]: Name a sea, then a lake.', 'Name a sea, then a lake.'),
    ('[New Instruction]\nName a sea, then a lake.', 'Name a sea, then a lake.'),
    ('#New Instruction#: [Name a sea, then a lake.]###', 'Name a sea, then a lake.'),
    ('#New Instruction#: <Name a sea, then a lake.>###', 'Name a sea, then a lake.'),
    ('#New Instruction#: ${instruction}###', None),
    ('#New Instruction#: ...###', None),
    ('#New Instruction#: N/A###', None),
    ('#New Instruction#: None###', None),
    ("I'm sorry, but I can't do that.", None),
    ('A new instruction helps.', None),
    ('#New Instruction#:', None),
    ('#New Instruction#: ###', None),
    ('#New Instruction#: ""###', None),
    ('#New Instruction#: **', None),
    ('#New Instruction#: Sing.\n###\n\n#New Instruction#: ###', 'Sing.'),
    ('#New Instruction#: Explain what a #New Instruction# is in prompts.###', 'Explain what a #New Instruction# is in prompts.'),
    ('#New Instruction#: "Name a sea." Then, "Name a lake."###', '"Name a sea." Then, "Name a lake."'),
    ('#New Instruction#: "Define \'sea\'." and then name a lake###', '"Define \'sea\'." and then name a lake'),
    ('#New Instruction#: First task: Name a sea.\n\nSecond task: Name a lake.###', 'First task: Name a sea.\n\nSecond task: Name a lake.'),
    ('#New Instruction#:\n1. Name a sea.\n2. Name a lake.###', '1. Name a sea.\n2. Name a lake.'),
    ('#New Instruction#: \n\nName a sea.\n\n\nThen a lake.', 'Name a sea.\n\n\nThen a lake.'),
    ('Explanation: We add.\n\nFinal answer:\n#New Instruction#: Name a sea, then a lake.\n###\n\nEND', 'Name a sea, then a lake.'),
    ('Name a sea, then a lake.', None),
]
# fmt: on


@pytest.mark.parametrize(("reply", "letter"), STATED)
def test_a_choice_however_it_is_stated(reply: str, letter: str | None) -> None:
    assert parse_choice(reply) == (LETTERS[letter] if letter else None)


@pytest.mark.parametrize(("reply", "instruction"), WRITTEN)
def test_an_instruction_however_it_is_stated(reply: str, instruction: str | None) -> None:
    assert parse_instruction(reply) == instruction


LAST = [
    "So the option is: {}.",
    "**Option: {}**",
    "\\boxed{{{}}}",
    "### Final Answer\n**{}**",
    '{{"option": "{}"}}',
    "option is:{}",
]


@given(st.sampled_from([text for text, _ in STATED]), st.sampled_from(sorted(LETTERS)), st.sampled_from(LAST[:1]))
def test_a_last_statement_overrules_whatever_was_stated_before(text: str, letter: str, form: str) -> None:
    """Unless what comes before opens a thought, or begins another example, the last words count."""
    if "<think>" not in text and "nstruction:" not in text and "nstruction is:" not in text:
        assert parse_choice(f"{text}\n\n{form.format(letter)}") == LETTERS[letter]


@given(st.sampled_from(sorted(LETTERS)), st.sampled_from(LAST))
def test_thoughts_state_nothing(letter: str, form: str) -> None:
    thought = "<think>\nPerhaps the option is: A. Or B?\n</think>\n\n"
    assert parse_choice(thought + form.format(letter)) == LETTERS[letter]
    assert parse_choice(thought) is None


HOSTILE = [
    "option is ", "choice: ", "the option for ", "option is, ", "I would ", "#", "# ", "\n", "* ", '" ', "to add a ", "A, ",
    "<think>", "</think>", "The instruction is:\n", "[[", "new instruction is ", "#New Instruction#: ", "``` ", "### x\n",
    "\n\nNote: ", "This new task is\n\n", "\\boxed{{", '{"new_instruction": "', "</s>", "> ", "better by adding ",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE)
def test_a_hundred_thousand_characters_take_seconds(text: str) -> None:
    """Backtracking over them would take hours and run into the test's time limit."""
    reply = text * (100_000 // len(text))
    parse_choice(reply), parse_instruction(reply)


@pytest.mark.parametrize("instruction", [
    "Wrap your reasoning in <think> and </think> tags, then answer.",
    "Put your thoughts in <think> tags before you answer the question.",
    "Explain what\n<think>\nx\n</think>\ndoes, then translate it.",
    "End your thoughts with </think>, then say `</think>` in French.",
])  # fmt: skip
def test_an_instruction_about_thoughts_is_no_thought(instruction: str) -> None:
    assert parse_instruction(f"#New Instruction#\n{instruction}\n###") == instruction
    thought = "<think>\nPerhaps #New Instruction#\nDraft.\n###\n</think>\n\n"
    assert parse_instruction(f"{thought}#New Instruction#\n{instruction}\n###") == instruction
