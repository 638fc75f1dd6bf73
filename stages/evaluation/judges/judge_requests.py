"""What all judges share: requests rendered from a prompt file and sent until a reply has a verdict."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stages.core import contextual_calibration
from stages.core.completions import Complete, Constraint, Prompt, Reply, Sampling, draw_seed, retry
from stages.evaluation.verdict_types import Exchange, Rating
from stages.prompts import Template


@dataclass(frozen=True)
class JudgeConfig:
    """The model of a judge, its prompt file, and how verdicts are read."""

    complete: Complete
    template: Template
    sampling: Sampling
    attempts: int
    """Requests per verdict before it is left unscored."""
    seed: int
    reading: str
    """How verdicts are read, as params.yaml has it. stated: the last verdict in the text of the reply. scores: the
    log-probabilities of the verdicts, and the text where the engine reports none."""


@dataclass(frozen=True, kw_only=True)
class Judge:
    """The declaration of a judge of single responses."""

    title: str
    """For people."""
    rate: Callable[[JudgeConfig, Iterable[Exchange | None]], Iterator[Rating | None]]
    """A rating for each exchange, in order; None stays None without a request."""
    metrics: Mapping[str, str]
    """Metric -> its meaning and range, for every key of `Rating.values`."""


@dataclass(frozen=True)
class Request:
    """One request: an id, and the variables of the prompt file; without variables nothing is sent."""

    id: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class JudgedRequest:
    """A request with its replies in the order of the attempts."""

    request: Request
    replies: tuple[Reply, ...] = ()

    @property
    def last(self) -> Reply:
        """The reply of the last attempt. Raises IndexError if nothing was sent."""
        return self.replies[-1]

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the replies in the reply store."""
        return tuple(reply.id for reply in self.replies if reply.id)

    @property
    def text_hashes(self) -> tuple[str, ...]:
        """Hashes of the texts of the same replies."""
        return tuple(reply.text_hash for reply in self.replies if reply.id)


def exchange_request(exchange: Exchange | None) -> Request:
    """The request about one exchange, with the variables `instruction` and `response`; an empty one for None."""
    if exchange is None:
        return Request("", {})
    return Request(exchange.id, {"instruction": exchange.instruction, "response": exchange.response})


def send_requests(
    config: JudgeConfig, requests: Iterable[Request], has_verdict: Callable[[Request, Reply], bool],
    choices: Sequence[str] = (), seed_purpose: str = "",
) -> Iterator[JudgedRequest]:  # fmt: skip
    """Each request with its replies, in order; sent until a reply `has_verdict` (see `completions.retry`).

    choices: the verdicts, where they are read by their log-probabilities. seed_purpose: part of the seed; the default
    names the prompt file, so that two prompt files get independent draws for the same id.
    """

    def prompt(judged: JudgedRequest, sample: int) -> Prompt | None:
        done = judged.replies and has_verdict(judged.request, judged.last)
        if done or not judged.request.values:
            return None
        return _prompt(config, tuple(choices), sample, seed_purpose, judged.request)

    return retry(config.complete, map(JudgedRequest, requests), config.attempts, prompt, _with_reply)


def rate_exchanges(
    config: JudgeConfig, exchanges: Iterable[Exchange | None], parse: Callable[[Reply], dict[str, float]],
    choices: Sequence[str] = (), seed_purpose: str = "",
) -> Iterator[Rating | None]:  # fmt: skip
    """A rating for each exchange, in order; None stays None without a request.

    parse: reply -> metric -> value; empty for a reply without a verdict, whose request is sent again, up to
    `config.attempts` times in all. choices, seed_purpose: see `send_requests`. The prompt file gets `instruction` and
    `response`; both are data and can't open a block of it.
    """
    requests = map(exchange_request, exchanges)
    for judged in send_requests(config, requests, lambda _, reply: bool(parse(reply)), choices, seed_purpose):
        if not judged.replies:
            yield None
        else:
            values = parse(judged.last)
            yield Rating(values, **verdict_fields(judged, bool(values)))


def _with_reply(judged: JudgedRequest, reply: Reply) -> JudgedRequest:
    return replace(judged, replies=(*judged.replies, reply))


def _prompt(
    config: JudgeConfig, choices: tuple[str, ...], sample: int, seed_purpose: str, request: Request
) -> Prompt:  # fmt: skip
    rendered, file = config.template.render(request.values), config.template.hash
    seed = draw_seed(config.seed, request.id, f"{seed_purpose or f'judge/{file}'}/{sample}")
    # After a beginning of the reply the next token starts with a space, as it would in running text.
    options = tuple(f" {choice}" for choice in choices) if rendered.continue_final else choices
    constraint = Constraint(choice=options) if options else None
    return rendered.prompt(config.sampling, seed, f"{request.id}/judge-{file}", sample, constraint)


def verdict_shares(reply: Reply, bias: Mapping[str, float]) -> dict[str, float]:
    """Verdict -> its calibrated probability, without the judge's `bias`. Empty where the engine reports no scores."""
    return contextual_calibration.calibrated_probabilities(_by_verdict(reply.scores), bias)


def measure_bias(config: JudgeConfig, choices: Sequence[str], variables: Sequence[str]) -> dict[str, float]:
    """Verdict -> logarithm of its mean probability when all `variables` of the prompt file are content-free texts.

    Raises UserError where a request fails: the next run would calibrate every verdict differently.
    """
    requests = [
        Request(f"content-free/{text}", dict.fromkeys(variables, text)) for text in contextual_calibration.CONTENT_FREE
    ]
    judged = list(send_requests(config, requests, lambda _, reply: reply.status != "failed", choices))
    contextual_calibration.refuse_failures([each.last.error for each in judged if each.last.status == "failed"])
    return contextual_calibration.choice_bias([_by_verdict(each.last.scores) for each in judged if each.last.scores])


def _by_verdict(scores: Mapping[str, float]) -> dict[str, float]:
    """The scores by verdict, without the space that a choice may start with."""
    return {choice.strip(): score for choice, score in scores.items()}


def missing_reason(reply: Reply) -> str:
    """Why a judge's last reply has no verdict: judge-unparsed, judge-thought, judge-refused or judge-failed."""
    return "judge-unparsed" if reply.status in ("ok", "truncated") else f"judge-{reply.status}"


def verdict_fields(judged: JudgedRequest, has_verdict: bool) -> dict[str, Any]:
    """The fields of `Verdict` for one request."""
    return {
        "reason": "" if has_verdict else missing_reason(judged.last), "replies": judged.keys,
        "text_hashes": judged.text_hashes, "judge": judged.last.model, "text": judged.last.text,
    }  # fmt: skip
