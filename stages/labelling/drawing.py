"""Which answers a person labels, and in which order: drawn by the seed across runs and verdicts."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from stages.core.completions import seed_for
from stages.evaluation.benchmarks.questions import Question, user_text
from stages.evaluation.calibration.human_labels import FOLLOWING, JudgedRun, texts_hash
from stages.evaluation.judges.task_verdicts import sentences


class LabelItem(NamedTuple):
    """An answer to label. What is shown of it names neither its run nor its verdict."""

    run: str
    answer: str
    """Answer.id."""
    question: str
    tasks: tuple[str, ...]
    text: str
    is_cut: bool
    """Whether the answer was cut off at the token limit."""
    texts: str
    """`human_labels.texts_hash`."""


def drawn_items(
    questions: Mapping[str, Question], runs: Mapping[str, JudgedRun], listed: Mapping[str, Sequence[str]], seed: int
) -> list[LabelItem]:
    """Every answer with a verdict, in the order in which they are to be labelled.

    Each beginning of the list has runs and verdicts in about the shares that they have among all answers. So a person
    may stop anywhere, and the labelled answers are still a fair sample, which the correction of the judged rate
    assumes; a sample with as many bad verdicts as good ones would bias it. listed: Question.id -> its tasks as a judge
    listed them; a question without such a list has its sentences as tasks.
    """
    strata: dict[tuple[str, bool], list[str]] = defaultdict(list)
    for run, judged in runs.items():
        for name, answer in judged.answers.items():
            score = judged.scores.get(name)
            if score is not None and FOLLOWING in score.values and answer.has_text and answer.question in questions:
                strata[run, score.values[FOLLOWING] > 0.5].append(name)
    places = [place for (run, _), names in strata.items() for place in _places(run, names, seed)]
    return [_item(run, name, questions, runs[run], listed) for _, run, name in sorted(places)]


def _places(run: str, names: Sequence[str], seed: int) -> list[tuple[float, str, str]]:
    """(place from 0 to 1, run, answer): one answer at random within each of as many equal parts as there are."""
    order = sorted(names, key=lambda name: hashlib.sha256(f"{seed}:{run}:{name}:label".encode()).hexdigest())
    draws = (seed_for(seed, f"{run}/{name}", "label").random() for name in order)
    return [((rank + draw) / len(order), run, name) for rank, (name, draw) in enumerate(zip(order, draws, strict=True))]


def _item(
    run: str, name: str, questions: Mapping[str, Question], judged: JudgedRun, listed: Mapping[str, Sequence[str]]
) -> LabelItem:  # fmt: skip
    answer = judged.answers[name]
    question = questions[answer.question]
    tasks = tuple(listed.get(question.id) or sentences(user_text(question)))
    cut = answer.status == "truncated"
    return LabelItem(run, name, user_text(question), tasks, answer.text, cut, texts_hash(question, answer))
