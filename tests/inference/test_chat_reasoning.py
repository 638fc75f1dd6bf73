"""Models on this machine that reason: marks that are special tokens, and templates that open the reasoning."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from stages.core.completions import Constraint, Reply
from stages.inference.answer_only import without_reasoning
from stages.inference.backends.transformers.engine import open_engine
from stages.inference.chat_template import ChatTemplate
from stages.params import Reasoning
from stages.reasoning import split_reasoning
from stages.reasoning.marks import MARKS, closing_of, opening_at_end
from tests.inference import tiny
from tests.inference.counting import SAMPLING, prompt

OPENED = tiny.CHATML.replace("assistant\\n' }}{% endif", "assistant\\n<think>\\n' }}{% endif")
CHOICE = Constraint(choice=("Yes", "No"))


def directory(folder: Path, template: str = tiny.CHATML, marks: tuple[str, ...] = ()) -> Path:
    tiny.tokenizer(folder, template)
    made = Tokenizer.from_file(str(folder / "tokenizer.json"))
    made.add_special_tokens(list(marks))
    made.save(str(folder / "tokenizer.json"))
    return folder


@pytest.mark.parametrize(
    ("marks", "text"),
    [
        (("[THINK]", "[/THINK]"), "[THINK]hm, é[/THINK]So."),
        (("<think>", "</think>"), "<think>\nhm\n</think>\n\nSo."),
        (("<|channel>", "<channel|>"), "<|channel>thought\nhm<channel|>So."),
        (
            ("<|start|>", "<|channel|>", "<|message|>", "<|end|>"),
            "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>So.",
        ),
    ],
)
def test_marks_that_are_special_tokens_stay_in_the_text(tmp_path: Path, marks: tuple[str, ...], text: str) -> None:
    chat = ChatTemplate(directory(tmp_path, marks=marks))
    ids = chat.tokenizer.encode(text, add_special_tokens=False).ids
    assert chat.decode([*ids, 2]) == text and split_reasoning(text).answer == "So."
    assert chat.decode([2]) == ""


def test_special_tokens_that_mark_no_reasoning_are_left_out(tmp_path: Path) -> None:
    chat = ChatTemplate(directory(tmp_path, marks=("<|end|>", "<|start|>")))
    ids = chat.tokenizer.encode("So.<|end|>", add_special_tokens=False).ids
    assert chat.decode(ids) == "So."


def test_what_a_template_opens_is_part_of_the_reply(tmp_path: Path) -> None:
    chat = ChatTemplate(directory(tmp_path, OPENED))
    cut = chat.reply(prompt("x"), Reply("I wonder", "truncated", 1, 2))
    whole = chat.reply(prompt("x"), Reply("Hm.\n</think>\n\nSo.", "ok", 1, 2))
    assert without_reasoning(prompt("x"), cut, Reasoning()).status == "thought"
    assert without_reasoning(prompt("x"), whole, Reasoning()).text == "So."
    for free in (prompt("x", raw=True), prompt("x", continue_final=True), prompt("x", constraint=CHOICE)):
        assert chat.reply(free, Reply("So.", "ok", 1, 2)).text == "So."
    failed = Reply("", "failed", 1, 0, "why")
    assert chat.reply(prompt("x"), failed) == failed
    plain = ChatTemplate(directory(tmp_path / "plain"))
    assert plain.reply(prompt("x"), cut) == cut


def test_what_a_prompt_enforces_stands_behind_the_reasoning(tmp_path: Path) -> None:
    chat = ChatTemplate(directory(tmp_path, OPENED))
    free, chosen = chat.ids(prompt("x")), chat.ids(prompt("x", constraint=CHOICE))
    assert chosen[: len(free)] == free
    assert chat.tokenizer.decode(chosen[len(free) :]) == "\n</think>\n\n"
    plain = ChatTemplate(directory(tmp_path / "plain"))
    assert plain.ids(prompt("x", constraint=CHOICE)) == plain.ids(prompt("x"))


@pytest.mark.local
def test_a_model_that_reasons_answers_nothing_where_it_is_cut_off(tmp_path: Path) -> None:
    tiny.model(tmp_path)
    tiny.tokenizer(tmp_path, OPENED)
    with open_engine(tmp_path, {"batch": 4, "threads": 1, "dtype": "float32"}) as engine:
        short = SAMPLING.__class__(0.0, 1.0, 0, 4)
        prompts = [prompt("Why?", sampling=short), prompt("Why?", sampling=short, constraint=CHOICE)]
        replies = [reply for group in engine.answer(iter(prompts)) for _, reply in group]
    free, chosen = (without_reasoning(one, reply, Reasoning()) for one, reply in zip(prompts, replies, strict=True))
    assert replies[0].text.startswith("<think>") and free.status == "thought"
    assert chosen.text in CHOICE.choice and set(chosen.scores) == set(CHOICE.choice)


@pytest.mark.parametrize("opening", [
    "<think>", "<seed:think>", "[THINK]", "◁think▷", "<|channel>thought\n", "<unused94>thought\n",
    "<|begin_of_thought|>", "<|START_THINKING|>", "<|inner_prefix|>",
])  # fmt: skip
def test_every_opening_mark_has_its_closing_mark(opening: str) -> None:
    assert opening_at_end(f"<|im_start|>assistant\n{opening}\n").strip() == opening.strip()
    assert opening_at_end(f"{opening}\n{closing_of(opening)}\n\n") == ""
    assert any(m.opening.match(opening) and m.closing.fullmatch(closing_of(opening)) for m in MARKS)
