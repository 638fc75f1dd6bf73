"""Each source row once, in the shares asked for."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stages.ablations.mixture import draw_mixture, place, quotas, statistics
from stages.core.records import Record, Source, Step

SOURCE = Source("path:x", 0, "0", "MIT", "en")
SHARES = [0.1, 0.2, 0.3, 0.4]


def rounds(outcomes: dict[str, list[str]], **changes: Any) -> list[list[Record]]:
    """Four rounds over source rows. outcomes: id -> how each round went: "prefix", "hold", "unparsed", …"""
    made: list[list[Record]] = [[], [], [], []]
    for id, went in outcomes.items():
        record = Record(id, "c", f"task of {id}", "", "", "", SOURCE)
        for number, how in enumerate(went):
            good = how in ("prefix", "suffix", "decompose")
            step = Step(
                "rewrite", how if good or how == "hold" else "", "ok" if good or how == "hold" else how, number + 1
            )  # type: ignore[arg-type]
            instruction = f"{record.instruction}, then {number + 1}" if good else record.instruction
            record = record.step(step, instruction=instruction)
            made[number].append(record)
    return made


def good(number: int) -> dict[str, list[str]]:
    return {f"c-{n}": ["prefix", "suffix", "prefix", "suffix"] for n in range(number)}


@given(st.integers(0, 120), st.integers(0, 5))
def test_every_source_row_once_in_exact_shares(number: int, seed: int) -> None:
    mixture = draw_mixture(rounds(good(number)), SHARES, seed)
    assert sorted(r.id for r in mixture.rows) == sorted(good(number)) and not mixture.rejected
    got = Counter(r.steps[-1].round for r in mixture.rows)
    assert [got[k] for k in (1, 2, 3, 4)] == quotas(SHARES, number)
    for row in mixture.rows:
        assert row.instruction.count(", then ") == row.steps[-1].round


def test_the_papers_shares_of_its_805_rows() -> None:
    assert quotas(SHARES, 805) == [81, 161, 241, 322]
    assert quotas([0.5, 0.5], 3) == [2, 1] and quotas([1.0, 0.0], 3) == [3, 0]


@given(st.integers(0, 9), st.data())
def test_failed_rounds_give_no_version(seed: int, data: st.DataObject) -> None:
    how = st.sampled_from(["prefix", "suffix", "hold", "unparsed", "rejected", "truncated", "failed"])
    outcomes = {
        f"c-{n}": data.draw(st.lists(how, min_size=4, max_size=4)) for n in range(data.draw(st.integers(0, 12)))
    }
    mixture = draw_mixture(rounds(outcomes), SHARES, seed)
    ids = [r.id for r in mixture.rows] + [r.id for r in mixture.rejected]
    assert sorted(ids) == sorted(outcomes)
    for row in mixture.rows:
        assert row.steps[-1].round == row.instruction.count(", then ") >= 1
    nothing = {id for id, went in outcomes.items() if not {"prefix", "suffix"} & set(went)}
    assert {r.id for r in mixture.rejected} == nothing
    assert all(r.row["instruction"] for r in mixture.rejected)
    assert statistics(mixture, SHARES)["rejected"] == dict.fromkeys(sorted(nothing), "no-version")


def test_empty_and_duplicate_versions_do_not_enter() -> None:
    made = rounds(good(10))
    made = [[r.step(Step("x", "", "ok"), instruction=" ") if r.id == "c-0" else r for r in one] for one in made]
    same = {"c-1", "c-2"}
    made = [[r.step(Step("x", "", "ok"), instruction="Same  text") if r.id in same else r for r in one] for one in made]
    mixture = draw_mixture(made, SHARES, 1)
    texts = [r.instruction.lower() for r in mixture.rows]
    assert len(set(texts)) == len(texts) == 8
    assert "c-0" in {r.id for r in mixture.rejected} and len({r.id for r in mixture.rejected} & same) == 1


def test_the_order_of_rows_changes_nothing() -> None:
    made = rounds(good(50))
    assert draw_mixture(made, SHARES, 3).rows == draw_mixture([one[::-1] for one in made], SHARES, 3).rows


def test_more_rows_move_few() -> None:
    whole, part = draw_mixture(rounds(good(1_000)), SHARES, 3).rows, draw_mixture(rounds(good(500)), SHARES, 3).rows
    of = {row.id: row.steps[-1].round for row in whole}
    assert sum(of[row.id] == row.steps[-1].round for row in part) > 0.9 * len(part)


def most(usable: list[frozenset[int]], quota: list[int]) -> int:
    """The most rows that can be placed within the quotas, by trying everything."""
    if not usable:
        return 0
    best = most(usable[1:], quota)
    for k in usable[0]:
        if quota[k - 1]:
            left = [number - (place == k) for place, number in enumerate(quota, 1)]
            best = max(best, 1 + most(usable[1:], left))
    return best


@given(st.lists(st.frozensets(st.integers(1, 4), min_size=1), max_size=7), st.data())
def test_as_many_as_possible_are_within_the_quotas(sets: list[frozenset[int]], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sets)), min_size=3, max_size=3)))
    quota = [b - a for a, b in zip([0, *cuts], [*cuts, len(sets)], strict=True)]
    usable = {f"r{n}": one for n, one in enumerate(sets)}
    placed = place(usable, quota)
    assert placed.keys() == usable.keys() and all(k in usable[id] for id, k in placed.items())
    got = Counter(placed.values())
    assert sum(min(got[k], number) for k, number in enumerate(quota, 1)) == most(sets, quota)
