"""Our number beside one of the paper's, or why there is none."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from stages.reporting.caveats import FEW, mark, pairwise
from stages.reporting.findings import ACTIONS, Findings, Round, Score, caveats_of, mark_of
from stages.reporting.paper_tables.table_types import (
    Cell,
    Change,
    ControlledWinRate,
    Measure,
    RoundValue,
    Wanted,
    WinRate,
)
from stages.reporting.score_section import judged, percent

FILES = {"gpt-35-turbo": ("gpt-3.5", "gpt35", "gpt-35"), "command-r": ("command", "cmd-r", "cmdr")}
"""Opponent -> texts of which one is in the name of a file of its outputs."""


class Number(NamedTuple):
    """A number of ours: in percent, or a judge's mark from 1 to 5."""

    value: float
    low: float | None
    high: float | None
    """Ends of the 95% interval; None where there is none."""
    digits: int = 1
    mark: str = ""
    """Its mark of doubt, see `caveats.mark`."""
    questions: int | None = None


class Missing(NamedTuple):
    """Why there is no number."""

    reason: str
    """In a word or two, for the cell."""
    words: str
    """In words, for the list below a table."""


Filled = Number | Missing


class PaperCells:
    """Looks up numbers of ours for the cells of the paper's tables."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._scores = {(s.run, s.benchmark, s.measure, s.group): s for s in findings.scores}
        self._answered = {(s.run, s.benchmark) for s in findings.scores} | {
            (one.run, one.benchmark) for one in findings.unscored
        }
        self._compared = findings.stages.get("compare", {})

    def fill(self, cell: Cell, run: str) -> list[Filled]:
        """One item for each number that the paper prints in a cell. run: the one that stands for its arm."""
        return [self.number(wanted, run) for wanted, printed in _printed(cell)]

    def number(self, wanted: Wanted, run: str) -> Filled:
        """Our number of a run, or why there is none."""
        match wanted:
            case Measure():
                return self._measure(wanted, run)
            case WinRate():
                return self._win_rate(wanted, run)
            case ControlledWinRate():
                return self._controlled(run)
            case Change():
                return self._change(wanted, run)
            case RoundValue():
                raise TypeError("numbers of rounds are of a corpus and not of a run: use round_number")

    def _measure(self, wanted: Measure, run: str) -> Filled:
        names = {name for name, _ in wanted.choices}
        entries = [entry for entry in self._entries(wanted.iteration) if self._findings.benchmarks[entry] in names]
        for entry in entries:
            for benchmark, name in wanted.choices:
                score = self._scores.get((run, entry, name, wanted.group))
                if score and score.value is not None and self._findings.benchmarks[entry] == benchmark:
                    return _of_score(self._findings, score)
        return self._why(wanted, run, entries)

    def _entries(self, iteration: int | None) -> list[str]:
        """The benchmarks that are SeqEval after this round; with None, all that are no such version."""
        versions = self._findings.paper.iterations
        return [entry for entry in self._findings.benchmarks if versions.get(entry) == iteration]

    def _why(self, wanted: Measure, run: str, entries: list[str]) -> Missing:
        benchmark, name = wanted.choices[0]
        title = benchmark if wanted.iteration is None else f"{benchmark} after round {wanted.iteration}"
        if not entries:
            return Missing("no benchmark", f"no entry of ingest.benchmarks is {title}")
        answered = [entry for entry in entries if (run, entry) in self._answered]
        if not answered:
            return Missing("not evaluated", f"{run} has no scores on {' or '.join(entries)}")
        if wanted.group and any((run, entry, name, "") in self._scores for entry in answered):
            part = wanted.group.replace(":", " ")
            return Missing("not here", f"{' and '.join(answered)} of {run} has no {part} apart")
        return Missing("no score", f"no answer of {run} on {' or '.join(answered)} has a score for {name}")

    def _change(self, wanted: Change, run: str) -> Filled:
        of, minus = self._measure(wanted.of, run), self._measure(wanted.minus, run)
        for part in (of, minus):
            if isinstance(part, Missing):
                return part
        assert isinstance(of, Number) and isinstance(minus, Number)
        return Number(of.value - minus.value, None, None, mark=max(of.mark, minus.mark, key=len))

    def _win_rate(self, wanted: WinRate, run: str) -> Filled:
        for name, entry, forward in self._comparisons(wanted, run):
            won = self._compared.get(name, {}).get("won")
            if won:
                return _share(won, forward, mark(caveats_of(self._findings, pairwise(name), "won")))
            return Missing("no verdict", f"compare entry {name} ({entry['benchmark']}) has no win rate")
        title = "SeqEval" if wanted.iteration is None else f"SeqEval after round {wanted.iteration}"
        return Missing("not compared", f"no entry of compare has {run} against {wanted.opponent} on {title}")

    def _comparisons(self, wanted: WinRate, run: str) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
        """(entry, its settings, whether the run is the treatment) of what compares a run with an opponent."""
        section = self._findings.judges.get("compare", {})
        opponent = self._findings.paper.runs.get(wanted.opponent, "")
        for name, entry in {**section.get("references", {}), **section.get("runs", {})}.items():
            if not self._is_seqeval(entry["benchmark"], wanted.iteration):
                continue
            pair = (entry["treatment"], entry.get("baseline") or _opponent(str(entry.get("outputs", ""))))
            if pair in ((run, opponent), (run, wanted.opponent)):
                yield name, entry, True
            elif opponent and pair == (opponent, run):
                yield name, entry, False

    def _is_seqeval(self, entry: str, iteration: int | None) -> bool:
        kind = self._findings.benchmarks.get(entry)
        return kind == "seqeval" and self._findings.paper.iterations.get(entry) == iteration

    def _controlled(self, run: str) -> Filled:
        references = self._findings.judges.get("compare", {}).get("references", {})
        estimates = self._findings.stages.get("win_rate", {})
        named = [
            (name, PurePosixPath(str(entry["annotations"])).name.removesuffix(".annotations.json"))
            for name, entry in self._findings.judges.get("win_rate", {}).items()
        ]
        for name, compared in named:
            if references.get(compared, {}).get("treatment") == run:
                return _controlled(name, estimates.get(name, {}))
        return Missing("not estimated", f"no entry of win_rate is of {run}")


def round_number(findings: Findings, one: Round, key: str) -> Filled:
    """A number of a round: a share in percent, or mean tokens."""
    shares, lengths = one.shares, {"input_tokens": one.input_tokens, "output_tokens": one.output_tokens}
    value = 100 * shares[key] if key in shares else lengths.get(key)
    if value is None and key in ACTIONS:
        return Missing("no option", f"no row of {one.name} has an option")
    if value is None:
        return Missing("no responses", f"{one.name} has no responses of which tokens were counted")
    return Number(value, None, None, mark=mark(["few"]) if one.number < FEW else "")


def _printed(cell: Cell) -> Iterator[tuple[Wanted, str]]:
    return ((wanted, text) for wanted, text in zip(cell.wanted, cell.printed, strict=True) if text != "-")


def _of_score(findings: Findings, score: Score) -> Number:
    bar = percent(score)
    assert bar.value is not None
    digits = 2 if judged(score.measure) else 1
    return Number(bar.value, bar.low, bar.high, digits, mark_of(findings, score), score.questions)


def _share(estimate: Mapping[str, Any], forward: bool, sign: str) -> Number:
    """A share in percent; that of the opponent where `forward` is false."""
    ends = [None if estimate.get(key) is None else 100 * estimate[key] for key in ("mean", "low", "high")]
    mean, low, high = ends if forward else [None if end is None else 100 - end for end in (ends[0], ends[2], ends[1])]
    assert mean is not None
    return Number(mean, low, high, 1, sign, estimate.get("n"))


def _opponent(path: str) -> str:
    """The arm whose outputs a file has by its name; the path itself where it names none."""
    name = PurePosixPath(path).name.casefold()
    return next((arm for arm, texts in FILES.items() if any(text in name for text in texts)), path)


def _controlled(name: str, estimate: Mapping[str, Any]) -> Filled:
    rate, error = estimate.get("length_controlled_winrate"), estimate.get("lc_standard_error")
    if rate is None:
        return Missing("not estimated", str(estimate.get("left_out") or f"win_rate entry {name} was not run"))
    around = (None, None) if error is None else (max(0.0, rate - 1.96 * error), min(100.0, rate + 1.96 * error))
    return Number(rate, *around)
