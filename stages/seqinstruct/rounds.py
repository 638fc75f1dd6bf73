"""One round of Seq-Instruct over a corpus: choose an action per row, then write the new instruction (paper 2.2, B.4).

A row whose action was hold in an earlier round is frozen: no further request is made for it. A row whose reply can't be
parsed, or whose new instruction a filter rejects, is requested again up to `attempts` times with a fresh sample number.
If that gives nothing, it keeps its instruction under a status that says why, which is never `hold`, and the next round
requests it again.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from msgspec.structs import replace

from stages.core.completions import Complete, Prompt, Reply, recorded
from stages.core.records import Record, Step
from stages.prompts import Template
from stages.seqinstruct.filters import check, copies, echoes
from stages.seqinstruct.input_extraction import contains_input, is_extracted
from stages.seqinstruct.parse_instruction import parse_instruction, parse_task
from stages.seqinstruct.pending_rows import PendingRow, retry_pending
from stages.seqinstruct.policies import RoundConfig, choose, values
from stages.seqinstruct.response_constraints import constrain_rows


def rewrite_round(records: Iterable[Record], complete: Complete, config: RoundConfig) -> Iterator[Record]:
    """The records in the same order and number, each with one more step and, where that is ok, its new instruction.

    Raises UserError for an unknown policy or a variable that a prompt file misspells.
    """
    initial = (_initial_row(record) for record in records)
    rows = constrain_rows(initial, config.constraint_share, config.seed, config.round)
    chosen = choose(rows, complete, config)
    due = map(_settle_hold, chosen)
    written = retry_pending(due, complete, config.attempts, partial(_request, config), partial(_read_rewrite, config))
    return (_finished_record(pending, config) for pending in written)


def prompts_needed(policy: str, actions: Iterable[str]) -> list[str]:
    """The names of the prompt files that a round with these params renders."""
    asks = policy in ("model", "calibrated")
    return [*(["choose"] if asks else []), *(action for action in actions if action != "hold")]


def is_on_hold(record: Record) -> bool:
    """Whether the last round chose hold for this row, or it was frozen."""
    last = next((step for step in reversed(record.steps) if step.stage == "rewrite"), None)
    return last is not None and (last.status == "frozen" or (last.status == "ok" and last.action == "hold"))


def _initial_row(record: Record) -> PendingRow:
    pending = PendingRow(record, text=record.instruction)
    return replace(pending, action="hold", status="frozen", done=True) if is_on_hold(record) else pending


def _settle_hold(pending: PendingRow) -> PendingRow:
    """A row whose action is hold is settled by the choice alone."""
    return pending.settled() if pending.action == "hold" and not pending.done else pending


def _request(config: RoundConfig, pending: PendingRow, number: int) -> Prompt | None:
    return config.prompt(pending.action, pending.record, number) if pending.action else None


def _read_rewrite(config: RoundConfig, pending: PendingRow, reply: Reply) -> PendingRow:
    template = config.templates[pending.action]
    pending = pending.with_prompt(template.hash)
    variables, truncated = values(pending.record), reply.status == "truncated"
    if _complete_text(reply.text, truncated, framed=template.framed) is None:
        return pending.failed("truncated")
    made = rewritten_text(template, variables, reply.text, truncated)
    if made is None:
        return pending.failed("unparsed", "no instruction found")
    task, new = made
    reason = _rejection(config, pending, task, new)
    return pending.failed("rejected", reason) if reason else pending.settled(text=new)


def _rejection(config: RoundConfig, pending: PendingRow, task: str, new: str) -> str:
    """Why the new instruction is rejected; "" if it is not."""
    old, template = pending.record.instruction, config.templates[pending.action]
    if copies(task, old, template.text):
        return "copies-example"
    if template.framed and any(echoes(task, shown) for shown in template.replies):
        return "copies-example"
    if template.framed and echoes(task, old):
        return "repeats"
    return check(new, old, config.limits)


def rewritten_text(
    template: Template, variables: Mapping[str, str], text: str, truncated: bool
) -> tuple[str, str] | None:
    """What a reply to a prompt file states, and the instruction made of it; None for a reply that states nothing.

    The two differ where the file has a frame, which goes around the stated task. variables: as the file was rendered
    with. truncated: whether the reply was cut off at the token limit. Raises UserError for a frame that can't be
    rendered.
    """
    whole = _complete_text(text, truncated, framed=template.framed)
    if whole is None:
        return None
    task = parse_task(whole) if template.framed else _instruction(template, variables, whole)
    if task is None or not template.allows(task):
        return None
    return task, template.frame(variables, task) if template.framed else task


def _complete_text(text: str, truncated: bool, framed: bool) -> str | None:
    """A reply's text; of a truncated one, the text up to its last end mark, None if it has none."""
    if not truncated:
        return text
    whole, mark, _ = text.rpartition("###")
    return whole + mark if mark and not framed else None


def _instruction(template: Template, variables: Mapping[str, str], text: str) -> str | None:
    begin = template.begin(variables)
    return parse_instruction(f"{begin} {text.lstrip()}" if begin else text, variables["instruction"])


def _finished_record(pending: PendingRow, config: RoundConfig) -> Record:
    step = Step(
        stage="rewrite", action=pending.action, status=pending.status, round=config.round, reason=pending.reason,
        generator=pending.generator, prompt="+".join(pending.prompts), replies=pending.replies,
        text_hashes=pending.text_hashes, sampling=recorded(config.sampling, pending.sent) if pending.replies else {},
    )  # fmt: skip
    if pending.status != "ok":
        return pending.record.step(step)
    checks = pending.checks or pending.record.checks
    return pending.record.step(step, instruction=pending.text, input=_kept_input(pending), checks=checks)


def _kept_input(pending: PendingRow) -> str:
    """The row's input; "" if it was extracted from the prompt and the new instruction contains it again."""
    record = pending.record
    again = pending.action != "hold" and is_extracted(record) and contains_input(record.input, pending.text)
    return "" if again else record.input
