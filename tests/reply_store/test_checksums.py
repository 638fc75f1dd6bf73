"""A stored reply is given back under its key as it was stored, or not at all."""

import hashlib
import json
import random
import sqlite3
import zlib
from pathlib import Path

import msgspec
import pytest

from stages.core.completions import Prompt, Reply
from stages.core.errors import UserError
from stages.reply_store import exchange, inspection, row_texts
from stages.reply_store.checksums import pack, text_hash
from stages.reply_store.keys import request
from stages.reply_store.store import Replies
from tests.inference.counting import IDENTITY, asked, prompt

ROWS = 60
FLIPS = 3000


def replied(number: int) -> Reply:
    """Replies of many lengths and counts, some of them alike but for a digit."""
    words = " ".join(f"word{n * number % 97}" for n in range(number % 40))
    status = ("ok", "truncated", "refused")[number % 3]
    text = "" if status == "refused" else f"reply to {number} {words}"
    return Reply(text, status, 5 + number, 3 + number % 7, scores={"A": -number / 8} if number % 5 == 0 else {})  # type: ignore[arg-type]


def prompts() -> list[Prompt]:
    return [prompt(f"question {number}", seed=number) for number in range(ROWS)]


KEYS = [request(IDENTITY, one).key for one in prompts()]


def written(path: Path) -> dict[bytes, Reply]:
    """A store in one file; returns what is in it."""
    with Replies(path) as replies:
        asks = [request(IDENTITY, one) for one in prompts()]
        kept = replies.keep([(ask, replied(number)) for number, ask in enumerate(asks)], "m")
        replies.database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return dict(zip(KEYS, kept, strict=True))


def old_form(path: Path) -> None:
    """Make a store what it was before replies had seals."""
    with Replies(path) as replies:
        for key, reply in replies.find(KEYS, "m").items():
            body = zlib.compress(msgspec.json.encode([reply.text, reply.error, reply.scores]), 1)
            replies.database.execute("UPDATE reply SET body = ? WHERE key = ?", (body, key))
        replies.database.execute("PRAGMA user_version = 1")
        replies.database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def looked_up(path: Path, data: bytes) -> dict[bytes, Reply] | str:
    """What a store of these bytes gives back, or the error in which it ends."""
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    path.write_bytes(data)
    try:
        with Replies(path) as replies:
            return replies.find(KEYS, "m")
    except UserError as error:
        return str(error)


def changed(whole: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(whole))
    return whole[:at] + bytes([whole[at] ^ rng.randrange(1, 256)]) + whole[at + 1 :]


@pytest.mark.parametrize("seed", range(3))
def test_one_changed_byte_gives_the_right_reply_or_none_or_one_line(
    tmp_path: Path, seed: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not another request's, no other counts, no traceback; wherever the byte is."""
    truth, rng = written(tmp_path / "s"), random.Random(seed)
    whole = (tmp_path / "s").read_bytes()
    fewer = ended = 0
    for _ in range(FLIPS // 3):
        result = looked_up(tmp_path / "d", changed(whole, rng))
        if isinstance(result, str):
            assert result.startswith(str(tmp_path / "d")) and "\n" not in result
            ended += 1
        else:
            assert result.items() <= truth.items()
            fewer += result != truth
    assert fewer and ended
    message = [line for line in capfd.readouterr().err.splitlines() if line]
    assert message and all("damaged and counted as not there" in line for line in message) and len(message) <= fewer


def test_replies_of_an_old_store_are_verified_by_their_request_and_then_sealed(tmp_path: Path) -> None:
    truth = written(tmp_path / "s")
    old_form(tmp_path / "s")
    with Replies(tmp_path / "s") as replies:
        # As a damaged index would: the row of another request under the key.
        replies.database.execute("UPDATE reply SET seed = 99 WHERE key = ?", (KEYS[3],))
        sound = {key: reply for key, reply in truth.items() if key != KEYS[3]}
        assert inspection.count_checksummed(replies) == 0
        assert replies.find(KEYS[:20], "m") == {key: sound[key] for key in KEYS[:20] if key in sound}
        assert inspection.count_checksummed(replies) == 19
        assert replies.find(KEYS, "m") == sound
        assert inspection.count_checksummed(replies) == ROWS - 1
        replies.database.execute("UPDATE reply SET tokens_out = 8 WHERE key = ?", (KEYS[4],))
        assert KEYS[4] not in replies.find(KEYS, "m")


def test_old_exports_are_read_and_new_ones_are_bound_to_their_texts(tmp_path: Path) -> None:
    truth = written(tmp_path / "s")
    with Replies(tmp_path / "s") as replies:
        exchange.export(replies, tmp_path / "new.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "new.jsonl").read_text().splitlines()]
    plain = [{name: value for name, value in row.items() if name not in ("seal", "text_sha256")} for row in rows]
    (tmp_path / "old.jsonl").write_text("\n".join(map(json.dumps, plain)))
    for name in ("new", "old"):
        with Replies(tmp_path / name) as replies:
            assert exchange.import_(replies, tmp_path / f"{name}.jsonl") == (ROWS, 0)
            assert replies.find(KEYS, "m") == truth
    for change in ({"text": "forged"}, {"status": "truncated"}, {"tokens_out": 10**6}, {"created": 0}):
        (tmp_path / "bad.jsonl").write_text("\n".join(map(json.dumps, [rows[0] | change, *rows[1:]])))
        with (
            Replies(tmp_path / "b") as replies,
            pytest.raises(UserError, match="reply 1: was changed after it was exp"),
        ):
            exchange.import_(replies, tmp_path / "bad.jsonl")


@pytest.mark.parametrize(
    ("column", "value"),
    [("body", b"\x01x"), ("status", "truncated"), ("tokens_in", 1), ("tokens_out", 1), ("created", 1)],
)
def test_a_changed_column_is_damage_that_a_new_reply_replaces(
    tmp_path: Path, column: str, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    truth, ask = written(tmp_path / "s"), request(IDENTITY, prompts()[6])
    with Replies(tmp_path / "s") as replies:
        replies.database.execute(f"UPDATE reply SET {column} = ? WHERE key = ?", (value, ask.key))
        with pytest.raises(UserError, match="is damaged"):
            inspection.check(replies)
        assert replies.find(KEYS, "m") == {key: reply for key, reply in truth.items() if key != ask.key}
        (kept,) = replies.keep([(ask, Reply("anew", "ok", 1, 1))], "m")
        assert kept.text == "anew" and replies.find([ask.key], "m") == {ask.key: kept}
        assert inspection.check(replies) == ROWS
    (message,) = capsys.readouterr().err.splitlines()
    assert "1 of the replies that were looked up are damaged" in message


def test_a_row_names_the_hash_of_the_stored_text(tmp_path: Path) -> None:
    truth = written(tmp_path / "s")
    for reply in truth.values():
        assert reply.text_hash == hashlib.sha256(reply.text.encode()).hexdigest()[:32]
    with Replies(tmp_path / "s") as replies:
        assert replies.find(KEYS, "m") == truth
        (failed,) = replies.keep([(asked("x"), Reply("", "failed", 0, 0))], "m")
    assert failed.text_hash == ""


def test_a_forged_text_is_found_by_the_rows_that_name_it(tmp_path: Path) -> None:
    """Who forges a store can make its seal anew, but not the rows that were made before."""
    truth = list(written(tmp_path / "s").values())
    steps = [{"replies": [reply.id], "text_hashes": [reply.text_hash]} for reply in truth[:9]]
    rows = [{"id": "a", "steps": steps}, {"id": "b", "reply": truth[9].id, "text_hash": truth[9].text_hash}]
    rows += [{"steps": [{"replies": [truth[10].id]}]}, {"reply": "0" * 64, "text_hash": "1"}, {"reply": "", "n": None}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with Replies(tmp_path / "s") as replies:
        assert row_texts.compare(replies, tmp_path / "rows.jsonl") == (10, 1)
        forged = pack(KEYS[9], msgspec.structs.replace(truth[9], text="forged"), 7)
        columns = (forged, bytes.fromhex(text_hash("forged")), KEYS[9])
        replies.database.execute("UPDATE reply SET body = ?, created = 7, text_hash = ? WHERE key = ?", columns)
        assert inspection.check(replies) == ROWS
        with pytest.raises(UserError, match=rf"rows.jsonl: reply {truth[9].id} .* has another text than when the row"):
            row_texts.compare(replies, tmp_path / "rows.jsonl")


def without_text_hashes(path: Path) -> None:
    """Make a store what it was before it had a column for them."""
    with Replies(path) as replies:
        replies.database.execute("ALTER TABLE reply DROP COLUMN text_hash")
        replies.database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


FORGED = zlib.compress(msgspec.json.encode(["forged", "", {}]))
"""A body without a checksum, as the first version had them."""


def test_a_text_without_a_checksum_is_no_longer_found_sound_in_place_of_another(tmp_path: Path) -> None:
    truth = written(tmp_path / "s")
    with Replies(tmp_path / "s") as replies:
        assert inspection.summary(replies, True).splitlines()[0].endswith(f"{ROWS} read and found sound")
        replies.database.execute("UPDATE reply SET body = ? WHERE key = ?", (FORGED, KEYS[4]))
        assert replies.find([KEYS[4]], "m") == {}
        with pytest.raises(UserError, match=r"is damaged .*its text is not that whose hash was recorded"):
            inspection.check(replies)
        written_count, unreadable = exchange.export(replies, tmp_path / "saved.jsonl", salvage=True)
        assert (written_count, unreadable) == (ROWS - 1, 1)
        (kept,) = replies.keep([(request(IDENTITY, prompts()[4]), truth[KEYS[4]])], "m")
        assert replies.find(KEYS, "m") == truth and kept == truth[KEYS[4]]


def test_a_store_without_hashes_of_texts_is_read_and_gets_them_as_it_is_used(tmp_path: Path) -> None:
    truth = written(tmp_path / "s")
    without_text_hashes(tmp_path / "s")
    with Replies(tmp_path / "s") as replies:
        said = inspection.summary(replies, True).splitlines()[0]
        bare = f"no hash of the text is recorded of {ROWS} of them, which an earlier seqit stored"
        assert said.endswith(f"{ROWS} read and found sound; {bare}")
        exchange.export(replies, tmp_path / "old.jsonl")
        assert "text_sha256" not in (tmp_path / "old.jsonl").read_text()
        assert replies.find(KEYS[:20], "m") == {key: truth[key] for key in KEYS[:20]}
        assert inspection.count_text_hashes(replies) == 20
        assert replies.find(KEYS, "m") == truth and inspection.count_text_hashes(replies) == ROWS
    with Replies(tmp_path / "copy") as replies:
        assert exchange.import_(replies, tmp_path / "old.jsonl") == (ROWS, 0)
        assert inspection.count_text_hashes(replies) == ROWS


def test_an_earlier_seqit_that_has_the_store_open_goes_on_reading_and_writing(tmp_path: Path) -> None:
    """With its own statements, prepared before this one added the column."""
    truth = written(tmp_path / "s")
    without_text_hashes(tmp_path / "s")
    columns = "key, setting, messages, seed, sample, status, tokens_in, tokens_out, created, body"
    insert = f"INSERT OR IGNORE INTO reply ({columns}) VALUES (?,?,?,?,?,?,?,?,?,?)"
    earlier = sqlite3.connect(tmp_path / "s", isolation_level=None)
    rows = earlier.execute(f"SELECT {columns} FROM reply ORDER BY id").fetchall()
    earlier.execute("DELETE FROM reply WHERE id > 50")
    earlier.execute(insert, rows[50])
    with Replies(tmp_path / "s") as replies:
        earlier.executemany(insert, rows[51:])
        assert earlier.execute(f"SELECT {columns} FROM reply ORDER BY id").fetchall() == rows
        assert inspection.count_text_hashes(replies) == 0
        assert replies.find(KEYS, "m") == truth
        assert inspection.count_text_hashes(replies) == ROWS
        assert earlier.execute(f"SELECT {columns} FROM reply ORDER BY id").fetchall() == rows
    earlier.close()


def test_an_export_carries_the_hash_of_each_text_which_an_import_compares(tmp_path: Path) -> None:
    written(tmp_path / "s")
    with Replies(tmp_path / "s") as replies:
        exchange.export(replies, tmp_path / "new.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "new.jsonl").read_text().splitlines()]
    assert {row["text_sha256"] == hashlib.sha256(row["text"].encode()).hexdigest()[:32] for row in rows} == {True}
    unsealed = [{name: value for name, value in row.items() if name != "seal"} for row in rows]
    unsealed[7]["text"] = "forged"
    (tmp_path / "bad.jsonl").write_text("\n".join(map(json.dumps, unsealed)))
    with (
        Replies(tmp_path / "b") as replies,
        pytest.raises(UserError, match="reply 8: its text is not that of `text_sha"),
    ):
        exchange.import_(replies, tmp_path / "bad.jsonl")
