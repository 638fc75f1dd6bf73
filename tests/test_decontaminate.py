"""index_benchmarks and decontaminate: files beside each other on success, one line and nothing on a mistake."""

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from click.testing import Result
from ruamel.yaml import YAML
from typer.testing import CliRunner

from stages import index_benchmarks
from stages.core import artifacts
from stages.core.cli import reports_errors
from stages.core.records import Record, Rejected, Source
from stages.decontaminate import decontaminate
from stages.evaluation.benchmarks.questions import Question

ROOT = Path(__file__).resolve().parents[1]
QUESTION = "Which of the old bridges in the town was built before the war and which one after it"


def write(workplace: Path, artifact: str, rows: list[msgspec.Struct]) -> None:
    """An artifact with its receipt."""
    path = workplace / "data" / f"{artifact}.jsonl"
    artifacts.write(path, rows)
    receipt = artifacts.Receipt(artifact, artifacts.sha256(path), "x", len(rows), {}, 1)
    artifacts.write_json(workplace / "data" / "validated" / f"{artifact}.json", receipt)


def record(number: int, instruction: str) -> Record:
    return Record(f"seed-{number}", "seed", instruction, "", "", "", Source("path:x", number, "0", "MIT", "en"))


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "stages/profiles/full.yaml", tmp_path / "params.yaml")
    for name in ("seqeval", "xquad", "mgsm"):
        question = Question(f"{name}-1", name, "en", "MIT", "1", "Solve.", input=f"{name}: {QUESTION}?")
        write(tmp_path, f"ingested/benchmarks/{name}", [question])
    write(tmp_path, "ingested/heldout", [record(9, "Where do people live?")])
    texts = [QUESTION, "Name a colour", "Name a colour", "Tell me where do people live", "Sing"]
    write(tmp_path, "ingested/seed", [record(number, text) for number, text in enumerate(texts)])
    return tmp_path


def call(workplace: Path, app: typer.Typer, *words: str) -> Result:
    with contextlib.chdir(workplace):
        return CliRunner().invoke(app, list(words))


def run(workplace: Path) -> Result:
    assert call(workplace, index_benchmarks.app, "benchmarks").exit_code == 0
    assert call(workplace, index_benchmarks.app, "corpus", "heldout").exit_code == 0
    return corpus(workplace, "seed")


def corpus(workplace: Path, name: str) -> Result:
    app = typer.Typer()
    app.command()(reports_errors(decontaminate))
    return call(workplace, app, name)


def change(workplace: Path, **changes: Any) -> None:
    yaml = YAML()
    params = yaml.load(workplace / "params.yaml")
    params["ingest"]["benchmarks"] = {k: params["ingest"]["benchmarks"][k] for k in ("seqeval", "xquad", "mgsm")}
    params["predict"]["benchmarks"] = {k: params["predict"]["benchmarks"][k] for k in ("seqeval", "xquad", "mgsm")}
    params["compare"]["references"] = {}
    params["decontaminate"]["corpora"]["seed"].update(changes)
    yaml.dump(params, workplace / "params.yaml")


def made(workplace: Path) -> list[str]:
    return sorted(path.name for path in (workplace / "data" / "decontaminated").glob("*"))


def test_what_stays_what_goes_and_what_was_found(workplace: Path) -> None:
    change(workplace, remove=["overlap-exact", "overlap-ngram", "duplicate", "near-duplicate"], ngram=13)
    result = run(workplace)
    assert result.exit_code == 0, result.output
    folder = workplace / "data" / "decontaminated"
    assert made(workplace) == ["seed.flags.jsonl", "seed.jsonl", "seed.rejected.jsonl"]
    stays = list(artifacts.read(folder / "seed.jsonl", Record))
    rejected = list(artifacts.read(folder / "seed.rejected.jsonl", Rejected))
    assert [row.id for row in stays] == ["seed-1", "seed-4"]
    assert [(row.id, row.reason) for row in rejected] == [
        ("seed-0", "overlap-exact"), ("seed-2", "duplicate"), ("seed-3", "overlap-ngram")
    ]  # fmt: skip
    assert rejected[0].detail.startswith("asked shares with ") and rejected[1].detail == "like seed-1"
    metrics = json.loads((workplace / "data/metrics/decontaminate/seed.json").read_text())
    assert (metrics["rows"], metrics["kept"]) == (5, 2)
    assert {name: overlap["exact"]["rows"] for name, overlap in metrics["overlap"].items()} == {
        "heldout": 0, "mgsm": 1, "seqeval": 0, "xquad": 1
    }  # fmt: skip


def test_a_second_time_writes_the_same_bytes_and_report_only_keeps_all(workplace: Path) -> None:
    change(workplace, remove=[])
    run(workplace)
    before = {path: path.read_bytes() for path in (workplace / "data" / "decontaminated").glob("*")}
    assert len(list(artifacts.read(workplace / "data/decontaminated/seed.jsonl", Record))) == 5
    run(workplace)
    assert before == {path: path.read_bytes() for path in (workplace / "data" / "decontaminated").glob("*")}


def test_a_file_that_a_former_benchmark_left_is_not_looked_at(workplace: Path) -> None:
    change(workplace, remove=["overlap-exact"])
    run(workplace)
    before = (workplace / "data/decontaminated/seed.jsonl").read_bytes()
    (workplace / "data/benchmark_index/benchmarks/former.jsonl").write_text('{"item": "1", "text": "Sing"}\n')
    corpus(workplace, "seed")
    assert (workplace / "data/decontaminated/seed.jsonl").read_bytes() == before


MISTAKES = [
    ({"ngram": 9}, "decontaminate: corpora.seed.ngram is 9; settings.ngrams are 8, 13"),
    ({"remove": ["overlap"]}, "decontaminate.corpora.seed.remove.0"),
    ({"reads": "ingested/nothing"}, "decontaminate.corpora.seed.reads: unknown 'ingested/nothing'"),
]


@pytest.mark.parametrize(("changes", "message"), MISTAKES)
def test_a_mistake_in_the_parameters_is_one_line(workplace: Path, changes: dict[str, Any], message: str) -> None:
    change(workplace, **changes)
    fails_with_one_line(corpus(workplace, "seed"), message)
    assert made(workplace) == []


FILES = [
    ("benchmark_index/benchmarks/xquad.jsonl", None, "data/benchmark_index/benchmarks/xquad.jsonl: no such file"),
    ("benchmark_index/benchmarks/xquad.jsonl", '{"item": "1"}\n', "data/benchmark_index/benchmarks/xquad.jsonl:1: "),
    (
        "benchmark_index/benchmarks/xquad.jsonl",
        '{"item": "1", "text": 3}\n',
        "data/benchmark_index/benchmarks/xquad.jsonl:1: ",
    ),
    ("ingested/seed.jsonl", "{}\n", "was written for other contents"),
    ("validated/ingested/seed.json", None, "data/validated/ingested/seed.json: no such file"),
]


@pytest.mark.parametrize(("name", "content", "message"), FILES)
def test_a_bad_file_is_one_line_and_leaves_nothing(
    workplace: Path, name: str, content: str | None, message: str
) -> None:
    change(workplace, remove=[])
    run(workplace)
    shutil.rmtree(workplace / "data" / "decontaminated")
    path = workplace / "data" / name
    path.unlink()
    if content is not None:
        path.write_text(content)
    fails_with_one_line(corpus(workplace, "seed"), message)
    assert made(workplace) == []


def test_unknown_names_are_told(workplace: Path) -> None:
    fails_with_one_line(corpus(workplace, "nothing"), "decontaminate.corpora has no entry 'nothing'; known are seed")
    fails_with_one_line(
        call(workplace, index_benchmarks.app, "corpus", "nothing"),
        "index_benchmarks has no entry 'nothing'; known are heldout",
    )


def test_a_benchmark_that_was_not_ingested_is_told(workplace: Path) -> None:
    (workplace / "data/ingested/benchmarks/xquad.jsonl").unlink()
    fails_with_one_line(call(workplace, index_benchmarks.app, "benchmarks"), "data/ingested/benchmarks/")


def fails_with_one_line(result: Result, message: str) -> None:
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert result.output.count("\n") == 1, result.output
