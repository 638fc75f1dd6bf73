"""The filter of responses: who is asked again, who is accepted, who is rejected, and what becomes pairs."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stages.core.completions import Prompt, Reply, draw_seed
from stages.core.records import Record, Rejected, ResponseCheck, Step, Turn
from stages.evaluation.verdict_types import Exchange, Rating
from stages.response_filter.candidate_rows import BLOCK, LEAST, REASONS, FilterConfig, filter_rows
from stages.response_filter.filtered_rows import FilteredRows
from stages.response_filter.preference_pairs import PreferencePair
from stages.response_filter.response_grades import Candidate, GradeResponses, grade_by_checks, grade_by_judge
from tests.seqinstruct.models import SAMPLING, model, record

UPPER = (ResponseCheck("case.upper"),)
BOTH = (*UPPER, ResponseCheck("words.at_most", {"n": 2}))


def config(samples: int = 3, **changes: Any) -> FilterConfig:
    values = {"keep": ("ok", "truncated"), "attempts": 2, "choose": "first", **changes}
    return FilterConfig(seed=7, round=2, sampling=SAMPLING, samples=samples, **values)


def row(response: str, checks: tuple[ResponseCheck, ...] = UPPER, instruction: str = "Name a sea.") -> Record:
    return replace(record(instruction, response=response), checks=checks)


def run(
    rows: list[Record], answer: Callable[[Prompt], str | Reply], settings: FilterConfig,
    grade: GradeResponses = grade_by_checks,
) -> tuple[dict[str, list[Any]], list[Prompt], dict[str, Any]]:  # fmt: skip
    """The rows by their part, the requests, and the metrics."""
    seen: list[Prompt] = []
    filtered = FilteredRows(settings, "checks")
    parts: dict[str, list[Any]] = {"rows": [], "rejected": [], "pairs": []}
    for part, one in filtered.split(filter_rows(rows, model(answer, seen), grade, settings)):
        parts[part].append(one)
    return parts, seen, filtered.summary()


def at(texts: list[str]) -> Callable[[Prompt], str]:
    """A model whose replies follow the number of the sample."""
    return lambda prompt: texts[prompt.sample]


def test_a_response_that_satisfies_its_checks_is_accepted_without_a_request() -> None:
    parts, seen, counts = run([row("THE BALTIC")], at([]), config())
    assert seen == [] and parts["rows"][0].response == "THE BALTIC" and not parts["rejected"] and not parts["pairs"]
    assert counts["accepted_at"] == {"1": 1} and counts["requested"] == 0
    assert parts["rows"][0].steps == (Step("filter", "checks", "ok", round=2),)


def test_others_are_asked_again_until_one_is_accepted() -> None:
    parts, seen, counts = run([row("The Baltic")], at(["north sea", "NORTH SEA"]), config(4))
    (accepted,) = parts["rows"]
    assert accepted.response == "NORTH SEA" and [prompt.sample for prompt in seen] == [0, 1]
    respond, step = accepted.steps
    assert (respond.stage, respond.action, respond.round, respond.generator) == ("respond", "respond", 2, "m")
    seed = seen[0].seed
    assert respond.replies == (f"r{seed}-1",) and step.replies == (f"r{seed}-0",)
    assert counts == {
        "accepted": 1, "accepted_at": {"3": 1}, "responses": {"accepted": 1, "check": 2}, "requested": 2,
        "failed_requests": 0, "pairs": 2, "without_checks": 0,
    }  # fmt: skip


def test_a_further_response_is_another_request_than_that_of_respond() -> None:
    asked = row("The Baltic")
    _, (prompt, *_), _ = run([asked], at(["A", "B"]), config())
    assert prompt.seed != draw_seed(7, asked.id, "respond:2") and prompt.sampling == SAMPLING
    assert [message.content for message in prompt.messages] == ["Name a sea."]


def test_a_row_without_an_accepted_response_is_rejected_with_the_reason_and_its_own_response() -> None:
    parts, seen, counts = run([row("The Baltic", BOTH)], at(["north sea", "the deep blue SEA"]), config(3))
    (rejected,) = parts["rejected"]
    assert isinstance(rejected, Rejected) and rejected.reason == "check"
    assert rejected.detail == "case.upper, words.at_most" and rejected.row["response"] == "The Baltic"
    assert rejected.row["steps"][-1]["status"] == "rejected" and len(rejected.row["steps"][-1]["replies"]) == 2
    assert len(seen) == 2 and not parts["rows"] and not parts["pairs"] and counts["accepted"] == 0


def test_one_sample_asks_nothing() -> None:
    parts, seen, _ = run([row("The Baltic")], at([]), config(1))
    assert seen == [] and parts["rejected"][0].reason == "check"


def test_a_row_without_checks_is_accepted_as_it_is_and_counted() -> None:
    parts, seen, counts = run([record("Name a sea.", response="The Baltic")], at([]), config())
    assert seen == [] and len(parts["rows"]) == 1 and counts["without_checks"] == 1


def test_the_best_of_n_asks_for_all_and_takes_the_first_of_equals() -> None:
    grade = grade_by_judge(judge({"a": 4, "b": 5, "c": 5, "d": 2}), 3)
    parts, seen, counts = run([row("a", ())], at(["d", "b", "c"]), config(4, choose="best"), grade)
    assert parts["rows"][0].response == "b" and len(seen) == 3 and counts["accepted_at"] == {"3": 1}
    assert [(pair.response, pair.declined) for pair in parts["pairs"]] == [("b", "d")]


def judge(marks: dict[str, int], following: Callable[[str], bool] = lambda text: True) -> Any:
    """A judge by the text of the response; no verdict on others."""

    def rate(exchanges: Iterable[Exchange | None]) -> Iterator[Rating | None]:
        for exchange in exchanges:
            if exchange is None:
                yield None
            elif exchange.response in marks:
                values = {"following": float(following(exchange.response)), "quality": float(marks[exchange.response])}
                yield Rating(values, replies=(f"v-{exchange.id}",), text_hashes=("h",), judge="judge-model")
            else:
                yield Rating({}, reason="judge-unparsed", replies=(f"v-{exchange.id}",), text_hashes=("h",))

    return rate


def test_a_judge_accepts_by_both_of_its_verdicts() -> None:
    rows = [row(text, (), f"Name sea {text}.") for text in "abcd"]
    grade = grade_by_judge(judge({"a": 4, "b": 3, "c": 5}, lambda text: text != "c"), 4)
    parts, _, counts = run(rows, at([]), config(1), grade)
    assert [one.response for one in parts["rows"]] == ["a"]
    assert [(one.reason, one.detail) for one in parts["rejected"]] == [
        ("judge", "following 1, quality 3"), ("judge", "following 0, quality 5"), ("no-verdict", "judge-unparsed"),
    ]  # fmt: skip
    assert counts["responses"] == {"accepted": 1, "judge": 2, "no-verdict": 1}


def test_verdicts_and_declined_replies_are_in_the_step_and_the_response_in_its_own() -> None:
    asked = row("a", ())
    parts, seen, _ = run([asked], at(["b", "c"]), config(3), grade_by_judge(judge({"a": 1, "b": 1, "c": 5}), 4))
    respond, step = parts["rows"][0].steps
    keys = [f"r{prompt.seed}-{prompt.sample}" for prompt in seen]
    ids = [f"v-{asked.id}/respond:2/{number}" for number in range(3)]
    assert respond.replies == (keys[1],) and step.replies == (keys[0], *ids)
    assert step.generator == "judge-model" and len(step.text_hashes) == len(step.replies)


def test_the_judge_reads_system_prompt_and_earlier_turns() -> None:
    texts: list[str] = []

    def rate(exchanges: Iterable[Exchange | None]) -> Iterator[Rating | None]:
        for exchange in exchanges:
            assert exchange is not None
            texts.append(exchange.instruction)
            yield Rating({"following": 1.0})

    talk = replace(record("And a lake?", system="Be brief."), history=(Turn("A sea?", "The Baltic."),))
    candidates = [Candidate("1", talk, "Como"), Candidate("2", record("A sea?", input="Seas"), "Baltic")]
    assert [one.accepted for one in grade_by_judge(rate, None)(candidates) if one] == [True, True]
    assert texts == [
        "Be brief.\n\nUser: A sea?\n\nAssistant: The Baltic.\n\nUser: And a lake?", "A sea?\n\nSeas",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("bad", "samples"),
    [
        (Reply("", "failed", 0, 0, "HTTP 500"), [0, 0]), (Reply("", "refused", 1, 0, "no"), [0, 1]),
        (Reply(" ", "ok", 1, 1), [0, 1]), (Reply("CUT", "truncated", 1, 1), [0, 1]),
    ],
)  # fmt: skip
def test_a_reply_without_a_response_takes_a_sample_and_a_failure_does_not(bad: Reply, samples: list[int]) -> None:
    replies = iter([bad, Reply("SEA", "ok", 1, 1, id="k")])
    parts, seen, counts = run([row("sea")], lambda _: next(replies), config(3, keep=("ok",)))
    assert [prompt.sample for prompt in seen] == samples and parts["rows"][0].response == "SEA"
    assert counts["failed_requests"] == (bad.status == "failed")


def test_an_engine_that_always_fails_ends() -> None:
    parts, seen, counts = run([row("sea")], lambda _: Reply("", "failed", 0, 0, "HTTP 500"), config(5))
    assert len(seen) == 2 and parts["rejected"][0].reason == "check" and counts["requested"] == 0


# ---------------------------------------------------------------- rows and budget
def many(number: int, good: Callable[[int], bool]) -> list[Record]:
    return [row("SEA" if good(n) else "sea", UPPER, f"Name sea {n}.") for n in range(number)]


def test_until_as_many_rows_as_wanted_are_accepted() -> None:
    rows = many(3 * BLOCK, lambda n: n % 2 == 0)
    parts, seen, _ = run(rows, at(["no", "no"]), config(3, rows=BLOCK // 2 + 3))
    assert len(parts["rows"]) == BLOCK // 2 + 3
    assert parts["rows"] == [one for one in run(rows, at(["no", "no"]), config(3))[0]["rows"]][: BLOCK // 2 + 3]
    reasons = [one.reason for one in parts["rejected"]]
    assert len(parts["rows"]) + len(reasons) == len(rows) and reasons.count("enough") >= BLOCK
    assert len(seen) < BLOCK * 2, "no more rows are asked again than may be wanted"


def test_one_wanted_row_asks_for_few() -> None:
    rows = many(3 * BLOCK, lambda n: n == 1)
    parts, seen, _ = run(rows, at(["no", "no"]), config(3, rows=1))
    assert len(parts["rows"]) == 1 and len(seen) == 2 * (LEAST - 1)


def test_the_budget_is_kept_and_the_others_are_graded_as_they_are() -> None:
    rows = many(2 * BLOCK, lambda n: n % 4 == 0)
    parts, seen, counts = run(rows, at(["no", "no"]), config(3, budget=7))
    assert len(seen) == counts["requested"] == 6 and len(parts["rows"]) == BLOCK // 2
    assert {one.reason for one in parts["rejected"]} == {"check"}
    assert run(rows, at([]), config(3, budget=0))[1] == []


@settings(max_examples=40)
@given(
    st.lists(st.booleans(), max_size=150), st.integers(1, 4), st.none() | st.integers(1, 160),
    st.none() | st.integers(0, 200), st.sampled_from(["first", "best"]),
)  # fmt: skip
def test_rows_in_are_rows_out_and_rejected_ones_in_order(
    good: list[bool], samples: int, wanted: int | None, budget: int | None, choose: str
) -> None:
    rows = many(len(good), lambda n: good[n])
    settings_of = config(samples, rows=wanted, budget=budget, choose=choose)
    parts, seen, counts = run(rows, lambda p: "SEA" if p.seed % 3 == p.sample else "sea", settings_of)
    out = {one.id for one in parts["rows"]} | {one.id for one in parts["rejected"]}
    assert len(parts["rows"]) + len(parts["rejected"]) == len(rows) == len(out)
    assert [one.id for one in parts["rows"]] == [one.id for one in rows if one.id in {r.id for r in parts["rows"]}]
    assert wanted is None or len(parts["rows"]) <= wanted
    assert budget is None or len(seen) <= budget
    assert counts["accepted"] == len(parts["rows"]) and {one.reason for one in parts["rejected"]} <= set(REASONS)
    assert all(pair.response != pair.declined for pair in parts["pairs"])


# ---------------------------------------------------------------- pairs
def test_pairs_have_every_other_text_once_and_ids_of_their_own() -> None:
    parts, _, counts = run([row("sea")], at(["sea", "lake", "SEA"]), config(4))
    pairs: list[PreferencePair] = parts["pairs"]
    assert [(pair.response, pair.declined, pair.declined_reason) for pair in pairs] == [
        ("SEA", "sea", "check"), ("SEA", "lake", "check"),
    ]  # fmt: skip
    assert [pair.id.rpartition("/")[2] for pair in pairs] == ["1", "3"] and counts["pairs"] == 2
    assert pairs[0].declined_reply == "" and pairs[1].declined_reply.endswith("-1")


def test_a_response_without_a_verdict_is_in_no_pair() -> None:
    parts, _, _ = run([row("odd", ())], at(["b"]), config(2), grade_by_judge(judge({"b": 5}), None))
    assert parts["rows"][0].response == "b" and parts["pairs"] == []
