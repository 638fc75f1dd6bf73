"""Contests between answers, with judges that are functions."""

from collections.abc import Iterable, Iterator, Sequence

import pytest
from msgspec import json
from msgspec.structs import replace

from stages.evaluation.benchmarks.alpaca_eval_annotations import annotations, win_rate
from stages.evaluation.benchmarks.pairwise_comparison import (
    Output,
    PairScore,
    compare_responses,
    file_responses,
    run_responses,
    summarize,
)
from stages.evaluation.benchmarks.questions import Answer, Question
from stages.evaluation.benchmarks.sampling import JudgeSample
from stages.evaluation.verdict_types import Preference, ResponsePair

SAMPLE = JudgeSample(None, 3, 1, 200)


def question(number: int) -> Question:
    name = f"seqeval-{number}"
    return Question(name, "seqeval", "en", "CC0-1.0", str(number), f"Do {number}.", tasks=2 + number % 2)


def answers(run: str, texts: Sequence[str | None]) -> list[Answer]:
    return [
        Answer(f"seqeval-{i}/0", f"seqeval-{i}", run, text or "", "failed" if text is None else "ok", 0, "r", "m", 1, 1)
        for i, text in enumerate(texts)
    ]


def longer(pairs: Iterable[ResponsePair]) -> Iterator[Preference]:
    """Prefers the longer answer, whoever stands where; has no opinion where one is empty."""
    for name, instruction, baseline, treatment in pairs:
        assert instruction.startswith("Do ")
        share = 0.5 if len(baseline) == len(treatment) else float(len(treatment) > len(baseline))
        if baseline and treatment:
            yield Preference((share, share), replies=(name,), judge="j", text="x\ny")
        else:
            yield Preference((), reason="judge-unparsed", replies=(name,), judge="j", text="x\ny")


def always_first(pairs: Iterable[ResponsePair]) -> Iterator[Preference]:
    for _ in pairs:
        yield Preference((0.0, 1.0), judge="j", text="A\nA")


QUESTIONS = [question(i) for i in range(6)]
BASELINE = run_responses(answers("it", ["aaa", "aa", "a", "aa", None, ""]))
TREATMENT = run_responses(answers("sit", ["a", "aa", "aaa", "aaaa", "a", "aa"]))


def test_wins_ties_and_what_is_unscored() -> None:
    scores, total = compare_responses(QUESTIONS, BASELINE, TREATMENT, longer, SAMPLE)
    assert [o.values.get("won") for o in scores if not o.control] == [0, 0.5, 1, 1, None, None]
    assert [o.reason for o in scores if not o.control][4:] == ["answer-failed", "judge-unparsed"]
    assert (total["n"], total["scored"], total["won"].mean) == (6, 4, 0.625)
    assert total["unscored"] == {"answer-failed": 1, "judge-unparsed": 1}
    assert total["orders"].raw.mean == 1 and total["orders"].kappa.mean == 1
    assert (scores[0].run, scores[0].baseline, scores[0].tasks) == ("sit", "it", 2)


def test_the_statistics_show_a_position_bias() -> None:
    scores, total = compare_responses(QUESTIONS[:4], BASELINE, TREATMENT, always_first, SAMPLE)
    assert [o.values["win"] for o in scores] == [0.5] * 7
    assert total["first_shown"].mean == 1
    assert total["orders"].raw.mean == 0
    assert total["control"].mean == 0.5


def test_controls_are_the_same_run_on_another_question_and_count_nowhere_else() -> None:
    seen: list[ResponsePair] = []

    def judge(pairs: Iterable[ResponsePair]) -> Iterator[Preference]:
        for pair in pairs:
            seen.append(pair)
            yield from longer([pair])

    scores, total = compare_responses(QUESTIONS, BASELINE, TREATMENT, judge, SAMPLE)
    controls = [score for score in scores if score.control]
    assert [(c.run, c.baseline, c.id.rpartition("/")[2]) for c in controls] == [("sit", "sit", "control")] * 3
    planted = {name: (theirs, own) for name, _, theirs, own in seen if name.endswith("/control")}
    assert all(own == TREATMENT[name.removesuffix("/control")].text for name, (_, own) in planted.items())
    assert total["control"].n == 3 and total["n"] == 6
    assert compare_responses(QUESTIONS, BASELINE, TREATMENT, longer, JudgeSample(None, 0, 1, 200))[1]["control"] is None


def test_a_smaller_sample_lies_in_a_larger_one() -> None:
    drawn = [
        {o.question for o in compare_responses(QUESTIONS, BASELINE, TREATMENT, longer, JudgeSample(n, 0, 1, 200))[0]}
        for n in (2, 4)
    ]
    assert len(drawn[0]) == 2 and drawn[0] < drawn[1]


def test_the_rows_hold_all_that_the_summary_needs() -> None:
    scores, total = compare_responses(QUESTIONS, BASELINE, TREATMENT, longer, SAMPLE)
    again = [json.decode(json.encode(score), type=PairScore) for score in scores]
    assert summarize([o for o in again if not o.control], [o for o in again if o.control], SAMPLE) == total


def test_outputs_of_a_file_are_matched_by_their_instruction() -> None:
    outputs = [Output("Do 1. ", "b" * 9, "rival"), Output("Do 0.", "bb"), Output("Do 3.\n\nNow.", "c", "whole")]
    variants = [
        *QUESTIONS[:3],
        replace(QUESTIONS[3], input="Now."),
        replace(QUESTIONS[0], id="seqeval-4", input="Later."),
    ]
    scores, _ = compare_responses(variants, file_responses(variants, outputs), TREATMENT, longer, SAMPLE)
    assert [(o.baseline, o.reason) for o in scores[:5]] == [
        ("reference", ""), ("rival", ""), ("", "output-missing"), ("whole", ""), ("reference", ""),
    ]  # fmt: skip


def test_annotations_have_alpaca_evals_columns_and_rate() -> None:
    scores, total = compare_responses(QUESTIONS, BASELINE, TREATMENT, longer, SAMPLE)
    made = annotations(scores, QUESTIONS, BASELINE, TREATMENT)
    assert [a.preference for a in made] == [1, 1.5, 2, 2, None, None]
    assert (made[0].output_1, made[0].generator_1, made[0].output_2, made[0].generator_2) == ("aaa", "it", "a", "sit")
    assert win_rate(made)["win_rate"] == pytest.approx(100 * total["win"].mean)


def test_nothing_to_compare() -> None:
    scores, total = compare_responses(QUESTIONS, {}, {}, longer, SAMPLE)
    assert total["scored"] == 0 and total["orders"] is None and total["control"] is None
    assert {o.reason for o in scores} == {"answer-missing"}
