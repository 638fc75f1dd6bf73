"""The first screen of the report: what the run shows, its picture, and every reason to doubt it, found by rule."""

from collections.abc import Iterator, Mapping, Sequence

from stages.reporting.caveats import MEANINGS
from stages.reporting.charts import Bar, Drawing, framed, grouped_bars
from stages.reporting.claims_section import KINDS
from stages.reporting.data_section import actions_chart
from stages.reporting.declared_benchmarks import declaration, is_sequential, main_measure
from stages.reporting.findings import Findings, Score, caveats_of, mark_of, run_title
from stages.reporting.following_figure import following_figure
from stages.reporting.html import Safe, element, join, number
from stages.reporting.picture import TITLES, figure_lines
from stages.reporting.planned_comparisons import HEADLINE, Claim
from stages.reporting.results import cut_off_worst
from stages.reporting.score_section import colours, judged, percent, place
from stages.reporting.training_section import loss_remarks
from stages.reporting.verdicts import is_clear, sentence

WIDTH = 452.0
"""Of the picture: letters of a readable size on a telephone, and room for the doubts beside it elsewhere."""
MOST_SCORES = 4
"""Benchmarks in the first sentence of the report of one model."""
MOST_BENCHMARKS = 2
"""Bars of the picture where there are no verified sequences."""


def first_screen(findings: Findings, only: str = "") -> list[Safe]:
    """The claim, and below it the picture beside the doubts. only: the run that all results are of, "" for several."""
    chart = picture_of_claim(findings)
    shown = [framed(chart)] if chart is not None else []
    reasons = list(doubts(findings, only))
    listed = [element("h2", "Reasons to doubt it", id="doubts"), element("ul", *(element("li", r) for r in reasons))]
    beside = element("div", *(listed if reasons else []))
    return [*_claims(findings, only), element("div", *shown, beside, class_="first")]


def _claims(findings: Findings, only: str) -> Iterator[Safe]:
    """The planned comparison in words; else how many differences are clear; else nothing."""
    if only:
        yield from _scores(findings)
    headline = [claim for claim in findings.claims if claim.kind == "headline"]
    for claim in headline:
        if claim.measure == "following":
            question = element("b", KINDS["headline"])
            words = sentence(claim, findings.design.margin, len(findings.claims))
            yield element("p", question, f" On {claim.where}: {words}", _right(headline), class_="claim")
    if not headline and findings.differences and not only:
        sound = [d for d in findings.differences if is_clear(d) and not caveats_of(findings, d.benchmark, d.measure)]
        better = sum(d.low > 0 for d in sound)
        counts = f"{better} clearly better, {len(sound) - better} clearly worse, without a doubt"
        shown = counts if sound else "no difference that is clear and without a doubt"
        compared = f"{findings.treatment} against {findings.baseline}, {len(findings.differences)} measures"
        yield element("p", f"{compared}: {shown}.", class_="claim")


def _scores(findings: Findings) -> Iterator[Safe]:
    """What the only run scored on sequential benchmarks, by their main measures; on the others where there are none."""
    whole = [score for score in _whole(findings) if score.maker == "evaluate"]
    measures = {name: main_measure(findings, name, {s.measure: s for s in whole if s.benchmark == name})
                for name in {score.benchmark for score in whole}}  # fmt: skip
    main = sorted((s for s in whole if measures[s.benchmark] == s.measure), key=lambda s: place(s.benchmark))
    chosen = [score for score in main if is_sequential(findings, score.benchmark)] or main
    texts = [_score(findings, score) for score in chosen[:MOST_SCORES]]
    if texts:
        yield element("p", "; ".join(texts), ".", class_="claim")


def _score(findings: Findings, score: Score) -> str:
    bar, digits = percent(score), 2 if judged(score.measure) else 1
    unit = " of 5" if judged(score.measure) else "%"
    around = "" if bar.low is None else f" [{number(bar.low, digits)}, {number(bar.high, digits)}]"
    signs = mark_of(findings, score)
    value = f"{number(bar.value, digits)}{unit}{signs}{around}"
    return f"{score.benchmark}, {score.measure}: {value}, {score.questions:,} answers"


def _right(headline: Sequence[Claim]) -> str:
    """The same comparison by what is right, where attempts alone were told of."""
    for claim in headline:
        if claim.measure == "accuracy":
            return f" Tasks answered right: {number(100 * claim.before)}% → {number(100 * claim.after)}%."
    return ""


def picture_of_claim(findings: Findings) -> Drawing | None:
    """Following by the number of tasks; else the main measures of sequential benchmarks; else actions by round."""
    for entry in findings.design.verified:
        if lines := figure_lines(findings, entry):
            return following_figure(TITLES[:1], lines, findings.design.trained, [], WIDTH)
    groups, runs = _bars(findings)
    if groups:
        hues = {run: hue for run, hue in colours(findings).items() if run in runs}
        return grouped_bars("Sequential benchmarks, main measures, %", groups, hues)
    return actions_chart(findings.rounds, (), WIDTH) if any(one.round for one in findings.rounds) else None


def _bars(findings: Findings) -> tuple[dict[str, dict[str, Bar]], set[str]]:
    """Label -> run -> bar, and the runs."""
    groups: dict[str, dict[str, Bar]] = {}
    runs = set()
    for score in sorted(_whole(findings), key=lambda score: place(score.benchmark)):
        declared = declaration(findings, score.benchmark) if score.maker == "evaluate" else None
        if declared and declared.sequential and score.measure == declared.main_measure and not judged(score.measure):
            title = f"{score.benchmark} / {score.measure} {mark_of(findings, score)}".rstrip()
            if title in groups or len(groups) < MOST_BENCHMARKS:
                groups.setdefault(title, {})[score.run] = percent(score)
                runs.add(score.run)
    return groups, runs


def _whole(findings: Findings) -> list[Score]:
    return [score for score in findings.scores if not score.group and score.value is not None]


def doubts(findings: Findings, only: str = "") -> Iterator[Safe]:
    """Every reason that a rule finds, the most serious first."""
    yield from _of_claim(findings)
    for run, remark in loss_remarks(findings):
        yield join(["Training: the loss of ", run, f" {remark}."])
    yield from _cut_off(findings)
    many = [one for one in findings.unscored if one.many]
    for one in many:
        yield join([f"{one.scored:,} of {one.answers:,} answers of ", one.run, " to ", one.benchmark, " have a score."])
    kinds = {
        kind: len({(c.benchmark, c.measure) for c in findings.caveats if c.kind == kind}) for kind in MEANINGS
    }  # fmt: skip
    for kind, count in kinds.items():
        if count:
            yield join(
                [f"{count} {'measure' if count == 1 else 'measures'}: ", element("b", kind), f" ({MEANINGS[kind]})."]
            )
    if not only and findings.scores and not findings.differences:
        yield join(["No two runs are compared: params.yaml names no baseline and treatment that both have scores."])


def _of_claim(findings: Findings) -> Iterator[Safe]:
    """What limits the first planned comparison: the untuned model, one seed, few questions, fewer right."""
    for claim in findings.claims:
        if claim.kind != "headline" or claim.measure != "following":
            continue
        yield from _of_base(findings, claim)
        if claim.seeds == 1:
            yield join(["One training seed each: how much another seed changes is not measured."])
        if "few" in claim.kinds:
            yield join([f"{claim.questions} questions: the interval is wide."])
    by_kind = {(claim.kind, claim.measure): claim for claim in findings.claims}
    headline, right = by_kind.get(("headline", "following")), by_kind.get(("headline", "accuracy"))
    if headline and right and is_clear(headline) and not (is_clear(right) and right.low > 0):
        yield join(["More tasks attempted is not more tasks right: for those no gain is shown."])


def _of_base(findings: Findings, claim: Claim) -> Iterator[Safe]:
    """Where the untuned model does better than the baseline, or no worse than the treatment."""
    base, treatment = (shares(findings, claim, run) for run in (findings.design.base, claim.treatment))
    whole = mean_share(base)
    if whole is not None and claim.difference > 0 and whole > claim.before:
        yield join([
            f"The untuned model attempts every task in {number(100 * whole)}%, more often than ", claim.baseline,
            f" ({number(100 * claim.before)}%): a part of the difference may be what training took from ",
            claim.baseline, ".",
        ])  # fmt: skip
    ahead = [str(tasks) for tasks in sorted(base) if tasks in treatment and base[tasks][0] >= treatment[tasks][0]]
    if ahead:
        yield join([f"With {', '.join(ahead)} tasks the untuned model does no worse than ", claim.treatment, "."])


def shares(findings: Findings, claim: Claim, run: str) -> dict[int, tuple[float, int]]:
    """Number of tasks -> (the share of a run on the measure and benchmark of a claim, questions)."""
    return {
        int(score.group.partition(":")[2]): (score.value, score.questions)
        for score in findings.scores
        if score.run == run and score.group.startswith("tasks:") and score.value is not None
        and (score.benchmark, score.measure) == (claim.benchmark, claim.measure)
    }  # fmt: skip


def mean_share(by_tasks: Mapping[int, tuple[float, int]]) -> float | None:
    """The share over the numbers of tasks of the first claim; None where there are none of these."""
    some = [pair for tasks, pair in by_tasks.items() if tasks in HEADLINE]
    total = sum(count for _, count in some)
    return sum(value * count for value, count in some) / total if total else None


def _cut_off(findings: Findings) -> Iterator[Safe]:
    """The largest share of cut-off answers of each benchmark, in one sentence."""
    worst = cut_off_worst(findings)
    if worst:
        texts = [
            f"{name} up to {100 * share:.0f}% ({run_title(findings, run)})" for name, (share, run) in worst.items()
        ]
        yield join(["Answers are cut off at the token limit: ", ", ".join(texts), "."])
