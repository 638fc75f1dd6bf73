"""Tasks: the last list, the last marks, all of them or none."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stages.core.completions import Prompt, Reply
from stages.evaluation.judges.task_verdicts import LISTERS, check_tasks, parse_task_list, parse_task_verdicts, sentences
from stages.evaluation.verdict_types import TaskCase
from tests.judges.scripted_judges import considers_nothing, judge_config, ok


@pytest.mark.parametrize(
    ("text", "tasks"),
    [
        ("1. Name a sea.\n2. Draw it.", ("Name a sea.", "Draw it.")),
        ("Here:\n 1) Name a sea. \n 2) Draw it.\nDone", ("Name a sea.", "Draw it.")),
        ("1. Old\n2. list\nBetter:\n1. New", ("New",)),
        ("1. One\n3. Three", ()),
        ("2. Two", ()),
        ("- Name a sea", ()),
        ("", ()),
        ("\n".join(f"{i}. x" for i in range(1, 30)), ()),
        ("1. In 1492, sail.\n2. Stop.", ("In 1492, sail.", "Stop.")),
    ],
)
def test_parse_task_list(text: str, tasks: tuple[str, ...]) -> None:
    assert parse_task_list(text) == tasks


@pytest.mark.parametrize(
    ("text", "count", "done"),
    [
        ("[[1: Yes, 2: No]]", 2, (1.0, 0.0)),
        ("[[2: no, 1: YES]]", 2, (1.0, 0.0)),
        ("[[1: No]] … no: [[1: Yes]]", 1, (1.0,)),
        ("[[1: Yes, 2: **No**]]", 2, (1.0, 0.0)),
        ("[[1: Yes]]", 2, ()),  # one task lacks its mark: nothing is known of the answer
        ("[[1: Yes, 2: No, 3: No]]", 2, ()),
        ("[[1: Yes, 1: No]]", 2, ()),
        ("[[1: Yes, 2: maybe]]", 2, ()),
        ("[[1: Yes, 2: No]] [[…]]", 2, ()),  # the last one counts, and it is none
        ("1: Yes, 2: No", 2, ()),
        ("", 1, ()),
    ],
)
def test_parse_task_verdicts(text: str, count: int, done: tuple[float, ...]) -> None:
    assert parse_task_verdicts(text, count) == done


@given(st.text(), st.integers(1, 5))
def test_any_text_has_all_verdicts_or_none(text: str, count: int) -> None:
    assert len(parse_task_verdicts(text, count)) in (0, count)
    assert all(isinstance(task, str) and task for task in parse_task_list(text))


@given(st.lists(st.booleans(), min_size=1, max_size=9), st.text())
def test_stated_verdicts_are_parsed(done: list[bool], before: str) -> None:
    script = ", ".join(f"{i}: {'Yes' if d else 'No'}" for i, d in enumerate(done, 1))
    assume(considers_nothing(before))
    assert parse_task_verdicts(f"{before} [[{script}]]", len(done)) == tuple(map(float, done))


@pytest.mark.parametrize(
    ("text", "tasks"),
    [
        ("Name a sea. Then draw it.", ("Name a sea.", "Then draw it.")),
        ("List: \n1. a sea\n- a lake", ("List:", "a sea", "a lake")),
        ("说出一个海。然后画它。", ("说出一个海。", "然后画它。")),
        ("Name a sea", ("Name a sea",)),
        (" \n… ", ()),
    ],
)
def test_sentences(text: str, tasks: tuple[str, ...]) -> None:
    assert sentences(text) == tasks


def test_long_lines_take_no_time() -> None:
    hostile = "1. a" + " " * 200_000 + "b\n" + "[[" * 50_000 + "1: Yes" + "1" * 100_000
    assert len(parse_task_list(hostile)) == 1
    assert parse_task_verdicts(hostile, 1) == ()
    assert len(sentences(hostile)) >= 1


def test_the_list_request_has_no_answer_and_is_repeated() -> None:
    seen: list[Prompt] = []

    def script(prompt: Prompt) -> Reply:
        seen.append(prompt)
        return ok("well" if prompt.sample == 0 else "1. Name a sea.")

    one, two = LISTERS["judge"](
        judge_config("judges/list.txt", script), [("q1", "Name a sea."), ("q2", "Name a lake.")]
    )
    assert (one.tasks, one.reason, len(one.replies)) == (("Name a sea.",), "", 2)
    assert two.tasks == ("Name a sea.",)
    (none,) = LISTERS["judge"](judge_config("judges/list.txt", lambda _: ok("well")), [("q1", "Name a sea.")])
    assert (none.tasks, none.reason) == ((), "judge-unparsed")


CASES: list[TaskCase] = [
    TaskCase("a", ("Name a sea.", "Draw it."), "Name a sea. Draw it.", "The Baltic."),
    TaskCase("b", (), "…", "What?"),
    TaskCase("c", ("Sing.",), "Sing.", "La la."),
]


def test_one_request_has_the_verdicts_of_all_tasks() -> None:
    def script(prompt: Prompt) -> Reply:
        shown = prompt.messages[-1].content
        return ok("[[1: Yes, 2: No]]" if "1. Name a sea.\n2. Draw it." in shown else "no idea")

    a, b, c = check_tasks(judge_config("judges/mark.txt", script), CASES)
    assert (a.done, a.reason, a.judge) == ((1.0, 0.0), "", "m")
    assert (b.done, b.reason, b.replies) == ((), "no-tasks", ())
    assert (c.done, c.reason, len(c.replies)) == ((), "judge-unparsed", 2)


def test_scores_are_read_task_by_task_less_what_nothing_gets() -> None:
    def script(prompt: Prompt) -> Reply:
        shown = prompt.messages[0].content
        score = 3.0 if "The Baltic" in shown and "sea" in shown else 1.0 if "N/A" in shown or "..." in shown else 0.5
        return ok(" Yes", **{" Yes": score, " No": 0.0})

    a, b, c = check_tasks(judge_config("judges-small/mark.txt", script, "scores"), CASES)
    # Everything leans to Yes; only what leans further than the texts that say nothing counts as done.
    assert [share > 0.5 for share in a.done] == [True, False]
    assert b.done == () and [share > 0.5 for share in c.done] == [False]
    assert len(a.replies) == 2


def test_a_task_without_a_verdict_leaves_the_answer_unscored() -> None:
    def script(prompt: Prompt) -> Reply:
        shown = prompt.messages[0].content
        return Reply("", "failed", 1, 0, "gone") if "Draw" in shown else ok("Yes.")

    a, _, c = check_tasks(judge_config("judges-small/mark.txt", script, "scores"), CASES)
    assert (a.done, a.reason) == ((), "judge-failed")
    assert c.done == (1.0,)
