"""Compare two sets of answers to the same questions pairwise; the models under test get no request."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from stages.evaluation.benchmarks.questions import Answer, Question, Score, user_text
from stages.evaluation.benchmarks.sampling import JudgeSample, sample_questions, swap_answers
from stages.evaluation.benchmarks.score_statistics import agreement, compare, metric_means, summary
from stages.evaluation.verdict_types import ComparePairs, Preference, ResponsePair


class Response(NamedTuple):
    """One side's response to a question."""

    side: str
    """A run, or the generator that a file of outputs names."""
    text: str
    missing: str = ""
    """"" or why there is no text: answer-failed, answer-refused, answer-missing, output-missing."""


class Output(msgspec.Struct):
    """A row of AlpacaEval's model_outputs.json; other keys are ignored."""

    instruction: str
    output: str
    generator: str = "reference"


class PairScore(Score, frozen=True):
    """The result of one comparison; values: win (the treatment's share of the preference) and won (1, 0, or 0.5 for a
    tie). `run` is the treatment, `verdict` the last reply in each order, one a line."""

    baseline: str = ""
    orders: tuple[float, ...] = ()
    """The treatment's share in second place and in first place."""
    control: bool = False
    """Whether the treatment is compared with its own answer to another question."""


def run_responses(answers: Iterable[Answer]) -> dict[str, Response]:
    """Question -> the first answer of a run."""
    return {
        a.question: Response(a.run, a.text, "" if a.has_text else f"answer-{a.status}")
        for a in answers
        if a.sample == 0
    }


def file_responses(questions: Iterable[Question], outputs: Iterable[Output]) -> dict[str, Response]:
    """Question -> the output in a file with the same instruction, with or without its input."""
    by_instruction = {output.instruction.strip(): output for output in outputs}
    responses = {}
    for question in questions:
        output = by_instruction.get(user_text(question).strip()) or by_instruction.get(question.instruction.strip())
        response = Response(output.generator, output.output) if output else Response("", "", "output-missing")
        responses[question.id] = response
    return responses


def compare_responses(
    questions: Sequence[Question], baseline: Mapping[str, Response], treatment: Mapping[str, Response],
    judge: ComparePairs, sample: JudgeSample,
) -> tuple[list[PairScore], dict[str, Any]]:  # fmt: skip
    """The scores of all comparisons, then those of the controls, and their summary (see `summarize`).

    A question for which one side has no text is unscored with the reason.
    """
    sampled = sample_questions(questions, sample.size, sample.seed)
    pairs = [(q, baseline.get(q.id, _NO_ANSWER), treatment.get(q.id, _NO_ANSWER)) for q in sampled]
    complete = [pair for pair in pairs if not (pair[1].missing or pair[2].missing)]
    swapped = _swapped([(q, own) for q, _, own in pairs if not own.missing][: sample.controls])
    preferences = judge(
        [_response_pair(pair, control) for group, control in ((complete, False), (swapped, True)) for pair in group]
    )
    compared = {pair[0].id: _pair_score(pair, next(preferences)) for pair in complete}
    scores = [compared.get(pair[0].id) or _unscored(pair) for pair in pairs]
    controls = [_pair_score(pair, each, control=True) for pair, each in zip(swapped, preferences, strict=True)]
    return [*scores, *controls], summarize(scores, controls, sample)


_NO_ANSWER = Response("", "", "answer-missing")
Pair = tuple[Question, Response, Response]


def _kind(control: bool) -> str:
    return "control" if control else "pair"


def _swapped(responses: Sequence[tuple[Question, Response]]) -> list[Pair]:
    """Each question with the next one's answer as the baseline, and its own as the treatment."""
    return [(q, other, own) for (q, own), (_, other) in zip(responses, swap_answers(responses), strict=False)]


def _response_pair(pair: Pair, control: bool) -> ResponsePair:
    question, baseline, treatment = pair
    return ResponsePair(f"{question.id}/{_kind(control)}", user_text(question), baseline.text, treatment.text)


def _pair_score(pair: Pair, preference: Preference, control: bool = False) -> PairScore:
    win = sum(preference.orders) / 2
    values = {"win": win, "won": _won(win)} if preference.orders else {}
    return _score(
        pair, control, values=values, reason=preference.reason, replies=preference.replies,
        text_hashes=preference.text_hashes, judge=preference.judge, verdict=preference.text, orders=preference.orders,
    )  # fmt: skip


def _unscored(pair: Pair) -> PairScore:
    return _score(pair, False, reason=pair[1].missing or pair[2].missing)


def _score(pair: Pair, control: bool, **fields: Any) -> PairScore:
    question, baseline, treatment = pair
    return PairScore(
        id=f"{question.id}/{_kind(control)}", question=question.id, item=question.item, run=treatment.side,
        language=question.language, group=question.group, tasks=question.tasks, status="ok", baseline=baseline.side,
        control=control, **fields,
    )  # fmt: skip


def _won(share: float) -> float:
    return 0.5 if abs(share - 0.5) < 1e-9 else float(share > 0.5)


def summarize(scores: Sequence[PairScore], controls: Sequence[PairScore], sample: JudgeSample) -> dict[str, Any]:
    """The summary of pair scores, from the rows alone.

    Beside `score_statistics.summary`: against_half (is the mean win different from a half?), orders (agreement of the
    verdicts of both orders), first_shown (share of the verdicts for the response in first place; a half without a
    position bias), control (share of the controls in which the matching answer won).
    """
    scored = [score for score in scores if score.orders]
    half = [msgspec.structs.replace(score, values={"win": 0.5}) for score in scored]
    verdicts = [(s.item, _won(s.orders[0]), _won(s.orders[1])) for s in scored]
    first = [msgspec.structs.replace(s, values={"first": 1 - _won(share) if second else _won(share)})
             for s in scored for second, share in zip((True, False), s.orders, strict=True)]  # fmt: skip
    control_means = metric_means([score for score in controls if score.values])
    return {
        **summary(scores),
        "against_half": compare(half, scored, "win", sample.seed),
        "orders": agreement(verdicts, sample.seed, sample.resamples),
        "first_shown": metric_means(first).get("first"),
        "control": control_means.get("won"),
    }
