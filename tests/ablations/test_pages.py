"""The numbers of a page, against numbers worked out by hand or by another library."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.ablations.lengths import lengths
from stages.ablations.pages import Arm, histogram, overlap, page, two_sample
from stages.records import Record, Source, Turn

SOURCE = Source("path:x", 0, "0", "MIT", "en")


def words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def test_lengths_of_each_side() -> None:
    row = Record("c", "c", "one two", "three", "a b c d", "", SOURCE, history=(Turn("x", "y z"),))
    assert [lengths([row], measure, words) for measure in ("output", "input", "both")] == [[6], [4], [10]]
    assert lengths([], "both", words) == []


def test_all_texts_are_counted_in_one_call() -> None:
    calls = []

    def count(texts: Sequence[str]) -> list[int]:
        calls.append(len(texts))
        return [1] * len(texts)

    rows = [Record(str(n), "c", "i", "", "r", "", SOURCE) for n in range(50)]
    assert lengths(rows, "both", count) == [2] * 50 and calls == [100]


def test_histograms_end_with_an_open_bar() -> None:
    assert histogram([0, 31, 32, 64]) == [2, 1, 1]
    assert histogram([]) == []
    assert len(histogram([10**9])) == 64


SAMPLES = st.lists(st.integers(0, 60), min_size=20, max_size=80)


@given(SAMPLES, SAMPLES)
def test_the_two_sample_test_agrees_with_scipy(first: list[int], second: list[int]) -> None:
    stats = pytest.importorskip("scipy.stats")
    theirs = stats.ks_2samp(first, second, method="asymp")
    ours = two_sample(first, second)
    assert ours["d"] == pytest.approx(theirs.statistic, abs=1e-6)
    # Two approximations of one limit: ours has Stephens' correction for small samples.
    assert ours["p"] == pytest.approx(theirs.pvalue, abs=0.08)


def test_equal_and_different_samples() -> None:
    assert two_sample([1, 2, 3], [3, 2, 1]) == {"d": 0.0, "p": 1.0}
    assert two_sample([1] * 50, [2] * 50)["p"] < 1e-6
    assert two_sample([], [1]) == {"d": 0.0, "p": 1.0}


def test_a_page() -> None:
    rows = [Record(f"c-{n}", "c", "i", "", "r", "", SOURCE) for n in range(4)]
    before = {"it": Arm(rows, [1, 2, 3, 4]), "sit": Arm(rows, [2, 3, 4, 100])}
    after = {"it": Arm(rows[1:], [2, 3, 4]), "sit": Arm(rows[:3], [2, 3, 4])}
    found = page(before, after)
    assert found["before"]["sit"] == {"rows": 4, "tokens": 109, "mean": 27.25, "histogram": [3, 0, 0, 1]}
    assert (found["tokens_difference"], found["same_lengths"]) == (0, True)
    assert found["kolmogorov_smirnov"]["after"] == {"d": 0.0, "p": 1.0}
    assert (
        found["ids"] == {"both": 2, "either": 4, "share": 0.5} == overlap(["c-1", "c-2", "c-3"], ["c-0", "c-1", "c-2"])
    )
