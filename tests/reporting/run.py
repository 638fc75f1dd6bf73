"""A whole run in small, as the stages would have written it."""

from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from msgspec import to_builtins

from stages.ablations.comparisons import data_level, instance_level
from stages.ablations.length_report import report_lengths
from stages.ablations.row_lengths import Arm
from stages.evaluation.benchmarks import pairwise_comparison, task_scores
from stages.evaluation.benchmarks.questions import Score
from stages.evaluation.benchmarks.sampling import JudgeSample
from stages.evaluation.benchmarks.score_statistics import agreement, compare, summary
from stages.params import load
from stages.reporting import collect
from stages.reporting.findings import Findings
from tests.reporting.examples import record, step

PARAMS = load(Path(__file__).resolve().parents[2] / "stages/profiles/full.yaml").model_dump(mode="json")
SKILL = {"smollm2": 0.25, "it": 0.4, "sit": 0.6}


def metrics() -> dict[str, dict[str, Any]]:
    shares = {"decompose": 0.1, "prefix": 0.4, "suffix": 0.3, "hold": 0.2}
    first = {
        "rows": 64, "rejected": 0, "actions": shares, "actions_with_frozen": shares, "frozen": 0, "failures": 4,
        "counts": {"decompose": 6, "prefix": 24, "suffix": 18, "hold": 12},
        "failures_by_status": {"unparsed": 1, "rejected": 3}, "failures_by_reason": {"same": 3, "unparsed": 1},
        "tasks": 1.75,
    }  # fmt: skip
    second = first | {
        "actions": {"decompose": 0.2, "prefix": 0.1, "suffix": 0.1, "hold": 0.6}, "frozen": 12,
        "actions_with_frozen": {"decompose": 0.16, "prefix": 0.08, "suffix": 0.08, "hold": 0.68},
        "counts": {"decompose": 10, "prefix": 5, "suffix": 5, "hold": 30}, "failures": 2, "tasks": 2.1,
    }  # fmt: skip
    length = {"rows": 63, "rejected": 1, "rejected_by_reason": {"empty": 1}, "tokens_input": 21.5}
    length["tokens_output"] = 118.25
    found = {stage: {} for stage in collect.names(PARAMS)}
    found["rewrite"] = {"seed/1": first, "seed/2": second, "heldout/1": first | {"rows": 64}}
    found["respond"] = {"seed/0": length, "seed/1": length | {"tokens_input": 40.0}, "seed/2": length}
    arms = {
        name: Arm([f"c-{n}" for n in range(rows)], [(n * step) % 160 for n in range(rows)])
        for name, rows, step in (("responded/seed/2", 64, 7), ("responded/seed/0", 60, 5))
    }
    pairs = instance_level(arms, 1, 0).statistics
    tasks = {"single tasks": arms["responded/seed/2"], "turns": arms["responded/seed/0"]}
    apart = {"outcomes": {"held": 40, "ok": 24}, "rows": 90, "actions": {"whole": 40, "part": 50}}
    found["sample"] = {"sit-budget": data_level(arms, 1).statistics, "sit-pairs": pairs, "seqeval": {"rows": 24}}
    found["split"] = {
        "sit-split": report_lengths({"responded/seed/2": arms["responded/seed/2"]}, tasks) | {"taken_apart": apart}
    }
    found["compare"] = {
        "seqeval-it-sit": to_builtins(pairwise_comparison.summarize(*held(), JudgeSample(None, 4, 7, 200)))
    }
    for run in ("it", "sit"):
        totals = task_scores.summarize(*marks(run), JudgeSample(None, 4, 7, 200))
        found["judge_tasks"][f"seqeval-{run}"] = to_builtins(totals)
    found["judge_agreement"]["seqeval-sit"] = {
        "n": 24, "scored": 24, "following": {"n": 24, "mean": 0.5, "low": 0.3, "high": 0.7},
        "agreement": {"following": to_builtins(agreement([(str(i), 1.0, i % 4 / 3) for i in range(24)], 7, 200))},
    }  # fmt: skip
    found["decontaminate"] = {"seed": decontaminated()}
    found["ingest"] = {"seed": {"read": 64, "kept": 64, "rejected": {}}}
    return found


def decontaminated(text: str = "which of the old bridges") -> dict[str, Any]:
    sizes = {"exact": (1, 0, 1), "8-gram": (5, 2, 3), "13-gram": (2, 1, 2)}
    told = {size: dict(zip(("rows", "responses", "items"), counts, strict=True)) for size, counts in sizes.items()}
    flag = {"id": "seed-1", "kind": "overlap-ngram", "against": "mgsm", "item": "0003", "n": 13, "shared": text}
    return {
        "rows": 64, "kept": 60, "removed": {"overlap-ngram": 1, "duplicate": 3}, "duplicates": 3, "near_duplicates": 7,
        "overlap": {"mgsm": {"items": 12} | told, "xquad": {"items": 48} | told}, "examples": [flag],
    }  # fmt: skip


def scores(run: str, benchmark: str) -> list[Score]:
    found = []
    for i in range(24):
        skill = SKILL[run]
        for language in ("de", "es", "ru", "zh") if benchmark == "xquad" else ("en",):
            draw = Random(f"{run}{benchmark}{i}{language}").random
            followed = float(draw() < skill)
            quality = {"quality": float(round(1 + 4 * skill * draw())), "following": followed}
            graded = {
                "accuracy": float(draw() < skill),
                "strict": float(draw() < skill / 2),
                "following": followed,
            }
            values = quality if benchmark == "seqeval" else graded
            tasks = 2 + i % 4 if benchmark == "seqeval" else 1
            found.append(Score(f"{i}{language}", f"{i}{language}", str(i), run, language, "", tasks, "ok", values))
    return found


def held() -> tuple[list[pairwise_comparison.PairScore], list[pairwise_comparison.PairScore]]:
    """A judge that leans to SIT by a little, and to whoever stands first by a lot; it does not see the controls."""
    found = []
    for i in range(24):
        orders = (0.2 + i / 60, 0.9 - i / 100) if i < 20 else (0.2, 0.8)
        values = {"win": sum(orders) / 2, "won": float(sum(orders) > 1) if i < 20 else 0.5}
        name, control = f"q{i}", i > 19
        row = pairwise_comparison.PairScore(
            name, name, str(i), "sit", "en", "", 2, "ok", values, orders=orders, control=control
        )
        found.append(row)
    return found[:20], found[20:]


def marks(run: str) -> tuple[list[task_scores.TaskScore], list[task_scores.TaskScore]]:
    """Later tasks are dropped more often, by IT more than by SIT; the controls have nothing done."""
    found = []
    for i in range(24):
        count = 2 + i % 4
        done = [float(Random(f"{run}{i}{k}").random() < SKILL[run] + 0.4 - k / 10) for k in range(count)]
        done = [0.0] * count if i > 19 else done
        values = {"following": float(all(done)), "done": sum(done) / count}
        item = str(i if i < 20 else i - 20)
        row = task_scores.TaskScore(
            f"{i}", f"q{i}", item, run, "en", str(count), count, "ok", values, judge="j", listed=("Do.",) * count,
            marks=tuple(done), control=i > 19,
        )  # fmt: skip
        found.append(row)
    return found[:20], found[20:]


def findings(hostile: str = "", **changes: Any) -> Findings:
    scored = {f"{run}/{name}": scores(run, name) for run in SKILL for name in ("xquad", "mgsm", "seqeval")}
    scored |= {f"{run}/seqeval by task": [*marks(run)[0], *marks(run)[1]] for run in ("it", "sit")}  # type: ignore[misc]
    before = [record(i, instruction=f"Name {i} rivers.{hostile}") for i in range(8)]
    after = [
        record(i, step("rewrite", a, round=1), instruction=f"Name {i} rivers. Then sort.{hostile}", response=hostile)
        for i, a in enumerate(["prefix", "suffix", "decompose", "suffix", "prefix"])
    ]
    values: dict[str, Any] = {
        "metrics": metrics(), "scored": scored, "before": before, "after": after,
        "evaluated": {name: to_builtins(summary(f)) for name, f in scored.items() if "by task" not in name},
        "logs": {run: "step,loss,learning_rate\n" + "".join(f"{i},{3 / (i + k)},1e-4\n" for i in range(1, 20))
                 for k, run in enumerate(("it", "sit"), 1)},
        "compare": partial(compare, seed=7),
    }  # fmt: skip
    return collect.findings(PARAMS, **{**values, **changes})
