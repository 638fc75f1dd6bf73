"""The numbers of a page, against numbers worked out by hand or by another library."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.ablations.length_report import histogram, overlap, report_lengths, two_sample
from stages.ablations.row_lengths import CHUNK, Arm, RowLength, arm_of, count_lengths
from stages.core.records import Record, Source, Turn

SOURCE = Source("path:x", 0, "0", "MIT", "en")


def words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def test_lengths_of_each_side() -> None:
    row = Record("c", "c", "one two", "three", "a b c d", "", SOURCE, history=(Turn("x", "y z"),))
    (lengths,) = count_lengths([row], words)
    assert lengths == RowLength("c", 4, 6)
    assert [arm_of([lengths], measure) for measure in ("output", "input", "both")] == [
        Arm(["c"], [n]) for n in (6, 4, 10)
    ]  # fmt: skip
    assert list(count_lengths([], words)) == []


def test_texts_are_counted_once_in_large_calls_and_as_they_come() -> None:
    calls = []

    def count(texts: Sequence[str]) -> list[int]:
        calls.append(len(texts))
        return [int(text.split()[-1]) for text in texts]

    rows = (Record(str(n), "c", f"i {n}", "", f"r {n + 1}", "", SOURCE) for n in range(CHUNK + 10))
    lengths = count_lengths(rows, count)
    assert next(lengths) == RowLength("0", 0, 1) and calls == [CHUNK, CHUNK]
    assert [(row.input, row.output) for row in lengths] == [(n, n + 1) for n in range(1, CHUNK + 10)]
    assert calls == [CHUNK, CHUNK, 10, 10]


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
    ids = [f"c-{n}" for n in range(4)]
    before = {"it": Arm(ids, [1, 2, 3, 4]), "sit": Arm(ids, [2, 3, 4, 100])}
    after = {"it": Arm(ids[1:], [2, 3, 4]), "sit": Arm(ids[:3], [2, 3, 4])}
    report = report_lengths(before, after)
    assert report["before"]["sit"] == {"rows": 4, "tokens": 109, "mean": 27.25, "histogram": [3, 0, 0, 1]}
    assert (report["tokens_difference"], report["same_lengths"]) == (0, True)
    assert report["kolmogorov_smirnov"]["after"] == {"d": 0.0, "p": 1.0}
    assert report["ids"] == {"both": 2, "either": 4, "share": 0.5} == overlap(ids[1:], ids[:3])


def test_a_set_that_is_compared_with_nothing_before() -> None:
    report = report_lengths({"sit": Arm(["a"], [4])}, {"tasks": Arm(["a", "a"], [2, 2]), "turns": Arm(["a"], [4])})
    assert set(report["kolmogorov_smirnov"]) == {"after"}
    assert report["tokens_difference"] == 0 and report["ids"]["share"] == 1.0
