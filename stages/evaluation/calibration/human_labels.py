"""Labels that people gave to answers, and what they say of the judge: agreement, errors, corrected rates."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Annotated, Any, NamedTuple

import msgspec

from stages.core.records import digest
from stages.evaluation.benchmarks.questions import Answer, Question, Score, user_text
from stages.evaluation.benchmarks.score_statistics import agreement, metric_means
from stages.evaluation.calibration.judge_correction import LabelledCounts, corrected_rate, uncorrectable

UNUSED = {
    "superseded": "the same person labelled the answer again later",
    "other-prompt": "given for another version of the judge's prompt",
    "no-answer": "the run has no such answer",
    "other-text": "given for another text of the question or the answer",
    "no-verdict": "the judge has no verdict on the answer",
    "disagreement": "as many people call the answer good as bad",
}
"""Why a label is not used: a closed list."""
FOLLOWING, QUALITY = "following", "quality"


class HumanLabel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one person says of one answer: a row of a file that `seqit label` writes."""

    benchmark: str
    """The entry of predict.benchmarks."""
    run: str
    answer: str
    """Answer.id."""
    labeller: str
    """Who gave it: a name of their choice."""
    prompt: str
    """The first 16 hexadecimal digits of the SHA-256 of the judge's prompt file (`prompts.Template.hash`)."""
    texts: str
    """`texts_hash` of the question and the answer."""
    following: bool
    """Whether the answer carries out every task of the question."""
    quality: Annotated[int, msgspec.Meta(ge=1, le=5)] | None = None
    """From 1 to 5; null where the person gave none."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is about, and who gave it."""
        return self.run, self.answer, self.labeller


class CheckedLabel(HumanLabel, frozen=True, kw_only=True):
    """A label and whether it is used: a row of data/labels/NAME.jsonl."""

    id: str
    """"<run>/<answer>/<labeller>/<place in the file, from 1>"."""
    reason: str = ""
    """A key of `UNUSED`; "" for a label that is used."""


class JudgedRun(NamedTuple):
    """The answers of one run to a benchmark, with their verdicts, by Answer.id."""

    answers: Mapping[str, Answer]
    scores: Mapping[str, Score]


class _Labelled(NamedTuple):
    """An answer with the labels of people and the judge's score."""

    score: Score
    labels: Sequence[CheckedLabel]


def texts_hash(question: Question, answer: Answer) -> str:
    """32 hexadecimal digits that stand for the texts of a question and an answer to it."""
    return digest([user_text(question), answer.text], 32)


def check_labels(
    labels: Iterable[HumanLabel], questions: Mapping[str, Question], runs: Mapping[str, JudgedRun], prompt: str
) -> list[CheckedLabel]:
    """Each label in order, with why it is not used. prompt: the hash of the judge's prompt file now."""
    numbered = list(enumerate(labels, 1))
    last = {label.key: place for place, label in numbered}
    checked = [
        _checked(label, place, "superseded" if last[label.key] != place else _unused(label, questions, runs, prompt))
        for place, label in numbered
    ]
    undecided = {key for key, group in _by_answer(checked).items() if _majority(group) is None}
    return [
        msgspec.structs.replace(label, reason="disagreement")
        if not label.reason and (label.run, label.answer) in undecided else label
        for label in checked
    ]  # fmt: skip


def _unused(
    label: HumanLabel, questions: Mapping[str, Question], runs: Mapping[str, JudgedRun], prompt: str
) -> str:  # fmt: skip
    run = runs.get(label.run)
    answer = run.answers.get(label.answer) if run else None
    if run is None or answer is None or answer.question not in questions:
        return "no-answer"
    if label.prompt != prompt:
        return "other-prompt"
    if label.texts != texts_hash(questions[answer.question], answer):
        return "other-text"
    score = run.scores.get(label.answer)
    return "" if score is not None and FOLLOWING in score.values else "no-verdict"


def _checked(label: HumanLabel, place: int, reason: str) -> CheckedLabel:
    return CheckedLabel(**msgspec.structs.asdict(label), id=f"{'/'.join(label.key)}/{place}", reason=reason)


def _by_answer(labels: Iterable[CheckedLabel]) -> dict[tuple[str, str], list[CheckedLabel]]:
    """(run, answer) -> its labels that are used."""
    groups: dict[tuple[str, str], list[CheckedLabel]] = defaultdict(list)
    for label in labels:
        if not label.reason:
            groups[label.run, label.answer].append(label)
    return groups


def _majority(labels: Sequence[CheckedLabel]) -> bool | None:
    """What most people say of following; None where as many say the opposite."""
    balance = sum(1 if label.following else -1 for label in labels)
    return None if balance == 0 else balance > 0


def calibration(
    labels: Sequence[CheckedLabel], runs: Mapping[str, JudgedRun], prompt: str, seed: int, resamples: int
) -> dict[str, Any]:
    """The judge against people, as metrics.

    following: agreement, sensitivity, specificity and youden (their sum minus 1). quality: agreement, and the judge's
    mark minus that of people. people: the agreement of people with each other. runs: for each the judged rate, the
    corrected rate (see `judge_correction.corrected_rate`) and the agreement on its answers. drawn: the judge's rate
    among labelled answers and among all. A part that can't be computed is left out, `uncorrected` says why.
    """
    labelled = [_Labelled(runs[run].scores[answer], group) for (run, answer), group in _by_answer(labels).items()]
    counts = _counts(labelled)
    following = _agreement(_following_rows(labelled), seed, resamples)
    return {
        "prompt": prompt, "labels": len(labels), "used": sum(not label.reason for label in labels),
        "answers": len(labelled), "labellers": len({label.labeller for label in labels}),
        "unused": dict(sorted(Counter(label.reason for label in labels if label.reason).items())),
        "prompts": dict(sorted(Counter(label.prompt for label in labels).items())),
        "following": following | _errors(labelled, counts), "quality": _quality(labelled, seed, resamples),
        "people": _agreement(_people_rows(labelled), seed, resamples),
        "drawn": _drawn(labelled, runs), "uncorrected": uncorrectable(counts),
        "runs": {run: _run(run, judged, labelled, counts, seed, resamples) for run, judged in runs.items()},
    }  # fmt: skip


def _counts(labelled: Sequence[_Labelled]) -> LabelledCounts:
    pairs = Counter((_majority(one.labels), _says_yes(one.score)) for one in labelled)
    good, bad = pairs[True, True], pairs[False, False]
    return LabelledCounts(good + pairs[True, False], good, bad + pairs[False, True], bad)


def _says_yes(score: Score) -> bool:
    return score.values[FOLLOWING] > 0.5


def _following_rows(labelled: Iterable[_Labelled]) -> list[tuple[str, float, float]]:
    return [(one.score.item, float(_says_yes(one.score)), float(bool(_majority(one.labels)))) for one in labelled]


def _agreement(rows: Sequence[tuple[str, float, float]], seed: int, resamples: int) -> dict[str, Any]:
    measured = agreement(rows, seed, resamples)
    return {"agreement": measured} if measured else {}


def _errors(labelled: Sequence[_Labelled], counts: LabelledCounts) -> dict[str, Any]:
    """Sensitivity and specificity with their exact intervals, answers to one item counted together."""
    errors: dict[str, Any] = {}
    for name, good in (("sensitivity", True), ("specificity", False)):
        some = [one for one in labelled if _majority(one.labels) is good]
        hits = [_with_value(one.score, name, float(_says_yes(one.score) is good)) for one in some]
        errors |= metric_means(hits)
    if counts.good and counts.bad:
        errors["youden"] = round(counts.sensitivity + counts.specificity - 1, 6)
    return errors


def _quality(labelled: Iterable[_Labelled], seed: int, resamples: int) -> dict[str, Any]:
    """The judge's mark against the rounded mean mark of people, where both gave one."""
    rows, differences = [], []
    for one in labelled:
        marks = [label.quality for label in one.labels if label.quality is not None]
        if marks and QUALITY in one.score.values:
            mean, judged = sum(marks) / len(marks), one.score.values[QUALITY]
            rows.append((one.score.item, judged, float(int(mean + 0.5))))
            differences.append(_with_value(one.score, "difference", judged - mean))
    return _agreement(rows, seed, resamples) | metric_means(differences)


def _with_value(score: Score, name: str, value: float) -> Score:
    return msgspec.structs.replace(score, values={name: value})


def _people_rows(labelled: Iterable[_Labelled]) -> list[tuple[str, float, float]]:
    """Every pair of people on every answer that several labelled."""
    return [
        (one.score.item, float(first.following), float(second.following))
        for one in labelled
        for first, second in combinations(sorted(one.labels, key=lambda label: label.labeller), 2)
    ]


def _drawn(labelled: Sequence[_Labelled], runs: Mapping[str, JudgedRun]) -> dict[str, Any]:
    every = [score for run in runs.values() for score in _judged(run)]
    return {
        name: metric_means([_with_value(score, FOLLOWING, float(_says_yes(score))) for score in some]).get(FOLLOWING)
        for name, some in (("labelled", [one.score for one in labelled]), ("all", every))
    }  # fmt: skip


def _judged(run: JudgedRun) -> Iterator[Score]:
    return (score for score in run.scores.values() if FOLLOWING in score.values)


def _run(
    run: str, judged: JudgedRun, labelled: Sequence[_Labelled], counts: LabelledCounts, seed: int, resamples: int
) -> dict[str, Any]:  # fmt: skip
    verdicts = [_says_yes(score) for score in _judged(judged)]
    own = [one for one in labelled if one.score.run == run]
    result: dict[str, Any] = {"n": len(verdicts), "labelled": len(own)}
    if own:
        result |= _agreement(_following_rows(own), seed, resamples)
    if verdicts:
        rate = sum(verdicts) / len(verdicts)
        result |= {"judged": round(rate, 6)}
        if not uncorrectable(counts):
            corrected = corrected_rate(rate, len(verdicts), counts)
            result["corrected"] = {key: round(value, 6) for key, value in corrected._asdict().items()}
    return result
