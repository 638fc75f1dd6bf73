"""WizardLM's evolution, a baseline: each instruction made harder or broader (Xu et al. 2023, arXiv:2304.12244).

In-depth operations add constraints, deepen, concretise, ask for more reasoning or complicate the input; the in-breadth
one writes another instruction of the same kind. As there, an evolution that is eliminated leaves the instruction as it
was, to be tried again in the next round; a row whose response is eliminated is rejected.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from msgspec import UNSET
from msgspec.structs import replace

from stages.core.completions import Complete, Prompt, Reply, Sampling, draw_seed, recorded, seed_for
from stages.core.records import Record, Rejected, Step
from stages.prompts import Template
from stages.seqinstruct.filters import copies, words
from stages.seqinstruct.parse_instruction import answer_text, parse_task
from stages.seqinstruct.pending_rows import PendingRow, retry_pending
from stages.seqinstruct.responses import REASONS as NO_RESPONSE
from stages.seqinstruct.responses import ResponseConfig, rejected_row, respond_to_pending

REASONS = {
    "empty": "nothing was written",
    "no-gain": "as good as the instruction it came from",
    "copies-prompt": "copies words of the evolution prompt, such as 'given prompt'",
    "sorry": "a short response that declines: the model finds the instruction too hard",
    "no-content": "a response of punctuation and stop words only",
    **NO_RESPONSE,
}
"""Why an evolution or its response is eliminated: a closed list."""

BREADTH = "breadth"
"""The operation that writes a new instruction, which the old input does not belong to."""
SIMILAR = 0.95
"""Share of words in common (F1) from which an evolution is no gain."""
SORRY_WORDS = 80
"""A response shorter than this that says sorry counts as declined, as in WizardLM."""

_COPIED = re.compile(
    r"\b(?:given|rewritten|created|original|new)[ _]prompt\b|\bprompt\s*#"
    r"|#\s*(?:given|rewritten|created|new|original)\b",
    re.IGNORECASE,
)
_MARKER = re.compile(
    r"(?im)^[^\n\w]*(?:rewritten|created|new)[ \t_]+(?:prompt|instruction)\W*?:?[ \t#*]*"
    r"(?:\n|(?<=:)[ \t]*|(?<=#)[ \t]*)"
)
_SORRY = re.compile(
    r"\b(?:sorry|apologi[sz]e|(?:can|could)(?:not|n'?t)\s+(?:assist|help|fulfil|comply)|as an ai\b)", re.IGNORECASE
)
_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be but by do for from had has have he her his i if in is it its me my no not of on or our"
        " she so that the their them then there these they this to us was we were what when which who will with yes you"
        " your",
    )
)


@dataclass(frozen=True)
class EvolutionConfig:
    """The configuration of the evolution of a corpus."""

    seed: int
    rounds: int
    operations: tuple[str, ...]
    """Drawn uniformly, per row and round."""
    templates: Mapping[str, Template]
    """One for each operation."""
    sampling: Sampling
    respond: Sampling
    attempts: int


def evolve_rows(
    records: Iterable[Record], complete: Complete, config: EvolutionConfig
) -> Iterator[tuple[str, Record | Rejected]]:
    """Each record as ("rows", evolved, with its response) or ("rejected", with a reason), in order."""
    for number in range(1, config.rounds + 1):
        records = _evolved(records, complete, config, number)
    responses = ResponseConfig(config.seed, config.rounds, config.respond, config.attempts, ("ok", "truncated"))
    pending_rows = respond_to_pending((PendingRow(record, action="respond") for record in records), complete, responses)
    return map(partial(_finished, responses), pending_rows)


def useless(new: str, old: str) -> str:
    """Why an evolved instruction is eliminated: a key of `REASONS`, or "" if it is not."""
    if not words(new):
        return "empty"
    if any(match[0].casefold() not in old.casefold() for match in _COPIED.finditer(new)):
        return "copies-prompt"
    return "no-gain" if _common(new, old) >= SIMILAR else ""


def declined(response: str) -> str:
    """Why a response is eliminated: a key of `REASONS`, or "" if it is not."""
    response_words = words(response)
    if all(word in _STOP_WORDS for word in response_words):
        return "no-content"
    return "sorry" if len(response_words) < SORRY_WORDS and _SORRY.search(response.replace("’", "'")) else ""


def parse_evolved(reply: str) -> str | None:
    """The instruction after the last `#Rewritten Prompt#` or `#Created Prompt#`, or the reply's first paragraph."""
    answer = answer_text(reply)
    if _MARKER.search(answer) is None:
        return parse_task(answer)
    text = _MARKER.split(answer)[-1].partition("###")[0].strip(" \t\n:*")
    return text if re.search(r"\w", text) else None


def _common(new: str, old: str) -> float:
    ours, theirs = Counter(words(new)), Counter(words(old))
    total = ours.total() + theirs.total()
    return 2 * (ours & theirs).total() / total if total else 1.0


def _evolved(records: Iterable[Record], complete: Complete, config: EvolutionConfig, number: int) -> Iterator[Record]:
    pending_rows = (PendingRow(record, action=_operation(config, record, number)) for record in records)
    settled = retry_pending(
        pending_rows, complete, config.attempts, partial(_request, config, number), partial(_read_rewrite, config)
    )
    return map(partial(_finished_record, config, number), settled)


def _operation(config: EvolutionConfig, record: Record, number: int) -> str:
    return seed_for(config.seed, record.id, f"evolve:{number}").choice(config.operations)


def _request(config: EvolutionConfig, number: int, pending: PendingRow, attempt: int) -> Prompt:
    record = pending.record
    rendered = config.templates[pending.action].render({"instruction": record.instruction, "input": record.input})
    seed = draw_seed(config.seed, record.id, f"evolving:{number}")
    return rendered.prompt(config.sampling, seed, f"{record.id}/{pending.action}", attempt)


def _read_rewrite(config: EvolutionConfig, pending: PendingRow, reply: Reply) -> PendingRow:
    template = config.templates[pending.action]
    pending = pending.with_prompt(template.hash)
    if reply.status == "truncated":
        return pending.failed("truncated")
    new = parse_evolved(reply.text)
    if new is not None and template.framed:
        new = template.frame({"instruction": pending.record.instruction, "input": pending.record.input}, new)
    if new is None:
        return pending.failed("unparsed", "no instruction found")
    old = pending.record.instruction
    reason = "copies-prompt" if copies(new, old, template.text) else useless(new, old)
    return pending.failed("rejected", reason) if reason else pending.settled(text=new)


def _finished_record(config: EvolutionConfig, number: int, pending: PendingRow) -> Record:
    step = Step(
        stage="evolve", action=pending.action, status=pending.status, round=number, reason=pending.reason,
        generator=pending.generator, prompt="+".join(pending.prompts), sampling=recorded(config.sampling, pending.sent),
        replies=pending.replies,
        text_hashes=pending.text_hashes,
    )  # fmt: skip
    if not pending.done:
        return pending.record.step(step)
    kept = "" if pending.action == BREADTH else pending.record.input
    return pending.record.step(step, instruction=pending.text, input=kept, checks=UNSET)


def _finished(config: ResponseConfig, pending: PendingRow) -> tuple[str, Record | Rejected]:
    if pending.done and (reason := declined(pending.text)):
        pending = replace(pending, done=False, status="rejected", reason=reason)
    step = Step(
        stage="evolve", action="respond", status=pending.status, round=config.round, reason=pending.reason,
        generator=pending.generator, sampling=recorded(config.sampling, pending.sent), replies=pending.replies,
        text_hashes=pending.text_hashes,
    )  # fmt: skip
    record = pending.record.step(step, response=pending.text, reasoning=pending.reasoning or UNSET)
    if pending.done:
        return "rows", record
    return "rejected", rejected_row(
        record, pending.reason if pending.reason in REASONS else pending.status, pending.reason
    )
