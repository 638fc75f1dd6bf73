"""Why two versions of a row differ: what differs in the first of its steps that is not the same."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any, NamedTuple

import msgspec

from stages.core.records import canonical
from stages.publishing.changes.change_types import Cause, Kind
from stages.publishing.changes.row_summaries import (
    INPUT,
    INSTRUCTION,
    KEY_BYTES,
    OUTPUT,
    SOURCE_SHA256,
    StepRecord,
    Summariser,
    Summary,
)

UNANSWERED = ("failed", "refused", "thought")
"""Statuses of steps whose reply was not read: they name no prompt file."""
GIVEN = ("system_prompt", "history", "image_file")
"""Columns that come from the source row, whatever the stages do; but `split` makes turns of a row."""
ORIGIN = ("source_reference", "source_row", "licence", "language", "corpus")
DRAWN = ("rewrite", "evolve")
"""Stages that draw an action where no model chooses it."""
CONSTRAIN = "constrain"
"""The action of rows that are drawn before any is chosen."""
Seeds = tuple[int | None, int | None]


class Difference(NamedTuple):
    """Why a row differs."""

    cause: Cause
    also: tuple[Cause, ...] = ()
    """What else differs in the same step."""
    step: str = ""
    """The step, as "rewrite 2"."""
    is_other_action: bool = False


class _Pair(NamedTuple):
    """Two versions of one step."""

    before: StepRecord
    after: StepRecord
    replies: tuple[bytes, bytes]
    texts: tuple[bytes, bytes]

    @property
    def is_answered(self) -> bool:
        return not {self.before.status, self.after.status} & {*UNANSWERED}

    def cause(self, kind: Kind, what: str, before: Any, after: Any) -> Cause:
        """A cause in this step's stage."""
        return Cause(kind, self.before.stage, what, str(before), str(after))


def difference(
    summariser: Summariser, seeds: Seeds, before: Summary, after: Summary, changed: set[str]
) -> Difference:  # fmt: skip
    """Why two summaries that are not equal differ.

    seeds: those of the experiments, None where they are not known. changed: the columns that differ.
    """
    words = summariser.words.values
    if SOURCE_SHA256 in changed:
        return Difference(Cause("source", what=_file(words[after.reference])))
    if before.corpus != after.corpus:
        return Difference(Cause("corpus", before=words[before.corpus], after=words[after.corpus]))
    records = summariser.steps.values
    if given := [name for name in GIVEN if name in changed and not _is_split(records, before, after)]:
        return Difference(Cause("reading", what=", ".join(given)))
    for one, other in zip_longest(before.steps, after.steps):
        if one != other:
            steps = [records[step[0]] if step else None for step in (one, other)]
            keys = [step[1:] if step else (b"", b"") for step in (one, other)]
            return _of_steps(steps[0], steps[1], (keys[0][0], keys[1][0]), (keys[0][1], keys[1][1]), seeds)
    return Difference(_without_step(summariser, changed, after, records, words))


def _of_steps(
    before: StepRecord | None,
    after: StepRecord | None,
    replies: tuple[bytes, bytes],
    texts: tuple[bytes, bytes],
    seeds: Seeds,
) -> Difference:
    """Why the first step that is not the same differs; one of them may be missing."""
    name = _called(after or before)
    if before is None or after is None or before.stage != after.stage or before.round != after.round:
        return Difference(_other_stages(before, after), step=name)
    is_other = before.action != after.action
    if before.stage in ("decontaminate", "sample"):
        kind: Kind = "decontamination" if before.stage == "decontaminate" else "selection"
        return Difference(Cause(kind, "", "", _outcome(before), _outcome(after)), (), name, is_other)
    causes = list(dict.fromkeys(_causes(_Pair(before, after, replies, texts), seeds)))
    return Difference(causes[0], tuple(causes[1:]), name, is_other)


def _other_stages(before: StepRecord | None, after: StepRecord | None) -> Cause:
    """Where the rows went through other stages or rounds."""
    kinds: dict[str, Kind] = {"decontaminate": "decontamination", "sample": "selection"}
    stages = [step.stage for step in (before, after) if step]
    # The earlier stage of the pipeline, whichever version has it.
    kind: Kind = next((kinds[stage] for stage in kinds if stage in stages), "stages")
    shown = [(_outcome(one) if one.stage in kinds else _called(one)) if one else "" for one in (before, after)]
    return Cause(kind, "", "", *(text or "none" for text in shown))


def _causes(pair: _Pair, seeds: Seeds) -> Iterator[Cause]:
    """Everything that differs in a step, in the order of origin; at least one."""
    recorded = [*_choice(pair, seeds), *_prompts(pair), *_request(pair)]
    yield from recorded
    same_replies = pair.replies[0] == pair.replies[1]
    if not same_replies and _differ(seeds):
        yield pair.cause("seed", "", *seeds)
    elif not recorded:
        yield _of_replies(pair, same_replies)


def _choice(pair: _Pair, seeds: Seeds) -> Iterator[Cause]:
    """Another policy, or another action where it was drawn and not asked for."""
    before, after = pair.before, pair.after
    if "frozen" in (before.status, after.status) or "keep" in (before.action, after.action):
        if before != after:
            shown = [f"{one.action} {one.status}" for one in (before, after)]
            yield pair.cause("policy", "what is kept", *shown)
        return
    if before.stage not in DRAWN or "respond" in (before.action, after.action) or not pair.is_answered:
        if before.action != after.action and before.stage not in DRAWN:
            yield pair.cause("policy", "action", before.action, after.action)
        return
    are_chosen = [bool(_choosing(one)) for one in (before, after)]
    is_drawn = are_chosen == [False, False] or CONSTRAIN in (before.action, after.action)
    if is_drawn and before.action != after.action:
        yield pair.cause("seed", "", *seeds) if _differ(seeds) else pair.cause("policy", "", "", "")
    elif are_chosen[0] != are_chosen[1]:
        yield pair.cause("policy", "", *("chosen by the model" if one else "drawn" for one in are_chosen))


def _prompts(pair: _Pair) -> Iterator[Cause]:
    """Prompt files of equal tasks that are not the same."""
    before, after = _choosing(pair.before), _choosing(pair.after)
    if before and after and before != after:
        yield pair.cause("prompt", "choose", before, after)
    before, after = _writing(pair.before), _writing(pair.after)
    if before and after and before != after and pair.before.action == pair.after.action:
        yield pair.cause("prompt", pair.after.action or pair.after.stage, before, after)


def _choosing(step: StepRecord) -> str:
    """The hash of the prompt file by which the model chose the action; "" where it did not."""
    first, plus, _ = step.prompt.partition("+")
    return first if step.stage == "rewrite" and (plus or step.action in ("", "hold")) else ""


def _writing(step: StepRecord) -> str:
    """The hash of the prompt file that carried the action out; "" for none."""
    first, _, last = step.prompt.partition("+")
    return last or ("" if _choosing(step) else first)


def _request(pair: _Pair) -> Iterator[Cause]:
    """Another model, or other sampling."""
    before, after = pair.before, pair.after
    if before.generator and after.generator and before.generator != after.generator:
        yield pair.cause("model", "", before.generator, after.generator)
    if before.sampling and after.sampling and before.sampling != after.sampling:
        yield _sampling(pair)


def _sampling(pair: _Pair) -> Cause:
    values = [_json(one.sampling) for one in (pair.before, pair.after)]
    keys = [key for key in sorted({*values[0], *values[1]}) if values[0].get(key) != values[1].get(key)]
    shown = [canonical([value[key] for key in keys if key in value]).decode()[1:-1] for value in values]
    return pair.cause("sampling", ", ".join(keys), *shown)


def _json(text: str) -> Mapping[str, Any]:
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        value = None
    return value if isinstance(value, dict) else {"sampling": text}


def _of_replies(pair: _Pair, are_same: bool) -> Cause:
    """Why a step differs whose requests are recorded as equal."""
    one, other = pair.replies
    shared = min(len(one), len(other))
    if one[:shared] != other[:shared] or (not shared and one != other):
        return pair.cause("request", "", "", "")
    if pair.texts[0][:shared] != pair.texts[1][:shared] and all(pair.texts):
        return pair.cause("reply", "", "", "")
    if are_same:
        return pair.cause("outcome", "", "", "")
    return pair.cause("attempts", "", len(one) // KEY_BYTES, len(other) // KEY_BYTES)


def _without_step(
    summariser: Summariser, changed: set[str], after: Summary, records: list[StepRecord], words: list[str]
) -> Cause:
    """Why a row differs whose steps are all the same."""
    stages = [records[number] for number, _, _ in after.steps if records[number].generator]
    texts = [name for name in (INSTRUCTION, INPUT) if name in changed]
    if not summariser.has_steps and not changed & {*ORIGIN}:
        return Cause("columns", what=", ".join(sorted(changed)))
    if texts:
        is_made = any(step.stage != "respond" for step in stages)
        return Cause("outcome", what=", ".join(texts)) if is_made else Cause("reading", what=", ".join(texts))
    if OUTPUT in changed:
        return Cause("outcome", what=OUTPUT) if stages else Cause("output", what=OUTPUT)
    if origin := [name for name in ORIGIN if name in changed]:
        return Cause("origin", what=", ".join(origin))
    return Cause("columns", what=", ".join(sorted(changed)) or "id")


def _is_split(records: list[StepRecord], before: Summary, after: Summary) -> bool:
    return any(records[number].stage == "split" for number, _, _ in (*before.steps, *after.steps))


def _differ(seeds: Seeds) -> bool:
    return None not in seeds and seeds[0] != seeds[1]


def _file(reference: str) -> str:
    return reference.partition("@")[0] if reference.startswith("hub:") else reference


def _called(step: StepRecord | None) -> str:
    return "" if step is None else f"{step.stage} {step.round}" if step.round else step.stage


def _outcome(step: StepRecord) -> str:
    return f"{step.action or step.stage}{f' {step.round}' if step.round else ''}"
