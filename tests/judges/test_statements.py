"""Which of the verdicts in a reply is the judge's: by table, and whatever kind of verdict is asked for."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.completions import Reply
from stages.evaluation.judges import JUDGES, rating
from stages.evaluation.judges.pairwise import compare_pairs, parse_preference
from stages.evaluation.judges.rating import StatedRating, parse_rating
from stages.evaluation.judges.task_verdicts import LISTERS, check_tasks, parse_task_list, parse_task_verdicts
from stages.evaluation.verdict_types import Exchange, ResponsePair, TaskCase
from tests.judges.scripted_judges import judge_config, ok

CASES = Path(__file__).resolve().parents[3] / "shared/cases/models/05-judge-draft-verdict/cases.json"
NO, YES = StatedRating(False, 1), StatedRating(True, 4)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Both tasks were done. [[Yes, 4]]", YES),
        ("[[Yes, 4]] because both tasks were done.", YES),
        ("[[No, 1]]\n\nOn reflection both were done: [[Yes, 4]]", YES),
        ("Draft: [[No, 1]]\nFinal: [[Yes, 4]]", YES),
        ("**Verdict:** [[Yes, 4]]\n\nHad the second task been missing, I would have said [[No, 2]].", YES),
        ("[[Yes, 4]]. If the list were shorter, it would be [[No, 1]].", YES),
        ("[[Yes, 4]], not [[No, 1]].", YES),
        ("I would rate this [[Yes, 4]].", YES),
        ("I'd say it is a [[Yes, 4]]", YES),
        ("At first I thought [[No, 1]], but it is [[Yes, 4]].", YES),
        ("Initially it looks weak, but overall it does both, so my verdict is [[Yes, 4]].", YES),
        ("The user asked for a draft of a letter and got it: [[Yes, 4]]", YES),
        ("The first draft was weak. [[Yes, 4]]", YES),
        ("<think>\nFirst [[No, 1]]. Hm.\n</think>\n\n[[Yes, 4]]", YES),
        ("Hm, [[No, 1]]?\n</think>\n[[Yes, 4]]", YES),
        ("<|channel|>analysis<|message|>[[No, 1]]<|end|><|start|>assistant<|channel|>final<|message|>[[Yes, 4]]", YES),
        ("First glance: [[No, 1]]. But the second task", None),
        ("My initial rating is [[No, 1]].", None),
        ("[[No, 1]] would have been too strict.", None),
        ("Is it [[No, 1]]?", None),
        ("Is it [[No, 1]] or [[Yes, 4]]?", None),
        ("For example [[No, 1]].", None),
        ("<think>\n[[No, 1]] at first\n</think>\nBoth tasks were carried out well.", None),
        ("<think>\nFirst glance: [[No, 1]]. But the second task", None),
        ("<think>[[Yes, 4]]</think>", None),
    ],
)
def test_a_verdict_is_what_the_judge_states(text: str, verdict: StatedRating | None) -> None:
    assert parse_rating(text) == verdict
    share = {YES: 1.0, NO: 0.0, None: None}[verdict]
    letters = text.replace("[[No, 1]]", "[[B]]").replace("[[No, 2]]", "[[B]]").replace("[[Yes, 4]]", "[[A]]")
    assert parse_preference(letters) == share
    marks = letters.replace("[[B]]", "[[1: No]]").replace("[[A]]", "[[1: Yes]]")
    assert parse_task_verdicts(marks, 1) == (() if share is None else (share,))


@pytest.mark.skipif(not CASES.exists(), reason="needs the shared folder")
def test_the_verdicts_that_were_drafts() -> None:
    cases = json.loads(CASES.read_text())
    assert [parse_rating(text) for text in cases["texts"]] == [None, None, YES]
    assert [parse_task_list(text) for text in cases["list"]] == [()]


@given(
    st.text(alphabet="abc ,.\n", max_size=60),
    st.sampled_from(["<think>\n{}\n</think>\n\n", "{}\n</think>\n\n", "[THINK]{}[/THINK]"]),
)
def test_no_verdict_comes_out_of_reasoning(prose: str, form: str) -> None:
    thought = form.format(f"{prose} [[No, 1]] {prose}")
    assert parse_rating(thought) is None
    assert parse_rating(f"{thought}Good. {prose} [[Yes, 4]]") == YES


YES_NO = JUDGES["scores"]
EXCHANGE = Exchange("e", "Do it.", "Done.")
PAIR, CASE = ResponsePair("e", "Do it.", "a", "b"), TaskCase("e", ("x",), "Do it.", "a")
STATED = {
    "rating": (lambda script: next(rating.rate(judge_config("judge.txt", script), [EXCHANGE])), "[[Yes, 4]]"),
    "stated": (lambda script: next(JUDGES["stated"].rate(judge_config("judge.txt", script), [EXCHANGE])), "[[Yes, 4]]"),
    "pairs": (lambda script: next(compare_pairs(judge_config("judges/compare.txt", script), [PAIR])), "[[A]]"),
    "tasks": (lambda script: next(check_tasks(judge_config("judges/mark.txt", script), [CASE])), "[[1: Yes]]"),
    "list": (
        lambda script: next(LISTERS["judge"](judge_config("judges/list.txt", script), [("e", "Do it.")])), "1. Do it.",
    ),
    "yes or no": (
        lambda script: next(YES_NO.rate(judge_config("judges-small/review.txt", script, "scores"), [EXCHANGE])),
        "Yes",
    ),
    "letters": (
        lambda script: next(compare_pairs(judge_config("judges-small/compare.txt", script, "scores"), [PAIR])), "A",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", STATED)
@pytest.mark.parametrize(
    ("status", "reason"),
    [("ok", ""), ("truncated", "judge-unparsed"), ("thought", "judge-thought"), ("refused", "judge-refused")],
)
def test_no_verdict_comes_out_of_a_reply_that_did_not_end(kind: str, status: str, reason: str) -> None:
    ask, text = STATED[kind]
    script = ok(text) if status == "ok" else Reply(text if status == "truncated" else "", status, 1, 1, "why")  # type: ignore[arg-type]
    assert ask(lambda _: script).reason == reason
