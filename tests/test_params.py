"""params.yaml: every mistake is one line that names where it is."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages.errors import UserError
from stages.params import load, parse

ROOT = Path(__file__).resolve().parents[1]
VALUES = yaml.safe_load((ROOT / "params.yaml").read_text())


def changed(path: str, value: Any) -> dict:
    values = copy.deepcopy(VALUES)
    *parents, last = path.split(".")
    place = values
    for key in parents:
        place = place[key]
    place[last] = value
    return values


MISTAKES = [
    ("seed", "many", "seed"),
    ("surprise", 1, "surprise: unknown key"),
    ("respond.settings.sampling.temperatur", 1.0, "temperatur: unknown key"),
    ("respond.settings.sampling.temperature", "hot", "respond.settings.sampling.temperature"),
    ("respond.settings.sampling.temperature", -1, "respond.settings.sampling.temperature"),
    ("respond.settings.sampling.top_p", 1.5, "top_p"),
    ("train.settings.template", "vicuna", "train.settings.template"),
    ("train.settings.batch", 0, "train.settings.batch"),
    ("train.runs.it.model", "llama", "unknown 'llama'"),
    ("train.runs.it.set", "assembled/nothing", "unknown 'assembled/nothing'"),
    ("fetch.models.smollm2.reference", "smollm2", "fetch.models.smollm2.reference"),
    ("rewrite.rounds.seed-1.policy", "best", "rewrite.rounds.seed-1.policy"),
    ("rewrite.rounds.seed-1.actions", ["merge"], "rewrite.rounds.seed-1.actions"),
    ("fetch.models.smollm2.reference", "hub:org/name", "is not pinned; write hub:org/name@COMMIT"),
    ("fetch.models.smollm2.reference", "hub:org/name@main", "git ls-remote https://huggingface.co/org/name HEAD"),
    ("fetch.corpora", {"c": {"reference": "hub:org/data", "files": ["*"]}}, "is not pinned"),
    ("sample.combination.seed-flat.sizes", [1], "sample.combination.seed-flat.sizes"),
    ("sample.combination.seed-flat.second", "responded/seed-0", "name two sets"),
    ("extract.corpora.flat.reads", "ingested/nothing", "unknown 'ingested/nothing'"),
    ("sample.mixture.seqeval.shares", [0.1, 0.2, 0.3, 0.3], "not to 1"),
    ("answer.runs", {"gpt": {}}, "unknown 'gpt'"),
    ("engines.judge.price", None, "engines.judge.price: stands under costs.judge"),
    ("costs.judge.speed", {"input": 0, "output": 1}, "costs.judge.speed.input"),
    ("costs.judge", 3, "costs.judge"),
    ("engines.judge", 3, "engines.judge"),
    ("answer.benchmarks.mmlu", VALUES["answer"]["benchmarks"]["mgsm"], "unknown 'mmlu'"),
    ("compare.runs.seqeval-it-sit.baseline", "gpt", "compare.runs.seqeval-it-sit.baseline: unknown 'gpt'"),
    ("compare.settings.reading", "guessed", "compare.settings.reading"),
    ("mark.runs.seqeval-it.benchmark", "mmlu", "mark.runs.seqeval-it.benchmark: unknown 'mmlu'"),
    ("mark.settings.lister", "me", "mark.settings.lister"),
    ("review.runs.seqeval-sit.run", "gpt", "review.runs.seqeval-sit.run: unknown 'gpt'"),
    ("engines.reviewer.model", "gpt", "engines.reviewer.model: unknown 'gpt'"),
    ("answer.benchmarks.humaneval.sampling.temperature", 0.0, "humaneval: 2 samples at temperature 0"),
    ("answer.benchmarks.humaneval.template", "alpaca", "answer.benchmarks.humaneval.template"),
    ("evaluate.sandbox.seconds", 0, "evaluate.sandbox.seconds"),
    ("publish.seqeval.version", "one", "publish.seqeval.version"),
    ("validate.max_quarantined", 1.1, "validate.max_quarantined"),
    ("train.settings.batch", True, "train.settings.batch"),
    ("train.settings.epochs", float("inf"), "train.settings.epochs"),
    ("seed", "1", "seed"),
    ("decontaminate.settings.ngrams", [13, 10**30], "decontaminate.settings.ngrams.1"),
    ("rewrite.settings.orders", 10**6, "rewrite.settings.orders"),
    ("respond.settings.keep", [], "respond.settings.keep"),
    ("judge.prompt", "a\nb", "judge.prompt"),
    ("ingest.corpora.seed.source", "a\0b", "ingest.corpora.seed.source"),
    ("ingest.benchmarks.xquad.languages", ["../x"], "ingest.benchmarks.xquad.languages.0"),
    ("evolve.settings.operations", ["../x"], "evolve.settings.operations.0"),
    ("rewrite.rounds.seed-1.reads", "rewritten/seed-1", "in a circle: rewritten/seed-1 < rewritten/seed-1"),
    ("rewrite.rounds.seed-1.reads", "responded/seed-2", "in a circle: "),
    ("augment.rules.repeat.reads", "augmented/repeat.plain", "in a circle: "),
]


@pytest.mark.parametrize(("path", "value", "told"), MISTAKES)
def test_a_mistake_is_told_with_its_path(path: str, value: Any, told: str) -> None:
    with pytest.raises(UserError) as error:
        parse(changed(path, value))
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_key_is_told() -> None:
    values = copy.deepcopy(VALUES)
    del values["judge"]["attempts"]
    with pytest.raises(UserError, match=r"judge\.attempts: Field required"):
        parse(values)


@pytest.mark.parametrize(("content", "told"), [(b"a: [", "not YAML"), (b"\xff\xfe", "not UTF-8"), (b"", "params.yaml")])
def test_files_that_are_no_params(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "params.yaml").write_bytes(content)
    with pytest.raises(UserError, match=told):
        load(tmp_path / "params.yaml")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        load(tmp_path / "params.yaml")


def test_floats_as_dvc_writes_them(tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_text().replace("learning_rate: 0.0001", "learning_rate: 1e-05")
    (tmp_path / "params.yaml").write_text(text)
    assert load(tmp_path / "params.yaml").train.settings.learning_rate == 1e-5


@pytest.mark.parametrize("profile", ["embedded", "paper"])
def test_a_profile_survives_being_written_again_by_dvc(tmp_path: Path, profile: str) -> None:
    """`dvc exp run -S` writes params.yaml anew without its quotes, and libyaml then refuses `{reference: a:b}`."""
    from dvc.utils.serialize import load_yaml, modify_yaml

    path = tmp_path / "params.yaml"
    path.write_bytes((ROOT / "stages" / "profiles" / f"{profile}.yaml").read_bytes())
    before = load_yaml(str(path))
    with modify_yaml(str(path)) as values:
        values["seed"] = 1
    assert load_yaml(str(path)) == before | {"seed": 1}


def keys(value: Any) -> set[str]:
    """The names of all values, however deep, without those of sections and entries."""
    if isinstance(value, list):
        return set().union(*map(keys, value))
    if not isinstance(value, dict):
        return set()
    return {name for name, part in value.items() if not isinstance(part, dict)} | keys(list(value.values()))


def test_every_value_is_explained() -> None:
    """On its own line, or in a comment that speaks of it."""
    lines = (ROOT / "params.yaml").read_text().splitlines()
    told = {word for line in lines if "#" in line for word in re.findall(r"[\w-]+", line)}
    assert keys(VALUES) - told == set()
