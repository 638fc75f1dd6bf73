"""The section on pairs of runs: flips of single answers, and what training seeds change."""

from collections.abc import Sequence

from stages.reporting.caveats import mark
from stages.reporting.findings import Findings, caveats_of
from stages.reporting.html import Safe, element, number, p_value, table
from stages.reporting.paired_runs import SeedRow
from stages.reporting.score_section import judged, place, rank

FLIPS_NOTE = (
    "Of the answers that both runs have a mark for. A difference is the first column less the second; equal means with "
    "many flips are two models that know different things."
)
SEEDS_NOTE = (
    "Runs that differ in `seed` alone are one group: its mean, and the standard deviation between its seeds. The "
    "interval accounts for questions and seeds (a two-way layout, both random; degrees of freedom by Satterthwaite); "
    "p is adjusted by Holm's method for this table. Share of seeds: how much of the variance comes from them."
)


def flip_tables(findings: Findings) -> list[Safe]:
    """Answers by what they are in the baseline and in the treatment; [] where no measure is right or wrong."""
    rows = [
        [
            row.benchmark, f"{row.measure}{mark(caveats_of(findings, row.benchmark, row.measure))}",
            row.flips.wrong_to_right, row.flips.right_to_wrong, row.flips.both_right, row.flips.both_wrong,
        ]
        for row in sorted(findings.flips, key=lambda row: (place(row.benchmark), rank(row.measure)))
    ]  # fmt: skip
    head = ["benchmark", "measure", "wrong to right", "right to wrong", "both right", "both wrong"]
    title = element("h3", f"Flips from {findings.baseline} to {findings.treatment}")
    return [title, element("p", FLIPS_NOTE, class_="note"), table(head, rows, first=2)] if rows else []


def seed_tables(findings: Findings) -> list[Safe]:
    """Groups of training seeds against each other; [] where each run has one seed."""
    if not findings.seeds:
        return []
    groups = {run: ", ".join(findings.design.group(run)) for run in (findings.baseline, findings.treatment)}
    runs = " against ".join(f"{run} ({names})" for run, names in groups.items())
    rows = [_row(row, findings) for row in sorted(findings.seeds, key=lambda r: (place(r.benchmark), rank(r.measure)))]
    head = ["benchmark", "measure", findings.baseline, "each seed", findings.treatment, "each seed", "difference", "p",
            "detectable", "share of seeds"]  # fmt: skip
    return [
        element("h3", "Training seeds"), element("p", f"{runs}. {SEEDS_NOTE}", class_="note"),
        table(head, rows, first=2),
    ]  # fmt: skip


def _row(row: SeedRow, findings: Findings) -> list[object]:
    scale, digits = (1.0, 2) if judged(row.measure) else (100.0, 1)
    signs = mark(caveats_of(findings, row.benchmark, row.measure))
    compared, groups = row.groups.comparison, row.groups
    low, high = (number(end * scale, digits, sign=True) for end in (compared.low, compared.high))
    around = element("span", f"[{low}, {high}]", class_="under")
    variance = groups.item_error**2 + groups.seed_error**2
    before, after = (
        [_mean(runs, spread, scale, digits), ", ".join(number(run * scale, digits) for run in runs)]
        for runs, spread in zip((groups.baseline, groups.treatment), row.spreads, strict=True)
    )
    return [
        row.benchmark, f"{row.measure}{signs}", *before, *after,
        element("span", number(compared.difference * scale, digits, sign=True), around), p_value(row.p),
        number(compared.detectable * scale, digits), f"{100 * groups.seed_error**2 / (variance or 1.0):.0f}%",
    ]  # fmt: skip


def _mean(runs: Sequence[float], spread: float | None, scale: float, digits: int) -> Safe:
    """The mean over seeds, and below it the standard deviation between them."""
    below = "one seed" if spread is None else f"± {number(spread * scale, digits)}"
    mean = number(sum(runs) / len(runs) * scale, digits)
    return element("span", mean, element("span", below, class_="under"))
