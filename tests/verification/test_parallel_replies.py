"""Replies are compared in several processes with the same outcome as in one."""

from pathlib import Path
from typing import Any

import pytest

from stages.core.errors import UserError
from stages.verification import verify_set
from stages.verification.check_results import CheckResult
from stages.verification.parallel_replies import WORTHWHILE, RepliesTask, processes_for, reply_results
from stages.verification.published_files import open_set
from tests.verification.small_set import SHIPPED, SmallSet, make


def split(small: SmallSet, processes: int) -> list[CheckResult]:
    return reply_results(RepliesTask(small.folder, 0, small.store, [SHIPPED], block=1), processes)


def whole(small: SmallSet) -> list[CheckResult]:
    names = {one.name for one in split(small, 1)}
    return [one for one in small.verify().checks if one.name in names]


@pytest.fixture
def small(tmp_path: Path) -> SmallSet:
    return make(tmp_path)


def test_any_number_of_processes_finds_the_same(small: SmallSet) -> None:
    def other_output(row: dict[str, Any]) -> None:
        row["output"] += " And more."

    assert split(small, 3) == whole(small) and not any(one.mismatches for one in whole(small))
    changed = [small.change(number, other_output) for number in (1, 3)]
    results = split(small, 2)
    assert results == whole(small)
    assert [one.row for result in results for one in result.mismatches] == changed


def test_a_large_set_is_compared_in_several_processes(small: SmallSet, monkeypatch: pytest.MonkeyPatch) -> None:
    before = small.verify()
    monkeypatch.setattr(verify_set, "processes_for", lambda published: 2)
    assert small.verify() == before


def test_small_sets_start_no_process(small: SmallSet, monkeypatch: pytest.MonkeyPatch) -> None:
    published = open_set(small.folder)
    assert published.facts and published.facts.rows < WORTHWHILE and processes_for(published) == 1


def test_what_a_process_can_not_read_is_one_line(small: SmallSet, tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").write_text("{]\n")
    with pytest.raises(UserError, match=r"other\.jsonl"):
        reply_results(RepliesTask(small.folder, 0, tmp_path / "other.jsonl", [SHIPPED]), 2)
