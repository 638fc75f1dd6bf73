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

from stages.core import artifacts
from stages.core.records import Record, Rejected
from stages.evaluation.benchmarks.questions import Question
from stages.ingest import app

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "data" / "seeds", tmp_path / "data" / "seeds")
    shutil.copy(ROOT / "stages/profiles/full.yaml", tmp_path / "params.yaml")
    return tmp_path


def ingest(workplace: Path, *words: str) -> Result:
    with contextlib.chdir(workplace):
        return CliRunner().invoke(app, list(words))


def whole(workplace: Path, kind: str, name: str) -> None:
    """Change params.yaml so that all rows of an entry are read."""
    yaml = YAML()
    params = yaml.load(workplace / "params.yaml")
    params["ingest"][kind][name]["sample"] = None
    yaml.dump(params, workplace / "params.yaml")


def with_corpus(workplace: Path, **changes: Any) -> None:
    yaml = YAML()
    params = yaml.load(workplace / "params.yaml")
    params["ingest"]["corpora"]["seed"].update(changes)
    yaml.dump(params, workplace / "params.yaml")


def made(workplace: Path) -> list[str]:
    names = [p.relative_to(workplace / "data").as_posix() for p in (workplace / "data").rglob("*") if p.is_file()]
    return sorted(name for name in names if not name.startswith("seeds/"))


def metrics(workplace: Path, name: str) -> dict[str, Any]:
    return json.loads((workplace / "data" / "metrics" / "ingest" / f"{name}.json").read_text())


@pytest.mark.parametrize(("name", "rows"), [("seed", 289), ("heldout", 106), ("parallel", 372)])
def test_the_seed_corpora(workplace: Path, name: str, rows: int) -> None:
    whole(workplace, "corpora", name)
    result = ingest(workplace, "corpus", name)
    assert result.exit_code == 0, result.output
    assert made(workplace) == [
        f"ingested/{name}.jsonl", f"ingested/{name}.rejected.jsonl", f"metrics/ingest/{name}.json"
    ]  # fmt: skip
    records = list(artifacts.read(workplace / "data" / "ingested" / f"{name}.jsonl", Record))
    assert len(records) == rows == metrics(workplace, name)["kept"]
    assert {r.source.licence for r in records} == {"Apache-2.0"}


@pytest.mark.parametrize(("name", "count"), [("xquad", 408), ("mgsm", 321), ("commonsenseqa", 306)])
def test_the_seed_benchmarks(workplace: Path, name: str, count: int) -> None:
    whole(workplace, "benchmarks", name)
    result = ingest(workplace, "benchmark", name)
    assert result.exit_code == 0, result.output
    questions = list(artifacts.read(workplace / "data" / "ingested" / "benchmarks" / f"{name}.jsonl", Question))
    assert len(questions) == count == sum(metrics(workplace, name)["languages"].values())


def test_a_broken_benchmark_is_one_line_and_leaves_nothing(workplace: Path) -> None:
    (workplace / "data" / "seeds" / "xquad" / "xquad.de.json").write_text('{"data": [')
    fails_with_one_line(ingest(workplace, "benchmark", "xquad"), "xquad.de.json")
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
    line = "seed: 10 rows: 9 kept, 1 rejected (no-instruction 1); see data/ingested/seed.rejected.jsonl"
    assert line in result.output
    (rejected,) = artifacts.read(workplace / "data" / "ingested" / "seed.rejected.jsonl", Rejected)
    assert (rejected.reason, rejected.row) == ("no-instruction", {"q": " ", "a": "x"})
    assert metrics(workplace, "seed")["rejected"] == {"no-instruction": 1}


def test_a_sample_is_as_large_as_it_says(workplace: Path) -> None:
    with_corpus(workplace, sample=10)
    ingest(workplace, "corpus", "seed")
    assert {k: metrics(workplace, "seed")[k] for k in ("read", "kept", "not_sampled")} == {
        "read": 289, "kept": 10, "not_sampled": 279,
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
    first, second = artifacts.read(workplace / "data" / "ingested" / "seed.jsonl", Record)
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


@pytest.mark.parametrize(("name", "content", "message"), BAD, ids=lambda value: str(value)[:24])
def test_a_mistake_is_one_line_and_leaves_nothing(
    workplace: Path, name: str, content: bytes | None, message: str
) -> None:
    if name.endswith("/"):
        (workplace / name).mkdir()
    elif content is not None:
        (workplace / name).write_bytes(content)
    with_corpus(workplace, source=name.rstrip("/"))
    fails_with_one_line(ingest(workplace, "corpus", "seed"), message)
    assert made(workplace) == []


def test_a_mistake_leaves_what_was_there_before(workplace: Path) -> None:
    ingest(workplace, "corpus", "seed")
    before = (workplace / "data" / "ingested" / "seed.jsonl").read_bytes()
    (workplace / "data" / "seeds" / "alpaca.json").write_text('[{"instruction": "I"}]')
    fails_with_one_line(ingest(workplace, "corpus", "seed"), "row 0: no field 'output'")
    assert (workplace / "data" / "ingested" / "seed.jsonl").read_bytes() == before


MISTAKES = [
    (("corpus", "nothing"), {}, "ingest.corpora has no entry 'nothing'; known are seed, heldout"),
    (("benchmark", "nothing"), {}, "ingest.benchmarks has no entry 'nothing'"),
    (("corpus", "seed"), {"adapter": "nothing"}, "unknown adapter 'nothing'; known are alpaca"),
    (("corpus", "seed"), {"fields": {"instruction": "q"}}, "`fields` is for adapter own"),
    (("corpus", "seed"), {"sample": 0}, "ingest.corpora.seed.sample"),
]


@pytest.mark.parametrize(("words", "changes", "message"), MISTAKES)
def test_a_mistake_in_the_parameters(workplace: Path, words: tuple[str, ...], changes: dict, message: str) -> None:
    with_corpus(workplace, **changes)
    fails_with_one_line(ingest(workplace, *words), message)
    assert made(workplace) == []


def fails_with_one_line(result: Result, message: str) -> None:
    assert result.exit_code == 2, result.output
    assert message in result.output
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
    questions = list(artifacts.read(workplace / "data/ingested/benchmarks/gqa.jsonl", Question))
    assert len(questions) == 24
    for question in questions:
        (image,) = question.images
        assert image.sha256 == artifacts.sha256(workplace / image.path)
        assert (workplace / image.path).parent == folder
        assert "Image:" not in question.input


def test_a_missing_picture_is_one_line_and_leaves_nothing(workplace: Path) -> None:
    with_pictures(workplace, 5)
    message = "pictures/n306.jpg: no such picture, but question gqa-plain-20306000"
    fails_with_one_line(ingest(workplace, "benchmark", "gqa"), message)
    assert made(workplace) == []


def test_pictures_beside_the_questions_are_not_read_into_memory(workplace: Path) -> None:
    folder = workplace / "data" / "seeds" / "gqa"
    (folder / "n301.jpg").write_bytes(b"\xff\xd8\xff")
    assert sorted(artifacts.contents(folder)) == ["captions.json", "testdev_balanced_questions.json"]


def with_entry(workplace: Path, section: str, name: str, **changes: Any) -> None:
    yaml = YAML()
    params = yaml.load(workplace / "params.yaml")
    params["ingest"][section][name].update(changes)
    yaml.dump(params, workplace / "params.yaml")


def chats(*roles: str) -> str:
    turns = (
        [{"role": role, "content": f"{role} {n}"} for role in ("user", kind)] for n, kind in enumerate(roles)
    )  # fmt: skip
    return "".join(json.dumps({"messages": messages}) + "\n" for messages in turns)


def test_more_rejected_rows_than_allowed_stop_the_run_and_leave_nothing(workplace: Path) -> None:
    (workplace / "mine.jsonl").write_text(chats(*["assistant"] * 8, "narrator", "tool"))
    with_corpus(workplace, adapter="chat", source="mine.jsonl")
    message = (
        "seed: 2 of 10 rows can't be used (unknown-role 1, tool-use 1), more than the share 0.1 of "
        "validate.max_quarantined; the first: unknown-role: mine.jsonl:9, row 8, message 1: 'narrator'; mend them"
    )
    fails_with_one_line(ingest(workplace, "corpus", "seed"), message)
    assert made(workplace) == []
    (workplace / "mine.jsonl").write_text(chats(*["assistant"] * 9, "narrator"))
    result = ingest(workplace, "corpus", "seed")
    assert result.exit_code == 0 and "seed: 10 rows: 9 kept, 1 rejected (unknown-role 1)" in result.output


def test_a_sample_does_not_hide_how_many_rows_are_rejected(workplace: Path) -> None:
    (workplace / "mine.jsonl").write_text(chats(*["assistant"] * 50, *["narrator"] * 5))
    with_corpus(workplace, adapter="chat", source="mine.jsonl", sample=2)
    result = ingest(workplace, "corpus", "seed")
    assert result.exit_code == 0, result.output
    assert "seed: 55 rows: 2 kept, 5 rejected (unknown-role 5), 48 left out (not in the sample 48)" in result.output


def test_rows_that_nobody_looked_for_count_for_no_limit(workplace: Path) -> None:
    rows = [
        {"id": f"{kind}.{n}", "question": "Q?", "response": "R", "system_prompt": ""}
        for n in range(3)
        for kind in ("cot", "flan")
    ]
    (workplace / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with_corpus(workplace, adapter="flan_cot", source="mine.jsonl")
    result = ingest(workplace, "corpus", "seed")
    assert result.exit_code == 0 and "3 rejected (other-subset 3)" in result.output


def test_rejected_questions_are_told_and_limited_too(workplace: Path) -> None:
    rows = [{"instruction": f"Do {n}.", "iteration": 1} for n in range(19)] + [{"instruction": "", "iteration": 1}]
    (workplace / "seq.json").write_text(json.dumps(rows))
    with_entry(workplace, "benchmarks", "seqeval", source="seq.json")
    result = ingest(workplace, "benchmark", "seqeval")
    assert result.exit_code == 0, result.output
    line = "seqeval: 20 questions: 19 kept, 1 rejected (empty 1); see data/ingested/benchmarks/seqeval.rejected.jsonl"
    assert line in result.output
    (workplace / "seq.json").write_text(json.dumps(rows[16:]))
    for path in made(workplace):
        (workplace / "data" / path).unlink()
    fails_with_one_line(ingest(workplace, "benchmark", "seqeval"), "seqeval: 1 of 4 rows can't be used (empty 1)")
    assert made(workplace) == []


def test_pictures_without_captions_are_limited_too(workplace: Path) -> None:
    folder = workplace / "data" / "seeds" / "gqa"
    captions = json.loads((folder / "captions.json").read_text())
    images = sorted({row["image_id"] for row in captions["annotations"]})
    captions["annotations"] = [row for row in captions["annotations"] if row["image_id"] in images[:3]]
    (folder / "captions.json").write_text(json.dumps(captions))
    fails_with_one_line(ingest(workplace, "benchmark", "gqa"), "rows can't be used (no-caption")
    assert made(workplace) == []


def test_a_folder_is_read_by_its_splits_and_says_what_was_left_out(workplace: Path) -> None:
    folder = workplace / "mine"
    folder.mkdir()
    for name in ("train", "test", "dev"):
        (folder / f"{name}.jsonl").write_text(
            json.dumps({"instruction": f"I {name}", "input": "", "output": "O"}) + "\n"
        )
    (folder / "dataset_infos.json").write_text("{}")
    with_corpus(workplace, source="mine")

    def instructions() -> list[str]:
        path = workplace / "data" / "ingested" / "seed.jsonl"
        return sorted(record.instruction for record in artifacts.read(path, Record))

    result = ingest(workplace, "corpus", "seed")
    assert "mine: files read: 1 (train), left out: 2 (dev and test)" in result.output
    assert instructions() == ["I train"]
    choices: list[tuple[dict[str, Any], list[str]]] = [
        ({"split": "validation"}, ["I dev"]), ({"split": "train+test"}, ["I test", "I train"]),
        ({"split": None, "files": ["dev.jsonl", "test.jsonl"]}, ["I dev", "I test"]),
        ({"files": "*.jsonl"}, ["I train"]),
    ]  # fmt: skip
    for changes, expected in choices:
        with_corpus(workplace, **changes)
        assert ingest(workplace, "corpus", "seed").exit_code == 0
        assert instructions() == expected
    with_corpus(workplace, files="*.csv")
    fails_with_one_line(ingest(workplace, "corpus", "seed"), "mine: no file of data matches '*.csv' of `files:`")
    with_corpus(workplace, source="mine/train.jsonl")
    fails_with_one_line(
        ingest(workplace, "corpus", "seed"), "mine/train.jsonl: is one file; split, config and files choose among"
    )


@pytest.mark.parametrize(
    "changes", [{"files": []}, {"files": ["a", "a"]}, {"split": 3}, {"split": "a\nb"}, {"splits": "x"}]
)
def test_a_choice_of_another_type_is_named_by_its_path(workplace: Path, changes: dict[str, Any]) -> None:
    with_corpus(workplace, **changes)
    fails_with_one_line(ingest(workplace, "corpus", "seed"), f"ingest.corpora.seed.{next(iter(changes))}")


@pytest.mark.parametrize(("sample", "last"), [(None, "done in "), (289, "done in "), (290, "warning: ")])
def test_a_sample_larger_than_the_corpus_is_the_last_line(workplace: Path, sample: int | None, last: str) -> None:
    with_corpus(workplace, sample=sample)
    message = ingest(workplace, "corpus", "seed").stderr.splitlines()[-1].partition(": ")[2]
    assert message.startswith(last)
    assert last == "done in " or message == "warning: wanted a sample of 290 rows, there are 289"


def test_a_sample_larger_than_the_benchmark_is_the_last_line(workplace: Path) -> None:
    yaml = YAML()
    params = yaml.load(workplace / "params.yaml")
    params["ingest"]["benchmarks"]["xquad"]["sample"] = 1000
    params["ingest"]["benchmarks"]["commonsenseqa"] |= {"sample": None, "first": 2000}
    yaml.dump(params, workplace / "params.yaml")
    for name in ("xquad", "commonsenseqa"):
        message = ingest(workplace, "benchmark", name).stderr.splitlines()[-1].partition(": ")[2]
        number = 1000 if name == "xquad" else 2000
        assert message.startswith(f"warning: wanted {number:,} questions of {name}, there are ")
    assert "warning" not in ingest(workplace, "benchmark", "mgsm").stderr
