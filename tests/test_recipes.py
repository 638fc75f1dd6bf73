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
from stages.core.registry import CHAINS, CORPUS_FORMATS, Registered, implementation

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(
    r'^```\w+ title="(?P<file>[^",]+)(?:, in (?P<place>[^"]+))?"\n(?P<text>.*?)^```$', re.MULTILINE | re.DOTALL
)
"""A file to create, or lines to add to a dictionary of a module or to a section of params.yaml."""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "stages", tmp_path / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def follow(repository: Path, recipe: str) -> list[str]:
    """Create the files and add the lines of a recipe; returns the names of what was created or changed."""
    blocks = list(BLOCK.finditer((ROOT / "docs" / "recipes" / f"{recipe}.md").read_text()))
    for block in blocks:
        path, place, text = repository / block["file"], block["place"], block["text"]
        if place is None:
            assert not path.exists()
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
    path = repository / "data" / "responded" / "seed-0.jsonl"
    artifacts.write_split({"": path}, [("", row)])
    receipt = artifacts.Receipt("responded/seed-0", artifacts.sha256(path), "responded", 1, {}, 1)
    artifacts.write_json(repository / "data" / "validated" / "responded" / "seed-0.json", receipt)
    run(repository, "stages.augment", "rules", "shout")
    (chained,) = artifacts.read(repository / "data" / "augmented" / "shout.jsonl", Record)
    (plain,) = artifacts.read(repository / "data" / "augmented" / "shout.plain.jsonl", Record)
    assert chained.instruction == "First write the input in capitals, then Sum it up."
    assert (chained.input, chained.response) == ("some text", "Capitals:\nSOME TEXT\n\nAnswer:\nText.")
    assert plain == row and [step.action for step in chained.steps] == ["shout"]


@pytest.mark.parametrize("entry", [*CORPUS_FORMATS.values(), *CHAINS.values()], ids=lambda entry: entry.implementation)
def test_every_registered_name_has_an_implementation(entry: Registered) -> None:
    assert implementation(entry)
