"""A repository of several configs: what each part holds, its card, what `datasets` reads, what is refused."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from stages.core.errors import UserError
from stages.core.records import Record, ResponseCheck, Turn, digest
from stages.publishing import parquet
from stages.publishing.dataset import Publication, write_dataset
from stages.publishing.published_rows import TRAINING_TYPES, Row, row
from stages.publishing.repository_configs import CONFIG, ID, ORIGIN_COLUMNS, TYPES, open_config
from stages.publishing.repository_files import RepositoryPublication, write_repository
from stages.response_filter.preference_pairs import PreferencePair
from tests.reporting.examples import asked, record, step, trained

SETS = ("sit", "it", "bench")


def with_history(count: int) -> list[Record]:
    rows = [record(n, step("respond", "respond"), response=f"{n} " * 30) for n in range(count)]
    turns = (Turn("Hi", "Ho"),)
    return [msgspec.structs.replace(row, history=turns if n % 3 == 0 else ()) for n, row in enumerate(rows)]


def pairs() -> list[Any]:
    fields = {name: getattr(trained(1)[0], name) for name in Record.__struct_fields__}
    return [PreferencePair(**fields, declined="Elbe", declined_reason="check")]


def checked() -> list[Record]:
    return [msgspec.structs.replace(row, checks=(ResponseCheck("max_words", {"limit": 9}),)) for row in trained(2)]


def publish(folder: Path, name: str, records: Sequence[Any], form: Any = "rows") -> None:
    """A published set below `folder`."""
    (folder / name).mkdir(parents=True)
    write_dataset(folder / name, Publication(name, "0.1.0", f"sampled/{name}", form), lambda: records)


def repository(folder: Path, configs: Sequence[str] = SETS, **more: Any) -> Path:
    """A repository of the sets below folder/sets."""
    target = folder / "repository"
    target.mkdir()
    what = RepositoryPublication("lakes", "2.0.0", more.pop("default", configs[0]), configs, **more)
    write_repository(target, what, folder / "sets")
    return target


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Of two training sets and a benchmark."""
    publish(tmp_path / "sets", "sit", with_history(700))
    publish(tmp_path / "sets", "it", trained(5))
    publish(tmp_path / "sets", "bench", asked(3))
    return repository(tmp_path)


def rows_of(folder: Path, pattern: str) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.glob(pattern)) for row in pq.read_table(path).to_pylist()]


def front(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])


def every_type() -> list[Any]:
    return [pytest.param(form, type, id=type.__name__) for form, types in TYPES.items() for type in types]


@pytest.mark.parametrize(("form", "type"), every_type())
def test_each_column_is_in_one_part(form: str, type: Any, tmp_path: Path) -> None:
    file = tmp_path / "data/train.parquet"
    file.parent.mkdir()
    pq.write_table(parquet.arrow(type).empty_table(), file)
    publish(tmp_path / "x", "y", trained(1))
    (tmp_path / "rows.sha256").write_text("")
    facts = json.loads((tmp_path / "x/y/provenance.json").read_text()) | {"columns": list(type.__struct_fields__)}
    (tmp_path / "provenance.json").write_text(json.dumps(facts | ({"form": form} if form else {})))
    config = open_config("y", tmp_path)
    assert config.type is type and config.columns[0] == ID
    assert sorted([*config.columns, *config.origin_columns]) == sorted(type.__struct_fields__)
    assert {"source_sha256"} <= set(config.origin_columns) and {"language", "licence"} <= set(config.columns)


def test_origin_columns_are_columns_of_rows() -> None:
    assert set(ORIGIN_COLUMNS) < set(TRAINING_TYPES[False, False].__struct_fields__)


def test_rows_joined_with_their_origin_are_those_of_the_sets(made: Path, tmp_path: Path) -> None:
    for name in SETS:
        published = rows_of(tmp_path / "sets" / name, "data/*.parquet")
        own, origin = rows_of(made, f"data/{name}/*.parquet"), rows_of(made, f"data/provenance/{name}/*.parquet")
        columns = list(published[0])
        assert [{key: (more | row)[key] for key in columns} for row, more in zip(own, origin, strict=True)] == published
        assert {row[CONFIG] for row in origin} == {name} and [row[ID] for row in own] == [row[ID] for row in origin]
        assert set(own[0]) & set(origin[0]) == {ID}
    assert (made / "data/sit/rows.sha256").read_bytes() == (tmp_path / "sets/sit/rows.sha256").read_bytes()


def test_groups_are_those_of_the_set_and_parts_are_written_in_several_files(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = [pq.ParquetFile(made / f"data/{part}/train.parquet").num_row_groups for part in ("sit", "provenance/sit")]
    assert group == [pq.ParquetFile(tmp_path / "sets/sit/data/train.parquet").num_row_groups] * 2 and group[0] > 1
    monkeypatch.setattr(parquet.write_tables, "__defaults__", (1,))
    (tmp_path / "sharded").mkdir()
    (tmp_path / "sharded/sets").symlink_to(tmp_path / "sets")
    sharded = repository(tmp_path / "sharded")
    for part in ("sit", "provenance/sit"):
        assert len(list((sharded / "data" / part).glob("train-*.parquet"))) == group[0]
        assert rows_of(sharded, f"data/{part}/*.parquet") == rows_of(made, f"data/{part}/*.parquet")
    paths = {one["config_name"]: one["data_files"] for one in front(sharded)["configs"]}
    assert paths["sit"] == [{"split": "train", "path": "data/sit/train-*.parquet"}]
    assert "data/provenance/sit/train-*.parquet" in paths["provenance"][0]["path"]


def test_the_front_matter_names_each_config_and_one_default(made: Path) -> None:
    told = front(made)
    assert [one["config_name"] for one in told["configs"]] == [*SETS, "provenance"]
    assert [one["config_name"] for one in told["configs"] if one.get("default")] == ["sit"]
    splits = {one["config_name"]: {each["split"] for each in one["data_files"]} for one in told["configs"]}
    assert splits == {"sit": {"train"}, "it": {"train"}, "bench": {"test"}, "provenance": {"train", "test"}}
    for info in told["dataset_info"]:
        (entry,) = (one for one in told["configs"] if one["config_name"] == info["config_name"])
        for split, counted in zip(entry["data_files"], info["splits"], strict=True):
            paths = [split["path"]] if isinstance(split["path"], str) else split["path"]
            tables = [pq.read_table(made / path) for path in paths]
            assert counted["name"] == split["split"]
            assert counted["num_examples"] == sum(table.num_rows for table in tables)
            assert all([one["name"] for one in info["features"]] == table.column_names for table in tables)
    assert told["size_categories"] == ["n<1K"] and "arxiv:2403.07794" in told["tags"]


def test_the_card_tells_each_config_and_column(made: Path) -> None:
    card, facts = (made / "README.md").read_text(), json.loads((made / "provenance.json").read_text())
    for name, one in facts["configs"].items():
        shown = f"`{name}` (default)" if name == "sit" else f"`{name}`"
        assert f"| {shown} | {one['split']} | {one['rows']:,} rows |" in card and f"| `{one['rows_sha256']}` |" in card
    columns = {name for path in made.rglob("*.parquet") for name in pq.read_schema(path).names} - {CONFIG}
    told = card.partition("## Columns\n")[2].partition("\n## ")[0]
    assert all(f"`{name}`" in told for name in columns)
    assert 'load_dataset("data/repositories/lakes", split="train")  # the default config, sit' in card
    assert "| `bench` | rewrite | 1 | suffix | ok | 3 |" in card


def test_the_facts_of_all_are_those_of_each(made: Path) -> None:
    facts = json.loads((made / "provenance.json").read_text())
    assert facts["rows"] == 708 and facts["default"] == "sit"
    assert facts["rows_sha256"] == digest({name: one["rows_sha256"] for name, one in facts["configs"].items()})
    assert facts["licence"] == "apache-2.0"


def test_licences_of_all_configs_count(tmp_path: Path) -> None:
    publish(tmp_path / "sets", "sit", trained(1))
    publish(tmp_path / "sets", "other", [record(0, licence="Acme-1")])
    made = repository(tmp_path, ("sit", "other"))
    assert front(made)["license"] == "other" and "`Acme-1`" in (made / "LICENSE.md").read_text()


def test_the_same_sets_make_the_same_files(made: Path, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    (tmp_path / "again/sets").symlink_to(tmp_path / "sets")
    again = repository(tmp_path / "again")
    files = sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file())
    assert len(files) == 13
    assert [(again / path).read_bytes() for path in files] == [(made / path).read_bytes() for path in files]


def test_pairs_and_prompts_keep_their_columns(tmp_path: Path) -> None:
    forms: dict[str, tuple[Any, str]] = {
        "sit": (trained(2), "rows"), "pairs": (pairs(), "preference"), "grpo": (checked(), "grpo"),
        "rlvr": (checked(), "rlvr"),
    }  # fmt: skip
    for name, (records, form) in forms.items():
        publish(tmp_path / "sets", name, records, form)
    made = repository(tmp_path, tuple(forms), default="pairs")
    assert set(rows_of(made, "data/pairs/*.parquet")[0]) == {
        "id", "prompt", "chosen", "rejected", "reason", "language", "licence",
    }  # fmt: skip
    assert {"prompt", "checks"} < set(rows_of(made, "data/grpo/*.parquet")[0])
    (origin,) = rows_of(made, "data/provenance/pairs/*.parquet")
    assert origin["source_sha256"] == trained(1)[0].source.sha256
    assert origin["steps"] is None and origin["source_row"] is None
    assert [one["config_name"] for one in front(made)["configs"] if one.get("default")] == ["pairs"]
    assert "preference pairs" in (made / "README.md").read_text()


def test_datasets_reads_each_config_whole_and_as_a_stream(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datasets import get_dataset_config_names, load_dataset

    def loaded(*name: str, split: str = "train", streaming: bool = False) -> list[dict[str, Any]]:
        return list(load_dataset(str(made), *name, split=split, streaming=streaming, cache_dir=str(tmp_path / "cache")))

    assert get_dataset_config_names(str(made)) == [*SETS, "provenance"]
    assert loaded() == rows_of(made, "data/sit/*.parquet")
    assert loaded("it", streaming=True) == rows_of(made, "data/it/*.parquet")
    assert loaded("bench", split="test") == rows_of(made, "data/bench/*.parquet")
    origin = loaded("provenance")
    assert [row for row in origin if row[CONFIG] == "it"] == rows_of(made, "data/provenance/it/*.parquet")
    assert len(origin) == 705


def removed(folder: Path) -> None:
    for path in folder.rglob("*.parquet"):
        path.unlink()


def older(folder: Path) -> None:
    facts = json.loads((folder / "provenance.json").read_text())
    facts["columns"].remove("messages")
    (folder / "provenance.json").write_text(json.dumps(facts))


def other_columns(folder: Path) -> None:
    pq.write_table(pa.table({"id": ["a"]}), folder / "data/train.parquet")


def cut(folder: Path) -> None:
    path = folder / "data/train.parquet"
    path.write_bytes(path.read_bytes()[:-9])


MISSING, ANOTHER = "holds no published set; run `seqit publish it` first", "no set as this version writes it"
CASES: list[tuple[Callable[[Path], None], str]] = [
    (removed, MISSING), (lambda folder: (folder / "provenance.json").unlink(), MISSING), (older, ANOTHER),
    (other_columns, ANOTHER), (cut, ANOTHER), (lambda folder: (folder / "rows.sha256").unlink(), ANOTHER),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "told"), CASES)
def test_a_set_that_is_not_there_or_of_another_version_is_one_line(
    damage: Callable[[Path], None], told: str, tmp_path: Path
) -> None:
    publish(tmp_path / "sets", "it", trained(2))
    damage(tmp_path / "sets/it")
    with pytest.raises(UserError) as error:
        repository(tmp_path, ("it",))
    assert told in str(error.value) and str(tmp_path / "sets/it") in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("expected", "rows"), [(0, 512), (1, 64), (300, 64), (3_000, 128), (20_000, 256), (10**6, 2048), (10**9, 2048)]
)
def test_groups_grow_with_the_root_of_the_rows(expected: int, rows: int) -> None:
    assert parquet.group_rows(expected) == rows


def test_no_group_changes_those_behind_it(tmp_path: Path) -> None:
    """Arrow's content-defined pages did: they keep their state from one group to the next."""
    *rows, extra = [row(each, Row) for each in with_history(2_001)]
    groups = []
    for name, each in (("before", rows), ("after", [*rows[:700], extra, *rows[700:]])):
        parquet.write(tmp_path / name, "train", each, Row, expected=2_000)
        groups.append(chunk_bytes(tmp_path / name / "data/train.parquet"))
    before, after = groups
    assert len(before) > 10 and sum(group not in before for group in after) <= 2


def chunk_bytes(path: Path) -> list[bytes]:
    """The bytes of each row group."""
    data, metadata, found = path.read_bytes(), pq.ParquetFile(path).metadata, []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        columns = [group.column(place) for place in range(group.num_columns)]
        starts = [one.dictionary_page_offset or one.data_page_offset for one in columns]
        ends = [start + one.total_compressed_size for start, one in zip(starts, columns, strict=True)]
        found.append(data[min(starts) : max(ends)])
    return found
