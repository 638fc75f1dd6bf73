"""The door of corpora and benchmarks: files beside each other on success, one line and nothing on a mistake."""

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from ruamel.yaml import YAML
from typer.testing import CliRunner

from stages import jsonl
from stages.benchmarks import Question
from stages.ingest import app
from stages.records import Record, Rejected

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "data" / "seeds", tmp_path / "data" / "seeds")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def ingest(workplace: Path, *words: str) -> Result:
    with contextlib.chdir(workplace):
        return CliRunner().invoke(app, list(words))


def with_corpus(workplace: Path, **changes: Any) -> None:
    yaml = YAML()
    params = yaml.load(workplace / "params.yaml")
    params["ingest"]["corpora"]["seed"].update(changes)
    yaml.dump(params, workplace / "params.yaml")


def made(workplace: Path) -> list[str]:
    found = [p.relative_to(workplace / "data").as_posix() for p in (workplace / "data").rglob("*") if p.is_file()]
    return sorted(name for name in found if not name.startswith("seeds/"))


def metrics(workplace: Path, name: str) -> dict[str, Any]:
    return json.loads((workplace / "data" / "metrics" / "ingest" / f"{name}.json").read_text())


@pytest.mark.parametrize(("name", "rows"), [("seed", 64), ("heldout", 24), ("parallel", 96)])
def test_the_seed_corpora(workplace: Path, name: str, rows: int) -> None:
    result = ingest(workplace, "corpus", name)
    assert result.exit_code == 0, result.output
    assert made(workplace) == [
        f"ingested/{name}.jsonl", f"ingested/{name}.rejected.jsonl", f"metrics/ingest/{name}.json"
    ]  # fmt: skip
    records = list(jsonl.read(workplace / "data" / "ingested" / f"{name}.jsonl", Record))
    assert len(records) == rows == metrics(workplace, name)["kept"]
    assert {r.source.licence for r in records} == {"Apache-2.0"}


@pytest.mark.parametrize(("name", "count"), [("xquad", 48), ("mgsm", 36)])
def test_the_seed_benchmarks(workplace: Path, name: str, count: int) -> None:
    result = ingest(workplace, "benchmark", name)
    assert result.exit_code == 0, result.output
    questions = list(jsonl.read(workplace / "data" / "ingested" / "benchmarks" / f"{name}.jsonl", Question))
    assert len(questions) == count == sum(metrics(workplace, name)["languages"].values())


def test_a_broken_benchmark_is_one_line_and_leaves_nothing(workplace: Path) -> None:
    (workplace / "data" / "seeds" / "xquad" / "xquad.de.json").write_text('{"data": [')
    told_once(ingest(workplace, "benchmark", "xquad"), "xquad.de.json")
    assert made(workplace) == []


def test_a_second_time_writes_the_same_bytes(workplace: Path) -> None:
    path = workplace / "data" / "ingested" / "seed.jsonl"
    ingest(workplace, "corpus", "seed")
    before = path.read_bytes()
    ingest(workplace, "corpus", "seed")
    assert path.read_bytes() == before


def test_a_rejected_row_is_on_disk_with_its_reason(workplace: Path) -> None:
    (workplace / "mine.jsonl").write_text('{"q": "Why?", "a": "So."}\n' * 9 + '{"q": " ", "a": "x"}\n')
    with_corpus(workplace, adapter="own", source="mine.jsonl", fields={"instruction": "q", "response": "a"})
    result = ingest(workplace, "corpus", "seed")
    assert result.exit_code == 0
    said = "seed: 10 rows: 9 kept, 1 rejected (no-instruction 1); see data/ingested/seed.rejected.jsonl"
    assert said in result.output
    (rejected,) = jsonl.read(workplace / "data" / "ingested" / "seed.rejected.jsonl", Rejected)
    assert (rejected.reason, rejected.row) == ("no-instruction", {"q": " ", "a": "x"})
    assert metrics(workplace, "seed")["rejected"] == {"no-instruction": 1}


def test_a_sample_is_as_large_as_it_says(workplace: Path) -> None:
    with_corpus(workplace, sample=10)
    ingest(workplace, "corpus", "seed")
    assert {k: metrics(workplace, "seed")[k] for k in ("read", "kept", "not_sampled")} == {
        "read": 64, "kept": 10, "not_sampled": 54,
    }  # fmt: skip


def test_a_fetched_corpus_carries_its_reference_and_its_files(workplace: Path) -> None:
    folder = workplace / "data" / "fetched" / "mine"
    (folder / "data").mkdir(parents=True)
    (folder / "reference.json").write_text('{"reference": "hub:org/mine@abc"}')
    row = '{"instruction": "I", "input": "", "output": "O"}\n'
    (folder / "data" / "a.jsonl").write_text(row)
    (folder / "data" / "b.jsonl").write_text(row)
    with_corpus(workplace, source="data/fetched/mine")
    assert ingest(workplace, "corpus", "seed").exit_code == 0
    first, second = jsonl.read(workplace / "data" / "ingested" / "seed.jsonl", Record)
    assert first.source.reference == "hub:org/mine@abc#data/a.jsonl"
    assert second.id == f"{first.id}-2"


GOOD_ROW = b'{"instruction": "I", "input": "", "output": "O"}\n'
BAD = [
    ("bad.json", b'[{"input": "x", "output": "y"}]', "bad.json, row 0: no field 'instruction'"),
    ("bad.jsonl", GOOD_ROW + b'{"input": "x", "output": "y"}', "bad.jsonl:2, row 1: no field 'instruction'"),
    ("bad.json", b"not json at all", "bad.json: "),
    ("bad.jsonl", GOOD_ROW + GOOD_ROW[:20], "bad.jsonl:2: "),
    ("bad.json", b'[{"instruction": "\xe9", "input": "", "output": ""}]', "bad.json: not UTF-8 (byte 18)"),
    ("bad.csv", "instruction,input,output\né,,\n".encode("latin-1"), "bad.csv:2: not UTF-8 (byte 0)"),
    ("bad.json", b"[1, 2, 3]", "bad.json, row 0: not an object but 1"),
    ("bad.json", b'{"data": []}', "bad.json, row 0: no field 'instruction'"),
    ("bad.txt", b"hello", "bad.txt: no data in a known kind of file"),
    ("bad.parquet", b"PAR1", "bad.parquet: not a Parquet file"),
    ("bad.jsonl.gz", b"\x1f\x8b\x08", "bad.jsonl.gz: damaged gzip file"),
    ("missing.json", None, "missing.json: no such file"),
    ("empty/", None, "empty: is an empty folder"),
]


@pytest.mark.parametrize(("name", "content", "told"), BAD, ids=lambda value: str(value)[:24])
def test_a_mistake_is_one_line_and_leaves_nothing(workplace: Path, name: str, content: bytes | None, told: str) -> None:
    if name.endswith("/"):
        (workplace / name).mkdir()
    elif content is not None:
        (workplace / name).write_bytes(content)
    with_corpus(workplace, source=name.rstrip("/"))
    told_once(ingest(workplace, "corpus", "seed"), told)
    assert made(workplace) == []


def test_a_mistake_leaves_what_was_there_before(workplace: Path) -> None:
    ingest(workplace, "corpus", "seed")
    before = (workplace / "data" / "ingested" / "seed.jsonl").read_bytes()
    (workplace / "data" / "seeds" / "alpaca.json").write_text('[{"instruction": "I"}]')
    told_once(ingest(workplace, "corpus", "seed"), "row 0: no field 'output'")
    assert (workplace / "data" / "ingested" / "seed.jsonl").read_bytes() == before


MISTAKES = [
    (("corpus", "nothing"), {}, "ingest.corpora has no entry 'nothing'; known are seed, heldout"),
    (("benchmark", "nothing"), {}, "ingest.benchmarks has no entry 'nothing'"),
    (("corpus", "seed"), {"adapter": "nothing"}, "unknown adapter 'nothing'; known are alpaca"),
    (("corpus", "seed"), {"fields": {"instruction": "q"}}, "`fields` is for adapter own"),
    (("corpus", "seed"), {"sample": 0}, "ingest.corpora.seed.sample"),
]


@pytest.mark.parametrize(("words", "changes", "told"), MISTAKES)
def test_a_mistake_in_the_parameters(workplace: Path, words: tuple[str, ...], changes: dict, told: str) -> None:
    with_corpus(workplace, **changes)
    told_once(ingest(workplace, *words), told)
    assert made(workplace) == []


def told_once(result: Result, told: str) -> None:
    assert result.exit_code == 2, result.output
    assert told in result.output
    assert result.output.count("\n") == 1, result.output


def test_the_help_tells_what_is_written(workplace: Path) -> None:
    for command in ("corpus", "benchmark"):
        assert "NAME.rejected.jsonl" in ingest(workplace, command, "--help").output


def with_pictures(workplace: Path, count: int) -> Path:
    """gqa asked about pixels; the folder holds `count` of its six pictures."""
    folder = workplace / "pictures"
    folder.mkdir()
    for number in range(count):
        (folder / f"n30{number + 1}.jpg").write_bytes(b"\xff\xd8\xff" + bytes([number]))
    yaml = YAML()
    params = yaml.load(workplace / "params.yaml")
    params["ingest"]["benchmarks"]["gqa"].update(images="pixels", folder="pictures", sample=None)
    yaml.dump(params, workplace / "params.yaml")
    return folder


def test_questions_about_pictures_name_them_with_their_hash(workplace: Path) -> None:
    folder = with_pictures(workplace, 6)
    assert ingest(workplace, "benchmark", "gqa").exit_code == 0
    questions = list(jsonl.read(workplace / "data/ingested/benchmarks/gqa.jsonl", Question))
    assert len(questions) == 24
    for question in questions:
        (image,) = question.images
        assert image.sha256 == jsonl.sha256(workplace / image.path)
        assert (workplace / image.path).parent == folder
        assert "Image:" not in question.input


def test_a_missing_picture_is_one_line_and_leaves_nothing(workplace: Path) -> None:
    with_pictures(workplace, 5)
    told = "pictures/n306.jpg: no such picture, but question gqa-plain-20306000"
    told_once(ingest(workplace, "benchmark", "gqa"), told)
    assert made(workplace) == []


def test_pictures_beside_the_questions_are_not_read_into_memory(workplace: Path) -> None:
    folder = workplace / "data" / "seeds" / "gqa"
    (folder / "n301.jpg").write_bytes(b"\xff\xd8\xff")
    assert sorted(jsonl.contents(folder)) == ["captions.json", "testdev_balanced_questions.json"]
