"""Judges that are functions."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from stages.core.completions import Prompt, Reply, Sampling
from stages.evaluation.judges.judge_requests import JudgeConfig
from stages.evaluation.judges.verdict_statements import last_statement
from stages.prompts import parse

PROMPTS = Path(__file__).resolve().parents[2] / "stages/prompts"


def judge_config(
    file: str, script: Callable[[Prompt], Reply], reading: str = "stated", attempts: int = 2
) -> JudgeConfig:
    """A judge that is asked with one of our prompt files and replies what `said` makes of each prompt."""

    def complete(prompts: Iterable[Prompt]) -> Iterator[Reply]:
        for number, prompt in enumerate(prompts):
            reply = script(prompt)
            yield Reply(
                reply.text, reply.status, 1, 1, reply.error, f"{prompt.purpose}/{prompt.sample}/{number}", "m",
                reply.scores,
            )  # fmt: skip

    template = parse((PROMPTS / file).read_text(encoding="utf-8"), file)
    return JudgeConfig(complete, template, Sampling(0.0, 1.0, 0, 16), attempts, 1, reading)


def ok(text: str, **scores: float) -> Reply:
    """A reply that ended by itself."""
    return Reply(text, "ok", 1, 1, scores=scores)


def considers_nothing(before: str) -> bool:
    """Whether a verdict after this text is stated: the text opens no reasoning, and is no draft or negation."""
    return last_statement(re.compile("verdict"), f"{before.replace('verdict', '')} verdict") is not None
