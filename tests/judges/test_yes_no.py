"""A second judge's opinion: by its scores, less what it gives to texts that say nothing, or by its word."""

import pytest

from stages.core.completions import Prompt, Reply, draw_seed
from stages.core.contextual_calibration import CONTENT_FREE
from stages.core.errors import UserError
from stages.evaluation.judges import JUDGES
from stages.evaluation.verdict_types import Exchange, Rating
from tests.judges.scripted_judges import judge_config, ok

SMALL = "judges-small/review.txt"
EXCHANGES: list[Exchange | None] = [Exchange("a", "Name a sea.", "The Baltic."), None, Exchange("c", "Sing.", "No.")]


def shown(prompt: Prompt) -> str:
    return prompt.messages[0].content


def silent(prompt: Prompt) -> bool:
    return any(f"Answer: {text}" in shown(prompt) for text in CONTENT_FREE)


def judged(script: object, reading: str = "scores", file: str = SMALL) -> list[Rating | None]:
    return list(JUDGES[reading].rate(judge_config(file, script, reading), EXCHANGES))  # type: ignore[arg-type]


def test_yes_above_the_content_free_probability_follows() -> None:
    def script(prompt: Prompt) -> Reply:
        score = 1.0 if silent(prompt) else 2.0 if "Baltic" in shown(prompt) else 0.5
        return ok(" Yes", **{" Yes": score, " No": 0.0})

    a, none, c = judged(script)
    assert a is not None and (a.values, a.reason, a.judge, len(a.replies)) == ({"following": 1.0}, "", "m", 1)
    assert none is None
    # It says Yes, but less than it does to nothing.
    assert c is not None and c.values == {"following": 0.0} and c.text.startswith(" Yes (0.3")


def test_a_judge_of_one_mind_follows_nothing() -> None:
    a, _, c = judged(lambda prompt: ok(" Yes", **{" Yes": 1.0, " No": 0.0}))
    assert a is not None and c is not None
    assert a.values == c.values == {"following": 0.0}
    assert a.text == " Yes (0.5000)"


@pytest.mark.parametrize(("word", "following"), [("Yes.", 1.0), (" no", 0.0)])
def test_without_scores_the_word_counts(word: str, following: float) -> None:
    a, _, _ = judged(lambda prompt: ok(word))
    assert a is not None and (a.values, len(a.replies)) == ({"following": following}, 1)


def test_a_reply_of_neither_word_is_requested_again_and_then_unscored() -> None:
    gone = Reply("", "failed", 1, 0, "gone")
    a, none, c = judged(lambda prompt: gone if "Answer: No." in shown(prompt) else ok("well"))
    assert a is not None and (a.values, a.reason, a.text, len(a.replies)) == ({}, "judge-unparsed", "well", 2)
    assert none is None
    assert c is not None and (c.values, c.reason) == ({}, "judge-failed")


def test_a_failed_content_free_request_is_repeated_and_never_left_out_of_the_calibration() -> None:
    failures = 1

    def flaky(prompt: Prompt) -> Reply:
        nonlocal failures
        if silent(prompt) and failures:
            failures -= 1
            return Reply("", "failed", 0, 0, "HTTP 500")
        score = 1.0 if "N/A" in shown(prompt) else 3.0
        return ok(" Yes", **{" Yes": score, " No": 0.0})

    disturbed, failures = judged(flaky), 0
    assert disturbed == judged(flaky)
    failures = 99
    with pytest.raises(UserError, match=r"3 content-free requests.* failed \(HTTP 500\).* run again"):
        judged(flaky)


def test_the_papers_verdict_is_one_more_reading() -> None:
    a, none, _ = judged(lambda prompt: ok("[[No, 2]]"), "stated", "judge.txt")
    assert a is not None and a.values == {"following": 0.0, "quality": 2.0}
    assert none is None


@pytest.mark.parametrize(("file", "reading"), [(SMALL, "scores"), ("judge.txt", "stated")])
def test_each_try_of_each_prompt_file_draws_apart(file: str, reading: str) -> None:
    seen: list[Prompt] = []

    def script(prompt: Prompt) -> Reply:
        seen.append(prompt)
        return ok("well")

    judged(script, reading, file)
    # The paper's reading draws for the answer alone, whatever its prompt file says: replies to it stay remembered.
    purpose = "judge" if reading == "stated" else f"judge/{judge_config(file, ok).template.hash}"  # type: ignore[arg-type]
    seeds = [prompt.seed for prompt in seen if "Baltic" in prompt.messages[-1].content + shown(prompt)]
    assert seeds == [draw_seed(1, "a", f"{purpose}/{attempt}") for attempt in (0, 1)]
