"""Reads the metrics of all stages into `Findings`; stages that did not run are left out."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from stages.core.records import Record
from stages.evaluation.metrics.intervals import holm
from stages.reporting.case_selection import CaseSet
from stages.reporting.caveats import caveats, pairwise_caveats, unscored
from stages.reporting.design import design
from stages.reporting.findings import ACTIONS, Difference, Findings, Round, Score
from stages.reporting.paired_runs import flip_rows, pooled, seed_rows
from stages.reporting.paper_plan import paper_plan
from stages.reporting.planned_comparisons import claims
from stages.reporting.row_pairs import read_rows
from stages.reporting.sample_answers import SampleAnswer

Document = Mapping[str, Any]
CUTS = {"languages": "language", "groups": "group", "tasks": "tasks"}
BY_TASK = " by task"
"""Suffix of a benchmark's name for scores of single tasks."""
JUDGES = ("compare", "judge_tasks", "judge_agreement", "win_rate", "calibrate")
"""Parts of a benchmark's summary, and what `Score.group` calls them."""
RECIPE = ("template", "epochs", "batch", "learning_rate", "scheduler", "warmup_ratio", "max_length", "precision")


class Entry(NamedTuple):
    """A corpus and the number of a round."""

    corpus: str
    round: int

    @property
    def name(self) -> str:
        """Name of its artifacts and metrics: corpus/round."""
        return f"{self.corpus}/{self.round}"


def names(params: Document) -> dict[str, list[str]]:
    """Stage -> the names of its metrics files. params: params.yaml as plain values."""
    return {
        "ingest": [*params["ingest"]["corpora"], *params["ingest"]["benchmarks"]],
        "decontaminate": [*params["decontaminate"]["corpora"]],
        "extract_inputs": [*params["extract_inputs"]["corpora"]],
        "rewrite": [entry.name for entry in rewritten(params)],
        "respond": [entry.name for entry in responded(params)],
        "filter": [name for entries in params["respond"]["filter"].values() for name in entries],
        "evolve": [*params["evolve"]["corpora"]],
        "augment": [name for entries in params["augment"].values() for name in entries],
        "count_verbs": [*params["count_verbs"]["sets"]],
        "split": [*params["split"]],
        "sample": [name for entries in params["sample"].values() for name in entries],
        "train": [*params["train"]["runs"]],
        "compare": [*params["compare"]["runs"], *params["compare"]["references"]],
        "judge_tasks": [*params["judge_tasks"]["runs"]],
        "judge_agreement": [*params["judge_agreement"]["runs"]],
        "win_rate": [*params["win_rate"]],
        "calibrate": [*params["calibrate"]],
    }


def not_run(
    wanted: Mapping[str, Sequence[str]], written: Mapping[str, Mapping[str, Document]]
) -> tuple[int, dict[str, int]]:  # fmt: skip
    """The number of results that params.yaml names, and stage -> how many of them are missing.

    wanted: stage -> names. found: stage -> name -> what it wrote.
    """
    missing = {stage: len(names) - len(written.get(stage, {})) for stage, names in wanted.items()}
    return sum(map(len, wanted.values())), missing


def marked(params: Document) -> dict[str, str]:
    """The entries of judge_tasks, as "run/benchmark by task" -> its name under judge_tasks.runs."""
    return {f"{m['run']}/{m['benchmark']}{BY_TASK}": name for name, m in params["judge_tasks"]["runs"].items()}


def findings(
    params: Document, *, metrics: Mapping[str, Mapping[str, Document]], evaluated: Mapping[str, Document],
    logs: Mapping[str, str], scored: Mapping[str, Sequence[Any]], before: Iterable[Record], after: Iterable[Record],
    compare: Callable[..., Any], samples: Sequence[SampleAnswer] = (), cases: Sequence[CaseSet] = (),
) -> Findings:  # fmt: skip
    """Everything that the page shows.

    params: params.yaml as plain values. metrics: stage -> name -> what it wrote to data/metrics/. evaluated:
    "run/benchmark" -> its summary; scored: the same, and "run/benchmark by task" -> its single scores; controls among
    them count nowhere. logs: run -> CSV with the columns step and loss. before, after: rows without and with
    Seq-Instruct, which are read more than once. compare: (baseline's scores, treatment's scores, metric) -> a paired
    comparison, or None. samples: answers to read, of the only run. cases: questions with the answers of all runs.
    """
    plan, (rows, chains) = design(params), read_rows(before, after, params["seed"])
    marks = metrics.get("judge_tasks", {})
    scored = {name: [row for row in rows if not getattr(row, "control", False)] for name, rows in scored.items()}
    evaluated = {**evaluated, **{key: marks[name] for key, name in marked(params).items() if name in marks}}
    changes = differences(evaluated, scored, plan.baseline, plan.treatment, compare)
    pairs = [(change.benchmark, change.measure) for change in changes]
    return Findings(
        rounds=rounds(params, metrics), scores=scores(evaluated), chains=chains, differences=changes,
        losses={run: losses(text) for run, text in logs.items()}, stages=metrics, baseline=plan.baseline,
        treatment=plan.treatment, settings=settings(params),
        caveats=[*caveats(evaluated, scored), *pairwise_caveats(metrics.get("compare", {}))],
        unscored=unscored(evaluated), evaluated=evaluated, design=plan, claims=claims(plan, scored, compare),
        flips=flip_rows(pairs, plan, scored), seeds=seed_rows(pairs, plan, scored),
        pooled=scores(pooled(plan, scored)),
        judges={name: params[name] for name in JUDGES}, paper=paper_plan(params),
        generation=params["predict"]["benchmarks"], samples=samples, cases=cases,
        rows=rows,
        benchmarks={name: entry["benchmark"] for name, entry in params["ingest"]["benchmarks"].items()},
    )  # fmt: skip


def rounds(params: Document, metrics: Mapping[str, Mapping[str, Document]]) -> list[Round]:
    """Every round that has metrics, by corpus and number; lengths are those of the responses to it."""
    lengths = {entry: metrics["respond"].get(entry.name, {}) for entry in responded(params)}
    documents = {entry: metrics["rewrite"].get(entry.name, {}) for entry in rewritten(params)}
    documents |= {entry: document for entry, document in lengths.items() if not entry.round}
    return [_round(entry, documents[entry], lengths.get(entry, {})) for entry in sorted(documents) if documents[entry]]


def rewritten(params: Document) -> list[Entry]:
    """Every round of rewriting over every corpus."""
    corpora = {**params["rewrite"]["corpora"], **params["rewrite"]["benchmarks"]}
    return [Entry(corpus, n) for corpus, entry in corpora.items() for n in range(1, entry["rounds"] + 1)]


def responded(params: Document) -> list[Entry]:
    """Every round whose instructions have responses."""
    return [
        Entry(corpus, number)
        for corpus, entry in params["rewrite"]["corpora"].items()
        for number in range(entry["rounds"] if entry["responses"] == "last" else 0, entry["rounds"] + 1)
    ]


def scores(evaluated: Mapping[str, Document]) -> list[Score]:
    """Every measure of every run and benchmark, whole and by its parts."""
    collected = []
    for name, document in evaluated.items():
        run, _, benchmark = name.partition("/")
        collected += list(_estimates(run, benchmark, "", document))
        for cut, group in CUTS.items():
            for part, estimates in sorted(document.get(cut, {}).items()):
                collected += list(_estimates(run, benchmark, f"{group}:{part}", estimates))
        for position, estimate in document.get("positions", {}).items():
            estimates = {"done": estimate} if "mean" in estimate else estimate  # of a judge, or of a rule
            collected += list(_estimates(run, benchmark, f"position:{position}", estimates))
        collected += list(_estimates(run, benchmark, "trend", document.get("trend", {})))
    return collected


def differences(
    evaluated: Mapping[str, Document], scored: Mapping[str, Sequence[Any]], baseline: str, treatment: str,
    compare: Callable[..., Any],
) -> list[Difference]:  # fmt: skip
    """The treatment minus the baseline, for every measure that both have; p adjusted for all of them together.

    [] where they are one run: it would be compared with itself.
    """
    if baseline == treatment:
        return []
    both = [score for score in scores(evaluated) if score.run == treatment and not score.group]
    compared = []
    for score in both:
        pair = [scored.get(f"{run}/{score.benchmark}", ()) for run in (baseline, treatment)]
        if (comparison := compare(*pair, score.measure)) is not None:
            compared.append((score, comparison))
    return [
        Difference(
            s.benchmark,
            s.measure,
            c.difference,
            c.low,
            c.high,
            c.n,
            p,
            c.detectable,
            c.gained,
            c.lost,
            c.excluded,
            c.lowest,
        )
        for (s, c), p in zip(compared, holm([c.p for _, c in compared]), strict=True)
    ]


def losses(log: str) -> list[tuple[float, float]]:
    """(step, loss) of a log with these columns; rows without a loss are left out."""
    rows = csv.DictReader(log.splitlines())
    return [(float(row["step"]), float(row["loss"])) for row in rows if row.get("step") and row.get("loss")]


def settings(params: Document) -> dict[str, Any]:
    """The settings in which experiments differ, by a readable name."""
    models, train = params["fetch"]["models"], params["train"]["settings"]
    rewrite, respond = params["rewrite"]["settings"], params["respond"]["settings"]
    runs = {name: f"{run['model']} on {run['reads']}" for name, run in params["train"]["runs"].items()}
    shown = {
        "models": {name: model["reference"] for name, model in models.items()},
        "generator": _engine(params, "generator"),
        "judge": None if _without_judge(params) else _engine(params, "judge"),
        "second judge": _engine(params, "reviewer"),
        "corpora": {name: corpus["adapter"] for name, corpus in params["ingest"]["corpora"].items()},
        "rewriting": rewrite and rewrite["sampling"],
        "policies": {
            name: entry["policy"]
            for name, entry in {**params["rewrite"]["corpora"], **params["rewrite"]["benchmarks"]}.items()
        },
        "responses": respond and respond["sampling"],
        "trained": runs,
        "recipe": train and {key: train[key] for key in RECIPE},
        "runs under test": [*params["train"]["runs"], *params["predict"]["models"]],
        "benchmarks": [*params["predict"]["benchmarks"]],
        "shown for pictures": {
            name: entry["images"] for name, entry in params["ingest"]["benchmarks"].items() if entry.get("images")
        },
        "seed": params["seed"],
    }
    return {name: value for name, value in shown.items() if value is not None}


def _without_judge(params: Document) -> bool:
    return params["judge"] is not None and params["judge"]["reading"] == "none"


def _engine(params: Document, role: str) -> str | None:
    """A role's model and engine; None for a role that params.yaml leaves out."""
    engine = params["engines"][role]
    return f"{engine['model']} through {engine['engine']}" if engine else None


def _round(entry: Entry, document: Document, lengths: Document) -> Round:
    counts = dict(document.get("counts", {})) if entry.round else {}
    counts |= {"frozen": document.get("frozen", 0), "lost": document.get("failures", 0)} if entry.round else {}
    return Round(
        name=entry.name, corpus=entry.corpus, round=entry.round, number=document.get("rows", 0), by_action=counts,
        shares=_shares(document, "actions_with_frozen"), prompted=_shares(document, "actions"),
        input_tokens=lengths.get("tokens_input"), output_tokens=lengths.get("tokens_output"),
        tasks=document.get("tasks"),
    )  # fmt: skip


def _shares(document: Document, key: str) -> dict[str, float]:
    shares = document.get(key) or {}
    return {action: shares.get(action, 0.0) for action in ACTIONS} if shares else {}


def _estimates(run: str, benchmark: str, group: str, estimates: Document) -> Iterator[Score]:
    for measure, e in sorted(estimates.items()):
        if isinstance(e, Mapping) and "mean" in e:
            maker = "judge_tasks" if benchmark.endswith(BY_TASK) else "evaluate"
            yield Score(run, benchmark, measure, e["mean"], e.get("low"), e.get("high"), e.get("n", 0), group, maker)
