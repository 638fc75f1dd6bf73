"""The tables of the judge against labels of people: agreement, errors, and rates corrected by them."""

from collections.abc import Iterator, Mapping
from typing import Any

from stages.evaluation.calibration.human_labels import UNUSED
from stages.evaluation.calibration.judge_correction import REASONS
from stages.reporting.caveats import FEW, mark
from stages.reporting.findings import Findings
from stages.reporting.html import Safe, element, number, table

Document = Mapping[str, Any]
NOTE = (
    "Answers that people labelled without seeing run or verdict, drawn by the seed. Sensitivity: of the answers "
    "that people call good, those that the judge calls good; specificity: the same of bad ones. A difference between "
    "runs in the judged rate is about the true one times (sensitivity + specificity − 1)."
)
CORRECTED = (
    "Corrected: the rate that people would give, from the judged rate, sensitivity and specificity (Lee et al., 2025, "
    "arXiv 2511.21140), with a 95% interval that counts the uncertainty of the judged and of the labelled answers. It "
    "takes the judge to err alike on the answers of all runs; the agreement on each run's answers tells if it does."
)


def calibration_tables(findings: Findings) -> list[Safe]:
    """The subsection on labels of people; empty where there are none."""
    entries = findings.judges.get("calibrate", {})
    documents = {name: document for name, document in findings.stages.get("calibrate", {}).items() if name in entries}
    if not documents:
        return []
    errors = ["labels", "measure", "answers", "judge and people say the same %", "kappa", "sensitivity %",
              "specificity %", "judge − people"]  # fmt: skip
    rates = ["labels", "run", "labelled", "same %", "judged", "judged rate %", "corrected %"]
    return [
        element("h3", "The judge against people"), element("p", NOTE, class_="note"),
        *(element("p", line, class_="note") for name, one in documents.items() for line in _remarks(name, one)),
        table(errors, [row for name, one in documents.items() for row in _errors(name, one)], first=2),
        element("p", CORRECTED, class_="note"),
        table(rates, [row for name, one in documents.items() for row in _rates(name, one)], first=2),
    ]  # fmt: skip


def _remarks(name: str, document: Document) -> Iterator[str]:
    """What the labels are for, which are not used, and whether they are a fair sample."""
    people = "1 person" if document["labellers"] == 1 else f"{document['labellers']} people"
    yield (
        f"{name}: {document['used']} of {document['labels']} labels by {people} are used, for the judge's prompt of "
        f"version {document['prompt']}."
    )
    for reason, count in document["unused"].items():
        others = ""
        if reason == "other-prompt":
            versions = ", ".join(version for version in document["prompts"] if version != document["prompt"])
            others = f" (version {versions})"
        yield f"{name}: {count} not used: {UNUSED.get(reason, reason)}{others}."
    if document["uncorrected"]:
        yield f"{name}: no rate is corrected: {REASONS.get(document['uncorrected'], document['uncorrected'])}."
    drawn = document["drawn"]
    if drawn.get("labelled") and drawn.get("all"):
        labelled, every = (number(100 * drawn[part]["mean"], 0) for part in ("labelled", "all"))
        yield f"{name}: the judge says yes to {labelled}% of the labelled answers, and to {every}% of all."


def _errors(name: str, document: Document) -> Iterator[list[object]]:
    following, quality, people = document["following"], document["quality"], document["people"]
    yield [
        name, "following", document["answers"], *_agreement(following), _share(following.get("sensitivity")),
        _share(following.get("specificity")), None,
    ]  # fmt: skip
    if quality:
        difference = quality.get("difference")
        mean = _interval(difference, 1, 2) if difference else None
        yield [name, "quality", quality["agreement"]["n"], *_agreement(quality), None, None, mean]
    if people:
        yield [name, "following, two people", people["agreement"]["n"], *_agreement(people), None, None, None]


def _rates(name: str, document: Document) -> Iterator[list[object]]:
    for run, one in document["runs"].items():
        judged = None if "judged" not in one else number(100 * one["judged"])
        corrected = _interval(one["corrected"], 100, 1) if "corrected" in one else None
        yield [name, run, one["labelled"], _agreement(one)[0], one["n"], judged, corrected]


def _agreement(document: Document) -> list[object]:
    """Raw agreement and kappa as cells; dashes where no answer was labelled."""
    agreement = document.get("agreement")
    if not agreement:
        return [None, None]
    return [_share(agreement["raw"]), number(agreement["kappa"]["mean"], 2) if agreement["kappa"] else "undefined"]


def _share(estimate: Document | None) -> object:
    return _interval(estimate, 100, 1, mark(["few"]) if estimate["n"] < FEW else "") if estimate else None


def _interval(estimate: Document, scale: float, digits: int, signs: str = "") -> Safe:
    ends = [None if estimate[end] is None else scale * estimate[end] for end in ("low", "high")]
    around = f"[{number(ends[0], digits)}, {number(ends[1], digits)}]"
    return element("span", number(scale * estimate["mean"], digits), signs, element("span", around, class_="under"))
