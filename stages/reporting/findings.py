"""The data of the report, collected from the metrics of all stages."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from stages.reporting.case_selection import CaseSet
from stages.reporting.caveats import FEW, Caveat, Unscored, mark
from stages.reporting.design import Design
from stages.reporting.paired_runs import FlipRow, SeedRow
from stages.reporting.paper_plan import PaperPlan
from stages.reporting.planned_comparisons import Claim
from stages.reporting.row_pairs import Chain, RowSet
from stages.reporting.sample_answers import SampleAnswer

ACTIONS = ("decompose", "prefix", "suffix", "hold")


class Round(NamedTuple):
    """One round over one corpus, as Table 4 has it."""

    name: str
    corpus: str
    round: int
    number: int
    """Rows."""
    by_action: Mapping[str, int]
    """Rows by action, with "frozen" apart from "hold", and "lost" for failed steps; together all rows."""
    shares: Mapping[str, float]
    """Action -> share of the rows that have an option, frozen rows counted as hold, as the paper's Table 4 does."""
    prompted: Mapping[str, float]
    """The same among the rows for which the model was prompted in this round."""
    input_tokens: float | None = None
    output_tokens: float | None = None
    tasks: float | None = None
    """Mean number of tasks of an instruction: one, and one for each rewrite that succeeded."""


class Score(NamedTuple):
    """One measure of one run on one benchmark: in [0, 1], or from 1 to 5 where a judge scores."""

    run: str
    benchmark: str
    measure: str
    value: float | None
    low: float | None
    high: float | None
    questions: int
    group: str = ""
    """"" for the whole benchmark, else the group of questions: "language:de", "tasks:3", "position:1"; "trend" for
    the change with one more task."""
    maker: str = ""
    """The stage that computed it: evaluate or judge_tasks."""


class Difference(NamedTuple):
    """Treatment minus baseline on the same questions, with its 95% interval."""

    benchmark: str
    measure: str
    value: float
    low: float
    high: float
    questions: int
    p: float
    """p value, adjusted by Holm's method for all measures of the table."""
    detectable: float
    """The smallest true difference that this number of questions detects with a power of 80%."""
    gained: int
    """Questions on which the treatment is better."""
    lost: int
    excluded: float
    """True differences larger than this, either way, are excluded (two one-sided tests at 5%)."""
    lowest: float
    """True differences below this are excluded (one such test)."""


class Findings(NamedTuple):
    """Everything that the page shows."""

    rounds: Sequence[Round]
    scores: Sequence[Score]
    differences: Sequence[Difference]
    losses: Mapping[str, Sequence[tuple[float, float]]]
    """Run -> (step, loss)."""
    chains: Sequence[Chain]
    stages: Mapping[str, Mapping[str, Any]]
    """Stage -> name -> that stage's metrics as they are, for the counts."""
    baseline: str
    treatment: str
    settings: Mapping[str, Any]
    """The settings of params.yaml that the page shows."""
    caveats: Sequence[Caveat] = ()
    unscored: Sequence[Unscored] = ()
    benchmarks: Mapping[str, str] = {}
    """Entry of ingest.benchmarks -> the benchmark that it names, a key of BENCHMARKS."""
    evaluated: Mapping[str, Mapping[str, Any]] = {}
    """"run/benchmark" -> the summary of its scores, as `evaluate` writes it."""
    design: Design = Design()
    claims: Sequence[Claim] = ()
    """The planned comparisons on verified sequences."""
    flips: Sequence[FlipRow] = ()
    seeds: Sequence[SeedRow] = ()
    """Comparisons over several training seeds."""
    pooled: Sequence[Score] = ()
    """Scores on verified sequences over all seeds of a group, under its first run; none for single seeds."""
    generation: Mapping[str, Mapping[str, Any]] = {}
    """Entry of predict.benchmarks -> how it is answered."""
    samples: Sequence[SampleAnswer] = ()
    """A few answers to read, of a run that is compared with no other."""
    cases: Sequence[CaseSet] = ()
    """Questions with the answers of all runs, by benchmark."""
    rows: RowSet = RowSet(0, 0, ())
    """Training rows before and after Seq-Instruct."""
    judges: Mapping[str, Any] = {}
    """The entries of compare, judge_tasks, judge_agreement and win_rate in params.yaml."""
    paper: PaperPlan = PaperPlan()
    """Which runs, benchmarks and corpora stand for those of the paper's tables."""


def caveats_of(findings: Findings, benchmark: str, measure: str) -> list[str]:
    """The kinds of caveat about one measure."""
    return [caveat.kind for caveat in findings.caveats if (caveat.benchmark, caveat.measure) == (benchmark, measure)]


def kinds_of(findings: Findings, score: Score) -> set[str]:
    """The kinds of caveat about one number: those of its measure, and few where its own part has few questions."""
    few = {"few"} if score.group and score.questions < FEW else set()
    return few | set(caveats_of(findings, score.benchmark, score.measure))


def mark_of(findings: Findings, score: Score) -> str:
    """The mark that stands beside a number wherever it stands, see `caveats.mark`."""
    return mark(kinds_of(findings, score))


def run_title(findings: Findings, run: str) -> str:
    """What a run is called for people: "base" for the model that the compared runs were trained from."""
    return "base" if run and run == findings.design.base else run
