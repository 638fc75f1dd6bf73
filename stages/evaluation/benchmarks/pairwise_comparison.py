"""Two sets of answers to the same questions, held against each other pairwise; no model under test is asked."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from stages.evaluation.benchmarks.questions import Answer, Judged, Question, Score, user_text
from stages.evaluation.benchmarks.sampling import Drawn, planted, sampled
from stages.evaluation.benchmarks.score_statistics import agreement, compare, means, summary

Contest = tuple[str, str, str, str]
"""What a judge sees: (id, instruction, the baseline's response, the treatment's response)."""


class Preference(Judged, Protocol):
    """What a judge makes of a contest; `text` is the last reply in each order, one a line."""

    @property
    def orders(self) -> tuple[float, ...]:
        """The treatment's share when it stood second, and when it stood first; empty if it is unscored."""


Prefer = Callable[[Iterable[Contest]], Iterator[Preference]]


class Response(NamedTuple):
    """What one side said to a question."""

    side: str
    """A run, or the generator that a file of outputs names."""
    text: str
    missing: str = ""
    """"" or why there is no text: answer-failed, answer-refused, answer-missing, output-missing."""


class Output(msgspec.Struct):
    """A row of AlpacaEval's model_outputs.json; other keys are passed over."""

    instruction: str
    output: str
    generator: str = "reference"


class Outcome(Score, frozen=True):
    """A contest's result; values: win (the treatment's share, as far as the judge leaned) and won (1, 0, or 0.5 for a
    tie). `run` is the treatment, `verdict` the two last replies, one a line."""

    baseline: str = ""
    orders: tuple[float, ...] = ()
    """The treatment's share when it stood second, and when it stood first."""
    control: bool = False
    """The treatment against its own answer to another question: what a judge must tell apart to be believed."""


def answered(answers: Iterable[Answer]) -> dict[str, Response]:
    """Question -> what a run answered to it first."""
    return {
        a.question: Response(a.run, a.text, "" if a.has_text else f"answer-{a.status}")
        for a in answers
        if a.sample == 0
    }


def referred(questions: Iterable[Question], outputs: Iterable[Output]) -> dict[str, Response]:
    """Question -> the output of a file for it: that of the same instruction, with or without its input."""
    known = {output.instruction.strip(): output for output in outputs}
    found = {}
    for question in questions:
        output = known.get(user_text(question).strip()) or known.get(question.instruction.strip())
        said = Response(output.generator, output.output) if output else Response("", "", "output-missing")
        found[question.id] = said
    return found


def contests(
    questions: Sequence[Question], baseline: Mapping[str, Response], treatment: Mapping[str, Response], prefer: Prefer,
    drawn: Drawn,
) -> tuple[list[Outcome], dict[str, Any]]:  # fmt: skip
    """Every contest's outcome, the controls last, and what they add up to.

    A question that either side has no text for is unscored with the reason. Beside `statistics.summary`: against_half
    (is the mean win another than a half?), orders (whether both orders name the same winner), first_shown (share of the
    verdicts for whoever stood first; without a liking for a place, a half), control (share of the controls in which the
    fitting answer won).
    """
    asked = sampled(questions, drawn.sample, drawn.seed)
    pairs = [(q, baseline.get(q.id, _NONE), treatment.get(q.id, _NONE)) for q in asked]
    whole = [pair for pair in pairs if not (pair[1].missing or pair[2].missing)]
    swapped = _swapped([(q, theirs) for q, _, theirs in pairs if not theirs.missing][: drawn.controls])
    opinions = prefer([_contest(pair, kind) for some, kind in ((whole, False), (swapped, True)) for pair in some])
    settled = {pair[0].id: _outcome(pair, next(opinions)) for pair in whole}
    found = [settled.get(pair[0].id) or _unscored(pair) for pair in pairs]
    controls = [_outcome(pair, opinion, control=True) for pair, opinion in zip(swapped, opinions, strict=True)]
    return [*found, *controls], summed(found, controls, drawn)


_NONE = Response("", "", "answer-missing")
Pair = tuple[Question, Response, Response]


def _kind(control: bool) -> str:
    return "control" if control else "pair"


def _swapped(given: Sequence[tuple[Question, Response]]) -> list[Pair]:
    """Each question with the next one's answer as the baseline, and its own as the treatment."""
    return [(q, other, own) for (q, own), (_, other) in zip(given, planted(given), strict=False)]


def _contest(pair: Pair, control: bool) -> Contest:
    question, baseline, treatment = pair
    return f"{question.id}/{_kind(control)}", user_text(question), baseline.text, treatment.text


def _outcome(pair: Pair, opinion: Preference, control: bool = False) -> Outcome:
    win = sum(opinion.orders) / 2
    values = {"win": win, "won": _won(win)} if opinion.orders else {}
    return _row(
        pair, control, values=values, reason=opinion.reason, replies=opinion.replies,
        text_hashes=opinion.text_hashes, judge=opinion.judge, verdict=opinion.text, orders=opinion.orders,
    )  # fmt: skip


def _unscored(pair: Pair) -> Outcome:
    return _row(pair, False, reason=pair[1].missing or pair[2].missing)


def _row(pair: Pair, control: bool, **found: Any) -> Outcome:
    question, baseline, treatment = pair
    return Outcome(
        id=f"{question.id}/{_kind(control)}", question=question.id, item=question.item, run=treatment.side,
        language=question.language, group=question.group, tasks=question.tasks, status="ok", baseline=baseline.side,
        control=control, **found,
    )  # fmt: skip


def _won(share: float) -> float:
    return 0.5 if abs(share - 0.5) < 1e-9 else float(share > 0.5)


def summed(found: Sequence[Outcome], controls: Sequence[Outcome], drawn: Drawn) -> dict[str, Any]:
    """What outcomes add up to, see `contests`; all of it comes from the rows, so nobody needs to be asked again."""
    scored = [outcome for outcome in found if outcome.orders]
    half = [msgspec.structs.replace(outcome, values={"win": 0.5}) for outcome in scored]
    verdicts = [(o.item, _won(o.orders[0]), _won(o.orders[1])) for o in scored]
    first = [msgspec.structs.replace(o, values={"first": 1 - _won(share) if behind else _won(share)})
             for o in scored for behind, share in zip((True, False), o.orders, strict=True)]  # fmt: skip
    chance = means([o for o in controls if o.values])
    return {
        **summary(found),
        "against_half": compare(half, scored, "win", drawn.seed),
        "orders": agreement(verdicts, drawn.seed, drawn.resamples),
        "first_shown": means(first).get("first"),
        "control": chance.get("won"),
    }
