"""An answer that is nothing but reasoning is unscored under every rule: never right, never wrong."""

import pytest

from stages.core.completions import Reply
from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.predictions import GenerationConfig, generate_answers
from stages.evaluation.benchmarks.scoring import Graders, evaluate
from stages.inference.answer_only import AnswersOnly
from stages.params import Reasoning
from tests.benchmarks.test_scoring import answer, idle, nobody, question


@pytest.mark.parametrize(
    "benchmark", ["xquad", "mgsm", "gsm8k", "commonsenseqa", "seqeval", "humaneval", "mmlu", "arc"]
)
def test_reasoning_without_an_answer_is_unscored(benchmark: str) -> None:
    item = question(benchmark, 1)
    scores, total = evaluate([item], [answer(item, "", "thought")], Graders(nobody, idle), [1])
    assert [score.values for score in scores] == [{}] and total["unscored"] == {"answer-thought": 1}
    assert BENCHMARKS[benchmark] is not None and total["scored"] == 0


def test_a_model_that_only_reasons_has_answered_nothing() -> None:
    from tests.inference.counting import SAMPLING

    def thinking(prompts):  # type: ignore[no-untyped-def]
        for _ in prompts:
            yield Reply("<think>\nThe answer is 308.", "truncated", 1, 9, id="k", model="m")

    item = question("xquad", 1)
    given = list(generate_answers(AnswersOnly(thinking, Reasoning()), [item], GenerationConfig("it", SAMPLING, 1)))
    assert [(one.text, one.status) for one in given] == [("", "thought")]
    assert evaluate([item], given, Graders(nobody, idle), [1])[1]["unscored"] == {"answer-thought": 1}
