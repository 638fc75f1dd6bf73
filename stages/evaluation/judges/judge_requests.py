"""How every judge is asked: a prompt file rendered for each item, asked again until it says something that counts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from stages.core import contextual_calibration
from stages.core.completions import Complete, Constraint, Prompt, Reply, Sampling, draw_seed, retry
from stages.prompts import Template


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """What every opinion rests on."""

    reason: str = ""
    """"" or why there is no verdict: judge-unparsed, judge-thought, judge-refused, judge-failed."""
    replies: tuple[str, ...] = ()
    """Keys of the judge's replies in the store, in the order they were asked."""
    text_hashes: tuple[str, ...] = ()
    """For each of `replies`, the first 32 hexadecimal digits of its text's SHA-256."""
    judge: str = ""
    """Identity of the judge."""
    text: str = ""
    """The last reply, word for word; several, where several were asked for, one a line."""


@dataclass(frozen=True)
class Panel:
    """A judge: the model, the prompt file it is asked with, and how its verdict is read."""

    complete: Complete
    template: Template
    sampling: Sampling
    attempts: int
    """How often it is asked before a reply without a verdict is left unscored."""
    seed: int
    reading: str
    """stated: the last verdict in the reply's text. scores: the scores of the verdicts as single choices, where the
    engine reports them, and the text where it does not."""


@dataclass(frozen=True)
class Request:
    """One thing to ask: an id of its own, and what the prompt file speaks of; without values it passes by unasked."""

    id: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class Asked:
    """A request with every reply to it, the last one last."""

    request: Request
    replies: tuple[Reply, ...] = ()

    @property
    def last(self) -> Reply:
        """What was replied last. Raises IndexError if nothing was asked."""
        return self.replies[-1]

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the replies in the store, in the order they were asked."""
        return tuple(reply.id for reply in self.replies if reply.id)

    @property
    def text_hashes(self) -> tuple[str, ...]:
        """Hashes of the texts of the same replies."""
        return tuple(reply.text_hash for reply in self.replies if reply.id)


def asked(
    panel: Panel, requests: Iterable[Request], settled: Callable[[Request, Reply], bool], choices: Sequence[str] = (),
    draw: str = "",
) -> Iterator[Asked]:  # fmt: skip
    """Each request with the replies to it, in order; asked until one is `settled` (see `messages.retry`).

    choices: the verdicts that the reply is one of, if it is read by its scores. draw: what its seed is drawn for; by
    default the prompt file, so that two about the same thing draw apart.
    """

    def prompt(item: Asked, sample: int) -> Prompt | None:
        done = item.replies and settled(item.request, item.last)
        return None if done or not item.request.values else _prompt(panel, tuple(choices), sample, draw, item.request)

    return retry(panel.complete, map(Asked, requests), panel.attempts, prompt, _read)


def _read(item: Asked, reply: Reply) -> Asked:
    return replace(item, replies=(*item.replies, reply))


def _prompt(panel: Panel, choices: tuple[str, ...], sample: int, draw: str, request: Request) -> Prompt:
    rendered, file = panel.template.render(request.values), panel.template.hash
    seed = draw_seed(panel.seed, request.id, f"{draw or f'judge/{file}'}/{sample}")
    # After a beginning of the reply the next token opens with a space, as it would in running text.
    options = tuple(f" {choice}" for choice in choices) if rendered.continue_final else choices
    constraint = Constraint(choice=options) if options else None
    return rendered.prompt(panel.sampling, seed, f"{request.id}/judge-{file}", sample, constraint)


def leaning(reply: Reply, liking: Mapping[str, float]) -> dict[str, float]:
    """Verdict -> its share, with the judge's `liking` divided out. Empty where the engine reported no scores."""
    return contextual_calibration.leaning(_named(reply.scores), liking)


def likings(panel: Panel, choices: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    """Verdict -> logarithm of its mean probability when every one of the variables `names` says nothing.

    Raises UserError where a request fails: the next run would calibrate every verdict otherwise.
    """
    silent = [
        Request(f"content-free/{text}", dict.fromkeys(names, text)) for text in contextual_calibration.CONTENT_FREE
    ]
    found = list(asked(panel, silent, lambda _, reply: reply.status != "failed", choices))
    contextual_calibration.refuse_failures([item.last.error for item in found if item.last.status == "failed"])
    return contextual_calibration.liking([_named(item.last.scores) for item in found if item.last.scores])


def _named(scores: Mapping[str, float]) -> dict[str, float]:
    """The scores by verdict, which a choice may open with a space."""
    return {choice.strip(): score for choice, score in scores.items()}


def reason(reply: Reply) -> str:
    """Why a judge's last reply has no verdict: judge-unparsed, judge-thought, judge-refused or judge-failed."""
    return "judge-unparsed" if reply.status in ("ok", "truncated") else f"judge-{reply.status}"


def grounds(item: Asked, decided: bool) -> dict[str, Any]:
    """What an opinion on one item rests on, as the fields of `Opinion`."""
    return {
        "reason": "" if decided else reason(item.last), "replies": item.keys, "text_hashes": item.text_hashes,
        "judge": item.last.model, "text": item.last.text,
    }  # fmt: skip
