"""A few questions with the answer of a model and its verdict, for the page of one model."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, zip_longest
from random import Random
from typing import NamedTuple

from stages.evaluation.benchmarks.questions import Answer, Question, Score, user_text
from stages.reporting.html import Safe, element

SHOWN = 5
MARKS = {"quality": "{:g} of 5"}
"""Measures that are no share, and how a value of them is written."""
Answered = tuple[Iterable[Question], Iterable[Answer], Iterable[Score]]
"""The questions of a benchmark, the answers of one run, and their scores."""


class SampleAnswer(NamedTuple):
    """A question, the answer of a model, and what became of it."""

    benchmark: str
    """The entry of predict.benchmarks."""
    question: str
    gold: tuple[str, ...]
    """Right answers, each of them sufficient; empty where a judge scores."""
    answer: str
    status: str
    values: Mapping[str, float]
    """Metric -> value; empty for an answer without a score."""
    reason: str
    """Why it has no score, "" where it has one."""
    verdict: str
    """The judge's words, "" without a judge."""


def sample_answers(answered: Mapping[str, Answered], number: int, seed: int) -> list[SampleAnswer]:
    """`number` answers, drawn by the seed, from every benchmark in turn. answered: by entry of predict.benchmarks."""
    drawn = [list(_drawn(name, parts, seed)) for name, parts in answered.items()]
    in_turn = (one for turn in zip_longest(*drawn) for one in turn if one is not None)
    return sorted(islice(in_turn, number), key=lambda one: list(answered).index(one.benchmark))


def _drawn(name: str, parts: Answered, seed: int) -> Iterator[SampleAnswer]:
    questions, answers, scores = parts
    by_id, score_by_id = {question.id: question for question in questions}, {score.id: score for score in scores}
    known = [answer for answer in answers if answer.question in by_id and answer.id in score_by_id]
    for answer in sorted(known, key=lambda one: (Random(f"{seed}:{one.id}:shown").random(), one.id)):
        question, score = by_id[answer.question], score_by_id[answer.id]
        yield SampleAnswer(
            name, user_text(question), question.gold, answer.text, answer.status, score.values, score.reason,
            score.verdict,
        )  # fmt: skip


def answers_section(samples: Sequence[SampleAnswer]) -> list[Safe]:
    """The section with the answers, each with its verdict; empty where there are none."""
    if not samples:
        return []
    count = "One question" if len(samples) == 1 else f"{len(samples)} questions"
    note = f"{count}, drawn at random, with the whole answer and what it scored."
    title = element("h2", "Questions and answers", id="answers")
    return [title, element("p", note, class_="note"), *map(_one, samples)]


def _one(sample: SampleAnswer) -> Safe:
    parts = [element("p", element("b", "Question")), element("pre", sample.question)]
    if sample.gold:
        parts += [element("p", element("b", "Right answer")), element("pre", " | ".join(sample.gold))]
    shown = sample.answer.strip() or f"(no text: {sample.status})"
    cut = " (cut off at the token limit)" if sample.status == "truncated" else ""
    parts += [element("p", element("b", "Answer"), cut), element("pre", shown)]
    if sample.verdict:
        parts += [element("p", element("b", "What the judge wrote")), element("pre", sample.verdict)]
    summary = element("summary", f"{sample.benchmark}: {verdict_text(sample)}")
    return element("details", summary, *parts, open="open")


def verdict_text(sample: SampleAnswer) -> str:
    """The scores of an answer in words: "following yes, accuracy 50%"; why there is none where there is none."""
    if not sample.values:
        return f"no score ({sample.reason})" if sample.reason else "no score"
    return ", ".join(f"{name} {_value(name, value)}" for name, value in sample.values.items())


def _value(name: str, value: float) -> str:
    if name in MARKS:
        return MARKS[name].format(value)
    return {0.0: "no", 1.0: "yes"}.get(value, f"{100 * value:.0f}%")
