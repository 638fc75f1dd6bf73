"""Rewards for reinforcement learning: what share of a prompt's checks a completion satisfies.

Made for the rows that `publish` writes with form `grpo` or `rlvr` (docs/how-to/verifiable-rewards.md). Needs msgspec
and nothing of the pipeline: no params.yaml, no model, no network.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from stages.core.records import ResponseCheck
from stages.verified.response_checks import check_response

Completion = str | Sequence[Mapping[str, Any]]
"""A text, or the messages of a conversation, of which the last is graded."""
_REASONING_END = "</think>"


def reward(completion: str, checks: str) -> float:
    """The share of the checks that a completion satisfies, 0 to 1; text up to a last `</think>` is not graded.

    checks: a JSON list of {name, arguments}. Raises ValueError for checks that are none.
    """
    try:
        parsed = msgspec.json.decode(checks, type=list[ResponseCheck])
    except msgspec.DecodeError as error:
        raise ValueError(f"not a list of checks: {checks!r:.80} ({error})") from None
    results = check_response(completion.rpartition(_REASONING_END)[2], parsed)
    return sum(result.satisfied for result in results) / len(results) if results else 0.0


def satisfied_share(completions: Sequence[Completion], checks: Sequence[str], **columns: Any) -> list[float]:
    """`reward` of each completion: a reward function for TRL's GRPOTrainer, which passes the columns of the data set.

    checks: the column of that name, one JSON list a completion. The other columns are not used.
    """
    return [reward(_text(one), each) for one, each in zip(completions, checks, strict=True)]


def all_satisfied(completions: Sequence[Completion], checks: Sequence[str], **columns: Any) -> list[float]:
    """The same with 1 where a completion satisfies all of its checks, else 0."""
    return [float(share == 1) for share in satisfied_share(completions, checks)]


def _text(completion: Completion) -> str:
    if isinstance(completion, str):
        return completion
    content = completion[-1]["content"] if completion else ""
    return content if isinstance(content, str) else ""
