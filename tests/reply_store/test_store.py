"""The store, the files that people share, and the commands."""

import json
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from typer.testing import CliRunner

from stages.core.completions import Constraint, Message, Prompt, Reply, Sampling
from stages.core.errors import UserError
from stages.replies import app
from stages.reply_store import exchange, inspection, maintenance, store
from stages.reply_store.checksums import inflate
from stages.reply_store.keys import request
from stages.reply_store.store import Replies
from tests.inference.counting import IDENTITY, answered, asked, filled, found, prompt

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
SAMPLINGS = st.builds(
    Sampling,
    temperature=st.floats(0, 5),
    top_p=st.floats(0.01, 1),
    top_k=st.integers(0, 99),
    max_tokens=st.integers(1, 4096),
    stop=st.lists(TEXTS, max_size=2).map(tuple),
)
PROMPTS = st.builds(
    Prompt,
    messages=st.lists(
        st.builds(Message, role=st.sampled_from(["system", "user", "assistant"]), content=TEXTS), max_size=4
    ).map(tuple),
    sampling=SAMPLINGS,
    seed=st.integers(0, 2**31 - 1),
    sample=st.integers(0, 9),
    constraint=st.none() | st.builds(Constraint, choice=st.lists(TEXTS, max_size=3).map(tuple)),
    continue_final=st.booleans(),
    raw=st.booleans(),
)
REPLIES = st.builds(
    Reply,
    text=TEXTS,
    status=st.sampled_from(["ok", "truncated", "refused"]),
    tokens_in=st.integers(0, 10**6),
    tokens_out=st.integers(0, 10**6),
    error=TEXTS,
    scores=st.dictionaries(TEXTS, st.floats(-100, 0), max_size=3),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(PROMPTS, REPLIES), max_size=8, unique_by=lambda pair: request(IDENTITY, pair[0]).key))
def test_what_was_kept_is_found_and_survives_a_trip_through_a_file(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[Prompt, Reply]]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    requests = [request(IDENTITY, asking) for asking, _ in pairs]
    with Replies(folder / "a") as replies:
        kept = replies.keep([(ask, reply) for ask, (_, reply) in zip(requests, pairs, strict=True)], "m")
        assert replies.find([ask.key for ask in requests], "m") == dict(
            zip([r.key for r in requests], kept, strict=True)
        )
        assert inspection.check(replies) == len(pairs)
        exchange.export(replies, folder / "shared.jsonl.gz")
    with Replies(folder / "b") as replies:
        assert exchange.import_(replies, folder / "shared.jsonl.gz") == (len(pairs), 0)
        assert list(replies.find([ask.key for ask in requests], "m").values()).sort(key=str) is None
        assert {r.id: r for r in replies.find([a.key for a in requests], "m").values()} == {r.id: r for r in kept}
        assert exchange.import_(replies, folder / "shared.jsonl.gz") == (0, len(pairs))


def test_shared_messages_are_stored_once(tmp_path: Path) -> None:
    long = "a worked example, " * 500
    with Replies(tmp_path / "s") as replies:
        for number in range(200):
            one = Prompt((Message("system", long), Message("user", str(number))), prompt(0).sampling, 1)
            replies.keep([(request(IDENTITY, one), answered(number))], "m")
        bodies = [row[0] for row in replies.database.execute("SELECT body FROM part")]
    assert sum(long.encode() in inflate(body) for body in bodies) == 1
    assert len(bodies) == 200 + 2


def test_a_reply_that_another_process_stored_first_is_the_reply(tmp_path: Path) -> None:
    with Replies(tmp_path / "s") as one, Replies(tmp_path / "s") as two:
        (first,) = one.keep([(asked(1), Reply("first", "ok", 1, 1))], "m")
        mixed = two.keep([(asked(1), Reply("second", "ok", 1, 1)), (asked(2), Reply("new", "ok", 1, 1))], "m")
    assert [reply.text for reply in (first, *mixed)] == ["first", "first", "new"]


def test_a_failure_is_never_stored(tmp_path: Path) -> None:
    with Replies(tmp_path / "s") as replies:
        (reply,) = replies.keep([(asked(1), Reply("", "failed", 0, 0, "cut"))], "m")
        assert (reply.id, reply.model) == ("", "m")
        assert replies.find([asked(1).key], "m") == {}


WRITER = """
import sys
from pathlib import Path
from stages.reply_store.store import Replies
from tests.inference.counting import answered, asked
first, path = int(sys.argv[1]), Path(sys.argv[2])
with Replies(path) as replies:
    for number in range(first, first + 300, 3):
        replies.keep([(asked(n), answered(n)) for n in range(number, number + 3)], "m")
        assert replies.find([asked(number).key], "m")
"""


def test_several_processes_make_and_fill_one_store(tmp_path: Path) -> None:
    """They overlap by half, and all of them find no store when they begin."""
    path = tmp_path / "s"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(150 * n), str(path)]) for n in range(4)]
    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    with Replies(path) as replies:
        assert inspection.check(replies) == 750
        assert len(replies.find([asked(n).key for n in range(750)], "m")) == 750


KILLED = """
import os, signal, sys
from pathlib import Path
from stages.reply_store.store import Replies
from tests.inference.counting import answered, asked
groups, inside, path = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
replies = Replies(path)
for number in range(0, 10 * groups, 10):
    replies.keep([(asked(n), answered(n)) for n in range(number, number + 10)], "m")
if inside == "inside":
    replies.database.execute("BEGIN IMMEDIATE")
    replies.insert([(b"k" * 32, 1, "[]", 0, 0, "ok", 0, 0, 0, b"x", None)])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("inside", ["between", "inside"])
@pytest.mark.parametrize("groups", [1, 7])
def test_a_killed_process_loses_no_group_and_leaves_no_half_one(tmp_path: Path, groups: int, inside: str) -> None:
    path = tmp_path / "s"
    process = subprocess.run([sys.executable, "-c", KILLED, str(groups), inside, str(path)])
    assert process.returncode == -9
    with Replies(path) as replies:
        assert inspection.check(replies) == 10 * groups
    assert found(path, 10 * groups) == 10 * groups


def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(tmp_path)], capture_output=True)
    if mount.returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        path, kept = tmp_path / "s", 0
        with pytest.raises(UserError, match="every reply stored so far is kept"), Replies(path) as replies:
            while True:
                text = random.Random(kept).randbytes(3000).hex()
                replies.keep([(asked(kept), Reply(text, "ok", 1, 1))], "m")
                kept += 1
        assert kept > 20
        (tmp_path / "ballast").unlink(missing_ok=True)
        subprocess.run(["mount", "-o", "remount,size=4m", str(tmp_path)], check=True)
        assert found(path, kept) == kept
        with Replies(path) as replies:
            assert inspection.check(replies) == kept
            replies.keep([(asked("more"), answered("more"))], "m")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.parametrize("size", [1, 2, 99])
def test_a_few_bytes_are_no_empty_store(tmp_path: Path, size: int) -> None:
    (tmp_path / "s").write_bytes(b"x" * size)
    with pytest.raises(UserError, match=r"is not a reply store, .*; move it aside, or set SEQIT_REPLIES"):
        Replies(tmp_path / "s")
    assert (tmp_path / "s").read_bytes() == b"x" * size


def damaged(path: Path, at: int) -> None:
    with open(path, "r+b") as stream:
        stream.seek(at)
        stream.write(b"\xff" * 4096)


def test_damage_is_told_with_what_to_do_and_the_rest_can_be_saved(tmp_path: Path) -> None:
    path = filled(tmp_path / "s", 3000)
    with sqlite3.connect(path) as database:
        (body,) = database.execute("SELECT body FROM reply WHERE key = ?", (asked(1500).key,)).fetchone()
    damaged(path, path.read_bytes().index(body) // 4096 * 4096)
    with pytest.raises(UserError) as told, Replies(path) as replies:
        inspection.check(replies)
    assert "is damaged" in str(told.value) and "export saved.jsonl.gz --salvage" in str(told.value)
    with Replies(path) as replies:
        written, unreadable = exchange.export(replies, tmp_path / "saved.jsonl.gz", salvage=True)
    assert written + unreadable == 3000
    assert 1000 < written < 3000
    with Replies(tmp_path / "new") as replies:
        assert exchange.import_(replies, tmp_path / "saved.jsonl.gz") == (written, 0)
        assert inspection.check(replies) == written


def test_one_flipped_bit_in_a_reply_is_noticed_when_it_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = filled(tmp_path / "s", 10)
    with Replies(path) as replies:
        (body,) = replies.database.execute("SELECT body FROM reply WHERE key = ?", (asked(4).key,)).fetchone()
        flipped = body[:30] + bytes([body[30] ^ 1]) + body[31:]
        replies.database.execute("UPDATE reply SET body = ? WHERE key = ?", (flipped, asked(4).key))
        assert len(replies.find([asked(n).key for n in range(4)], "m")) == 4
        assert replies.find([asked(4).key], "m") == {}
        with pytest.raises(UserError, match=f"is damaged .*{asked(4).key.hex()}"):
            inspection.check(replies)
    (told,) = capsys.readouterr().err.splitlines()
    assert f"{path}: 1 of the replies that were looked up are damaged" in told and "replies count --check" in told


EVERYTHING: dict[str, Callable[[Replies, Path], object]] = {
    "count": lambda replies, folder: inspection.summary(replies, False),
    "check": lambda replies, folder: inspection.summary(replies, True),
    "find": lambda replies, folder: replies.find([asked(n).key for n in range(100)], "m"),
    "keep": lambda replies, folder: replies.keep([(asked(n), answered(n)) for n in range(90, 110)], "m"),
    "show": lambda replies, folder: inspection.show(replies, asked(3).key.hex()[:8]),
    "export": lambda replies, folder: exchange.export(replies, folder / "out.jsonl"),
    "salvage": lambda replies, folder: exchange.export(replies, folder / "saved.jsonl", salvage=True),
    "spent": lambda replies, folder: replies.spent(IDENTITY),
    "prune": lambda replies, folder: maintenance.prune(replies, "model", ""),
    "compact": lambda replies, folder: maintenance.compact(replies),
}


@pytest.mark.parametrize("change", ["\xff\xfe\x00\x80", "[]]]", "\x00" * 64, "\xff" * 64, "]"])
def test_wherever_a_store_is_damaged_nothing_but_one_line_is_told(tmp_path: Path, change: str) -> None:
    whole, rng = filled(tmp_path / "s", 100).read_bytes(), random.Random(change)
    told = 0
    for page in range(0, len(whole), 4096):
        at = page + rng.randrange(4096 - len(change))
        damaged = whole[:at] + change.encode("latin-1") + whole[at + len(change) :]
        for work in EVERYTHING.values():
            (tmp_path / "d").write_bytes(damaged)
            try:
                with Replies(tmp_path / "d") as replies:
                    work(replies, tmp_path)
            except UserError as error:
                told += 1
                assert str(error).startswith(str(tmp_path / "d")) and "\n" not in str(error)
            for end in ("-wal", "-shm"):
                (tmp_path / f"d{end}").unlink(missing_ok=True)
    assert told


def test_messages_of_a_reply_that_are_no_list_are_damage(tmp_path: Path) -> None:
    path = filled(tmp_path / "s", 10)
    for wrong in ("[1,[]]", "[[", "[null]", "[99]"):
        with Replies(path) as replies:
            replies.database.execute("UPDATE reply SET messages = ? WHERE key = ?", (wrong, asked(4).key))
            assert exchange.export(replies, tmp_path / "saved.jsonl", salvage=True) == (9, 1)
            for work in ("check", "export"):
                with pytest.raises(UserError, match="is damaged"):
                    EVERYTHING[work](replies, tmp_path)
            with pytest.raises(UserError, match="is damaged"):
                inspection.show(replies, asked(4).key.hex())


def test_an_export_replaces_an_export_and_nothing_else(tmp_path: Path) -> None:
    path, before = filled(tmp_path / "s", 3), {}
    (tmp_path / "thesis").write_text("three years\n")
    with Replies(path) as replies:
        (tmp_path / "link").symlink_to(path)
        before = {name: (tmp_path / name).read_bytes() for name in ("s", "s-wal", "thesis")}
        for name in ("s", "link", "s-wal", "s-shm"):
            with pytest.raises(UserError, match="is the reply store itself; name another file"):
                exchange.export(replies, tmp_path / name)
        with pytest.raises(UserError, match="thesis: is there already and holds no exported replies"):
            exchange.export(replies, tmp_path / "thesis")
        assert {name: (tmp_path / name).read_bytes() for name in before} == before
        for _ in range(2):
            assert exchange.export(replies, tmp_path / "e.jsonl.gz") == (3, 0)


def test_other_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    text, other, newer = tmp_path / "text", tmp_path / "other", filled(tmp_path / "newer", 1)
    text.write_text("not a database, but long enough to have a header of one hundred bytes" * 3)
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE t (x)")
    with sqlite3.connect(newer) as database:
        database.execute(f"PRAGMA user_version = {store.VERSION + 1}")
    for path, message in ((text, "not a reply store"), (other, "not a reply store"), (newer, "update seqit")):
        before = path.read_bytes()
        with pytest.raises(UserError, match=message) as told:
            Replies(path)
        assert str(told.value).startswith(str(path)) and "\n" not in str(told.value)
        assert path.read_bytes() == before


def test_a_store_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "s", tmp_path):
        with pytest.raises(UserError, match=r"can't be used .* set SEQIT_REPLIES to another file"):
            Replies(path)


def run(path: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments, env={"SEQIT_REPLIES": str(path)})
    return result.exit_code, result.output


def test_the_commands(tmp_path: Path) -> None:
    path, file = filled(tmp_path / "s", 12), str(tmp_path / "f.jsonl.gz")
    assert "12 read and found sound" in run(path, "count", "--check")[1]
    assert "model@1 via counting: 12 ok; 60 tokens in, 36 out" in run(path, "count")[1]
    assert "12 replies written, 0 could not be read" in run(path, "export", file)[1]
    assert "12 replies were new, 0 were known" in run(tmp_path / "t", "import", file)[1]
    status, shown = run(path, "show", asked(3).key.hex()[:16])
    assert (status, json.loads(shown[: shown.rindex("}") + 1])["text"]) == (0, "reply to 3")
    assert "12 replies forgotten" in run(path, "prune", "--model", "model@1")[1]
    assert run(path, "compact")[0] == 0
    for mistake in (("show", "xyz"), ("show", "abcdef"), ("import", "absent.jsonl"), ("prune",)):
        status, told = run(path, *mistake)
        assert status == 2 and len(told.strip().splitlines()) == 1, (mistake, told)
    assert "absent.jsonl: no such file; name one that" in run(path, "import", "absent.jsonl")[1]
    assert f"{tmp_path}: is a folder, not a file" in run(path, "import", str(tmp_path))[1]


def test_hostile_text_is_shown_without_moving_the_cursor(tmp_path: Path) -> None:
    with Replies(tmp_path / "s") as replies:
        replies.keep([(asked("\x1b[2J"), Reply("\x1b]0;owned\x07", "ok", 1, 1))], "m")
    assert "\x1b" not in run(tmp_path / "s", "show", asked("\x1b[2J").key.hex())[1]


def test_no_character_that_moves_a_cursor_or_turns_the_line_is_shown(tmp_path: Path) -> None:
    text = "\x9b2J \x7f \u202egnp.exe\u2066 \u2028 \U000e0041 é 漢 \U0001f600"
    with Replies(tmp_path / "s") as replies:
        replies.keep([(asked("x"), Reply(text, "ok", 1, 1))], "m")
        (shown,) = (inspection.readable(line) for line in inspection.show(replies, asked("x").key.hex()))
    assert shown.replace("\n", "").isprintable() and "é 漢 \U0001f600" in shown
    assert json.loads(shown)["text"] == text


def test_the_command_runs_as_a_module(tmp_path: Path) -> None:
    environment = os.environ | {"SEQIT_REPLIES": str(filled(tmp_path / "s", 3))}
    command = [sys.executable, "-m", "stages.replies", "count"]
    assert ": 3 ok;" in subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_keys_from_before_there_were_raw_prompts_are_still_found() -> None:
    asked = Prompt((Message("user", "Say it."),), Sampling(0.0, 1.0, 0, 16), 7)
    known = "a491e4953f556970b37fbabea8e1da85cdfc2098b95257628212da05c89ae334"
    assert request(IDENTITY, asked).key.hex() == known
    assert request(IDENTITY, replace(asked, raw=True)).key.hex() != known
