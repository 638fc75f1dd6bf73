"""The last lines of a run: one a corpus that it rewrote, responded to or published, what is published, and warnings."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from stages.core import artifacts
from stages.execution.corpus_summary import RoundCounts, corpus_line, corpus_warnings
from stages.params import Params

CORPUS_STAGES = ("rewrite", "rewrite_benchmark", "respond")
ROUNDS = ("rewritten", "responded")
"""Folders of data/ with an artifact for each round of a corpus."""
REPORT = Path("data/report/index.html")


def run_outcome(
    params: Params, stages: Iterable[str], root: Path = Path(), failed: Iterable[str] = ()
) -> tuple[list[str], list[str]]:
    """(lines, warnings) about the corpora and published sets of these stages, from the metrics below `root`.

    stages: names of the stages that ran or are up to date, such as rewrite@seed. failed: those that failed, whose
    metrics tell how far they came.
    """
    ended, broken = [list(map(stage_parts, names)) for names in (stages, failed)]
    published = {
        name: params.publish[name].reads for kind, name in ended if kind == "publish" and name in params.publish
    }
    read = {corpus_of(reads) for reads in published.values()}
    names = dict.fromkeys([*(name for kind, name in (*ended, *broken) if kind in CORPUS_STAGES), *read])
    lines, warnings = [], []
    for name in filter(params.rewrite.entries.__contains__, names):
        rounds, responses = _rounds(root, name, params.rewrite.entries[name].rounds)
        if ("rewrite", name) in broken:
            responses = None  # those that are there were made for an earlier run
        sets = [one for one, reads in published.items() if corpus_of(reads) == name]
        if rounds:
            lines.append("; ".join([corpus_line(name, rounds, responses), *map(folder_of, sets)]))
            warnings += corpus_warnings(name, rounds, responses, params.validation.max_failed)
            published = _without(published, sets)
    lines += [f"{name}: {folder_of(name)}" for name in published]
    lines += [f"{name}: data/repositories/{name}" for kind, name in ended if kind == "publish_repository"]
    lines += [f"report: {REPORT}"] if any(kind == "report" for kind, _ in ended) and (root / REPORT).exists() else []
    return lines, warnings


def stage_parts(stage: str) -> tuple[str, str]:
    """("rewrite", "seed") of "rewrite@seed" or "../dvc.yaml:rewrite@seed"; the second is "" where there is none."""
    kind, _, name = stage.rpartition(":")[2].partition("@")
    return kind, name


def corpus_of(reads: str) -> str:
    """The corpus whose round an artifact is; "" for another artifact."""
    parts = reads.split("/")
    return parts[1] if parts[0] in ROUNDS and len(parts) > 1 else ""


def folder_of(name: str) -> str:
    """The folder of a published set."""
    return f"data/published/{name}"


def _without(published: Mapping[str, str], sets: Iterable[str]) -> dict[str, str]:
    return {one: reads for one, reads in published.items() if one not in sets}


def _rounds(root: Path, name: str, number: int) -> tuple[list[RoundCounts], RoundCounts | None]:
    """The counts of the rounds that were made, and those of the responses to the last."""
    made = [counts for n in range(1, number + 1) if (counts := _counts(root / f"data/metrics/rewrite/{name}/{n}.json"))]
    return made, _counts(root / f"data/metrics/respond/{name}/{len(made)}.json") if made else None


def _counts(path: Path) -> RoundCounts | None:
    return artifacts.read_json(path, RoundCounts) if path.exists() else None
