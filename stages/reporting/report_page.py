"""The report: one self-contained page, and the figures that DVC compares."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stages.reporting import ablation_figures, ablation_pages, browser_pages, paper_page
from stages.reporting.case_section import case_section
from stages.reporting.caveats import mark
from stages.reporting.claims_section import claims_section, verified_section
from stages.reporting.data_section import chains_section, data_section, segments
from stages.reporting.declared_benchmarks import is_sequential
from stages.reporting.document import document
from stages.reporting.findings import ACTIONS, Findings, Score, caveats_of, mark_of
from stages.reporting.html import Safe, element, folded, join, number, table
from stages.reporting.judge_section import judge_section
from stages.reporting.model_section import model_section, only_run
from stages.reporting.opening import first_screen
from stages.reporting.overlap_section import overlap_section
from stages.reporting.paired_section import flip_tables, seed_tables
from stages.reporting.picture import picture
from stages.reporting.results import results
from stages.reporting.sample_answers import answers_section
from stages.reporting.score_section import judged, ordered, percent, place, score_section
from stages.reporting.training_section import loss_remarks, training_section
from stages.reporting.verb_section import sunburst_files, verb_section
from stages.reporting.vqa_section import vqa_section

COUNTED = {
    "ingest": "Ingested",
    "filter": "Responses filtered",
    "augment": "Manual chains (paper 4.1 and A.1)",
    "extract_inputs": "Instruction and input told apart (paper B.4)",
    "sample": "Mixtures (paper 3) and combinations (paper 4.2)",
}

JUDGES = ("compare", "judge_tasks", "judge_agreement")
TITLE = "Sequential instruction tuning: what this run found"
PAGES = {
    "answers.html": "All answers side by side",
    "rows.html": "Training rows before and after",
    "paper.html": "The paper's tables",
}
"""Other pages of the report -> their titles in the contents."""


def files(findings: Findings) -> dict[str, str]:
    """Every text file of the report by its path under data/report/."""
    return {
        "index.html": page(findings),
        "paper.html": paper_page.page(findings),
        **browser_pages.files(findings),
        "picture.svg": picture(findings),
        "plots/scores.csv": _csv(["run", "benchmark", "measure", "score", "low", "high"], _score_rows(findings)),
        "plots/tasks.csv": _csv(["run", "tasks", "score", "low", "high"], _by_number(findings, "tasks")),
        "plots/positions.csv": _csv(["run", "position", "score", "low", "high"], _by_number(findings, "position")),
        "plots/actions.csv": _csv(["set", "action", "share"], _action_rows(findings)),
        "plots/losses.csv": _csv(["run", "step", "loss"], _loss_rows(findings)),
        **_ablations(findings),
        **sunburst_files(findings),
    }


def _ablations(findings: Findings) -> dict[str, str]:
    """The pages of ablations with their figures, and these as pictures."""
    pages = ablation_pages.ablations(findings.stages)
    drawn = ablation_figures.figures_of_ablations(findings, pages)
    return ablation_pages.files(pages, drawn, ablation_figures.STYLE) | ablation_figures.pictures(findings)


def figures(findings: Findings) -> dict[str, Any]:
    """Every score by run and benchmark, shares of actions by round, differences, and the means of the judges.

    marks: benchmark -> measure -> the mark that stands beside its numbers, where there is one (`caveats.mark`). claims:
    the planned comparisons on verified sequences.
    """
    document: dict[str, Any] = {"scores": {}, "seqinstruct": {}}
    for score in findings.scores:
        if not score.group and score.value is not None:
            benchmark = document["scores"].setdefault(score.run, {}).setdefault(score.benchmark, {})
            benchmark[score.measure] = round(score.value, 4)
    for row in findings.rounds:
        shares = {name: round(share, 4) for name, share in segments(row).items()} if row.round else {}
        lengths = {"input_tokens": row.input_tokens, "output_tokens": row.output_tokens}
        document["seqinstruct"][row.name] = shares | {k: v for k, v in lengths.items() if v is not None}
    for d in findings.differences:
        document.setdefault("difference", {}).setdefault(d.benchmark, {})[d.measure] = round(d.value, 4)
    for caveat in findings.caveats:
        signs = mark(caveats_of(findings, caveat.benchmark, caveat.measure))
        document.setdefault("marks", {}).setdefault(caveat.benchmark, {})[caveat.measure] = signs
    for claim in findings.claims:
        numbers = {key: value for key, value in claim._asdict().items() if isinstance(value, float | int)}
        name = f"{claim.benchmark} {claim.measure}, {claim.treatment} - {claim.baseline}"
        document.setdefault("claims", {}).setdefault(claim.kind, {})[name] = numbers
    document["judges"] = {stage: _means(documents) for stage in JUDGES if (documents := findings.stages.get(stage))}
    return document


def _means(documents: Mapping[str, Any]) -> dict[str, Any]:
    """The means in the metrics of the judges' stages, without intervals and groups."""
    return {
        name: {key: round(v["mean"], 4) for key, v in document.items() if isinstance(v, Mapping) and "mean" in v}
        for name, document in documents.items()
    }


def page(findings: Findings) -> str:
    """The whole page: no script, font or picture from elsewhere; the same findings give the same bytes.

    What to read first comes first: the claim with its picture and the doubts; then results, chains and answers to
    read; settings, counts and statistics are folded.
    """
    one = only_run(findings)
    sections = [
        *claims_section(findings, "headline"), *(model_section(findings) if one else results(findings)),
        *chains_section(findings.chains, findings.rows), *answers_section(findings.samples),
        *([] if one else case_section(findings)), *_details(findings),
    ]  # fmt: skip
    title = f"seqit: {_named(findings, one)}" if one else "seqit report"
    return document(title, *_opening(findings, join(sections)), *sections)


def _details(findings: Findings) -> list[Safe]:
    """What people look up: folded."""
    remarks = len(list(loss_remarks(findings)))
    training = f"{remarks} {'run has' if remarks == 1 else 'runs have'} a remark" if remarks else ""
    statistics = [
        *score_section(findings), *flip_tables(findings), *seed_tables(findings), *vqa_section(findings)
    ]  # fmt: skip
    folds = [
        (_run(findings), ""), (data_section(findings), ""), (verb_section(findings), ""),
        (training_section(findings), training),
        (statistics, ""), (verified_section(findings), ""), (judge_section(findings), ""),
        (overlap_section(findings.stages.get("decontaminate", {})), ""), (_counts(findings), ""),
    ]  # fmt: skip
    parts = [part for section, note in folds for part in folded(section, note)]
    return [element("h2", "Settings, counts and statistics", id="details"), *parts]


def _opening(findings: Findings, sections: Safe) -> list[Safe]:
    links = {
        "claims": "Sequences against single tasks", "results": "Results", "chains": "Chains to read",
        "answers": "Answers to read", "run": "What was run", "data": "Data", "training": "Training",
        "scores": "Scores", "judges": "Judges", "overlaps": "Overlaps", "counts": "Counts",
    }  # fmt: skip
    one = only_run(findings)
    return [
        element("h1", f"Evaluation of {_named(findings, one)}" if one else TITLE),
        *first_screen(findings, one),
        element(
            "nav", *(element("a", title, href=f"#{to}") for to, title in links.items() if f'id="{to}"' in sections),
            *(element("a", title, href=path) for path, title in PAGES.items()), aria_label="Contents",
        ),
        *([element("div", *tiles, class_="tiles")] if (tiles := [*_tiles(findings)]) else []),
    ]  # fmt: skip


def _named(findings: Findings, run: str) -> str:
    """A run, with the reference of its model where it was not trained here: two models may share a name."""
    reference = (findings.settings.get("models") or {}).get(run)
    return f"{run} ({reference})" if reference else run


def _run(findings: Findings) -> list[Safe]:
    return [element("h2", "What was run", id="run"), table(["", ""], _settings(findings.settings), first=2)]


def _tiles(findings: Findings) -> Iterator[Safe]:
    trained = {r.corpus for r in findings.rounds if r.output_tokens is not None}
    changed = [r for r in findings.rounds if r.round and r.corpus in trained]
    if changed:
        first, last = changed[0], [r for r in changed if r.corpus == changed[0].corpus][-1]
        grown = 1 - sum(segments(first)[name] for name in ("hold", "frozen", "lost"))
        yield _tile(f"{first.number:,}", f"rows of {first.corpus}, {last.round} rounds")
        yield _tile(f"{number(100 * grown, 0)}%", "became chains in round 1")
    yield from _difference_tiles(findings)


def _difference_tiles(findings: Findings) -> Iterator[Safe]:
    """Two differences, those of sequential benchmarks first; where too few of their answers have a score, that."""
    shown_differences = [d for d in findings.differences if d.measure in ("following", "quality")]
    for one in findings.unscored:
        of_pair = one.run in (findings.baseline, findings.treatment)
        if of_pair and one.many and is_sequential(findings, one.benchmark):
            yield _tile(f"{one.scored:,} of {one.answers:,}", f"answers of {one.run} to {one.benchmark} have a score")
            shown_differences = []
    for d in sorted(shown_differences, key=lambda d: (not is_sequential(findings, d.benchmark), place(d.benchmark)))[
        :2
    ]:
        digits, scale, unit = (2, 1, "") if judged(d.measure) else (1, 100, " pp")
        around = f"[{number(d.low * scale, digits)}, {number(d.high * scale, digits)}]"
        shown = f"{number(d.value * scale, digits, sign=True)}{unit}"
        signs = mark(caveats_of(findings, d.benchmark, d.measure))
        compared = f"{findings.treatment} against {findings.baseline}"
        doubt = " (doubtful, see Results)" if signs else ""
        yield _tile(f"{shown}{signs}", f"{d.benchmark} {d.measure}, {compared} {around}{doubt}")


def _tile(value: str, meaning: str) -> Safe:
    return element("div", element("b", value), element("span", meaning), class_="tile")


def _settings(settings: Mapping[str, Any]) -> list[list[object]]:
    shown = {name: _plain(value) for name, value in settings.items()}
    return [[name, element("code", value)] for name, value in shown.items() if value]


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value)
    return "–" if value is None else str(value)


def _counts(findings: Findings) -> list[Safe]:
    counted = [part for stage, title in COUNTED.items() for part in _stage(title, findings.stages.get(stage, {}))]
    note = "Each ablation has a page of its own: counts, lengths before and after, and a test that they agree. See "
    pages = element("p", note, element("a", "the ablations", href="ablations/index.html"), ".")
    ablations = [pages] if ablation_pages.ablations(findings.stages) else []
    return [element("h2", "Counts", id="counts"), *ablations, *counted] if counted or ablations else []


def _stage(title: str, sets: Mapping[str, Any]) -> list[Safe]:
    apart = ablation_pages.ablations({"sample": sets})
    flat = {name: dict(_flat(metrics)) for name, metrics in sorted(sets.items()) if name not in apart}
    rows = [[name, key, value] for name, values in flat.items() for key, value in values.items()]
    return [element("h3", title), table(["set", "count", "value"], rows, first=2)] if rows else []


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, object]]:
    """The numbers and short texts in nested mappings, by their path."""
    if isinstance(value, Mapping):
        if value and all(isinstance(item, str) for item in value.values()):
            value = Counter(value.values())  # row id -> reason: how many of each
        for key, item in value.items():
            yield from _flat(item, f"{path} {key}".strip().replace("_", " "))
    elif isinstance(value, float):
        yield path, number(value, 2)
    elif isinstance(value, int | str) and not isinstance(value, bool):
        yield path, value


def _csv(head: Sequence[str], rows: Iterator[Sequence[object]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return stream.getvalue()


def _score_rows(findings: Findings) -> Iterator[Sequence[object]]:
    for score in findings.scores:
        if not score.group and score.value is not None:
            values = ["" if v is None else f"{_on_percent(score.measure, v):.2f}" for v in percent(score)]
            title = f"{score.benchmark} {score.measure}{mark_of(findings, score)}"
            yield [score.run, score.benchmark, title, *values]


def _by_number(findings: Findings, group: str) -> Iterator[Sequence[object]]:
    """Shares by the number of tasks, or by the place of a task."""
    for score in findings.scores:
        kind, _, which = score.group.partition(":")
        if kind == group and score.value is not None and _share_by_tasks(findings, score):
            values = ["" if v is None else f"{v:.2f}" for v in percent(score)]
            yield [score.run, f"{score.benchmark} {score.measure}, {group} {which}", *values]


def _share_by_tasks(findings: Findings, score: Score) -> bool:
    return is_sequential(findings, score.benchmark) and not judged(score.measure)


def _on_percent(measure: str, value: float) -> float:
    """A score from 1 to 5 on the axis of the shares, from 0 to 100."""
    return (value - 1) * 25 if judged(measure) else value


def _loss_rows(findings: Findings) -> Iterator[Sequence[object]]:
    for run in ordered(list(findings.losses), findings):
        for step, loss in findings.losses[run]:
            yield [run, f"{step:g}", f"{loss:.4f}"]


def _action_rows(findings: Findings) -> Iterator[Sequence[object]]:
    for row in findings.rounds:
        for action in (*ACTIONS, "frozen", "lost") if row.round else ():
            yield [f"{row.corpus} {row.round}", action, f"{100 * segments(row)[action]:.2f}"]
