"""Each comparison whole: from lengths to the rows that are written and the page that shows them."""

from collections import Counter
from collections.abc import Sequence

import pytest

from stages.ablations.comparisons import AblationSets, data_level, instance_level, task_level
from stages.ablations.row_lengths import arm_of, count_lengths
from stages.ablations.sequence_split import SplitConfig, split_sequences
from stages.core.completions import Reply, Sampling
from stages.core.errors import UserError
from stages.core.records import Record, Source, Step
from stages.prompts import parse

SOURCE = Source("path:x", 0, "0", "MIT", "en")


def words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def rows(lengths: Sequence[int]) -> list[Record]:
    return [Record(f"c-{n}", "c", "Do.", "", "word " * length, "", SOURCE) for n, length in enumerate(lengths)]


SETS = {"responded/sit": rows([9, 4, 4, 7, 2, 8]), "responded/it": rows([4, 5, 9, 2, 2, 1])}
ARMS = {name: arm_of(count_lengths(records, words), "output") for name, records in SETS.items()}


def lengths(records: Sequence[Record]) -> list[int]:
    return words([record.response for record in records])


def written(sets: AblationSets) -> dict[str, list[Record]]:
    written_rows: dict[str, list[Record]] = {part: [] for part in sets.rows}
    for part, record in sets.tagged():
        written_rows[part].append(record)
    return written_rows


def test_data_level_writes_one_set() -> None:
    sets = data_level(ARMS, 1).sets(SETS.__getitem__)
    written_rows = written(sets)
    assert set(written_rows) == {""} and all(record.steps[-1].action == "budget" for record in written_rows[""])
    difference = sum(lengths(written_rows[""])) - sum(lengths(SETS["responded/it"]))
    assert sets.statistics["tokens_difference"] == difference and abs(difference) <= 9
    assert sets.statistics["after"]["responded/sit"]["rows"] == len(written_rows[""])


def test_instance_level_writes_both_sets_and_the_proof() -> None:
    drawn = instance_level(ARMS, 1, 0)
    written_rows = written(drawn.sets(SETS.__getitem__))
    assert Counter(lengths(written_rows[""])) == Counter(lengths(written_rows[".like"])) == Counter({9: 1, 4: 1, 2: 1})
    assert drawn.statistics["same_lengths"] and drawn.statistics["kolmogorov_smirnov"]["after"] == {"d": 0.0, "p": 1.0}
    assert drawn.statistics["matching"] == {"pairs": 3, "no_matching_has_more_than": 3, "tolerance": 0}
    assert drawn.certificate is not None
    assert drawn.certificate.bound(*(arm.lengths for arm in ARMS.values())) == 3


def test_a_tolerance_pairs_more_rows() -> None:
    drawn = instance_level(ARMS, 1, 1)
    written_rows = written(drawn.sets(SETS.__getitem__))
    pairs = zip(sorted(lengths(written_rows[""])), sorted(lengths(written_rows[".like"])), strict=True)
    assert all(abs(a - b) <= 1 for a, b in pairs) and drawn.statistics["matching"]["pairs"] == 4


@pytest.mark.parametrize("others", [rows([1]), rows([1] * 7), [*rows([1] * 5), rows([1] * 9)[8]]])
def test_lengths_of_other_rows_are_told(others: list[Record]) -> None:
    with pytest.raises(UserError, match="token_counts/responded/sit: holds the lengths of other rows"):
        written(data_level(ARMS, 1).sets({**SETS, "responded/sit": others}.__getitem__))


def test_task_level_writes_tasks_and_turns_of_the_same_rows() -> None:
    grown = Record(
        "a", "c", "List. Then sort.", "", "One two. Two one.", "", SOURCE, steps=(Step("rewrite", "suffix", "ok"),)
    )
    template = parse("--- user\n{{ tasks }} {{ sentences }} {{ later }}", "t")
    config = SplitConfig("marked", template, Sampling(0, 1, 0, 9), 1, 1)
    results = list(
        split_sequences([grown, *rows([3])], lambda prompts: (Reply("2", "ok", 1, 1) for _ in prompts), config)
    )
    sets = task_level(results, "responded/sit", words)
    assert [r.id for r in sets.rows[""]] == ["a.1", "a.2", "c-0"]  # type: ignore[union-attr]
    assert [(r.id, len(r.history)) for r in sets.rows[".turns"]] == [("a", 1), ("c-0", 0)]
    assert [sets.statistics["after"][name]["tokens"] for name in ("single tasks", "turns")] == [7, 7]
    assert sets.statistics["before"]["responded/sit"]["tokens"] == 7 and sets.statistics["ids"]["share"] == 1.0
    assert sets.statistics["taken_apart"]["outcomes"] == {"held": 1, "ok": 1}
