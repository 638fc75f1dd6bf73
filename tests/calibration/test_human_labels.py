"""Labels of people: which are used, and what they say of the judge."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from stages.evaluation.benchmarks.questions import Answer, Question, Score
from stages.evaluation.calibration.human_labels import (
    UNUSED,
    CheckedLabel,
    HumanLabel,
    JudgedRun,
    calibration,
    check_labels,
    texts_hash,
)

PROMPT = "0123456789abcdef"
NUMBER = 40


def question(number: int) -> Question:
    return Question(f"q{number}", "seqeval", "en", "MIT", f"q{number}", f"Name {number}. Then stop.", tasks=2)


def answer(number: int, run: str, text: str = "It is done.") -> Answer:
    return Answer(f"q{number}/0", f"q{number}", run, text, "ok", 0, "", "m", 1, 1)


def score(number: int, run: str, **values: float) -> Score:
    return Score(f"q{number}/0", f"q{number}", f"q{number}", run, "en", "", 2, "ok", values)


def judged(run: str, verdicts: Sequence[bool], **more: float) -> JudgedRun:
    """A run with one answer to each question, and these verdicts."""
    return JudgedRun(
        {f"q{n}/0": answer(n, run) for n in range(len(verdicts))},
        {f"q{n}/0": score(n, run, following=float(verdict), **more) for n, verdict in enumerate(verdicts)},
    )


QUESTIONS = {f"q{n}": question(n) for n in range(NUMBER)}


def label(number: int, following: bool, run: str = "it", **changes: Any) -> HumanLabel:
    texts = texts_hash(question(number), answer(number, run))
    given = HumanLabel(
        benchmark="seqeval", run=run, answer=f"q{number}/0", labeller="me", prompt=PROMPT, texts=texts,
        following=following,
    )  # fmt: skip
    return msgspec.structs.replace(given, **changes)


def reasons(labels: Sequence[HumanLabel], runs: dict[str, JudgedRun]) -> list[str]:
    return [one.reason for one in check_labels(labels, QUESTIONS, runs, PROMPT)]


def test_every_reason_for_not_using_a_label() -> None:
    runs = {"it": judged("it", [True] * NUMBER)}
    runs["it"].scores["q9/0"] = score(9, "it")  # type: ignore[index]
    labels = [
        label(0, True), label(1, True, prompt="f" * 16), label(2, True, texts="f" * 32), label(3, True, run="gone"),
        label(4, True, answer="q99/0"), label(5, True), label(5, False, labeller="you"), label(9, True),
        label(6, False), label(6, True),
    ]  # fmt: skip
    assert reasons(labels, runs) == [
        "", "other-prompt", "other-text", "no-answer", "no-answer", "disagreement", "disagreement", "no-verdict",
        "superseded", "",
    ]  # fmt: skip
    assert set(reasons(labels, runs)) - {""} == set(UNUSED)


def test_a_label_says_nothing_about_another_answer_or_another_question() -> None:
    changed = JudgedRun({"q0/0": answer(0, "it", "Another text.")}, {"q0/0": score(0, "it", following=1.0)})
    assert reasons([label(0, True)], {"it": changed}) == ["other-text"]
    asked = {"q0": msgspec.structs.replace(question(0), input="More.")}
    (checked,) = check_labels([label(0, True)], asked, {"it": judged("it", [True])}, PROMPT)
    assert checked.reason == "other-text"


def test_ids_are_unique_also_where_one_answer_is_labelled_twice() -> None:
    checked = check_labels([label(0, True)] * 3, QUESTIONS, {"it": judged("it", [True])}, PROMPT)
    assert [one.id for one in checked] == [f"it/q0/0/me/{place}" for place in (1, 2, 3)]
    assert [one.reason for one in checked] == ["superseded", "superseded", ""]


def summary(labels: Sequence[HumanLabel], runs: dict[str, JudgedRun]) -> dict[str, Any]:
    checked: list[CheckedLabel] = check_labels(labels, QUESTIONS, runs, PROMPT)
    return msgspec.to_builtins(calibration(checked, runs, PROMPT, 7, 200))


def test_errors_and_corrected_rates_by_hand() -> None:
    """The judge says yes to 30 of 40; of 20 labelled it is right on 9 of 10 good and 6 of 10 bad answers."""
    verdicts = [True] * 9 + [False] + [True] * 4 + [False] * 6 + [True] * 17 + [False] * 3
    runs = {"it": judged("it", verdicts)}
    found = summary([label(n, n < 10) for n in range(20)], runs)
    following, run = found["following"], found["runs"]["it"]
    assert (following["sensitivity"]["mean"], following["specificity"]["mean"]) == (0.9, 0.6)
    assert following["youden"] == pytest.approx(0.5) and following["agreement"]["raw"]["mean"] == 0.75
    assert following["agreement"]["kappa"]["mean"] == pytest.approx(0.5)
    assert run["judged"] == 0.75 and run["corrected"]["mean"] == pytest.approx((0.75 + 0.6 - 1) / 0.5)
    assert run["corrected"]["low"] < 0.7 < run["corrected"]["high"]
    assert found["drawn"]["labelled"]["mean"] == 0.65 and found["drawn"]["all"]["mean"] == 0.75
    assert (found["labels"], found["used"], found["answers"], found["uncorrected"]) == (20, 20, 20, "")


def test_labels_that_are_not_used_change_no_number_but_their_count() -> None:
    runs = {"it": judged("it", [True, False] * 20)}
    labels = [label(n, n % 4 != 1) for n in range(20)]
    others = [label(n, False, prompt="f" * 16, labeller="you") for n in range(10)]
    plain, with_others = summary(labels, runs), summary([*labels, *others], runs)
    assert with_others["unused"] == {"other-prompt": 10} and with_others["prompts"] == {PROMPT: 20, "f" * 16: 10}
    for part in ("following", "runs", "drawn", "used", "answers"):
        assert with_others[part] == plain[part]


def test_several_people_decide_by_majority_and_their_agreement_is_given() -> None:
    runs = {"it": judged("it", [True, True, False])}
    votes = {0: (True, True, False), 1: (False, False, True), 2: (False, False, False)}
    labels = [
        label(number, vote, labeller=f"p{person}")
        for number, given in votes.items()
        for person, vote in enumerate(given)
    ]
    found = summary(labels, runs)
    assert found["following"]["agreement"]["raw"]["mean"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["people"]["agreement"]["n"] == 9
    assert found["people"]["agreement"]["raw"]["mean"] == pytest.approx(5 / 9, abs=1e-6)


def test_quality_is_compared_where_both_gave_a_mark() -> None:
    runs = {"it": judged("it", [True] * 4, quality=4.0)}
    labels = [label(0, True, quality=4), label(1, True, quality=2), label(2, True)]
    quality = summary(labels, runs)["quality"]
    assert quality["agreement"]["n"] == 2 and quality["agreement"]["raw"]["mean"] == 0.5
    assert quality["difference"]["mean"] == 1.0


def test_nothing_to_compare_is_no_error() -> None:
    found = summary([label(0, True, prompt="f" * 16)], {"it": judged("it", [True])})
    assert found["used"] == 0 and found["following"] == {} and found["uncorrected"] == "no-good-answer"
    assert found["runs"]["it"] == {"n": 1, "labelled": 0, "judged": 1.0}
