"""Answering and scoring with models that are functions."""

from collections.abc import Iterable, Iterator

import pytest

from stages.core.completions import Prompt, Reply, Sampling
from stages.core.errors import UserError
from stages.evaluation.benchmarks.predictions import GenerationConfig, generate_answers
from stages.evaluation.benchmarks.program_outcomes import NoSandbox, Outcome
from stages.evaluation.benchmarks.questions import Answer, Question
from stages.evaluation.benchmarks.scoring import Graders, evaluate, evaluate_all, score_answers
from stages.evaluation.verdict_types import Exchange, Rating

GREEDY = Sampling(0.0, 1.0, 0, 16)


def question(benchmark: str, number: int) -> Question:
    name = f"{benchmark}-{number}"
    return Question(
        name, benchmark, "en", "CC0-1.0", str(number), "Say it.", f"Question: {number}?", ("308",), "a b", tasks=2
    )


def answer(item: Question, text: str, status: str = "ok") -> Answer:
    return Answer(f"{item.id}/0", item.id, "it", text, status, 0, "r", "m", 1, 1)  # type: ignore[arg-type]


def model(prompts: Iterable[Prompt]) -> Iterator[Reply]:
    for prompt in prompts:
        shown = prompt.messages[-1].content
        if "2?" in shown:
            yield Reply("", "failed", 3, 0, "timed out", "id", "m")
        else:
            yield Reply(f"{shown}#{prompt.sample}#{prompt.seed}", "truncated", 3, 5, "", "id", "m")


def nobody(exchanges: Iterable[Exchange | None]) -> Iterator[Rating | None]:
    """A judge who must not be asked."""
    for exchange in exchanges:
        assert exchange is None
        yield None


def idle(programs: Iterable[str]) -> Iterator[Outcome]:
    """A sandbox that must not be used."""
    assert list(programs) == []
    return iter(())


def nowhere(programs: Iterable[str]) -> Iterator[Outcome]:
    """A sandbox that can't be opened, which shows when the first program comes."""
    for _ in programs:
        raise NoSandbox("bwrap: not found")
        yield


def generous(exchanges: Iterable[Exchange | None]) -> Iterator[Rating | None]:
    """A judge who likes what ends in "!" and has no opinion on an empty response."""
    for exchange in exchanges:
        if exchange is None:
            yield None
            continue
        _, instruction, response = exchange
        assert instruction.startswith("Say it.\n\nQuestion:")
        values = {"following": float(response.endswith("!")), "quality": 4.0} if response else {}
        reason = "" if response else "judge-unparsed"
        yield Rating(values, reason=reason, replies=("k1", "k2"), judge="judge-model", text="[[Yes, 4]]")


def test_answers_keep_order_number_and_status() -> None:
    item = [question("xquad", n) for n in (1, 2, 3)]
    results = list(generate_answers(model, item, GenerationConfig("it", GREEDY, 1, samples=2)))
    assert [a.id for a in results] == [f"xquad-{n}/{s}" for n in (1, 2, 3) for s in (0, 1)]
    assert [a.status for a in results] == ["truncated"] * 2 + ["failed"] * 2 + ["truncated"] * 2
    assert results[2].error == "timed out" and results[2].text == ""
    assert results[0].text.startswith("Say it.\n\nQuestion: 1?#0#")


def test_runs_share_the_seeds_of_their_requests() -> None:
    item = [question("xquad", 1)]
    one, other = (next(generate_answers(model, item, GenerationConfig(run, GREEDY, 1))) for run in ("it", "sit"))
    assert (one.text, one.run, other.run) == (other.text, "it", "sit")


def test_rules_ask_no_judge_and_failures_are_unscored() -> None:
    first, second, third = (question("xquad", n) for n in (1, 2, 3))
    given = [answer(first, "Answer: 308"), answer(second, "", "refused"), answer(third, "Answer: 9", "truncated")]
    results, total = evaluate([third, first, second], given, Graders(nobody, idle), [1])
    assert [s.id for s in results] == [a.id for a in given]
    assert [s.values.get("accuracy") for s in results] == [1, None, 0]
    assert total["unscored"] == {"answer-refused": 1}
    assert total["statuses"] == {"ok": 1, "refused": 1, "truncated": 1}
    assert total["accuracy"].n == 2


def test_a_judge_gets_only_answers_with_a_text() -> None:
    first, second, third = (question("seqeval", n) for n in (1, 2, 3))
    given = [answer(first, "Done!"), answer(second, "", "failed"), answer(third, "")]
    results = list(score_answers({q.id: q for q in (first, second, third)}, given, Graders(generous, idle)))
    assert [s.values for s in results] == [{"following": 1, "quality": 4}, {}, {}]
    assert [s.reason for s in results] == ["", "answer-failed", "judge-unparsed"]
    assert (results[0].replies, results[0].judge, results[0].verdict) == (("k1", "k2"), "judge-model", "[[Yes, 4]]")


def test_an_answer_to_no_question() -> None:
    with pytest.raises(UserError, match="xquad-9/0"):
        list(score_answers({}, [answer(question("xquad", 9), "x")], Graders(nobody, idle)))


def test_without_a_sandbox_all_but_programs_is_scored() -> None:
    code = Question("h-0", "humaneval", "en", "x", "0", "i", "def f():\n", meta={"entry_point": "f", "test": ""})
    first, second = question("xquad", 1), question("seqeval", 2)
    benchmarks = {
        "programs": ([code], [answer(code, "pass")]),
        "rule": ([first], [answer(first, "308")]),
        "judge": ([second], [answer(second, "Done!")]),
    }
    results = evaluate_all(benchmarks, Graders(generous, nowhere), [1])
    assert [(name, total["scored"]) for name, _, total in (next(results), next(results))] == [("rule", 1), ("judge", 1)]
    with pytest.raises(NoSandbox, match=r"^programs is not scored, all others are: bwrap: not found$"):
        next(results)
