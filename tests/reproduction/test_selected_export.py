"""The file of the replies that rows name: the same bytes on every machine, and what is missing is counted."""

import gzip
import json
from pathlib import Path

import pytest

from stages import replies as command
from stages.core.cli import call
from stages.core.errors import UserError
from stages.reply_store import exchange, inspection
from stages.reply_store.identity import Identity
from stages.reply_store.selected_export import ABSENT, ADDRESSED, DAMAGED, export_selected, tell
from stages.reply_store.store import Replies
from stages.reproduction.named_replies import keys_in, named_by
from tests.inference.counting import IDENTITY, answered, asked

SERVER = Identity("endpoint:http://10.0.0.7:8000/v1#m", "openai:vllm:http://10.0.0.7:8000/v1/chat/completions#m")


def stored(path: Path, numbers: list[int], created: int = 0, identity: Identity = IDENTITY) -> Path:
    """A store with replies in this order, stored at this time."""
    with Replies(path) as replies:
        for number in numbers:
            replies.keep([(asked(number, identity), answered(number))], identity.model)
        replies.database.execute("UPDATE reply SET created = created + ?", (created,)) if created else None
    return path


def key(number: int, identity: Identity = IDENTITY) -> str:
    return asked(number, identity).key.hex()


def test_stores_that_differ_in_order_and_in_other_replies_export_the_same_bytes(tmp_path: Path) -> None:
    keys = [key(number) for number in (3, 1, 2)]
    for name, numbers in (("a", [1, 2, 3]), ("b", [9, 3, 2, 8, 1])):
        with Replies(stored(tmp_path / name, numbers)) as replies:
            if name == "b":  # as an earlier seqit stored them
                replies.database.execute("UPDATE reply SET text_hash = NULL")
            assert export_selected(replies, tmp_path / f"{name}.jsonl.gz", keys) == (3, {})
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()
    rows = [json.loads(line) for line in gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()).splitlines()]
    assert [row["key"] for row in rows] == sorted(keys) and {row["created"] for row in rows} == {0}
    with Replies(tmp_path / "new") as replies:
        assert exchange.import_(replies, tmp_path / "a.jsonl.gz") == (3, 0)
        assert inspection.check(replies) == 3


def test_a_changed_text_is_refused(tmp_path: Path) -> None:
    with Replies(stored(tmp_path / "s", [1])) as replies:
        export_selected(replies, tmp_path / "a.jsonl", [key(1)])
    (tmp_path / "a.jsonl").write_text((tmp_path / "a.jsonl").read_text().replace("reply to 1", "reply to 2"))
    with Replies(tmp_path / "new") as replies, pytest.raises(UserError, match="was changed after it was exported"):
        exchange.import_(replies, tmp_path / "a.jsonl")


def test_missing_replies_are_counted_by_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored(tmp_path / "s", [5, 6], identity=SERVER)
    with Replies(stored(tmp_path / "s", [1, 2])) as replies:
        replies.database.execute("UPDATE reply SET body = x'0101' WHERE key = ?", (asked(2).key,))
        keys = [*map(key, (1, 2, 3, 4)), key(5, SERVER)]
        exported = export_selected(replies, tmp_path / "a.jsonl", keys)
        assert exported == (1, {ABSENT: 2, DAMAGED: 1, ADDRESSED: 1})
        tell(exported, tmp_path / "a.jsonl")
        assert (
            "5 replies: 1 written, 4 missing (not in the store 2, damaged in the store 1, of a"
            in capsys.readouterr().err
        )
        assert "10.0.0.7" not in (tmp_path / "a.jsonl").read_text()
        assert export_selected(replies, tmp_path / "b.jsonl", keys, addresses=True).written == 2
        assert "10.0.0.7" in (tmp_path / "b.jsonl").read_text()


def test_another_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").write_text('{"a": 1}\n')
    with Replies(stored(tmp_path / "s", [1])) as replies, pytest.raises(UserError, match="holds no exported replies"):
        export_selected(replies, tmp_path / "notes.jsonl", [key(1)])


def test_the_keys_of_a_row_are_those_of_all_attempts() -> None:
    a, b, c, d = (character * 64 for character in "abcd")
    row = {
        "id": "x", "reply": a, "declined_reply": b, "steps": [{"replies": [c, "short"], "prompt": "e" * 64}],
        "row": {"steps": [{"replies": [d]}]}, "text_hash": "f" * 64, "replies": None,
    }  # fmt: skip
    assert sorted(keys_in(row)) == [a, b, c, d]


def test_a_target_that_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder or file"):
        named_by([str(tmp_path / "nothing")])


def test_options_that_name_other_replies_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", str(tmp_path / "a.jsonl"), "--for", "params", "--model", "x"]
    assert call(command, words) == 2
    assert "leave out --model and --salvage" in capsys.readouterr().err
    assert not (tmp_path / "a.jsonl").exists()
