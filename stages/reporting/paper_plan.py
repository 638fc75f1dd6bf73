"""Which runs, benchmarks and corpora of params.yaml stand for those of the paper's tables."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from stages.reporting.design import design
from stages.reporting.paper_tables.automatic_tables import SEED_DATA

Document = Mapping[str, Any]
VERSION = re.compile(r"data/rewritten/[^/]+/([0-9]+)\.jsonl")
"""The source of a benchmark that is SeqEval after a round."""
LONGEST_PATH = 8
"""Steps from a corpus that is rewritten back to the one that was ingested."""


class StandIn(NamedTuple):
    """A run as the page describes it."""

    run: str
    model: str
    """The reference of the model that was trained or prompted."""
    rows: str
    """The artifact that it was trained on; "" for an untuned model."""


class PaperPlan(NamedTuple):
    """What stands for what."""

    runs: Mapping[str, str] = {}
    """Arm of the paper -> the run here."""
    declared: bool = False
    """Whether params.yaml names them (`report.paper`); else they follow from what runs read."""
    stand_ins: Mapping[str, StandIn] = {}
    """Every run that is trained or prompted, by name."""
    iterations: Mapping[str, int] = {}
    """Entry of ingest.benchmarks that is SeqEval after a round -> the round."""
    seed_data: Mapping[str, str] = {}
    """Rewritten corpus -> the paper's corpus of the same format; "" where the paper has none."""


def paper_plan(params: Document) -> PaperPlan:
    """What stands for what in an experiment. params: params.yaml as plain values."""
    declared = params["report"].get("paper") or {}
    sources = {name: str(entry["source"]) for name, entry in params["ingest"]["benchmarks"].items()}
    matches = {name: VERSION.fullmatch(source) for name, source in sources.items()}
    return PaperPlan(
        declared or dict(_derived(params)), bool(declared), _stand_ins(params),
        {name: int(match[1]) for name, match in matches.items() if match},
        {corpus: SEED_DATA.get(_adapter(params, entry["reads"]), "")
         for corpus, entry in params["rewrite"]["corpora"].items()},
    )  # fmt: skip


def _stand_ins(params: Document) -> dict[str, StandIn]:
    models = {name: str(entry["reference"]) for name, entry in params["fetch"]["models"].items()}
    trained = {name: (run["model"], run["reads"]) for name, run in params["train"]["runs"].items()}
    prompted = {name: (name, "") for name in params["predict"]["models"]}
    return {
        name: StandIn(name, models.get(model, model), rows) for name, (model, rows) in {**prompted, **trained}.items()
    }


def _derived(params: Document) -> Iterator[tuple[str, str]]:
    """(arm, run) from the compared runs and from what others read; the first run of an arm counts."""
    plan, runs = design(params), params["train"]["runs"]
    arms = {"alpaca-it": plan.baseline, "alpaca-sit": plan.treatment, "prompted-llama3-8b": plan.base}
    compared = set(arms.values())
    for run, entry in runs.items():
        if run not in compared and (arm := _arm(params, str(entry["reads"]))):
            arms.setdefault(arm, run)
    return ((arm, run) for arm, run in arms.items() if run)


def _arm(params: Document, artifact: str) -> str:
    """The arm of the paper that is trained on an artifact made like this one; "" for none."""
    folder, _, name = artifact.partition("/")
    stem, _, part = name.partition(".")
    match folder:
        case "evolved":
            return "alpaca-wizardlm"
        case "sampled":
            return _sampled(params["sample"], stem, part)
        case "split":
            return "alpaca-sit-multi" if part == "turns" else "alpaca-sit-split"
        case "augmented":
            return _chained(params["augment"], stem, part)
        case _:
            return ""


def _sampled(sample: Document, stem: str, part: str) -> str:
    if stem in sample["pairs"]:
        return "alpaca-it-pairs" if part == "like" else "alpaca-sit-pairs"
    return "alpaca-sit-budget" if stem in sample["budget"] else ""


def _chained(augment: Document, stem: str, part: str) -> str:
    """The arm of a set with one added task; "" where it has several, or another one."""
    entries = {name: entry for section in augment.values() for name, entry in section.items()}
    chains = [chain["chain"] for chain in entries.get(stem, {}).get("chains", ())]
    if chains == ["caption"]:
        return "vqa-it" if part == "plain" else "vqa-sit"
    if part == "plain":
        return "alpaca-plain"
    return f"alpaca-{chains[0]}" if chains in (["repeat"], ["translate"]) else ""


def _adapter(params: Document, artifact: str) -> str:
    """The format of the corpus that an artifact was made from; "" where it is made from several."""
    stages = {"decontaminated": "decontaminate", "extracted": "extract_inputs"}
    for _ in range(LONGEST_PATH):
        folder, _, name = artifact.partition("/")
        if folder == "ingested":
            return str(params["ingest"]["corpora"].get(name, {}).get("adapter", ""))
        entry = params[stages[folder]]["corpora"].get(name) if folder in stages else None
        if entry is None:
            return ""
        artifact = str(entry["reads"])
    return ""
