"""One round of Seq-Instruct over a corpus: choose an action per row, then write the new instruction (paper 2.2, B.4).

A row held in an earlier round is frozen: it is never asked again. A row whose reply can't be read, or whose rewrite a
gate turns down, is asked again up to `attempts` times with a fresh sample number; if nothing comes of it, it keeps its
old instruction under the status that says so, which is never `hold`, and the next round asks it again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from stages.core.completions import Complete, Prompt, Reply, recorded
from stages.core.records import Record, Step
from stages.seqinstruct.actions import parse_instruction, parse_task
from stages.seqinstruct.filters import check, copies, echoes
from stages.seqinstruct.input_extraction import extracted, held_within
from stages.seqinstruct.policies import Plan, choose, values
from stages.seqinstruct.retry import Draft, retried


def rewrite_round(records: Iterable[Record], complete: Complete, plan: Plan) -> Iterator[Record]:
    """The records in the same order and number, each with one more step and, where that is ok, its new instruction.

    Raises UserError for an unknown policy or a variable that a prompt file misspells.
    """
    chosen = choose((_opened(record) for record in records), complete, plan)
    due = map(_unwritten, chosen)
    written = retried(due, complete, plan.attempts, partial(_request, plan), partial(_written, plan))
    return (_closed(draft, plan) for draft in written)


def prompts_needed(policy: str, actions: Iterable[str]) -> list[str]:
    """The names of the prompt files that a round with these params renders."""
    asks = policy in ("model", "calibrated")
    return [*(["choose"] if asks else []), *(action for action in actions if action != "hold")]


def held(record: Record) -> bool:
    """Whether the last round that looked at this row held it, or found it frozen."""
    last = next((step for step in reversed(record.steps) if step.stage == "rewrite"), None)
    return last is not None and (last.status == "frozen" or (last.status == "ok" and last.action == "hold"))


def _opened(record: Record) -> Draft:
    draft = Draft(record, text=record.instruction)
    return replace(draft, action="hold", status="frozen", done=True) if held(record) else draft


def _unwritten(draft: Draft) -> Draft:
    """A row that is to be held is settled by the choice alone."""
    return draft.settled() if draft.action == "hold" and not draft.done else draft


def _request(plan: Plan, draft: Draft, number: int) -> Prompt | None:
    return plan.prompt(draft.action, draft.record, number) if draft.action else None


def _written(plan: Plan, draft: Draft, reply: Reply) -> Draft:
    template = plan.templates[draft.action]
    draft = draft.prompted(template.hash)
    text = _complete_text(reply, framed=template.framed)
    if text is None:
        return draft.failed("truncated")
    task = parse_task(text) if template.framed else _instruction(plan, draft, text)
    if task is None or not template.allows(task):
        return draft.failed("unparsed", "no instruction found")
    new = template.frame(values(draft.record), task) if template.framed else task
    reason = _objection(plan, draft, task, new)
    return draft.failed("rejected", reason) if reason else draft.settled(text=new)


def _objection(plan: Plan, draft: Draft, task: str, new: str) -> str:
    """Why the new instruction is not taken; "" if it is."""
    old, template = draft.record.instruction, plan.templates[draft.action]
    if copies(task, old, template.text):
        return "copies-example"
    if template.framed and any(echoes(task, shown) for shown in template.replies):
        return "copies-example"
    if template.framed and echoes(task, old):
        return "repeats"
    return check(new, old, plan.limits)


def _complete_text(reply: Reply, framed: bool) -> str | None:
    """The reply's text; of one that was cut off, what its end mark closed before, if anything."""
    if reply.status != "truncated":
        return reply.text
    whole, mark, _ = reply.text.rpartition("###")
    return whole + mark if mark and not framed else None


def _instruction(plan: Plan, draft: Draft, text: str) -> str | None:
    begin = plan.templates[draft.action].begin(values(draft.record))
    return parse_instruction(f"{begin} {text.lstrip()}" if begin else text, draft.record.instruction)


def _closed(draft: Draft, plan: Plan) -> Record:
    step = Step(
        stage="rewrite", action=draft.action, status=draft.status, round=plan.round, reason=draft.reason,
        generator=draft.generator, prompt="+".join(draft.prompts), replies=draft.replies, text_hashes=draft.text_hashes,
        sampling=recorded(plan.sampling, draft.sent) if draft.replies else {},
    )  # fmt: skip
    if draft.status != "ok":
        return draft.record.step(step)
    return draft.record.step(step, instruction=draft.text, input=_kept_input(draft))


def _kept_input(draft: Draft) -> str:
    """The row's input, which follows the new instruction, unless it was taken out of a prompt and is back in there."""
    record = draft.record
    again = draft.action != "hold" and extracted(record) and held_within(record.input, draft.text)
    return "" if again else record.input
