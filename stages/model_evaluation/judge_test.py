"""Tests a judge before it is used: does it state verdicts, and tell a right answer from an unrelated one?"""

from stages import prompts
from stages.core import artifacts
from stages.evaluation.judges import JUDGES
from stages.evaluation.judges.judge_requests import JudgeConfig
from stages.evaluation.verdict_types import Exchange
from stages.inference.connect import connect
from stages.params import load

INSTRUCTION = "Name the capital of France. Then write its name backwards."
EXCHANGES = (
    Exchange("judge-test-right", INSTRUCTION, "The capital of France is Paris.\nBackwards: siraP"),
    Exchange("judge-test-unrelated", INSTRUCTION, "Bananas grow in bunches and are yellow when they are ripe."),
)
"""A right answer, and one to nothing that the instruction wants."""


def fault_of_judge() -> str:
    """Why the judge of params.yaml is not usable, "" where it is.

    Two requests, which the reply store remembers. Raises UserError where the judge can't be reached.
    """
    params = load()
    judge = params.judge
    template = prompts.parse(artifacts.read_text(judge.prompt), judge.prompt)
    with connect(params.engines.judge, purpose="test of the judge") as complete:
        config = JudgeConfig(complete, template, judge.sampling(), judge.attempts, params.seed, judge.reading)
        ratings = [*JUDGES[judge.reading].rate(config, EXCHANGES)]
    unread = [rating.reason for rating in ratings if rating is not None and not rating.values]
    if unread:
        return f"states no verdict on a test answer ({', '.join(dict.fromkeys(unread))})"
    right, unrelated = (rating.values["following"] if rating else 0.0 for rating in ratings)
    return "" if right > unrelated else "does not tell a right answer from an unrelated one"
