"""A run of the whole profile `paper` as its stages would have written it, with invented numbers."""

from functools import cache
from pathlib import Path
from typing import Any

from stages.evaluation.benchmarks import BENCHMARKS
from stages.params import Params, load
from stages.reporting import collect
from stages.reporting.findings import Findings

PROFILE = Path(__file__).resolve().parents[2] / "stages/profiles/paper.yaml"
GROUPS = {
    "commonsenseqa": ("plain", "repeat", "paraphrase"),
    "vqav2": ("plain", "caption"),
    "gqa": ("plain", "caption"),
}


@cache
def profile() -> Params:
    return load(PROFILE)


def params(**report: Any) -> dict[str, Any]:
    """The profile as plain values. report: changes of its section."""
    plain = profile().model_dump(mode="json")
    return plain | {"report": plain["report"] | report}


def share(*key: object) -> float:
    """A share that depends on what it is of, the same in every run."""
    return (sum(ord(c) for c in "/".join(map(str, key))) * 37 % 1000) / 1000


def estimate(mean: float, n: int = 200) -> dict[str, Any]:
    return {"n": n, "mean": mean, "low": max(mean - 0.05, 0.0), "high": min(mean + 0.05, 1.0)}


def summary(run: str, entry: str, settings: dict[str, Any]) -> dict[str, Any]:
    """What `evaluate` writes about a run."""
    declared = BENCHMARKS[settings["benchmark"]]
    names = [
        *declared.metrics,
        *(["quality", "following"] if declared.judge else []),
        *(["pass@10"] if declared.program else []),
    ]

    def measures(part: str) -> dict[str, Any]:
        made = {name: estimate(share(run, entry, name, part)) for name in names}
        if "quality" in made:
            made["quality"] = {"n": 200, "mean": 4.25, "low": 4.1, "high": 4.4}
        return made

    groups = GROUPS.get(settings["benchmark"], ())
    cuts = {
        "languages": settings.get("languages") or [],
        "groups": groups,
        "tasks": [1, 2, 3] if declared.sequential else [],
    }
    counted = {"n": 200, "scored": 200, "statuses": {"ok": 200}, "unscored": {}}
    return (
        counted
        | measures("")
        | {cut: {str(p): measures(str(p)) for p in parts} for cut, parts in cuts.items() if parts}
    )


def metrics(plain: dict[str, Any]) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = {stage: {} for stage in collect.names(plain)}
    shares = {"decompose": 0.1, "prefix": 0.4, "suffix": 0.3, "hold": 0.2}
    for entry in collect.rewritten(plain):
        counts = {action: int(1000 * value) for action, value in shares.items()}
        made["rewrite"][entry.name] = {"rows": 1000, "counts": counts, "actions": shares, "actions_with_frozen": shares}
    for entry in collect.responded(plain):
        made["respond"][entry.name] = {"rows": 1000, "tokens_input": 20.0 + entry.round, "tokens_output": 300.5}
    for name in plain["compare"]["references"]:
        made["compare"][name] = {"n": 200, "scored": 200, "won": estimate(share(name)), "win": estimate(share(name))}
    for name in plain["win_rate"]:
        made["win_rate"][name] = {"n": 805, "length_controlled_winrate": 10.25, "lc_standard_error": 1.0}
    return made


def findings(**report: Any) -> Findings:
    """report: changes of that section of the profile."""
    plain = params(**report)
    entries = plain["ingest"]["benchmarks"]
    evaluated = {
        f"{run}/{name}": summary(run, name, entries[name])
        for run in profile().runs for name in profile().benchmarks_of(run)
    }  # fmt: skip
    return collect.findings(
        plain, metrics=metrics(plain), evaluated=evaluated, logs={}, scored={}, before=[], after=[],
        compare=lambda *_: None,
    )  # fmt: skip
