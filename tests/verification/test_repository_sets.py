"""`seqit verify` on a repository: each config is joined with its origin, and each tampering is found and named."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import verify as command
from stages.core.cli import call
from stages.core.errors import UserError
from stages.publishing import parquet
from stages.publishing.dataset import Publication, write_dataset
from stages.publishing.repository_files import RepositoryPublication, write_repository
from stages.verification import repository_sets
from stages.verification.check_results import CheckLog, Mismatch, merged
from stages.verification.origin_checks import folder_hash
from stages.verification.repository_sets import _Ahead
from stages.verification.verify_set import Evidence, Verification, verify_set
from tests.reporting.examples import asked
from tests.verification.small_set import SEED, SHIPPED, SmallSet, compared, differing, make

JOINED = "rows joined with the config provenance"
SLIM, ORIGIN = "data/lakes/train.parquet", "data/provenance/lakes/train.parquet"


@dataclass(frozen=True)
class Repository:
    """A repository with two configs: rows with replies, and a benchmark."""

    folder: Path
    small: SmallSet

    def verify(self, **more: Any) -> Verification:
        evidence = {"corpora": [f"path:data/alpaca.jsonl={self.small.corpus}"], "replies": self.small.store} | more
        return verify_set(self.folder, Evidence(shipped=SHIPPED, **evidence))

    def change(self, file: str, change: Callable[[list[dict[str, Any]]], Any]) -> None:
        """Change the rows of a Parquet file and nothing else."""
        table = pq.read_table(self.folder / file)
        rows = table.to_pylist()
        change(rows)
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), self.folder / file)

    def edit(self, change: Callable[[dict[str, Any]], Any]) -> None:
        """Change provenance.json."""
        path = self.folder / "provenance.json"
        facts = json.loads(path.read_text())
        change(facts)
        path.write_text(json.dumps(facts))


@pytest.fixture
def made(tmp_path: Path) -> Repository:
    small, bench = make(tmp_path / "sets"), tmp_path / "sets/bench"
    bench.mkdir()
    write_dataset(bench, Publication("bench", "1.0.0", "sampled/bench", seed=SEED), lambda: asked(3))
    folder = tmp_path / "repository"
    folder.mkdir()
    write_repository(folder, RepositoryPublication("waters", "2.0.0", "lakes", ("lakes", "bench")), tmp_path / "sets")
    return Repository(folder, small)


def test_what_was_published_agrees_with_everything(made: Repository) -> None:
    result, alone = made.verify(), compared(made.small.verify())
    assert differing(result) == {}
    counts = compared(result)
    assert counts[JOINED] == counts["row hashes"] == 7 and counts["rows_sha256"] == 2
    for name in ("reply keys", "requests and keys computed from rows", "outputs rebuilt from replies", "source rows"):
        assert counts[name] == alone[name] > 0, name
    assert counts["facts of the repository"] == 7


def cell(file: str, number: int, column: str, value: Any) -> Callable[[Repository], None]:
    return lambda made: made.change(file, lambda rows: rows[number].update({column: value}))


def step_cell(made: Repository) -> None:
    made.change(ORIGIN, lambda rows: rows[1]["steps"][0].update(status="rejected"))


def exchanged(file: str) -> Callable[[Repository], None]:
    return lambda made: made.change(file, lambda rows: rows.insert(0, rows.pop()))


def config_of(facts: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = facts["configs"]["lakes"]
    return config


TAMPERED: dict[str, tuple[Callable[[Repository], Any], str, str, str]] = {
    "output": (cell(SLIM, 2, "output", "Forged."), "row hashes", SLIM, "output"),
    "messages": (cell(SLIM, 2, "messages", []), "messages built of the other columns", SLIM, "messages"),
    "licence": (cell(SLIM, 1, "licence", "MIT-0"), "row hashes", SLIM, "licence"),
    "source row": (cell(ORIGIN, 1, "source_row", 3), "source rows", ORIGIN, "source_row"),
    "source hash": (
        cell(ORIGIN, 1, "source_sha256", "0" * 64), "hash of the source within the id", ORIGIN, "source_sha256",
    ),
    "step": (step_cell, "row hashes", ORIGIN, "steps"),
    "reply": (cell(ORIGIN, 1, "reply", "0" * 64), "reply keys", ORIGIN, "reply"),
    "removed row": (lambda made: made.change(SLIM, lambda rows: rows.pop(1)), JOINED, ORIGIN, ""),
    "removed origin": (lambda made: made.change(ORIGIN, lambda rows: rows.pop(1)), JOINED, SLIM, ""),
    "doubled row": (lambda made: made.change(SLIM, lambda rows: rows.insert(1, rows[0])), JOINED, SLIM, ""),
    "another config's origin": (cell(ORIGIN, 1, "config", "bench"), JOINED, ORIGIN, "config"),
    "another id": (cell(SLIM, 1, "id", "lakes-0123456789abcdef"), JOINED, SLIM, ""),
    "order": (exchanged(SLIM), "row hashes", SLIM, "id"),
    "order of origins": (exchanged(ORIGIN), JOINED, ORIGIN, ""),
    "rows.sha256": (
        lambda made: (made.folder / "data/lakes/rows.sha256").unlink(), "row hashes", "data/lakes/rows.sha256", "",
    ),
    "a file of no config": (
        lambda made: (made.folder / "data/extra.parquet").write_bytes((made.folder / SLIM).read_bytes()),
        "facts of the repository", "data/extra.parquet", "",
    ),
    "number of rows": (
        lambda made: made.edit(lambda facts: facts.update(rows=9)), "facts of the repository", "provenance.json",
        "rows",
    ),
    "hash of all": (
        lambda made: made.edit(lambda facts: facts.update(rows_sha256="0" * 64)), "facts of the repository",
        "provenance.json", "rows_sha256",
    ),
    "default": (
        lambda made: made.edit(lambda facts: facts.update(default="none")), "facts of the repository",
        "provenance.json", "default",
    ),
    "hash of a config": (
        lambda made: made.edit(lambda facts: config_of(facts).update(rows_sha256="0" * 64)), "rows_sha256", SLIM, "",
    ),
    "languages": (
        lambda made: made.edit(lambda facts: config_of(facts)["languages"].update(de=1)), "counts of provenance.json",
        "provenance.json", "languages",
    ),
    "card": (lambda made: (made.folder / "README.md").write_text("# Waters\n"), "numbers of the card", "README.md", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampering_is_named_by_file_and_column(made: Repository, name: str) -> None:
    tamper, check, file, field = TAMPERED[name]
    tamper(made)
    found = differing(made.verify())[check]
    assert str(made.folder / file) in {one.file for one in found if field in one.field.split(", ")}


def test_the_exit_status_tells(made: Repository) -> None:
    words = [str(made.folder), "--replies", str(made.small.store)]
    assert call(command, words) == 0
    cell(SLIM, 0, "input", "x")(made)
    assert call(command, words) == 1


def test_a_part_of_a_repository_and_one_that_is_not_whole_are_refused(made: Repository) -> None:
    for file in (SLIM, ORIGIN):
        with pytest.raises(UserError, match="is a part of the repository"):
            verify_set(made.folder / file, Evidence())
    (made.folder / ORIGIN).unlink()
    with pytest.raises(UserError, match=r"provenance/lakes: holds no \.parquet file; the repository is not whole"):
        made.verify()


@pytest.mark.parametrize(("file", "column"), [(SLIM, "system_prompt"), (ORIGIN, "steps"), (ORIGIN, "config")])
def test_a_file_that_lacks_a_column_or_is_damaged_is_one_line(made: Repository, file: str, column: str) -> None:
    path = made.folder / file
    pq.write_table(pq.read_table(path).drop_columns(column), path)
    with pytest.raises(UserError, match=rf"{file}: lacks the column {column}, which the config lakes has"):
        made.verify()
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(UserError, match=f"{file}: not a Parquet file, or a damaged one"):
        made.verify()


def test_a_file_of_a_config_alone_is_compared_and_one_of_origins_is_refused(made: Repository, tmp_path: Path) -> None:
    (alone := tmp_path / "alone.parquet").write_bytes((made.folder / SLIM).read_bytes())
    assert differing(verify_set(alone, Evidence(shipped=SHIPPED))) == {}
    alone.write_bytes((made.folder / ORIGIN).read_bytes())
    with pytest.raises(UserError, match="has only the origin of rows; name the folder of the repository"):
        verify_set(alone, Evidence(shipped=SHIPPED))


def test_a_config_of_several_files_is_compared_whole(
    made: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "LARGEST_GROUP", 1)
    monkeypatch.setattr(parquet.write_tables, "__defaults__", (1,))
    monkeypatch.setattr(parquet.write, "__defaults__", (1, 0))
    made.small.publish(made.small.rows)
    (folder := tmp_path / "sharded").mkdir()
    write_repository(folder, RepositoryPublication("waters", "2.0.0", "lakes", ("lakes",)), tmp_path / "sets")
    assert len(list(folder.glob("data/provenance/lakes/*.parquet"))) == 4
    result = Repository(folder, made.small).verify()
    assert differing(result) == {} and compared(result)[JOINED] == 4


def test_the_folder_is_compared_with_dvc_lock_once(made: Repository, tmp_path: Path) -> None:
    lock = tmp_path / "dvc.lock"
    out = {"path": "data/repositories/waters", "md5": folder_hash(made.folder)}
    run = {"deps": [{"path": "data/responded/lakes/2.jsonl"}], "outs": [{"path": "models/lakes"}]}
    lock.write_text(json.dumps({"stages": {"publish_repository@waters": {"outs": [out]}, "train@lakes": run}}))
    result = made.verify(lock=lock)
    assert compared(result)["dvc.lock"] == 1 and result.models == ["models/lakes"]
    (made.folder / "more.txt").write_text("x")
    assert [one.field for one in differing(made.verify(lock=lock))["dvc.lock"]] == ["data/repositories/waters"]


IDS = st.lists(st.sampled_from("abcdefgh"), max_size=12)


@given(IDS, IDS)
def test_rows_meet_their_origin_whatever_is_missing(own: list[str], origins: list[str]) -> None:
    ahead = _Ahead({"id": id, "place": place} for place, id in enumerate(origins))
    taken = [ahead.take(id) for id in own]
    for id in set(own) | set(origins):
        places = [place for place, one in enumerate(origins) if one == id]
        met = [row["place"] for row, one in zip(taken, own, strict=True) if one == id and row is not None]
        assert met == places[: own.count(id)]
    assert sorted([*(row["id"] for row in taken if row), *ahead.left()]) == sorted(origins)


def test_few_rows_are_kept_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository_sets, "AHEAD", 3)
    read = []

    def origins() -> Any:
        for number in range(100):
            read.append(number)
            yield {"id": str(number)}

    ahead = _Ahead(origins())
    assert ahead.take("none") is None and len(read) == 3
    assert [ahead.take(str(number)) for number in range(5)] == [{"id": str(number)} for number in range(5)]
    assert len(read) < 10


def test_outcomes_of_several_sets_are_one(made: Repository) -> None:
    first, second, other = CheckLog("a", "rows"), CheckLog("a", "rows"), CheckLog("b", "rows")
    first.agrees(2)
    first.skip("why", 3)
    second.differs("f", "r", "c", "m")
    second.skip("why", 4)
    one, two = merged([first.result(), other.result(), second.result()])
    assert (one.name, one.compared, one.unchecked, two.name) == ("a", 3, {"why": 7}, "b")
    assert one.mismatches == [Mismatch("f", "r", "c", "m")]
