"""The recipes for extensions in docs/recipes, followed literally in a copy of the repository."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from stages.core import artifacts
from stages.core.records import Record, Source
from stages.core.registry import BENCHMARKS, CHAINS, CORPUS_FORMATS, JUDGES, Registered, implementation
from stages.evaluation.benchmarks.questions import Answer, Question, Score

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(
    r'^```\w+ title="(?P<file>[^",]+)(?:, in (?P<place>[^"]+))?"\n(?P<text>.*?)^```$', re.MULTILINE | re.DOTALL
)
"""A file to create, or lines to add to a dictionary of a module or to a section of params.yaml."""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "stages", tmp_path / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "stages/profiles/full.yaml", tmp_path / "params.yaml")
    return tmp_path


def follow(repository: Path, recipe: str) -> list[str]:
    """Create the files and add the lines of a recipe; returns the names of what was created or changed."""
    blocks = list(BLOCK.finditer((ROOT / "docs" / "recipes" / f"{recipe}.md").read_text()))
    for block in blocks:
        path, place, text = repository / block["file"], block["place"], block["text"]
        if place is None:
            assert not path.exists()
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        elif path.suffix == ".yaml":
            add_entries(path, place, text)
        else:
            lines = path.read_text()
            assert lines.count(f"\n{place} = {{\n") == 1
            path.write_text(lines.replace(f"\n{place} = {{\n", f"\n{place} = {{\n{text}"))
    return [block["file"] for block in blocks]


def add_entries(path: Path, place: str, text: str) -> None:
    values = yaml.safe_load(path.read_text())
    section = values
    for key in place.split("."):
        section = section[key]
    section.update(yaml.safe_load(text))
    path.write_text(yaml.safe_dump(values))


def run(repository: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", *arguments]
    result = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_a_corpus_format_is_one_module_and_one_line(repository: Path) -> None:
    assert follow(repository, "corpus_format") == [
        "stages/corpora/dialogue_pairs.py", "stages/core/registry.py", "params.yaml"
    ]  # fmt: skip
    source = repository / "data" / "downloads" / "pairs.jsonl"
    source.parent.mkdir(parents=True)
    rows = [{"ask": "Why?", "reply": {"text": "So."}}, {"ask": "How?", "reply": {"text": "Thus."}, "skip": True}]
    source.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    run(repository, "stages.ingest", "corpus", "pairs")
    (record,) = artifacts.read(repository / "data" / "ingested" / "pairs.jsonl", Record)
    assert (record.corpus, record.instruction, record.response) == ("pairs", "Why?", "So.")
    metrics = json.loads((repository / "data" / "metrics" / "ingest" / "pairs.json").read_text())
    assert (metrics["read"], metrics["rejected"]) == (2, {"other-subset": 1})


def test_a_chain_is_one_module_and_one_line(repository: Path) -> None:
    assert follow(repository, "chain") == [
        "stages/chains/shout.py", "stages/core/registry.py", "params.yaml", "params.yaml"
    ]  # fmt: skip
    row = Record("a-1", "a", "Sum it up.", "some text", "Text.", "", Source("path:x", 0, "0", "MIT", "en"))
    path = repository / "data" / "responded" / "seed" / "0.jsonl"
    artifacts.write_split({"": path}, [("", row)])
    receipt = artifacts.Receipt("responded/seed/0", artifacts.sha256(path), "responded", 1, {}, 1)
    artifacts.write_json(repository / "data" / "validated" / "responded" / "seed" / "0.json", receipt)
    run(repository, "stages.augment", "rules", "shout")
    (chained,) = artifacts.read(repository / "data" / "augmented" / "shout.jsonl", Record)
    (plain,) = artifacts.read(repository / "data" / "augmented" / "shout.plain.jsonl", Record)
    assert chained.instruction == "First write the input in capitals, then Sum it up."
    assert (chained.input, chained.response) == ("some text", "Capitals:\nSOME TEXT\n\nAnswer:\nText.")
    assert plain == row and [step.action for step in chained.steps] == ["shout"]


def test_an_engine_is_one_module_and_one_line(repository: Path) -> None:
    follow(repository, "benchmark")
    source = repository / "data" / "downloads" / "capitals.jsonl"
    source.parent.mkdir(parents=True)
    source.write_text('{"country": "Peru", "capital": "Lima"}\n')
    use_scripted_engine(repository, [{"reply": "Lima"}], "capitals")
    assert follow(repository, "engine") == [
        "stages/inference/backends/first_words/engine.py", "stages/core/registry.py", "params.yaml"
    ]  # fmt: skip
    run(repository, "stages.ingest", "benchmark", "capitals")
    validated(repository, "ingested/benchmarks/capitals", "questions", 1)
    run(repository, "stages.predict", "sit")
    (answer,) = artifacts.read(repository / "data" / "predictions" / "sit" / "capitals.jsonl", Answer)
    assert (answer.text, answer.status) == ("Name the", "ok")


REGISTERED = [
    *CORPUS_FORMATS.values(), *CHAINS.values(), *BENCHMARKS.values(), *JUDGES.values(),
]  # fmt: skip


def validated(repository: Path, artifact: str, suite: str, rows: int) -> None:
    """Write the receipt of an artifact, as `validate` does."""
    path = repository / "data" / f"{artifact}.jsonl"
    receipt = artifacts.Receipt(artifact, artifacts.sha256(path), suite, rows, {}, 1)
    artifacts.write_json(repository / "data" / "validated" / f"{artifact}.json", receipt)


def use_scripted_engine(repository: Path, rules: list[dict[str, str]], benchmark: str) -> None:
    """All replies by rule, and two runs on one benchmark."""
    values = yaml.safe_load((repository / "params.yaml").read_text())
    artifacts.write_json(repository / "rules.json", rules)
    for part in values["engines"].values():
        part |= {"engine": "scripted", "options": {"rules": "rules.json"}}
    for run in ("it", "sit"):
        values["train"]["runs"][run]["benchmarks"] = [benchmark]
    for section in ("compare", "judge_tasks", "judge_agreement"):
        values[section]["runs"] = {}
    values["compare"]["references"] = {}
    (repository / "params.yaml").write_text(yaml.safe_dump(values))


def test_a_benchmark_is_one_module_and_one_line(repository: Path) -> None:
    assert follow(repository, "benchmark") == [
        "stages/evaluation/benchmarks/capitals.py", "stages/core/registry.py", "params.yaml", "params.yaml"
    ]  # fmt: skip
    source = repository / "data" / "downloads" / "capitals.jsonl"
    source.parent.mkdir(parents=True)
    rows = [{"country": "France", "capital": "Paris"}, {"country": "Peru", "capital": "Lima"}]
    source.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    rules = [{"match": "France", "reply": "Paris."}, {"reply": "Who knows?"}]
    use_scripted_engine(repository, rules, "capitals")
    run(repository, "stages.ingest", "benchmark", "capitals")
    validated(repository, "ingested/benchmarks/capitals", "questions", 2)
    run(repository, "stages.predict", "sit")
    validated(repository, "predictions/sit/capitals", "predictions", 2)
    run(repository, "stages.evaluate", "sit")
    scores = list(artifacts.read(repository / "data" / "scored" / "sit" / "capitals.jsonl", Score))
    assert [score.values for score in scores] == [{"accuracy": 1}, {"accuracy": 0}]
    run(repository, "stages.report")
    metrics = json.loads((repository / "data" / "report" / "metrics.json").read_text())
    assert "0.5" in json.dumps(metrics) and "capitals" in json.dumps(metrics)


def test_a_judge_is_one_module_and_one_line(repository: Path) -> None:
    assert follow(repository, "judge") == [
        "stages/prompts/judges/mark_from_ten.txt", "stages/evaluation/judges/ten_marks.py", "stages/core/registry.py",
        "params.yaml",
    ]  # fmt: skip
    questions = [Question(f"seqeval-{text}", "seqeval", "en", "MIT", text, "Sing.") for text in ("La", "Mu")]
    answers = [Answer(f"{q.id}/0", q.id, "it", q.item, "ok", 0, "", "m", 1, 1) for q in questions]
    artifacts.write(repository / "data" / "ingested" / "benchmarks" / "seqeval.jsonl", questions)
    artifacts.write(repository / "data" / "predictions" / "it" / "seqeval.jsonl", answers)
    validated(repository, "ingested/benchmarks/seqeval", "questions", 2)
    validated(repository, "predictions/it/seqeval", "predictions", 2)
    rules = [{"match": "La", "reply": "At first [[2]], but now [[7]]"}, {"reply": "Well."}]
    use_scripted_engine(repository, rules, "seqeval")
    run(repository, "stages.evaluate", "it")
    first, second = artifacts.read(repository / "data" / "scored" / "it" / "seqeval.jsonl", Score)
    assert (first.values, second.values, second.reason) == ({"mark": 0.7}, {}, "judge-unparsed")


@pytest.mark.parametrize("entry", REGISTERED, ids=lambda entry: entry.implementation)
def test_every_registered_name_has_an_implementation(entry: Registered) -> None:
    assert implementation(entry)
