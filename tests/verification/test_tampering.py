"""Each way to change a published set, or what it rests on, is told by file, row and field, with exit status 1."""

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from stages import verify as command
from stages.core.cli import call
from stages.core.records import Record, Step, digest
from stages.reply_store.store import Replies
from stages.verification.origin_checks import folder_hash
from tests.verification.small_set import SHIPPED, SmallSet, make


@dataclass
class Copy:
    """A set with all evidence in files."""

    small: SmallSet
    prompts: Path
    lock: Path

    @property
    def words(self) -> list[str]:
        """The command line."""
        small = self.small
        files = {"--replies": small.store, "--corpus": small.corpus, "--prompts": self.prompts, "--lock": self.lock}
        return [str(small.folder), *(str(word) for option in files.items() for word in option)]

    def id(self, number: int) -> str:
        """The id of a row."""
        return self.small.rows[number].id

    def file(self, name: str) -> Path:
        """A file of the set."""
        return self.small.folder / name

    def rewrite(self, change: Callable[[pa.Table], pa.Table]) -> None:
        """Change the Parquet file and nothing else."""
        pq.write_table(change(pq.read_table(self.small.data)), self.small.data)

    def republish(self, change: Callable[[int, Record], Record]) -> None:
        """Change rows, and write all hashes, counts and dvc.lock anew."""
        self.small.publish([change(number, row) for number, row in enumerate(self.small.rows)])
        self.locks()

    def locks(self) -> None:
        """Write a dvc.lock of the set as it is."""
        out = {"path": "data/published/lakes", "md5": folder_hash(self.small.folder)}
        self.lock.write_text(json.dumps({"stages": {"publish@lakes": {"deps": [], "outs": [out]}}}))


@pytest.fixture
def copied(tmp_path: Path) -> Copy:
    own = tmp_path / "prompts"
    own.mkdir()
    hashes = {}
    for path in (SHIPPED / "small").glob("*.txt"):
        text = path.read_text()
        (own / path.name).write_text(f"{text}\n")  # a file that does not come with seqit, for the same requests
        hashes[digest(text, 16)] = digest(f"{text}\n", 16)
    small = make(tmp_path / "made", "small")
    for number, row in enumerate(small.rows):
        steps = (replace(one, prompt=hashes.get(one.prompt, one.prompt)) for one in row.steps)
        small.rows[number] = replace(row, steps=tuple(steps))
    copy = Copy(small, own, tmp_path / "dvc.lock")
    copy.republish(lambda _, row: row)
    return copy


Place = tuple[str, str, str, str]
"""(check, file below the test's folder, row, field)."""
DATA = "made/lakes/data/train.parquet"
KEYS, REQUESTS, OUTPUTS = "reply keys", "requests and keys computed from rows", "outputs rebuilt from replies"


def cell(column: str, value: Callable[[Any], Any]) -> Callable[[Copy], list[Place]]:
    """Change a cell of the third row."""

    def tamper(copy: Copy) -> list[Place]:
        id = copy.small.change(2, lambda row: row.update({column: value(row[column])}))
        return [("row hashes", DATA, id, column), ("rows_sha256", DATA, "", "")]

    return tamper


def in_steps(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [steps[0] | {"status": "rejected"}, *steps[1:]]


def last_step(row: Record, **changes: Any) -> Record:
    last: Step = replace(row.steps[-1], **changes)
    return replace(row, steps=(*row.steps[:-1], last))


def swapped_replies(copy: Copy) -> list[Place]:
    rows = copy.small.rows
    theirs = {0: rows[1].steps[-1].replies, 1: rows[0].steps[-1].replies}
    copy.republish(lambda n, row: last_step(row, replies=theirs[n]) if n in theirs else row)
    wrong = [(REQUESTS, DATA, copy.id(n), "steps[2].replies[0]") for n in theirs]
    return [*wrong, *((OUTPUTS, DATA, copy.id(n), "output") for n in theirs)]


def swapped_outputs(copy: Copy) -> list[Place]:
    texts = {0: copy.small.rows[1].response, 1: copy.small.rows[0].response}
    copy.republish(lambda n, row: replace(row, response=texts.get(n, row.response)))
    return [(OUTPUTS, DATA, copy.id(n), "output") for n in texts]


def edited_prompt(copy: Copy) -> list[Place]:
    path = copy.prompts / "suffix.txt"
    path.write_text(path.read_text() + "\nBe short.\n")
    return [("prompt files", "prompts/suffix.txt", copy.id(0), "steps[0].prompt_sha256")]


def removed_row(copy: Copy) -> list[Place]:
    copy.rewrite(lambda table: table.slice(1))
    provenance = ("counts of provenance.json", "made/lakes/provenance.json", "", "rows")
    return [("row hashes", DATA, copy.id(0), ""), provenance]


def doubled_row(copy: Copy) -> list[Place]:
    copy.rewrite(lambda table: table.take([0, 1, 1, 2, 3]))
    return [("row hashes", DATA, copy.id(1), "")]


def other_order(copy: Copy) -> list[Place]:
    copy.rewrite(lambda table: table.take([0, 2, 1, 3]))
    columns = [name for name in pq.read_schema(copy.small.data).names]
    (wrong,) = {one.field for one in copy.small.verify().checks[1].mismatches}
    assert set(wrong.split(", ")) <= {*columns}
    return [("row hashes", DATA, copy.id(n), wrong) for n in (1, 2)]


def edited_facts(copy: Copy) -> list[Place]:
    path = copy.file("provenance.json")
    facts = json.loads(path.read_text())
    facts["sources"][0][1], facts["languages"] = "CC0-1.0", {"de": 4}
    path.write_text(json.dumps(facts))
    counts = "counts of provenance.json"
    where = "made/lakes/provenance.json"
    return [(counts, where, "", "sources"), (counts, where, copy.id(0), "sources"), (counts, where, "", "languages")]


def edited_row_hashes(copy: Copy) -> list[Place]:
    path = copy.file("rows.sha256")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "0" * 32 + lines[1][32:], *lines[2:]]) + "\n")
    return [("row hashes", "made/lakes/rows.sha256", copy.id(1), "")]


def no_row_hashes(copy: Copy) -> list[Place]:
    copy.file("rows.sha256").unlink()
    return [("row hashes", "made/lakes/rows.sha256", "", "")]


def other_type(copy: Copy) -> list[Place]:
    """The same values, so that every hash is the same."""

    def cast(table: pa.Table) -> pa.Table:
        return table.set_column(table.column_names.index("source_row"), "source_row", table["source_row"].cast("int32"))

    copy.rewrite(cast)
    return [("types of columns", DATA, "", "source_row")]


def texts_for_numbers(copy: Copy) -> list[Place]:
    def cast(table: pa.Table) -> pa.Table:
        return table.set_column(table.column_names.index("tasks"), "tasks", table["tasks"].cast("string"))

    copy.rewrite(cast)
    return [
        ("types of columns", DATA, "", "tasks"),
        *(("row hashes", DATA, row.id, "tasks") for row in copy.small.rows),
    ]


def edited_card(copy: Copy) -> list[Place]:
    path = copy.file("README.md")
    path.write_text(path.read_text().replace("4 rows", "5 rows"))
    return [("numbers of the card", "made/lakes/README.md", "", "")]


def other_lock(copy: Copy) -> list[Place]:
    copy.lock.write_text(copy.lock.read_text().replace(folder_hash(copy.small.folder), "0" * 32 + ".dir"))
    return [("dvc.lock", "dvc.lock", "", "data/published/lakes")]


def edited_source(copy: Copy) -> list[Place]:
    lines = copy.small.corpus.read_text().splitlines()
    copy.small.corpus.write_text("\n".join([lines[0], lines[1].replace("Yes", "No"), *lines[2:]]))
    return [("source rows", DATA, copy.id(1), "source_sha256")]


def forged_reply(copy: Copy) -> list[Place]:
    key = bytes.fromhex(copy.small.rows[1].steps[-1].replies[0])
    body = zlib.compress(msgspec.json.encode(["A forged answer.", "", {}]))
    with Replies(copy.small.store) as store:
        store.database.execute("UPDATE reply SET body = ? WHERE key = ?", (body, key))
    return [(KEYS, DATA, copy.id(1), "steps[2].replies[0]")]


def hidden_cut(copy: Copy) -> list[Place]:
    """A status that the reply does not have."""
    copy.republish(lambda n, row: last_step(row, status="truncated") if n == 1 else row)
    return [(OUTPUTS, DATA, copy.id(1), "steps[2].status")]


WAYS: dict[str, Callable[[Copy], list[Place]]] = {
    "a cell of a flat column": cell("output", lambda text: f"{text} No."),
    "a letter of an instruction": cell("instruction", lambda text: text[:-1] + chr(ord(text[-1]) ^ 1)),
    "a cell of messages": cell("messages", lambda turns: [*turns[:-1], {"role": "assistant", "content": "No."}]),
    "a cell of history": cell("history", lambda _: [{"instruction": "Hi", "response": "Ho"}]),
    "a field of steps": cell("steps", in_steps),
    "replies of two rows swapped, hashes anew": swapped_replies,
    "outputs of two rows swapped, hashes anew": swapped_outputs,
    "an edited prompt file": edited_prompt,
    "a removed row": removed_row,
    "a doubled row": doubled_row,
    "rows in another order": other_order,
    "edited facts": edited_facts,
    "edited row hashes": edited_row_hashes,
    "no row hashes": no_row_hashes,
    "a column of another integer type": other_type,
    "a column of texts for numbers": texts_for_numbers,
    "an edited card": edited_card,
    "another hash in dvc.lock": other_lock,
    "an edited source row": edited_source,
    "a forged reply": forged_reply,
    "another status, hashes anew": hidden_cut,
}


def test_an_untouched_copy_agrees(copied: Copy, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(command, copied.words) == 0
    assert "✗" not in capsys.readouterr().out


@pytest.mark.parametrize("way", WAYS)
def test_a_tampered_copy_is_told_by_file_row_and_field(
    copied: Copy, tmp_path: Path, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    places = WAYS[way](copied)
    assert call(command, [*copied.words, "--json"]) == 1
    checks = {one["name"]: one["mismatches"] for one in json.loads(capsys.readouterr().out)["checks"]}
    for check, file, row, field in places:
        assert (str(tmp_path / file), row, field) in {(m["file"], m["row"], m["field"]) for m in checks[check]}
    assert call(command, copied.words) == 1
    lines = capsys.readouterr().out.splitlines()
    for _, file, row, field in places:
        where = " ".join(filter(None, (str(tmp_path / file), row, field)))
        assert any(line.strip().startswith(f"{where}: ") for line in lines)
