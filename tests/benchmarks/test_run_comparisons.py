"""What becomes of answers from one run to another, and groups of runs that differ in the seed."""

from random import Random

import pytest
from msgspec import structs

from stages.evaluation.benchmarks.questions import Score
from stages.evaluation.benchmarks.run_comparisons import Flips, compare_groups, flips
from stages.evaluation.benchmarks.score_statistics import compare


def score(item: int, value: float, run: str = "it", metric: str = "accuracy") -> Score:
    return Score(f"q{item}/0", f"q{item}", str(item), run, "en", "", 2, "ok", {metric: value})


def test_each_pair_of_answers_is_one_of_four() -> None:
    before = [score(i, value) for i, value in enumerate([1, 1, 0, 0, 0, 1])]
    after = [score(i, value) for i, value in enumerate([1, 0, 1, 1, 0])]
    assert flips(before, after, "accuracy") == Flips(
        wrong_to_right=2, right_to_wrong=1, both_right=1, both_wrong=1
    )  # the last has no partner
    assert flips(before, reversed(after), "accuracy") == flips(before, after, "accuracy")


def test_marks_that_are_not_right_or_wrong_do_not_flip() -> None:
    assert flips([score(1, 0.5)], [score(1, 1.0)], "accuracy") is None
    assert flips([score(1, 1.0)], [score(2, 1.0)], "accuracy") is None
    assert flips([score(1, 1.0)], [score(1, 1.0)], "strict") is None


def run(name: str, chance: float, items: int = 60) -> list[Score]:
    return [score(i, float(Random(f"{name}{i}").random() < chance), name) for i in range(items)]


def test_groups_of_one_run_are_compared_as_two_runs_are() -> None:
    one, other = run("a", 0.4), run("b", 0.7)
    groups, pair = compare_groups([one], [other], "accuracy"), compare(one, other, "accuracy", 1)
    assert groups is not None and pair is not None
    assert (groups.comparison.low, groups.comparison.high) == pytest.approx((pair.low, pair.high))
    assert groups.comparison.difference == pair.difference and groups.seed_error == 0


def test_seeds_that_disagree_widen_the_interval() -> None:
    alike = compare_groups(
        [run(f"a{k}", 0.4, 300) for k in range(3)], [run(f"b{k}", 0.7, 300) for k in range(3)], "accuracy"
    )
    apart = compare_groups(
        [run(f"a{k}", chance) for k, chance in enumerate((0.2, 0.4, 0.6))],
        [run(f"b{k}", chance) for k, chance in enumerate((0.4, 0.6, 0.8))], "accuracy",
    )  # fmt: skip
    assert alike is not None and apart is not None
    assert alike.comparison.low > 0 > apart.comparison.low, (alike, apart)
    assert apart.seed_error > alike.seed_error and len(apart.treatment) == 3
    assert apart.comparison.difference == pytest.approx(
        sum(apart.treatment) / 3 - sum(apart.baseline) / 3, abs=1e-5
    )  # fmt: skip


def test_only_items_that_all_runs_have_count() -> None:
    one, other = run("a", 0.4), run("b", 0.7)
    result = compare_groups([one, one[:20]], [other], "accuracy")
    assert result is not None and result.comparison.n == 20
    assert compare_groups([one], [[structs.replace(s, values={}) for s in other]], "accuracy") is None
