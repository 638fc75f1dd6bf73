"""What the benchmarks of the report's scores declare, whatever their entries in params.yaml are called."""

from collections.abc import Mapping

from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.declaration import Benchmark
from stages.reporting.findings import Findings


def benchmark_of(findings: Findings, entry: str) -> str:
    """The key of BENCHMARKS that an entry of ingest.benchmarks names; the entry itself where it is not known.

    entry: as in `Score.benchmark`, also with its suffix ("seqeval by task").
    """
    name = entry.partition(" ")[0]
    return findings.benchmarks.get(name, name)


def declaration(findings: Findings, entry: str) -> Benchmark | None:
    """What the benchmark of an entry declares; None for one that is not registered."""
    return BENCHMARKS.get(benchmark_of(findings, entry))


def is_sequential(findings: Findings, entry: str) -> bool:
    """Whether the questions of an entry ask for several tasks."""
    declared = declaration(findings, entry)
    return declared is not None and declared.sequential


def published(findings: Findings, entry: str) -> Mapping[str, Mapping[str, float]]:
    """Metric -> method -> the paper's figure; {} for a benchmark without figures and for scores of single tasks."""
    declared = None if " " in entry else declaration(findings, entry)
    return declared.published if declared else {}


def main_measure(findings: Findings, entry: str, scores: Mapping[str, object]) -> str:
    """The measure that an entry is compared by: the declared one if it has a score, else the first in the alphabet."""
    declared = declaration(findings, entry)
    return declared.main_measure if declared and declared.main_measure in scores else min(scores)
