"""Runs that answered verified sequences of 1 to 6 tasks, as `evaluate` would have scored them."""

from copy import deepcopy
from functools import partial
from random import Random
from typing import Any

from msgspec import to_builtins

from stages.evaluation.benchmarks.questions import Score
from stages.evaluation.benchmarks.score_statistics import compare, summary
from stages.reporting import collect
from stages.reporting.findings import Findings
from tests.reporting.run import PARAMS, metrics

SKILL = {"smollm2": 0.62, "it": 0.7, "it-2": 0.68, "sit": 0.95, "sit-2": 0.93, "sit-pairs": 0.9, "it-pairs": 0.72}
"""Run -> the chance that it attempts a task."""
LENGTHS = (1, 2, 3, 4, 5, 6)


def params(**report: Any) -> dict[str, Any]:
    """The committed experiment with verified sequences to train on and to test with, and runs of two seeds."""
    changed = deepcopy(PARAMS)
    entry = {"seed": 1, "count": 600, "tasks": [1, 2, 3], "types": "seen", "form": "chain"}
    changed["generate"] = {
        "chains": entry, "verified": entry | {"tasks": [*LENGTHS]}, "new": entry | {"tasks": [2], "types": "unseen"}
    }  # fmt: skip
    changed["ingest"]["corpora"]["chains"] = {"adapter": "own", "source": "data/generated/chains.jsonl"}
    changed["ingest"]["benchmarks"] = {
        name: {"benchmark": "verified", "source": f"data/generated/{name}.jsonl"} for name in ("verified", "new")
    }  # fmt: skip
    reads = {"it": "a", "it-2": "a", "sit": "b", "sit-2": "b", "sit-pairs": "c", "it-pairs": "d"}
    changed["train"]["runs"] = {
        run: {"reads": source, "model": "smollm2", "seed": 2 if run.endswith("-2") else None}
        for run, source in reads.items()
    }  # fmt: skip
    changed["predict"]["models"] = {"smollm2": {}}
    changed["report"] |= {"matched": {"sit-pairs": "it-pairs"}, "margin": 5.0, "effect": 10.0} | report
    return changed


def scores(run: str, benchmark: str, each: int, skill: float | None = None) -> list[Score]:
    """`each` sequences of every number of tasks."""
    rows = []
    chance = SKILL[run] if skill is None else skill
    for tasks in LENGTHS:
        for i in range(each):
            random = Random(f"{run}{benchmark}{tasks}/{i}")
            tried = [random.random() < chance for _ in range(tasks)]
            right = [attempt and random.random() < 0.4 for attempt in tried]
            values = {
                "following": float(all(tried)), "attempted": sum(tried) / tasks, "accuracy": sum(right) / tasks,
                "complete": float(all(right)),
            }  # fmt: skip
            item = f"{tasks}-{i}"
            rows.append(
                Score(f"{item}/0", item, item, run, "en", ("independent", "dependent")[i % 2], tasks, "ok", values)
            )
    return rows


def evaluated(scored: list[Score]) -> dict[str, Any]:
    """Their summary, with positions."""
    positions = {
        str(place): {"attempted": {"mean": 1 / place, "low": 0.0, "high": 1.0, "n": len(scored)}} for place in (1, 2)
    }  # fmt: skip
    return to_builtins(summary(scored)) | {"positions": positions}


def findings(
    runs: tuple[str, ...] = ("smollm2", "it", "sit", "sit-pairs", "it-pairs"), each: int = 100,
    skill: dict[str, float] | None = None, names: dict[str, str] | None = None, **report: Any,
) -> Findings:  # fmt: skip
    """The findings of `runs` with `each` sequences a length. names: run -> another name for it."""
    chances, titles = skill or {}, names or {}
    scored = {
        f"{run}/{entry}": scores(run, entry, each, chances.get(run)) for run in runs for entry in ("verified", "new")
    }  # fmt: skip
    shown = {
        f"{titles.get(run, run)}/{entry}": rows
        for (run, _, entry), rows in ((k.partition("/"), v) for k, v in scored.items())
    }
    changed = params(**report)
    changed["train"]["runs"] = {
        titles.get(run, run): entry for run, entry in changed["train"]["runs"].items() if run in runs
    }
    chosen = changed["report"]
    chosen["baseline"], chosen["treatment"] = titles.get("it", "it"), titles.get("sit", "sit")
    chosen["matched"] = {titles.get(a, a): titles.get(b, b) for a, b in chosen["matched"].items() if a in runs}
    return collect.findings(
        changed, metrics={stage: {} for stage in metrics()}, scored=shown, logs={}, before=[], after=[],
        evaluated={name: evaluated(rows) for name, rows in shown.items()}, compare=partial(compare, seed=7),
    )  # fmt: skip
