"""What an experiment compares, read from params.yaml: runs, seeds, length-matched arms, and verified sequences."""

from collections.abc import Mapping
from typing import Any, NamedTuple

Document = Mapping[str, Any]


class Design(NamedTuple):
    """The comparisons that params.yaml plans."""

    baseline: str = ""
    treatment: str = ""
    base: str = ""
    """The untuned model that both were trained from, where it answers benchmarks too; else ""."""
    matched: Mapping[str, str] = {}
    """Length-matched run -> the run that it is compared with."""
    margin: float | None = None
    """A difference below this share of a scale counts as none."""
    effect: float | None = None
    """The difference that one wants to detect, as a share of a scale."""
    verified: tuple[str, ...] = ()
    """Entries of ingest.benchmarks with verified sequences of types that training may use, in order."""
    unseen: tuple[str, ...] = ()
    """Those with types that no training set has."""
    trained: frozenset[int] = frozenset()
    """The numbers of tasks in generated sequences that are trained on."""
    seeds: Mapping[str, tuple[str, ...]] = {}
    """Run -> the runs that differ from it in the seed alone, in order, itself among them."""

    def group(self, run: str) -> tuple[str, ...]:
        """The runs that stand for one way of training: `run` and those with other seeds."""
        return self.seeds.get(run, (run,))


def design(params: Document) -> Design:
    """The design of an experiment. params: params.yaml as plain values."""
    report, runs = params["report"], params["train"]["runs"]
    baseline, treatment = report["baseline"] or "", report["treatment"] or ""
    bases = {runs[run]["model"] for run in (baseline, treatment) if run in runs}
    base = bases.pop() if len(bases) == 1 else ""
    kinds = _verified(params)
    return Design(
        baseline, treatment, base if base in params["predict"]["models"] else "", report.get("matched") or {},
        _share(report.get("margin")), _share(report.get("effect")),
        tuple(name for name, types in kinds.items() if types != "unseen"),
        tuple(name for name, types in kinds.items() if types == "unseen"), _trained(params), seed_groups(runs),
    )  # fmt: skip


def seed_groups(runs: Mapping[str, Document]) -> dict[str, tuple[str, ...]]:
    """Run -> every run with the same settings but for the seed, in the order of params.yaml."""
    settings = {run: {key: value for key, value in entry.items() if key != "seed"} for run, entry in runs.items()}
    return {run: tuple(other for other in runs if settings[other] == settings[run]) for run in runs}


def _share(points: float | None) -> float | None:
    return None if points is None else points / 100


def _verified(params: Document) -> dict[str, str]:
    """Entry of verified sequences -> the types of task that they have; "" where it is not generated here."""
    entries = params["ingest"]["benchmarks"]
    return {
        name: _generated(params).get(entry["source"], {}).get("types", "")
        for name, entry in entries.items() if entry["benchmark"] == "verified"
    }  # fmt: skip


def _trained(params: Document) -> frozenset[int]:
    """The numbers of tasks of the generated sequences that a corpus is made from, with all tasks in one instruction."""
    generated = _generated(params)
    sources = [
        entry["source"] for entry in params["ingest"]["corpora"].values()
        if generated.get(entry["source"], {}).get("form", "") == "chain"
    ]  # fmt: skip
    return frozenset(tasks for source in sources for tasks in generated[source]["tasks"])


def _generated(params: Document) -> dict[str, Document]:
    """File -> the entry of `generate` that makes it."""
    return {f"data/generated/{name}.jsonl": entry for name, entry in params["generate"].items()}
