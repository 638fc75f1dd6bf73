"""A reproduction as lines for a person: a line a stage, then every output that is not reproduced."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from stages.core.errors import one_line
from stages.planning.dvc_graph import Step
from stages.reproduction.outputs import Output, Rebuilt, State
from stages.reproduction.reproduce_run import Reproduction

VERDICTS: dict[State, str] = {
    "reproduced": "reproduced byte for byte",
    "as committed": "not rebuilt, read from git, with the bytes of dvc.lock",
    "not rebuilt": "not rebuilt",
    "differs": "differs from dvc.lock",
}
"""State -> what it says, the good ones first."""


def stage_line(step: Step, rebuilt: Rebuilt) -> str:
    """How long a stage took, how many of its outputs are those of dvc.lock, and what it does."""
    good = sum(output.state == "reproduced" for output in rebuilt.outputs)
    time = f"{rebuilt.seconds:.1f} s" if rebuilt.seconds else ""
    verdict = f"{good} of {len(rebuilt.outputs)}"
    if not rebuilt.is_good:
        verdict += " FAILED" if rebuilt.failure else " DIFFERS"
    elif good < len(rebuilt.outputs):
        verdict = f"not rebuilt: {rebuilt.outputs[0].reason}"
    return one_line(f"{rebuilt.stage:<31} {time:>6}  {verdict:<8}  {step.stage.desc}")


def closing_lines(result: Reproduction, folder: Path, report: Path, every: bool) -> Iterator[str]:
    """The table of outputs, why stages failed, the number of outputs by verdict, and where the report is.

    every: reproduced outputs, too.
    """
    shown = [output for output in result.outputs if every or output.state != "reproduced"]
    if shown:
        yield "\n== outputs" + ("" if every else " that are not reproduced")
    yield from map(_output_line, sorted(shown, key=lambda one: ([*VERDICTS].index(one.state), one.path)))
    failed = [rebuilt for rebuilt in result.stages if rebuilt.failure]
    yield from ["\n== stages that failed"] if failed else []
    yield from (one_line(f"{rebuilt.stage}: {rebuilt.failure}") for rebuilt in failed)
    counts = Counter(output.state for output in result.outputs)
    numbers = ", ".join(f"{counts[state]} {words}" for state, words in VERDICTS.items() if counts[state])
    run = f"{len(result.outputs)} outputs in {result.seconds:.0f} s from {result.replies:,} stored replies"
    yield f"\n== {run}: {numbers}"
    if report.is_file():
        yield f"== the report: {report}; the rows, answers and published sets: {folder / 'data'}"


def _output_line(output: Output) -> str:
    return one_line(f"{output.path:<48} {VERDICTS[output.state]}{f' ({output.reason})' if output.reason else ''}")
