"""A corpus of one's own takes at most 6 lines in 3 sections, and a model to test 3 lines in 2, down to its scores."""

import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo

from stages.params import load

ROOT = Path(__file__).resolve().parents[1]
CORPUS = {
    "ingest:\n": ["    mine: {adapter: own, source: mine.jsonl, licence: MIT, language: en, sample: null,",
                  "           fields: {instruction: question, response: answer}}"],
    "rewrite:\n": ["    mine: {reads: ingested/mine, rounds: 2, prompts: stages/prompts/small}"],
    "train:\n": ["    mine: {reads: responded/mine/2, model: smollm2}"],
}  # fmt: skip
MODEL = {
    "fetch:\n": ['    base: {reference: "package:llm_base"}'],
    "predict:\n  models: {": ["base: {}"],
}  # fmt: skip
STAGES = ["ingest_corpus@mine", "rewrite@mine", "respond@mine", "format@mine", "train@mine", "predict@mine",
          "evaluate@mine"]  # fmt: skip
MODEL_STAGES = ["fetch_model@base", "predict_model@base", "evaluate_model@base"]
"""Each reads what the one before it makes."""


def graph(folder: Path, params: str) -> Repo:
    """The graph of dvc.yaml under these params."""
    for file in ("dvc.yaml", "stages/params/empty_sections.yaml"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, folder / file)
    (folder / "params.yaml").write_text(params)
    return Repo.init(str(folder), no_scm=True)


def name(stage: Any) -> str:
    """A stage's name without the path to its dvc.yaml."""
    return str(stage.addressing).rpartition(":")[2]


def edges(repo: Repo) -> set[tuple[str, str]]:
    """(stage, one whose output it reads) of a graph."""
    return {(name(stage), name(before)) for stage, before in repo.index.graph.edges}


def inserted(text: str, section: str, key: str, lines: list[str]) -> str:
    """params.yaml with lines as the first entries of the group `key` of a section."""
    start = text.index(f"\n  {key}:", text.index(f"\n{section}"))
    end = text.index("\n", start + 1) + 1
    return text[:end] + "".join(f"{line}\n" for line in lines) + text[end:]


@pytest.mark.slow
def test_a_corpus_takes_six_lines_in_three_sections_down_to_its_scores(tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_text()
    for (section, lines), key in zip(CORPUS.items(), ("corpora", "corpora", "runs"), strict=True):
        text = inserted(text, section, key, lines)
    assert len(CORPUS) <= 3 and sum(map(len, CORPUS.values())) <= 6
    repo = graph(tmp_path, text)
    load(tmp_path / "params.yaml")
    assert {(after, before) for before, after in pairwise(STAGES)} <= edges(repo)
    added = {name(stage) for stage in repo.index.stages} - {name(stage) for stage in Repo(str(ROOT)).index.stages}
    assert added == set(STAGES)


@pytest.mark.slow
def test_a_model_to_test_takes_three_lines(tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_text()
    text = inserted(text, "fetch:", "models", MODEL["fetch:\n"])
    text = inserted(text, "predict:", "models", ["    base: {}"])
    assert sum(map(len, MODEL.values())) <= 3
    repo = graph(tmp_path, text)
    load(tmp_path / "params.yaml")
    assert {(after, before) for before, after in pairwise(MODEL_STAGES)} <= edges(repo)
