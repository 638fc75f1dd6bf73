"""Marks by number of tasks and by place, with judges that are functions."""

from collections.abc import Iterable, Iterator

import pytest
from msgspec import json
from msgspec.structs import replace

from stages.core.errors import UserError
from stages.evaluation.benchmarks.agreement_scores import score_again
from stages.evaluation.benchmarks.questions import Answer, Question, Score
from stages.evaluation.benchmarks.sampling import JudgeSample
from stages.evaluation.benchmarks.task_scores import TaskJudge, TaskScore, score_tasks, summarize
from stages.evaluation.verdict_types import Exchange, Rating, TaskCase, TaskList, TaskVerdicts

SAMPLE = JudgeSample(None, 2, 1, 200)


def question(number: int, tasks: int, benchmark: str = "seqeval") -> Question:
    instruction = " ".join(f"Do {number}.{k}" for k in range(tasks))
    return Question(f"{benchmark}-{number}", benchmark, "en", "CC0-1.0", str(number), instruction, tasks=tasks)


def answer(item: Question, text: str, status: str = "ok") -> Answer:
    return Answer(f"{item.id}/0", item.id, "sit", text, status, 0, "r", "m", 1, 1)  # type: ignore[arg-type]


def lists(instructions: Iterable[tuple[str, str]]) -> Iterator[TaskList]:
    """ "Do 1.0 Do 1.1" -> its pairs of words; what begins with "Do 9" can't be listed."""
    for _, text in instructions:
        words = text.split()
        tasks = tuple(f"{a} {b}" for a, b in zip(words[::2], words[1::2], strict=True))
        yield TaskList((), reason="judge-unparsed") if text.startswith("Do 9") else TaskList(tasks)


def marks(cases: Iterable[TaskCase]) -> Iterator[TaskVerdicts]:
    """A task is done if the answer names it; "?" can't be told."""
    for _, tasks, _, response in cases:
        done = () if response == "?" else tuple(float(task.split()[1] in response.split()) for task in tasks)
        yield TaskVerdicts(done, reason="" if done else "judge-unparsed", replies=("k",), judge="j", text="said")


TASK_JUDGE = TaskJudge(lists, marks)
QUESTIONS = [question(0, 2), question(1, 3), question(2, 3), question(3, 4), question(9, 2), question(5, 2)]
ANSWERS = [
    answer(QUESTIONS[0], "0.0 0.1"), answer(QUESTIONS[1], "1.0 1.2"), answer(QUESTIONS[2], "?"),
    answer(QUESTIONS[3], "3.0"), answer(QUESTIONS[4], "9.0"), answer(QUESTIONS[5], "", "failed"),
]  # fmt: skip


def test_done_tasks_and_unscored_answers() -> None:
    scores, total = score_tasks(QUESTIONS, ANSWERS, TASK_JUDGE, SAMPLE)
    real = [row for row in scores if not row.control]
    assert [row.values.get("done") for row in real] == pytest.approx([1, 2 / 3, None, 1 / 4, None, None])
    assert [row.values.get("following") for row in real] == [1, 0, None, 0, None, None]
    assert total["unscored"] == {"judge-unparsed": 2, "answer-failed": 1}
    assert total["n"] == 6 and total["scored"] == 3
    assert [row.tasks for row in real[:4]] == [2, 3, 3, 4]


def test_only_the_first_sample_of_a_known_question_is_scored() -> None:
    second = replace(ANSWERS[0], id="seqeval-0/1", sample=1)
    stranger = answer(question(77, 2), "77.0")
    scores, _ = score_tasks(QUESTIONS, [ANSWERS[0], second, stranger], TASK_JUDGE, SAMPLE)
    assert [row.id for row in scores] == ["seqeval-0/0"]


def test_a_single_task_has_a_position_and_no_place() -> None:
    alone = question(4, 1)
    _, total = score_tasks([alone], [answer(alone, "4.0")], TASK_JUDGE, SAMPLE)
    assert total["positions"]["1"].mean == 1 and total["places"] == {}


def test_by_number_by_position_and_by_place() -> None:
    _, total = score_tasks(QUESTIONS, ANSWERS, TASK_JUDGE, SAMPLE)
    assert {n: e["done"].mean for n, e in total["tasks"].items()} == pytest.approx(
        {"2": 1, "3": 2 / 3, "4": 1 / 4}, abs=1e-5
    )
    assert {n: e.mean for n, e in total["positions"].items()} == {
        "1": 1,
        "2": pytest.approx(1 / 3, abs=1e-5),
        "3": 0.5,
        "4": 0,
    }
    assert {n: e.mean for n, e in total["places"].items()} == {
        "first": 1,
        "middle": 0,
        "last": pytest.approx(2 / 3, abs=1e-5),
    }
    assert total["trend"]["done"].mean < 0 and total["position_slope"]["done"].mean < 0


def test_controls_show_another_answer_and_count_nowhere_else() -> None:
    scores, total = score_tasks(QUESTIONS, ANSWERS, TASK_JUDGE, SAMPLE)
    controls = [row for row in scores if row.control]
    assert [row.values["done"] for row in controls] == [0, 0]
    # On the same two questions, own answers did 1 and 2/3 of the tasks, planted ones none.
    assert total["control"].n == 2 and total["control"].difference == pytest.approx(5 / 6, abs=1e-5)


def test_the_rows_hold_all_that_the_summary_needs() -> None:
    scores, total = score_tasks(QUESTIONS, ANSWERS, TASK_JUDGE, SAMPLE)
    again = [json.decode(json.encode(row), type=TaskScore) for row in scores]
    assert summarize([r for r in again if not r.control], [r for r in again if r.control], SAMPLE) == total


def test_nothing_answered() -> None:
    scores, total = score_tasks(QUESTIONS, [], TASK_JUDGE, SAMPLE)
    assert scores == [] and total["n"] == 0 and total["positions"] == {} and total["control"] is None


def second(exchanges: Iterable[Exchange | None]) -> Iterator[Rating | None]:
    """Says yes to everything that has a 0, and nothing about "?"."""
    for exchange in exchanges:
        if exchange is None:
            yield None
        else:
            known = exchange[2] != "?"
            values = {"following": float("0" in exchange[2])} if known else {}
            reason = "" if known else "judge-unparsed"
            yield Rating(values, reason=reason, replies=("k",), judge="second", text="said")


def first(values: dict[str, float]) -> list[Score]:
    return [
        Score(
            f"seqeval-{n}/0",
            f"seqeval-{n}",
            n,
            "sit",
            "en",
            "",
            2,
            "ok",
            {"following": v, "quality": 3.0},
            judge="first",
        )
        for n, v in values.items()
    ]


def test_two_judges_agree_on_what_both_scored() -> None:
    before = first({"0": 1.0, "1": 0.0, "2": 1.0, "3": 1.0})
    scores, total = score_again(QUESTIONS, ANSWERS, before, second, None, 1, 200)
    assert [s.reason for s in scores] == ["", "", "judge-unparsed", "", "", "answer-failed"]
    assert set(total["agreement"]) == {"following"}
    assert total["agreement"]["following"].n == 3
    assert total["agreement"]["following"].raw.mean == pytest.approx(2 / 3, abs=1e-5)


def test_a_benchmark_with_a_rule_has_no_judge_to_agree_with() -> None:
    with pytest.raises(UserError, match="xquad is scored by a rule"):
        score_again([question(1, 2, "xquad")], [], [], second, None, 1, 200)
