"""Rate a response by the log-probabilities of Yes and No: does it follow the instruction?"""

from collections.abc import Iterable, Iterator

from stages.evaluation.judges.judge_requests import (
    Judge,
    JudgeConfig,
    JudgedRequest,
    exchange_request,
    measure_bias,
    send_requests,
    verdict_fields,
)
from stages.evaluation.judges.task_verdicts import YES_NO, share_of_yes
from stages.evaluation.verdict_types import Exchange, Rating


def rate(config: JudgeConfig, exchanges: Iterable[Exchange | None]) -> Iterator[Rating | None]:
    """A rating for each exchange, in order; None stays None without a request.

    following is 1 where Yes is more probable than No after calibration by content-free texts. The prompt file gets
    `instruction` and `response`. Raises UserError where a calibration request fails.
    """
    bias = measure_bias(config, YES_NO, ("instruction", "response"))
    requests = map(exchange_request, exchanges)
    judged = send_requests(config, requests, lambda _, reply: share_of_yes(reply, bias) is not None, YES_NO)
    return (_rating(request, bias) if request.replies else None for request in judged)


def _rating(request: JudgedRequest, bias: dict[str, float]) -> Rating:
    share = share_of_yes(request.last, bias)
    fields = verdict_fields(request, share is not None)
    if share is None:
        return Rating({}, **fields)
    return Rating({"following": float(share > 0.5)}, **fields | {"text": f"{request.last.text} ({share:.4f})"})


JUDGE = Judge(
    title="Calibrated log-probabilities of Yes and No",
    rate=rate,
    metrics={"following": "Yes is the more probable answer, 0 or 1"},
)
