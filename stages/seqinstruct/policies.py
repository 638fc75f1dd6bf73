"""Who chooses the action for a row.

model       the model's own statement (paper 2.2).
uniform     drawn by the row's own seed, equally from the allowed actions (SeqEval, paper 3).
fixed       the one allowed action.
calibrated  the model's choice, corrected for its liking of a letter. A small model names the same letter whatever the
            row says. Its probabilities of the letters after the row's prompt are divided by those after the same prompt
            with a content-free instruction (stages/core/contextual_calibration.py); the action is then drawn in these
            proportions by the row's own seed. So the liking cancels out and what the row adds remains. It needs a
            prompt whose reply is the letter, and an engine that reports the scores of a constrained choice
            (`Reply.scores`); where they are missing, the model's statement counts, as under `model`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from random import Random

from stages.core import contextual_calibration
from stages.core.completions import Complete, Constraint, Prompt, Reply, Sampling, draw_seed, retry, seed_for
from stages.core.errors import UserError
from stages.core.records import Action, Record
from stages.prompts import Rendered, Template
from stages.seqinstruct.actions import LETTERS, parse_choice
from stages.seqinstruct.filters import Limits
from stages.seqinstruct.retry import Draft, retried


@dataclass(frozen=True)
class Plan:
    """How one round of Seq-Instruct is run."""

    seed: int
    round: int
    policy: str
    actions: tuple[Action, ...]
    """Which actions this round allows."""
    templates: Mapping[str, Template]
    """`choose`, and one for each action that writes."""
    sampling: Sampling
    attempts: int
    orders: int
    """How many different orders of the worked examples there are."""
    limits: Limits

    def rendered(self, name: str, record: Record) -> Rendered:
        """The prompt file of that name for this record, its examples in the record's own order."""
        rng = seed_for(self.seed, record.id, f"order:{self.round}:{name}")
        return self.templates[name].render(values(record), rng, self.orders)

    def prompt(self, name: str, record: Record, number: int, choice: tuple[str, ...] = ()) -> Prompt:
        """The request for this record; `number` counts its tries from 0."""
        seed = draw_seed(self.seed, record.id, f"{name}:{self.round}")
        constraint = Constraint(choice=choice) if choice else None
        return self.rendered(name, record).prompt(self.sampling, seed, f"{record.id}/{name}", number, constraint)


def values(record: Record) -> dict[str, str]:
    """What a prompt file may speak of."""
    return {"instruction": record.instruction, "input": record.input}


def choose(drafts: Iterable[Draft], complete: Complete, plan: Plan) -> Iterator[Draft]:
    """The drafts in order, each with an action, or with the status that says why it has none.

    Raises UserError for an unknown policy, and for `fixed` with more than one action.
    """
    if plan.policy not in POLICIES:
        raise UserError(f"params.yaml: unknown policy {plan.policy!r}; known are {', '.join(POLICIES)}")
    if plan.policy == "fixed" and len(plan.actions) != 1:
        raise UserError(f"params.yaml: the policy fixed takes one action, not {len(plan.actions)}; name just one")
    return POLICIES[plan.policy](drafts, complete, plan)


def _drawn(drafts: Iterable[Draft], complete: Complete, plan: Plan) -> Iterator[Draft]:
    for draft in drafts:
        yield draft if draft.done else replace(draft, action=_own(plan, draft.record).choice(plan.actions))


def _own(plan: Plan, record: Record) -> Random:
    return seed_for(plan.seed, record.id, f"choose:{plan.round}")


def _stated(drafts: Iterable[Draft], complete: Complete, plan: Plan) -> Iterator[Draft]:
    return retried(drafts, complete, plan.attempts, partial(_question, plan, ()), partial(_statement, plan))


def _question(plan: Plan, choice: tuple[str, ...], draft: Draft, number: int) -> Prompt | None:
    return None if draft.action else plan.prompt("choose", draft.record, number, choice)


def _statement(plan: Plan, draft: Draft, reply: Reply) -> Draft:
    draft = draft.prompted(plan.templates["choose"].hash)
    if reply.status == "truncated":
        return draft.failed("truncated")
    action = parse_choice(plan.templates["choose"].begin(values(draft.record)) + " " + reply.text)
    if action is None:
        return draft.failed("unparsed", "no option named")
    return replace(draft, action=action) if action in plan.actions else draft.failed("rejected", "not-allowed")


def _calibrated(drafts: Iterable[Draft], complete: Complete, plan: Plan) -> Iterator[Draft]:
    letters = tuple(letter for letter, action in LETTERS.items() if action in plan.actions)
    likings = _likings(complete, plan, letters)
    read = partial(_weighed, plan, likings)
    return retried(drafts, complete, plan.attempts, partial(_question, plan, letters), read)


def _likings(complete: Complete, plan: Plan, letters: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Per order of the worked examples (its `Rendered.prefix`): the mean score of each letter when nothing is said."""
    template = plan.templates["choose"]
    silent = [{"instruction": text, "input": ""} for text in contextual_calibration.CONTENT_FREE]
    asked = [template.ordered(nothing, order) for order in range(plan.orders) for nothing in silent]
    replies = list(_replies(complete, [_silence(plan, rendered, letters) for rendered in asked], plan.attempts))
    contextual_calibration.refuse_failures([reply.error for reply in replies if reply.status == "failed"])
    scores: dict[str, list[dict[str, float]]] = {}
    for rendered, reply in zip(asked, replies, strict=True):
        scores.setdefault(rendered.prefix, []).extend([reply.scores] if reply.scores else [])
    return {prefix: contextual_calibration.liking(found) for prefix, found in scores.items() if found}


_Answered = tuple[Prompt, Reply | None]


def _replies(complete: Complete, prompts: Iterable[Prompt], attempts: int) -> Iterator[Reply]:
    """The reply to each prompt, asked for again where it failed."""
    pairs: Iterable[_Answered] = ((prompt, None) for prompt in prompts)
    asked = retry(complete, pairs, attempts, _unanswered, _answered)
    return (reply for _, reply in asked if reply is not None)


def _unanswered(pair: _Answered, _: int) -> Prompt | None:
    prompt, reply = pair
    return prompt if reply is None or reply.status == "failed" else None


def _answered(pair: _Answered, reply: Reply) -> _Answered:
    return pair[0], reply


def _silence(plan: Plan, rendered: Rendered, letters: tuple[str, ...]) -> Prompt:
    seed = draw_seed(plan.seed, "content-free", rendered.prefix)
    return rendered.prompt(plan.sampling, seed, "content-free/choose", constraint=Constraint(choice=letters))


def _weighed(plan: Plan, likings: dict[str, dict[str, float]], draft: Draft, reply: Reply) -> Draft:
    liking = likings.get(plan.rendered("choose", draft.record).prefix)
    if liking is None or not reply.scores:
        return _statement(plan, draft, reply)
    shares = contextual_calibration.leaning(reply.scores, liking)
    letters = sorted(shares)
    letter = _own(plan, draft.record).choices(letters, [shares[letter] for letter in letters])[0]
    return replace(draft.prompted(plan.templates["choose"].hash), action=LETTERS[letter])


POLICIES: dict[str, Callable[[Iterable[Draft], Complete, Plan], Iterator[Draft]]] = {
    "model": _stated, "calibrated": _calibrated, "uniform": _drawn, "fixed": _drawn,
}  # fmt: skip
