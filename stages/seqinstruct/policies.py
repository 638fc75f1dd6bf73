"""The policies that choose the action for a row.

model       the model's own statement (paper 2.2).
uniform     drawn by the row's own seed, equally from the allowed actions (SeqEval, paper 3).
fixed       the one allowed action.
calibrated  the model's choice, corrected for its prior over the letters. A small model states the same letter for
            every row. Its probabilities of the letters after the row's prompt are divided by those after the prompt
            with a content-free instruction (stages/core/contextual_calibration.py); the action is then drawn in these
            proportions by the row's own seed. So the prior cancels out and what the row adds remains. It needs a
            prompt whose reply is the letter, and an engine that reports the scores of a constrained choice
            (`Reply.scores`); where they are missing, the model's statement counts, as under `model`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random

from msgspec.structs import replace

from stages.core import contextual_calibration
from stages.core.completions import Complete, Constraint, Prompt, Reply, Sampling, draw_seed, retry, seed_for
from stages.core.errors import UserError
from stages.core.records import Action, Record
from stages.prompts import Rendered, Template
from stages.seqinstruct.filters import Limits
from stages.seqinstruct.parse_choice import LETTERS, parse_choice
from stages.seqinstruct.pending_rows import PendingRow, retry_pending


@dataclass(frozen=True)
class RoundConfig:
    """The configuration of one round of Seq-Instruct."""

    seed: int
    round: int
    policy: str
    actions: tuple[Action, ...]
    """The actions that this round allows."""
    templates: Mapping[str, Template]
    """`choose`, and one for each action that rewrites."""
    sampling: Sampling
    attempts: int
    orders: int
    """Number of different orders of the worked examples."""
    limits: Limits
    constraint_share: float = 0.0
    """Share of the rows whose added task is a verifiable constraint."""

    def rendered(self, name: str, record: Record) -> Rendered:
        """The prompt file of that name for this record, its examples in the record's own order."""
        rng = seed_for(self.seed, record.id, f"order:{self.round}:{name}")
        return self.templates[name].render(values(record), rng, self.orders)

    def prompt(self, name: str, record: Record, number: int, choice: tuple[str, ...] = ()) -> Prompt:
        """The request for this record; `number` counts its attempts from 0."""
        seed = draw_seed(self.seed, record.id, f"{name}:{self.round}")
        constraint = Constraint(choice=choice) if choice else None
        return self.rendered(name, record).prompt(self.sampling, seed, f"{record.id}/{name}", number, constraint)


def values(record: Record) -> dict[str, str]:
    """The variables of a prompt file."""
    return {"instruction": record.instruction, "input": record.input}


def choose(pending_rows: Iterable[PendingRow], complete: Complete, config: RoundConfig) -> Iterator[PendingRow]:
    """The rows in order, each with an action, or with the status that says why it has none.

    Raises UserError for an unknown policy, and for `fixed` with more than one action.
    """
    if config.policy not in POLICIES:
        raise UserError(f"params.yaml: unknown policy {config.policy!r}; known are {', '.join(POLICIES)}")
    if config.policy == "fixed" and len(config.actions) != 1:
        raise UserError(f"params.yaml: the policy fixed takes one action, not {len(config.actions)}; name just one")
    return POLICIES[config.policy](pending_rows, complete, config)


def _draw_action(pending_rows: Iterable[PendingRow], complete: Complete, config: RoundConfig) -> Iterator[PendingRow]:
    for pending in pending_rows:
        yield (
            pending
            if pending.done
            else replace(pending, action=_row_random(config, pending.record).choice(config.actions))
        )


def _row_random(config: RoundConfig, record: Record) -> Random:
    return seed_for(config.seed, record.id, f"choose:{config.round}")


def _ask_model(pending_rows: Iterable[PendingRow], complete: Complete, config: RoundConfig) -> Iterator[PendingRow]:
    return retry_pending(
        pending_rows, complete, config.attempts, partial(_choice_request, config, ()), partial(_read_choice, config)
    )


def _choice_request(config: RoundConfig, choice: tuple[str, ...], pending: PendingRow, number: int) -> Prompt | None:
    return None if pending.action else config.prompt("choose", pending.record, number, choice)


def _read_choice(config: RoundConfig, pending: PendingRow, reply: Reply) -> PendingRow:
    pending = pending.with_prompt(config.templates["choose"].hash)
    if reply.status == "truncated":
        return pending.failed("truncated")
    action = parse_choice(config.templates["choose"].begin(values(pending.record)) + " " + reply.text)
    if action is None:
        return pending.failed("unparsed", "no option named")
    return replace(pending, action=action) if action in config.actions else pending.failed("rejected", "not-allowed")


def _ask_calibrated(
    pending_rows: Iterable[PendingRow], complete: Complete, config: RoundConfig
) -> Iterator[PendingRow]:
    letters = tuple(letter for letter, action in LETTERS.items() if action in config.actions)
    priors = _letter_priors(complete, config, letters)
    read = partial(_calibrated_choice, config, priors)
    return retry_pending(pending_rows, complete, config.attempts, partial(_choice_request, config, letters), read)


def _letter_priors(complete: Complete, config: RoundConfig, letters: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Order of the worked examples (its `Rendered.prefix`) -> mean score of each letter for content-free inputs."""
    template = config.templates["choose"]
    silent = [{"instruction": text, "input": ""} for text in contextual_calibration.CONTENT_FREE]
    content_free = [template.ordered(nothing, order) for order in range(config.orders) for nothing in silent]
    replies = list(
        _replies(
            complete, [_content_free_prompt(config, rendered, letters) for rendered in content_free], config.attempts
        )
    )
    contextual_calibration.refuse_failures([reply.error for reply in replies if reply.status == "failed"])
    scores: dict[str, list[dict[str, float]]] = {}
    for rendered, reply in zip(content_free, replies, strict=True):
        scores.setdefault(rendered.prefix, []).extend([reply.scores] if reply.scores else [])
    return {
        prefix: contextual_calibration.choice_bias(letter_scores)
        for prefix, letter_scores in scores.items()
        if letter_scores
    }


_Answered = tuple[Prompt, Reply | None]


def _replies(complete: Complete, prompts: Iterable[Prompt], attempts: int) -> Iterator[Reply]:
    """The reply to each prompt, requested again where it failed."""
    pairs: Iterable[_Answered] = ((prompt, None) for prompt in prompts)
    answered_pairs = retry(complete, pairs, attempts, _unanswered, _answered)
    return (reply for _, reply in answered_pairs if reply is not None)


def _unanswered(pair: _Answered, _: int) -> Prompt | None:
    prompt, reply = pair
    return prompt if reply is None or reply.status == "failed" else None


def _answered(pair: _Answered, reply: Reply) -> _Answered:
    return pair[0], reply


def _content_free_prompt(config: RoundConfig, rendered: Rendered, letters: tuple[str, ...]) -> Prompt:
    seed = draw_seed(config.seed, "content-free", rendered.prefix)
    return rendered.prompt(config.sampling, seed, "content-free/choose", constraint=Constraint(choice=letters))


def _calibrated_choice(
    config: RoundConfig, priors: dict[str, dict[str, float]], pending: PendingRow, reply: Reply
) -> PendingRow:
    prior = priors.get(config.rendered("choose", pending.record).prefix)
    if prior is None or not reply.scores:
        return _read_choice(config, pending, reply)
    shares = contextual_calibration.calibrated_probabilities(reply.scores, prior)
    letters = sorted(shares)
    letter = _row_random(config, pending.record).choices(letters, [shares[letter] for letter in letters])[0]
    return replace(pending.with_prompt(config.templates["choose"].hash), action=LETTERS[letter])


POLICIES: dict[str, Callable[[Iterable[PendingRow], Complete, RoundConfig], Iterator[PendingRow]]] = {
    "model": _ask_model, "calibrated": _ask_calibrated, "uniform": _draw_action, "fixed": _draw_action,
}  # fmt: skip
