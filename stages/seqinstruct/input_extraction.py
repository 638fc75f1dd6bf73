"""Extract instruction and input from a flat prompt, as Seq-Instruct needs for FlanCoT (paper 2.2, B.4).

A model states the two parts; they are accepted only if nothing of the prompt is lost and nothing is added. Otherwise
the row keeps its flat prompt, under a status and a reason. The input then has its own field, which rewriting leaves
unchanged and which follows every new instruction; `contains_input` detects instructions that would repeat it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from msgspec.structs import replace

from stages.core.completions import Complete, Prompt, Reply, Sampling, draw_seed, recorded
from stages.core.records import Record, Step
from stages.prompts import Template
from stages.seqinstruct.filters import words
from stages.seqinstruct.parse_instruction import answer_text
from stages.seqinstruct.pending_rows import PendingRow, retry_pending

REASONS = {
    "changed-input": "the input is no passage of the prompt",
    "lost-words": "a number, or too many words of the prompt, are in neither part",
    "added-words": "the instruction has too many words that the prompt does not have",
}
"""Why two parts are rejected: a closed list."""
SLACK = 0.2
"""Share of the words beside the input that an instruction may lose or gain: labels such as "Question:" may go."""
LABELS = 3
"""Words that it may lose or gain however short it is."""
SIMILAR = 0.3
"""ROUGE-1 F above which an instruction is taken to contain an input (the authors' code)."""

_MARK = re.compile(
    r"(?im)^[ \t>*_\"]{0,8}#{1,4}[ \t*]{0,4}(?P<part>instruction|input)[ \t*]{0,4}(?:#{1,4}[*]{0,2}[ \t]*:?|:)"
    r"[ \t*]{0,4}"
)
_NONE = re.compile(r"\W*(?:none|n/?a|no ?input|nothing|empty|)\W*", re.IGNORECASE)


@dataclass(frozen=True)
class ExtractionConfig:
    """How parts are requested."""

    seed: int
    template: Template
    sampling: Sampling
    attempts: int


def extract_rows(records: Iterable[Record], complete: Complete, config: ExtractionConfig) -> Iterator[Record]:
    """The records in the same order and number, each with one more step and, where that is ok, its parts.

    The step's action is `split`, `whole` for a prompt that has no input, or `given` for a row that had one before.
    """
    pending_rows = (_initial_row(record) for record in records)
    return map(
        partial(_finished_record, config),
        retry_pending(pending_rows, complete, config.attempts, partial(_request, config), partial(_read, config)),
    )


def parse_parts(reply: str) -> tuple[str, str] | None:
    """The last `#Instruction#` and the `#Input#` after it ("" if that is "none"); None if either is missing."""
    text = answer_text(reply)
    marks = list(_MARK.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)] * bool(marks)
    parts = [(m["part"].lower(), _part(text[m.end() : end])) for m, end in zip(marks, ends, strict=True)]
    for (first, instruction), (second, given) in reversed(list(pairwise(parts))):
        if (first, second) == ("instruction", "input") and instruction:
            return instruction, "" if _NONE.fullmatch(given[:40]) else given
    return None


def faults(instruction: str, given: str, prompt: str) -> str:
    """Why these parts of `prompt` are rejected: a key of `REASONS`, or "" if they are not."""
    passage = _passage(given, prompt)
    if passage is None:
        return "changed-input"
    rest = Counter(words(prompt[: passage[0]] + " " + prompt[passage[1] :]))
    new_words = Counter(words(instruction))
    lost, slack = rest - new_words, max(LABELS, SLACK * rest.total())
    if lost.total() > slack or any(character.isdigit() for word in lost for character in word):
        return "lost-words"
    return "added-words" if (new_words - rest).total() > slack else ""


def contains_input(given: str, instruction: str) -> bool:
    """Whether an instruction contains an input: word for word, or by ROUGE-1 F above `SIMILAR`."""
    if " ".join(given.casefold().split()) in " ".join(instruction.casefold().split()):
        return True
    ours, theirs = set(given.casefold().split()), set(instruction.casefold().split())
    return 2 * len(ours & theirs) > SIMILAR * (len(ours) + len(theirs))


def is_extracted(record: Record) -> bool:
    """Whether the row's input was extracted from its prompt."""
    return any(step.stage == "extract" and step.status == "ok" and step.action == "split" for step in record.steps)


def _part(text: str) -> str:
    text = text.partition("###")[0].strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] == '"' and text.count('"') == 2 else text


def _passage(given: str, prompt: str) -> tuple[int, int] | None:
    """Where the input stands in the prompt, whatever its white space; an input in quotes may stand there without."""
    for text in (given, given.strip("\"'“”‘’ ")):
        match = re.search(r"\s+".join(map(re.escape, text.split())), prompt)
        if match:
            return match.span()
    return None


def _initial_row(record: Record) -> PendingRow:
    pending = PendingRow(record, action="given" if record.input else "", text=record.instruction)
    return pending.settled() if record.input else pending


def _request(config: ExtractionConfig, pending: PendingRow, number: int) -> Prompt:
    record, rendered = pending.record, config.template.render({"instruction": pending.record.instruction})
    return rendered.prompt(
        config.sampling, draw_seed(config.seed, record.id, "extract"), f"{record.id}/extract", number
    )


def _read(config: ExtractionConfig, pending: PendingRow, reply: Reply) -> PendingRow:
    pending = pending.with_prompt(config.template.hash)
    if reply.status == "truncated" and "###" not in reply.text:
        return pending.failed("truncated")
    prompt = pending.record.instruction
    begin = config.template.begin({"instruction": prompt})
    parts = parse_parts(f"{begin} {reply.text.lstrip()}" if begin else reply.text)
    if parts is None:
        return pending.failed("unparsed", "no parts found")
    instruction, given = parts
    if not given:
        return replace(pending.settled(text=prompt), action="whole")
    if reason := faults(instruction, given, prompt):
        return pending.failed("rejected", reason)
    start, end = _passage(given, prompt) or (0, 0)
    return replace(
        pending.settled(text=instruction),
        action="split",
        record=replace(pending.record, input=prompt[start:end]),
    )


def _finished_record(config: ExtractionConfig, pending: PendingRow) -> Record:
    step = Step(
        stage="extract", action=pending.action, status=pending.status, reason=pending.reason,
        generator=pending.generator, prompt="+".join(pending.prompts), replies=pending.replies,
        text_hashes=pending.text_hashes, sampling=recorded(config.sampling, pending.sent) if pending.replies else {},
    )  # fmt: skip
    return pending.record.step(step, instruction=pending.text)
