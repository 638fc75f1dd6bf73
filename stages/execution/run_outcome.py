"""The last lines of a run: one a corpus that it rewrote or responded to, what it published, and warnings."""

from collections.abc import Iterable
from pathlib import Path

from stages.core import artifacts
from stages.execution.corpus_summary import RoundCounts, corpus_line, corpus_warnings
from stages.params import Params

CORPUS_STAGES = ("rewrite", "rewrite_benchmark", "respond", "publish")
REPORT = Path("data/report/index.html")


def run_outcome(params: Params, stages: Iterable[str], root: Path = Path()) -> tuple[list[str], list[str]]:
    """(lines, warnings) about the corpora and published sets of these stages, from the metrics below `root`.

    stages: names of the stages that ran, such as rewrite@seed.
    """
    ran = [stage.rpartition(":")[2].partition("@") for stage in stages]
    names = dict.fromkeys(name for kind, _, name in ran if kind in CORPUS_STAGES[:3] and name in params.rewrite.entries)
    published = {
        name: params.publish[name].reads for kind, _, name in ran if kind == "publish" and name in params.publish
    }
    lines, warnings = [], []
    for name in names:
        rounds, responses = _rounds(root, name, params.rewrite.entries[name].rounds)
        sets = [one for one, reads in published.items() if reads.split("/")[1] == name and "/" in reads]
        if rounds:
            lines.append("; ".join([corpus_line(name, rounds, responses), *map(_folder, sets)]))
            warnings += corpus_warnings(name, rounds, responses)
            published = {one: reads for one, reads in published.items() if one not in sets}
    lines += [f"{name}: {_folder(name)}" for name in published]
    lines += [f"report: {REPORT}"] if any(kind == "report" for kind, _, _ in ran) and (root / REPORT).exists() else []
    return lines, warnings


def _folder(name: str) -> str:
    return f"data/published/{name}"


def _rounds(root: Path, name: str, number: int) -> tuple[list[RoundCounts], RoundCounts | None]:
    """The counts of the rounds that were made, and those of the responses to the last."""
    made = [counts for n in range(1, number + 1) if (counts := _counts(root / f"data/metrics/rewrite/{name}/{n}.json"))]
    return made, _counts(root / f"data/metrics/respond/{name}/{len(made)}.json") if made else None


def _counts(path: Path) -> RoundCounts | None:
    return artifacts.read_json(path, RoundCounts) if path.exists() else None
