"""`seqit verify` accepts what was published, and names each changed cell, swapped reply and edited prompt."""

import hashlib
import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from stages import verify as command
from stages.core.cli import call
from stages.core.completions import Reply
from stages.core.dvc_hashes import folder_hash
from stages.core.errors import UserError
from stages.core.records import Record
from stages.publishing import parquet, published_rows
from stages.publishing.chat_messages import ChatMessage, conversation
from stages.publishing.published_rows import EARLIER_NAMES, Row
from stages.publishing.row_hashes import RowHashes
from stages.reply_store import exchange
from stages.reply_store.checksums import pack, text_hash
from stages.reply_store.store import Replies
from stages.verification.origin_checks import trained_models
from stages.verification.reply_sources import open_replies
from tests.verification.small_set import SHIPPED, SmallSet, compared, differing, make

KINDS = ("seqinstruct", "small")


@pytest.fixture(params=KINDS)
def small(request: pytest.FixtureRequest, tmp_path: Path) -> SmallSet:
    """A set of each kind of prompt files."""
    return make(tmp_path, request.param)


@pytest.fixture
def framed(tmp_path: Path) -> SmallSet:
    """A set whose rounds put tasks into frames."""
    return make(tmp_path, "small")


def test_what_was_published_agrees_with_everything(small: SmallSet) -> None:
    result = small.verify()
    assert differing(result) == {}
    counts = compared(result)
    replies = sum(len(step.replies) for row in small.rows for step in row.steps)
    changed = sum(any(step.status == "ok" and step.stage == "rewrite" for step in row.steps) for row in small.rows)
    assert replies > 8 and changed == 4
    assert counts["reply keys"] == counts["requests and keys computed from rows"] == replies
    assert counts["instructions rebuilt from replies"] == changed
    assert counts["outputs rebuilt from replies"] == counts["source rows"] == counts["row hashes"] == 4
    assert counts["rows_sha256"] == 1 and counts["prompt files"] > 0 and counts["numbers of the card"] > 3


def other(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return f"{value}x"
    if value and isinstance(value[0], dict):
        return [value[0] | {next(iter(value[0])): "x"}, *value[1:]]
    return [*value, {"instruction": "Hi", "response": "Ho"}]


@pytest.mark.parametrize("column", Row.__struct_fields__)
def test_a_changed_cell_is_named_by_file_row_and_column(framed: SmallSet, column: str) -> None:
    id = framed.change(2, lambda row: row.update({column: other(row[column])}))
    wrong = differing(framed.verify(corpora=[], replies=None))
    assert [(one.file, one.row, one.field) for one in wrong["row hashes"]] == [(str(framed.data), id, column)]
    assert "rows_sha256" in wrong


def republished(small: SmallSet, number: int, change: Callable[[Record], Record]) -> tuple[str, dict[str, set[str]]]:
    """Change a row and write all hashes and counts anew; returns its id, and check -> fields that differ in it."""
    rows = [change(row) if n == number else row for n, row in enumerate(small.rows)]
    small.publish(rows)
    wrong = differing(small.verify())
    assert {one.row for found in wrong.values() for one in found} <= {rows[number].id}
    return rows[number].id, {name: {one.field for one in ones} for name, ones in wrong.items()}


def test_a_changed_output_is_told_by_its_reply_though_all_hashes_are_anew(small: SmallSet) -> None:
    _, wrong = republished(small, 1, lambda row: replace(row, response=f"{row.response} Also no."))
    assert wrong == {"outputs rebuilt from replies": {"output"}}


def test_a_changed_instruction_is_told_by_two_replies(small: SmallSet) -> None:
    _, wrong = republished(small, 1, lambda row: replace(row, instruction=f"{row.instruction} Please."))
    assert wrong["instructions rebuilt from replies"] == {"instruction"}
    assert wrong["requests and keys computed from rows"] == {"steps[2].replies[0]"}


@pytest.mark.parametrize(("field", "value"), [("system", "Be long."), ("input", "Garda")])
def test_a_changed_request_is_told_by_its_reply(framed: SmallSet, field: str, value: str) -> None:
    _, wrong = republished(framed, 1, lambda row: replace(row, **{field: value}))
    assert "requests and keys computed from rows" in wrong


def test_a_changed_id_is_told_by_the_keys_that_it_seeds(framed: SmallSet) -> None:
    _, wrong = republished(framed, 1, lambda row: replace(row, id=f"{row.id}-2"))
    assert set(wrong) == {"requests and keys computed from rows"}


def test_swapped_replies_are_told(small: SmallSet) -> None:
    theirs = small.rows[0].steps[-1].replies

    def swap(row: Record) -> Record:
        return replace(row, steps=(*row.steps[:-1], replace(row.steps[-1], replies=theirs)))

    _, wrong = republished(small, 1, swap)
    assert wrong["requests and keys computed from rows"] == {"steps[2].replies[0]"}
    assert wrong["outputs rebuilt from replies"] == {"output"}


def test_another_model_or_status_is_told(framed: SmallSet) -> None:
    last = framed.rows[1].steps[-1]
    for change, field in (({"generator": "hub:org/other@0"}, "generator"), ({"status": "truncated"}, "status")):

        def changed(row: Record, change: dict[str, str] = change) -> Record:
            return replace(row, steps=(*row.steps[:-1], replace(last, **change)))

        _, wrong = republished(framed, 1, changed)
        assert {f"steps[2].{field}"} in wrong.values()


def test_a_source_row_that_the_corpus_does_not_have_is_told(framed: SmallSet) -> None:
    _, wrong = republished(framed, 1, lambda row: replace(row, source=replace(row.source, row=2)))
    assert wrong == {"source rows": {"source_row"}}
    framed.publish(framed.rows)
    lines = framed.corpus.read_text().splitlines()
    framed.corpus.write_text("\n".join([lines[0], lines[1].replace("Yes", "No"), *lines[2:]]))
    (mismatch,) = differing(framed.verify())["source rows"]
    assert (mismatch.row, mismatch.field) == (framed.rows[1].id, "source_sha256")


def test_a_forged_text_in_the_store_is_told_though_its_checksum_fits(small: SmallSet) -> None:
    key = bytes.fromhex(small.rows[1].steps[-1].replies[-1])
    with Replies(small.store) as store:
        created = store.database.execute("SELECT created FROM reply WHERE key = ?", (key,)).fetchone()[0]
        forged = (
            pack(key, Reply("A forged answer.", "ok", 1, 1), created),
            bytes.fromhex(text_hash("A forged answer.")),
        )
        store.database.execute("UPDATE reply SET body = ?, text_hash = ? WHERE key = ?", (*forged, key))
        assert store.find([key], "")[key].text == "A forged answer."
    wrong = differing(small.verify())
    assert {name: [(one.row, one.field) for one in ones] for name, ones in wrong.items()} == {
        "outputs rebuilt from replies": [(small.rows[1].id, "output")],
        "reply keys": [(small.rows[1].id, f"steps[{len(small.rows[1].steps) - 1}].replies_sha256[0]")],
    }


def test_a_forged_reply_of_which_no_text_is_made_is_told_by_the_hash_in_the_row(tmp_path: Path) -> None:
    """The choice of an action: the same option in other words."""
    small = make(tmp_path)
    key = bytes.fromhex(small.rows[1].steps[0].replies[0])
    with Replies(small.store) as store:
        created, old = store.database.execute("SELECT created, key FROM reply WHERE key = ?", (key,)).fetchone()
        reply = replace(store.find([old], "")[old], text="I take the option: A.")
        forged = (pack(key, reply, created), bytes.fromhex(text_hash(reply.text)))
        store.database.execute("UPDATE reply SET body = ?, text_hash = ? WHERE key = ?", (*forged, key))
    assert {name: [one.field for one in ones] for name, ones in differing(small.verify()).items()} == {
        "reply keys": ["steps[0].replies_sha256[0]"]
    }


@pytest.mark.parametrize("with_hash", [True, False])
def test_a_text_without_a_checksum_in_place_of_another_is_told(small: SmallSet, with_hash: bool) -> None:
    """As replies of the first version were stored: they are taken by their request where no hash is recorded."""
    key = bytes.fromhex(small.rows[1].steps[-1].replies[-1])
    body = zlib.compress(msgspec.json.encode(["A forged answer.", "", {}]))
    with Replies(small.store) as store:
        kept = "" if with_hash else ", text_hash = NULL"
        store.database.execute(f"UPDATE reply SET body = ?{kept} WHERE key = ?", (body, key))
    wrong = differing(small.verify())
    ((mismatch, *_),) = [wrong[name] for name in ("reply keys",)]
    assert mismatch.row == small.rows[1].id
    assert ("hash was recorded" in mismatch.message) == with_hash


def test_a_damaged_reply_is_told(framed: SmallSet) -> None:
    key = framed.rows[1].steps[0].replies[0]
    with Replies(framed.store) as store:
        store.database.execute("UPDATE reply SET seed = seed + 1 WHERE key = ?", (bytes.fromhex(key),))
    (mismatch,) = differing(framed.verify())["reply keys"]
    assert (mismatch.row, mismatch.field) == (framed.rows[1].id, "steps[0].replies[0]")


def test_an_edited_prompt_file_is_named(framed: SmallSet, tmp_path: Path) -> None:
    own = tmp_path / "prompts"
    own.mkdir()
    for path in (SHIPPED / "small").glob("*.txt"):
        (own / path.name).write_text(path.read_text() + ("\n" if path.stem == "suffix" else ""))
    (mismatch,) = differing(framed.verify(prompts=[own], shipped=None))["prompt files"]
    assert (mismatch.file, mismatch.row, mismatch.field) == (
        str(own / "suffix.txt"), framed.rows[0].id, "steps[0].prompt_sha256",
    )  # fmt: skip
    assert differing(framed.verify(prompts=[own])) == {}


def test_an_exported_file_says_the_same_as_the_store(small: SmallSet, tmp_path: Path) -> None:
    file = tmp_path / "replies.jsonl.gz"
    with Replies(small.store) as store:
        exchange.export(store, file)
    assert compared(small.verify(replies=file)) == compared(small.verify())
    lines = (tmp_path / "replies.jsonl", small.rows[1].steps[-1].replies[-1])
    with Replies(small.store) as store:
        exchange.export(store, lines[0])
    text = [line.replace("An answer", "No answer") if lines[1] in line else line for line in open(lines[0])]
    lines[0].write_text("".join(text))
    (mismatch,) = differing(small.verify(replies=lines[0]))["reply keys"]
    assert "was changed after it was exported" in mismatch.message


def test_a_store_is_not_written_to(framed: SmallSet) -> None:
    before = framed.store.read_bytes()
    framed.verify()
    assert framed.store.read_bytes() == before
    assert [path.name for path in framed.store.parent.glob("replies.sqlite*")] == ["replies.sqlite"]
    with open_replies(framed.store) as replies:
        assert replies.get("0" * 64) is None


def test_edited_facts_and_cards_are_told(framed: SmallSet) -> None:
    path, card = framed.folder / "provenance.json", framed.folder / "README.md"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps(facts | {"languages": {"en": 3, "de": 1}, "rows": 5}))
    wrong = differing(framed.verify())["counts of provenance.json"]
    assert {(one.file, one.field) for one in wrong} == {(str(path), "languages"), (str(path), "rows")}
    path.write_text(json.dumps(facts))
    card.write_text(card.read_text().replace(facts["rows_sha256"], "0" * 64))
    (mismatch,) = differing(framed.verify())["numbers of the card"]
    assert mismatch.file == str(card)


def test_added_missing_and_swapped_rows_are_told(framed: SmallSet) -> None:
    table = pq.read_table(framed.data)
    pq.write_table(table.slice(1), framed.data)
    (mismatch,) = differing(framed.verify())["row hashes"]
    assert (mismatch.row, mismatch.message) == (framed.rows[0].id, "was published and is missing or changed")
    pq.write_table(table.take([1, 0, 2, 3]), framed.data)
    assert [one.row for one in differing(framed.verify())["row hashes"]] == [row.id for row in framed.rows[1::-1]]


def test_a_set_from_before_rows_had_hashes_is_compared_by_the_rest(framed: SmallSet) -> None:
    path = framed.folder / "provenance.json"
    facts = json.loads(path.read_text())
    new = ("columns_sha256", "sources_sha256", "seed")
    path.write_text(json.dumps({k: v for k, v in facts.items() if k not in new}))
    for name in ("rows.sha256", "croissant.json", "statement.intoto.json"):
        (framed.folder / name).unlink()
    result = framed.verify()
    assert differing(result) == {}
    assert compared(result)["outputs rebuilt from replies"] == 4
    assert next(one for one in result.checks if one.name == "row hashes").unchecked
    framed.change(2, lambda row: row.update(licence="GPL-3.0"))
    assert {"rows_sha256", "counts of provenance.json"} == set(differing(framed.verify()))


def renamed_back(values: dict[str, Any]) -> dict[str, Any]:
    """The same under the names of earlier versions."""
    before = {now: name for name, now in EARLIER_NAMES.items()}
    return {before.get(name, name): value for name, value in values.items()}


def test_a_set_with_the_column_names_of_an_earlier_version_is_compared(framed: SmallSet) -> None:
    before = compared(framed.verify())
    rows = [
        renamed_back(row) | {"steps": [renamed_back(step) for step in row["steps"]]}
        for row in pq.read_table(framed.data).drop_columns(["messages"]).to_pylist()
    ]
    pq.write_table(pa.Table.from_pylist(rows), framed.data)
    hashes = RowHashes()
    for row in rows:
        hashes.add(row)
    path = framed.folder / "provenance.json"
    facts = json.loads(path.read_text()) | {"rows_sha256": hashes.total()}
    new = ("columns", "columns_sha256", "sources_sha256", "features", "seed", "outputs")
    path.write_text(json.dumps({name: value for name, value in facts.items() if name not in new}))
    for name in ("rows.sha256", "README.md", "croissant.json", "statement.intoto.json"):
        (framed.folder / name).unlink()
    result = framed.verify()
    assert differing(result) == {}
    for name in ("prompt files", "outputs rebuilt from replies", "requests and keys computed from rows"):
        assert compared(result)[name] == before[name] > 0
    framed.change(2, lambda row: row.update(system="Be long."))
    assert {one.field for one in differing(framed.verify())["requests and keys computed from rows"]}


@pytest.mark.parametrize("number", [0, -1])
def test_other_messages_than_the_columns_say_are_told_though_all_hashes_are_anew(
    framed: SmallSet, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def forged(record: Record) -> list[ChatMessage]:
        messages = conversation(record)
        messages[number] = replace(messages[number], content="Say nothing of it.")
        return messages

    with monkeypatch.context() as patch:
        patch.setattr(published_rows, "conversation", forged)
        framed.publish(framed.rows[:2])
    wrong = differing(framed.verify())
    assert {name: [one.row for one in found] for name, found in wrong.items()} == {
        "messages built of the other columns": [row.id for row in framed.rows[:2]]
    }


def test_a_set_of_several_files_is_compared_whole(framed: SmallSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "LARGEST_GROUP", 1)
    monkeypatch.setattr(parquet.write, "__defaults__", (1, 0))
    framed.publish(framed.rows)
    assert len(list(framed.folder.glob("data/*.parquet"))) == 4
    result = framed.verify()
    assert differing(result) == {} and compared(result)["row hashes"] == 4


def test_a_parquet_file_alone_is_compared_with_replies(framed: SmallSet, tmp_path: Path) -> None:
    alone = tmp_path / "alone" / "rows.parquet"
    alone.parent.mkdir()
    alone.write_bytes(framed.data.read_bytes())
    words = [str(alone), "--replies", str(framed.store), "--corpus", str(framed.corpus), "--json"]
    assert call(command, words) == 0


def test_the_exit_status_and_text_say_what_differs(framed: SmallSet, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(framed.folder), "--replies", str(framed.store)]
    assert call(command, words) == 0
    text = capsys.readouterr().out
    assert re.search(r"✓ outputs rebuilt from replies: 4 rows compared$", text, re.M)
    assert "not compared: 1, nothing to compare with was given (--corpus)" in text
    id = framed.change(2, lambda row: row.update(output="\x1b[31mred"))
    assert call(command, words) == 1
    text = capsys.readouterr().out
    assert f"{framed.data} {id} output" in text and "\x1b" not in text
    assert call(command, [*words, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["differs"] is True


BAD = {
    "absent": "no such folder or file",
    "empty": r"holds no data/\*\.parquet",
    "text.parquet": "not a Parquet file",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_status_2(
    framed: SmallSet, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.parquet").write_text("no")
    assert call(command, [str(tmp_path / name), "--replies", str(framed.store)]) == 2
    assert re.search(BAD[name], capsys.readouterr().err)


def test_other_bad_input_is_refused(framed: SmallSet, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('[{"a": 1}]')
    (tmp_path / "no.sqlite").write_bytes(b"SQLite format 3\0" + b"\0" * 100)
    (tmp_path / "none").mkdir()
    for change, message in (
        ({"replies": tmp_path / "absent.sqlite"}, "no such file"),
        ({"replies": tmp_path / "no.sqlite"}, "no reply store"),
        ({"replies": framed.corpus}, "alpaca.jsonl:1"),
        ({"corpora": [str(tmp_path / "absent.json")]}, "absent.json: no such file or folder; name your copy"),
        ({"corpora": [""]}, "no such file or folder; name your copy"),
        ({"corpora": [f"path:none={framed.corpus}"]}, "path:none is no source of this set; sources are path:"),
        ({"prompts": [tmp_path / "none"]}, "no prompt file"), ({"lock": framed.corpus}, "no dvc.lock"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=message):
            framed.verify(**change)


def test_a_lock_file_names_the_folder_and_the_models(framed: SmallSet, tmp_path: Path) -> None:
    lock = tmp_path / "dvc.lock"
    out, made = "data/responded/lakes/2.jsonl", {"path": "data/formatted/run.jsonl", "md5": "0"}
    published = {"path": "data/published/lakes", "md5": folder_hash(framed.folder)}
    stages = {
        "publish@lakes": {"deps": [{"path": out}], "outs": [published]},
        "format@run": {"deps": [{"path": out}], "outs": [made]},
        "train@run": {"deps": [made], "outs": [{"path": "models/run", "md5": "1.dir"}]},
        "train@other": {"deps": [{"path": "data/formatted/other.jsonl"}], "outs": [{"path": "models/other"}]},
    }  # fmt: skip
    lock.write_text(json.dumps({"schema": "2.0", "stages": stages}))
    result = framed.verify(lock=lock)
    assert (differing(result), result.models) == ({}, ["models/run"])
    assert trained_models("responded/lakes/1", stages) == []
    artifact = tmp_path / out
    artifact.parent.mkdir(parents=True)
    artifact.write_text("rows")
    hashed = hashlib.md5(b"rows", usedforsecurity=False).hexdigest()
    stages["respond@lakes"] = {"outs": [{"path": "data/responded/lakes", "md5": "2.dir"}]}
    for md5, differ in ((hashed, {}), ("0", {out})):
        stages["publish@lakes"]["deps"] = [{"path": out, "md5": md5}]
        lock.write_text(json.dumps({"stages": stages}))
        wrong = differing(framed.verify(lock=lock)).get("dvc.lock", [])
        assert {one.field for one in wrong} == set(differ)
    stages["publish@lakes"]["deps"] = []
    lock.write_text(json.dumps({"stages": stages}))
    (framed.folder / "README.md").write_text("other")
    (mismatch,) = differing(framed.verify(lock=lock))["dvc.lock"]
    assert (mismatch.file, mismatch.field) == (str(lock), "data/published/lakes")


def test_columns_are_those_that_the_hashes_name(framed: SmallSet) -> None:
    facts = msgspec.json.decode((framed.folder / "provenance.json").read_bytes())
    assert set(facts["columns_sha256"]) == set(Row.__struct_fields__)
    assert facts["seed"] == 7
