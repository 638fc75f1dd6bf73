"""The section on training: the loss of every run, and what a reader should notice about it."""

from collections.abc import Iterator, Sequence
from math import isfinite

from stages.reporting.charts import axis_for, framed, lines
from stages.reporting.findings import Findings
from stages.reporting.html import Safe, element, number, table
from stages.reporting.score_section import colours, ordered

PARTS = 5
"""Equal parts of a log whose means are compared: a single step's loss depends on its batch."""
RISE = 1.05
"""How many times its lowest part the last part of a log is, from which a rise is remarked upon."""
Log = Sequence[tuple[float, float]]
"""(step, loss) in the order of training."""


def loss_remark(log: Log) -> str:
    """What is wrong with a run's loss: not a number, above its start at the end, or risen after its lowest; else ""."""
    if any(not isfinite(loss) for _, loss in log):
        return "has steps whose loss is not a number"
    means = [sum(loss for _, loss in part) / len(part) for part in _parts(log)]
    if len(means) < 2:
        return ""
    lowest, last = min(means), means[-1]
    if last > means[0]:
        return f"ends above where it began ({number(means[0], 2)} → {number(last, 2)})"
    if last > RISE * lowest:
        return f"rises at the end ({number(lowest, 2)} → {number(last, 2)})"
    return ""


def _parts(log: Log) -> list[Log]:
    """The log in `PARTS` parts, in one for each step where it is shorter."""
    count = min(PARTS, len(log))
    return [log[len(log) * i // count : len(log) * (i + 1) // count] for i in range(count)]


def loss_remarks(findings: Findings) -> Iterator[tuple[str, str]]:
    """(run, remark) for each run whose loss has one."""
    for run in ordered(list(findings.losses), findings):
        if remark := loss_remark(findings.losses[run]):
            yield run, remark


def training_section(findings: Findings) -> list[Safe]:
    """The section; empty where no run has a log."""
    losses = {run: findings.losses[run] for run in ordered(list(findings.losses), findings) if findings.losses[run]}
    if not losses:
        return []
    drawn = {run: [(step, loss) for step, loss in log if isfinite(loss)] for run, log in losses.items()}
    axis = axis_for([loss for points in drawn.values() for _, loss in points])
    chart = lines("Training loss by run", drawn, colours(findings), axis, "optimiser step", marks=False)
    rows = [
        [run, len(log), *(number(log[place][1], 3) for place in (0, -1)), number(min(loss for _, loss in log), 3),
         loss_remark(log) or "falls"]
        for run, log in losses.items()
    ]  # fmt: skip
    remarks = [element("p", f"{run}: the training loss {text}.", class_="warn") for run, text in loss_remarks(findings)]
    return [
        element("h2", "Training", id="training"), *remarks, framed(chart),
        table(["run", "steps logged", "first loss", "last loss", "lowest", "remark"], rows),
    ]  # fmt: skip
