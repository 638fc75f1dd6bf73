"""Which scores are unreliable, by rules on the scores alone: few questions, one verdict, a blind judge."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

FEW = 30
"""Questions below which a 95% interval of a share spans a third of the scale; versions of one (languages) are one."""
SAME = 0.95
"""Share of equal verdicts from which a judge counts as giving the same verdict whatever it reads."""
MISSING = 0.1
"""Share of unscored answers above which the scored ones are no fair sample; benchmarks/questions.py warns as well."""

FOLLOWED_ORDER = 0.5
"""Share of pairs with equal verdicts in both orders, at most which a judge counts as following the order."""
MARKS = {"few": "°"}
"""Kind -> the sign that stands beside every number that it makes doubtful; see `mark`."""
OTHER_MARK = "†"

MEANINGS = {
    "few": f"fewer than {FEW} questions: the interval is wide, and only a large difference shows",
    "one verdict": f"the judge said the same of at least {SAME:.0%} of the answers of all runs: it separates nothing",
    "blind judge": "the judge did not tell answers from answers to other questions (control): its marks mean nothing",
    "order": "the judge's verdicts on a pair, one in each order, do not agree clearly more than half the time: it "
    "follows the order, and win rates are near 50% whatever the answers are",
    "floor": "no run has anything but the lowest score: nothing can be compared",
    "unscored": f"more than {MISSING:.0%} of some run's answers are unscored: what is left is no fair sample",
}


class Unscored(NamedTuple):
    """How many answers of a run to a benchmark have no score, and why."""

    run: str
    benchmark: str
    answers: int
    scored: int
    reasons: Mapping[str, int]
    """Reason -> number of answers without a score."""

    @property
    def many(self) -> bool:
        """Whether so many answers have no score that the others are no fair sample."""
        return _scarce(self.answers, self.scored)


class Caveat(NamedTuple):
    """A reason why a measure of a benchmark is unreliable: a key of MEANINGS."""

    benchmark: str
    measure: str
    kind: str


def mark(kinds: Iterable[str]) -> str:
    """What stands beside a number that these kinds of caveat make doubtful: "", "°" (few questions), "†" or both."""
    return "".join(sorted({MARKS.get(kind, OTHER_MARK) for kind in kinds}, reverse=True))


def legend_of(kinds: Iterable[str]) -> str:
    """The marks of these kinds with their meaning, in short."""
    signs = mark(kinds)
    few, other = f"° fewer than {FEW} questions", f"{OTHER_MARK} doubtful, the report says why"
    return ", ".join(text for sign, text in (("°", few), (OTHER_MARK, other)) if sign in signs)


def pairwise(name: str) -> str:
    """What stands for the benchmark in a caveat about an entry of `compare`."""
    return f"compare/{name}"


def pairwise_caveats(compared: Mapping[str, Mapping[str, Any]]) -> list[Caveat]:
    """Every caveat about the win rates of pairwise comparisons. compared: name -> what `compare` wrote."""
    return [
        Caveat(pairwise(name), measure, kind)
        for name, document in sorted(compared.items())
        for kind in _pairwise_kinds(document)
        for measure in ("win", "won")
    ]


def _pairwise_kinds(document: Mapping[str, Any]) -> Iterator[str]:
    if document["scored"] < FEW:
        yield "few"
    if blind(document.get("control")):
        yield "blind judge"
    orders = document.get("orders")
    if orders and orders["raw"]["low"] is not None and orders["raw"]["low"] <= FOLLOWED_ORDER:
        yield "order"
    if _scarce(document["n"], document["scored"]):
        yield "unscored"


def caveats(evaluated: Mapping[str, Mapping[str, Any]], scored: Mapping[str, Sequence[Any]]) -> list[Caveat]:
    """Every caveat, by benchmark and measure. evaluated, scored: by "run/benchmark", see `collect.findings`."""
    documents_by_measure: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for name, document in evaluated.items():
        benchmark = name.partition("/")[2]
        for measure, estimate in document.items():
            if isinstance(estimate, Mapping) and "mean" in estimate:
                documents_by_measure.setdefault((benchmark, measure), {})[name] = document
    return [
        Caveat(benchmark, measure, kind)
        for (benchmark, measure), documents in sorted(documents_by_measure.items())
        for kind in _kinds(measure, documents, {name: scored.get(name, ()) for name in documents})
    ]


def unscored(evaluated: Mapping[str, Mapping[str, Any]]) -> list[Unscored]:
    """Every run and benchmark with unscored answers, also where no answer has a score."""
    missing = []
    for name, document in sorted(evaluated.items()):
        run, _, benchmark = name.partition("/")
        if document["scored"] < document["n"]:
            missing.append(Unscored(run, benchmark, document["n"], document["scored"], document.get("unscored", {})))
    return missing


def _kinds(
    measure: str, documents: Mapping[str, Mapping[str, Any]], scored: Mapping[str, Sequence[Any]]
) -> Iterator[str]:
    rows = [row for some in scored.values() for row in some if measure in row.values]
    values = Counter(row.values[measure] for row in rows)
    if any(len(_items(some, measure)) < FEW for some in scored.values()):
        yield "few"
    if any(row.judge for row in rows) and max(values.values()) >= SAME * len(rows):
        yield "one verdict"
    elif values and set(values) == {0.0}:
        yield "floor"
    if any(blind(document.get("control")) for document in documents.values()):
        yield "blind judge"
    if any(_scarce(document["n"], document["scored"]) for document in documents.values()):
        yield "unscored"


def _scarce(answers: int, scored: int) -> bool:
    return answers - scored > MISSING * answers


def _items(rows: Sequence[Any], measure: str) -> set[str]:
    return {row.item for row in rows if measure in row.values}


def blind(control: Mapping[str, Any] | None) -> bool:
    """Whether the interval of a control contains the value of guessing: a difference of 0, or a share of one half."""
    if not control:
        return False
    chance = 0.0 if "difference" in control else 0.5
    return bool(control["low"] <= chance)
