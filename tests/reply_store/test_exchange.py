"""The files that people share: one bad line refuses the whole, equal stores make equal files; and pruning."""

import gzip
import json
from pathlib import Path

import pytest

from stages.core.errors import UserError
from stages.reply_store import exchange, inspection, maintenance
from stages.reply_store.identity import Identity
from stages.reply_store.store import Replies
from tests.inference.counting import answered, asked, filled


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": "00" * 32}, "reply 551: its key does not fit its payload"),
        ({"status": "failed"}, "reply 551: status 'failed' is never stored"),
        ({"text": 3}, ":551: Expected `str`"),
        ({"tokens_in": 10**30}, r":551: Expected `int` <= 1099511627776 - at `\$.tokens_in`; mend or remove"),
        ({"tokens_out": -1}, ":551: Expected `int` >= 0"),
        ({"created": 2**63}, ":551: Expected `int`"),
        ({"extra": 3}, ":551: Object contains unknown field `extra`"),
    ],
)
def test_a_file_with_one_bad_line_is_refused_whole(tmp_path: Path, change: dict, message: str) -> None:
    with Replies(filled(tmp_path / "s", 600)) as replies:
        exchange.export(replies, tmp_path / "all.jsonl.gz")
    rows = lines_of(tmp_path / "all.jsonl.gz")
    rows[550] |= change
    (tmp_path / "bad.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with Replies(tmp_path / "new") as replies:
        with pytest.raises(UserError, match=message):
            exchange.import_(replies, tmp_path / "bad.jsonl")
        assert inspection.check(replies) == 0
        # Parts that were filed and undone must be filed again.
        assert exchange.import_(replies, tmp_path / "all.jsonl.gz") == (600, 0)
        assert inspection.check(replies) == 600


def test_an_edited_payload_does_not_fit_its_key(tmp_path: Path) -> None:
    with Replies(filled(tmp_path / "s", 1)) as replies:
        exchange.export(replies, tmp_path / "all.jsonl.gz")
    (row,) = lines_of(tmp_path / "all.jsonl.gz")
    row["payload"]["messages"][1]["content"] = "another question"
    (tmp_path / "bad.jsonl").write_text(json.dumps(row))
    with Replies(tmp_path / "new") as replies, pytest.raises(UserError, match="its key does not fit"):
        exchange.import_(replies, tmp_path / "bad.jsonl")


def test_equal_stores_export_equal_bytes(tmp_path: Path) -> None:
    with Replies(filled(tmp_path / "s", 10)) as replies:
        for name in ("a.jsonl.gz", "b.jsonl.gz"):
            exchange.export(replies, tmp_path / name)
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def test_pruning_forgets_a_model_and_what_only_it_was_asked(tmp_path: Path) -> None:
    path = filled(filled(tmp_path / "s", 500), 800, Identity("rival@2", "counting"))
    with Replies(path) as replies, Replies(path) as other:
        other.keep([(asked("warm", Identity("rival@2", "counting")), answered(0))], "rival@2")
        assert maintenance.prune(replies, "rival", "") == 801
        assert maintenance.prune(replies, "", "2000-01-01") == 0
        # A process that had filed parts before the pruning files them again.
        other.keep([(asked("warm", Identity("rival@2", "counting")), answered(0))], "rival@2")
        assert inspection.check(replies) == 501
        before, after = maintenance.compact(replies)
        assert after < before
        assert inspection.check(replies) == 501
        with pytest.raises(UserError, match="say which"):
            maintenance.prune(replies, "", "")
        with pytest.raises(UserError, match="is no date"):
            maintenance.prune(replies, "", "yesterday")
