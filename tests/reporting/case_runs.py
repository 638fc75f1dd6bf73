"""Questions with the answers of two runs, as the report gets them."""

from typing import Any

from stages.evaluation.benchmarks.questions import Answer, Question, Score
from stages.evaluation.benchmarks.task_scores import TaskScore
from stages.reporting.case_selection import CaseSet, case_set

RUNS = ("it", "sit")
CHECKS = (
    '[{"task":"number.add","arguments":{"n":1},"source":0,"type":"number","answer":"2"},'
    '{"task":"number.add","arguments":{"n":2},"source":0,"type":"number","answer":"3"}]'
)


def question(i: int, text: str = "", benchmark: str = "seqeval", **more: Any) -> Question:
    return Question(
        f"q{i}", benchmark, "en", "MIT", f"i{i}", f"Question {i}. Then sort.{text}", gold=(f"gold {i}{text}",),
        group=f"group {i % 3}{text}", tasks=2 + i % 2, **more,
    )  # fmt: skip


def answer(i: int, run: str, text: str = "", status: Any = "ok") -> Answer:
    words = f"Answer {i} of {run}.{text}" if status in ("ok", "truncated") else ""
    return Answer(f"q{i}/0", f"q{i}", run, words, status, 0, "key", "model", 1, 1)


def score(i: int, run: str, value: float | None, text: str = "", measure: str = "following") -> Score:
    values = {} if value is None else {measure: value}
    reason = "judge-unparsed" if value is None else ""
    return Score(f"q{i}/0", f"q{i}", f"i{i}", run, "en", "", 2, "ok", values, reason, verdict=f"Verdict.{text}")


def case_sets(
    values: dict[str, list[float | None]], text: str = "", name: str = "seqeval", seed: int = 7, most: int = 600,
    **ends: Any,
) -> list[CaseSet]:  # fmt: skip
    """One set; values: run -> the value of `following` of each question, None for no score."""
    count = max(map(len, values.values()))
    judged = [
        TaskScore(f"q{i}/0", f"q{i}", f"i{i}", "sit", "en", "2", 2, "ok", {"done": 0.5},
                  listed=(f"List.{text}", "Sort."), marks=(1.0, 0.2))
        for i in range(count)
    ]  # fmt: skip
    made = case_set(
        name, "following", [question(i, text) for i in range(count)],
        {run: [answer(i, run, text, ends.get(run, "ok")) for i, _ in enumerate(some)] for run, some in values.items()},
        {run: [score(i, run, value, text) for i, value in enumerate(some)] for run, some in values.items()},
        {"sit": judged} if "sit" in values else {}, [("it", "sit")], seed, most,
    )  # fmt: skip
    return [made]
