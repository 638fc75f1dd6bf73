"""Which part of a text is a model's reasoning: by table, by property, on replies of real models."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.reasoning import answer_of, split_reasoning

SHARED = Path(__file__).resolve().parents[2] / "shared"
THOUGHT = "The user wants one sentence. I could mention August.\n\n1. Or C?\n```python\ndef f(): ...\n```"
ANSWER = "The library closes for two weeks.\n\n    It opens again in May."
HARMONY = f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}"
REASONED = {
    "think": f"<think>\n{THOUGHT}\n</think>\n\n{ANSWER}",
    "no line ends": f"<think>{THOUGHT}</think>{ANSWER}",
    "white space before": f"\n\n <think>\n{THOUGHT}\n</think>\n{ANSWER}",
    "a template's beginning": f"<|im_start|>assistant\n<think>\n{THOUGHT}\n</think>\n\n{ANSWER}",
    "capitals": f"<THINK>{THOUGHT}</Think>{ANSWER}",
    "thinking": f"<thinking>\n{THOUGHT}\n</thinking>\n\n{ANSWER}",
    "tags mixed up": f"<think>\n{THOUGHT}\n</thinking>\n\n{ANSWER}",
    "a namespace": f"<mm:think>{THOUGHT}</mm:think>{ANSWER}",
    "seed": f"<seed:think>{THOUGHT}</seed:think>{ANSWER}",
    "magistral": f"[THINK]{THOUGHT}[/THINK]{ANSWER}",
    "kimi": f"◁think▷{THOUGHT}◁/think▷{ANSWER}",
    "gemma": f"<|channel>thought\n{THOUGHT}<channel|>{ANSWER}",
    "medgemma": f"<unused94>thought\n{THOUGHT}<unused95>{ANSWER}",
    "cohere": f"<|START_THINKING|>{THOUGHT}<|END_THINKING|><|START_RESPONSE|>{ANSWER}<|END_RESPONSE|>",
    "openthoughts": f"<|begin_of_thought|>{THOUGHT}<|end_of_thought|><|begin_of_solution|>{ANSWER}<|end_of_solution|>",
    "apertus": f"<|inner_prefix|>{THOUGHT}<|inner_suffix|>{ANSWER}",
    "granite": f"Here is my thought process: {THOUGHT}\nHere is my response: {ANSWER}",
    "tagged answer": f"<reasoning>\n{THOUGHT}\n</reasoning>\n<answer>\n{ANSWER}\n</answer>",
    "tagged answer, cut": f"<think>{THOUGHT}</think>\n<answer>\n{ANSWER}",
    "two blocks": f"<think>{THOUGHT}</think>\n<think>\n\n</think>\n{ANSWER}",
    "two families": f"<think>{THOUGHT}</think>[THINK]{THOUGHT}[/THINK]{ANSWER}",
    "a block in a block": f"<think>{THOUGHT}\n<think>\nx\n</think>\n{THOUGHT}\n</think>\n{ANSWER}",
    "an opening tag too many": f"<think>I begin with\n<think>\nand go on.\n</think>\n\n{ANSWER}",
    "thoughts about tags": f"<think>They ask what `</think>` and </think> are for.\n</think>\n\n{ANSWER}",
    "opened by the template": f"{THOUGHT}\n</think>\n\n{ANSWER}",
    "opened by the template, no line end": f"I know it.</think>{ANSWER}",
    "opened by the template, a fence never closed": f"```python\nx = 1\n</think>\n\n{ANSWER}\n```python\ny\n```",
    "opened by the template, about tags": f"They want `<think>` and <think> tags. Fine.\n</think>\n\n{ANSWER}",
    "opened by the template, magistral": f"{THOUGHT}[/THINK]{ANSWER}",
    "opened by the template, gemma": f"{THOUGHT}<channel|>{ANSWER}",
    "harmony": HARMONY,
    "harmony, ended": f"{HARMONY}<|return|>",
    "harmony, whole turn": f"<|start|>assistant{HARMONY}",
    "harmony, begun by the template": HARMONY.removeprefix("<|channel|>"),
    "harmony, from the thought on": HARMONY.removeprefix("<|channel|>analysis<|message|>"),
    "harmony, three channels": f"<|channel|>commentary<|message|>Soon.<|end|><|start|>assistant{HARMONY}",
    "harmony, constrained": HARMONY.replace("final<|m", "final <|constrain|>json<|m"),
    "harmony without its tokens": f"analysisWe need one sentence.assistantfinal{ANSWER}",
    "nothing thought": f"<think>\n\n</think>\n\n{ANSWER}",
}


@pytest.mark.parametrize("kind", REASONED)
@pytest.mark.parametrize("ended", [True, False])
def test_the_answer_is_what_follows_the_reasoning(kind: str, ended: bool) -> None:
    parts = split_reasoning(REASONED[kind], ended)
    assert parts.answer.removesuffix("\n```python\ny\n```").strip() == ANSWER
    assert bool(parts.reasoning) == (kind != "nothing thought")
    assert ANSWER not in parts.reasoning


NOTHING = {
    "never closed": f"<think>\n{THOUGHT}",
    "never closed, one line": "<think> okay, the user",
    "closed at the end": f"<think>\n{THOUGHT}\n</think>",
    "opened by the template": f"{THOUGHT}\n</think>\n\n",
    "harmony": f"<|channel|>analysis<|message|>{THOUGHT}",
    "harmony, a tool": "<|channel|>commentary to=functions.python<|message|>{}<|call|>",
    "harmony, cut in its mark": "<|channel|>anal",
    "harmony without its tokens": "analysisWe need to think",
    "gemma": f"<|channel>thought\n{THOUGHT}",
}


@pytest.mark.parametrize("kind", NOTHING)
@pytest.mark.parametrize("ended", [True, False])
def test_reasoning_without_an_answer_leaves_nothing(kind: str, ended: bool) -> None:
    assert split_reasoning(NOTHING[kind], ended).answer.strip() == ""


@pytest.mark.parametrize(
    "text", ["<thin", "<think", "[THIN", "<|channel|>ana", "<seed:th", "Here is my thought process: I"]
)
def test_a_reply_cut_off_within_its_first_mark_has_no_answer(text: str) -> None:
    assert split_reasoning(text, ended=False).answer == ""
    assert split_reasoning(text, ended=True).answer == text or text.startswith("<|channel|>")


TALK = [
    "Wrap your reasoning in <think> and </think> tags, then answer.",
    "Use <think>...</think> before the answer, then translate it.",
    "Put your thoughts between <think> and\n</think>, then go on.",
    "<think> is the tag that opens the reasoning of DeepSeek-R1.",
    "<think> and </think> are tags.",
    "End your thoughts with `</think>` and the answer with `</answer>`.",
    'The tag "</think>" closes it. So does (</think>).',
    "A reply looks like this:\n\n<think>\nI should add.\n</think>\n\nThen comes the answer.",
    "```html\n<body>\n</think>\n</body>\n```\nThe tag in line 2 has no opening tag.",
    "```\n<think>\nx\n</think>\n```",
    "Write </think> in your output when you are done.",
    "First `<think>`.\nThen </think>\nThen the answer.",
    "Write <b>bold</b> and <reasoning> in HTML, then explain it.",
    "In Python: `text.split('</think>')[-1]` takes it off.",
    "The [THINK] token opens a thought, and [/THINK] closes it.",
    "Harmony puts `<|start|>assistant<|channel|>final<|message|>` before the answer.",
    "analysis of the text: it is fine. analysisResult = 3",
    "analysisResult = analyse(text)",
    "Here is my thought process: first add, then divide.",
    "<table><th>a</th></table>", "<th", "a < b", "", "  \n",
]  # fmt: skip


@pytest.mark.parametrize("text", TALK)
def test_a_text_that_speaks_of_marks_is_an_answer(text: str) -> None:
    assert split_reasoning(text) == ("", text)


@pytest.mark.parametrize("text", TALK)
def test_an_answer_that_speaks_of_marks_keeps_them_behind_reasoning(text: str) -> None:
    if text.strip() and not text.startswith(("<think>", "Here is", "<th")):
        assert answer_of(f"<think>\n{THOUGHT}\n</think>\n\n{text}") == text


PIECES = st.sampled_from([
    "<think>", "</think>", "\n", "\n\n", " ", "word", "Word.", "`", "```\n", "```python\n", "[THINK]", "[/THINK]", '"',
    "<answer>", "</answer>", "<|channel|>", "analysis", "final", "<|message|>", "<|end|>", "<|start|>assistant", "(",
    ")", "assistantfinal", "Here is my thought process:", "Here is my response:", "<|channel>thought\n",
    "<channel|>", ",",
])  # fmt: skip


@given(st.lists(PIECES, max_size=14).map("".join), st.booleans())
def test_an_answer_holds_no_further_reasoning(text: str, ended: bool) -> None:
    parts = split_reasoning(text, ended)
    assert split_reasoning(parts.answer, ended).answer == parts.answer
    if not parts.reasoning and parts.answer == text:
        assert split_reasoning(text, ended) == ("", text)


@given(st.text(alphabet="abc .\n'*#`1", max_size=80), st.text(alphabet="ABc .\n'*#`1", max_size=80))
def test_what_is_thought_never_reaches_the_answer(thought: str, answer: str) -> None:
    for text in (f"<think>\n{thought}Z\n</think>\n\n{answer}", f"[THINK]{thought}Z[/THINK]{answer}"):
        parts = split_reasoning(text)
        assert "Z" not in parts.answer and parts.answer.strip() == answer.strip()
        assert parts.reasoning == f"{thought}Z".strip()


@given(st.text(max_size=200), st.booleans())
def test_a_text_without_marks_is_untouched(text: str, ended: bool) -> None:
    if not any(mark in text for mark in ("<", "[", "◁", "analysis", "Here")):
        assert split_reasoning(text, ended) == ("", text)


HOSTILE = ["<think>", "</think>", "`</think>` ", "<think></think>", "```\n</think>\n", " </think> a", "[/THINK]", "x `",
           "Here is my thought process:Here is my response:", "<|channel|>final<|message|>", "<|channel|>", "<answer>",
           "</answer> ", "analysis", "<|start|>assistant<|channel|>final", "<think>\n</think> is, ", "\n\n",
           "<s>"]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.timeout(600)
def test_half_a_million_characters_are_read_once(text: str) -> None:
    """Backtracking over them would take hours and run into the test's time limit."""
    split_reasoning(text * (500_000 // len(text)))
    split_reasoning("<think>" + text * (500_000 // len(text)) + "</think>\n\nDone.", ended=False)


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from strings(one)


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared folder")
def test_no_reply_of_a_model_that_does_not_reason_changes() -> None:
    count = 0
    for path in sorted((SHARED / "data").glob("*outputs/**/*.gz")) + sorted((SHARED / "data/completions").glob("*.gz")):
        data = gzip.decompress(path.read_bytes()).decode()
        for text in strings(
            [json.loads(line) for line in data.splitlines()] if "jsonl" in path.name else json.loads(data)
        ):
            assert split_reasoning(text) == split_reasoning(text, ended=False) == ("", text)
            count += 1
    assert count > 10_000


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared folder")
@pytest.mark.parametrize(("name", "answer"), [
    ("reply", "The library closes for two weeks."), ("reply-tail", "The library closes for two weeks."),
    ("reply-unclosed", ""),
])  # fmt: skip
def test_the_replies_that_became_training_data(name: str, answer: str) -> None:
    reply = json.loads((SHARED / f"cases/models/01-think-in-responses/{name}.json").read_text())["choices"][0]
    assert split_reasoning(reply["message"]["content"], reply["finish_reason"] == "stop").answer == answer
