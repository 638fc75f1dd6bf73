"""schemas/params.schema.json, which editors complete params.yaml with, says what the types say."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from stages.core import registry
from stages.params import json_schema

ROOT = Path(__file__).resolve().parents[1]
PROFILES = [ROOT / "params.yaml", *sorted((ROOT / "stages/profiles").glob("*.yaml"))]
VALUES = yaml.safe_load((ROOT / "stages/profiles/full.yaml").read_text())


def errors(values: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator(json.loads(json_schema.PATH.read_text()))
    return [".".join(map(str, error.absolute_path)) for error in validator.iter_errors(values)]


def test_the_file_is_what_the_types_give() -> None:
    assert json_schema.PATH.read_text(encoding="utf-8") == json_schema.text()
    jsonschema.Draft202012Validator.check_schema(json_schema.schema())


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_profiles_name_it_and_fit_it(profile: Path) -> None:
    text = profile.read_text()
    assert text.splitlines()[0] == f"# yaml-language-server: $schema={json_schema.PATH.relative_to(ROOT)}"
    assert errors(yaml.safe_load(text)) == []


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("rewrite.settings.temperatur", 1.0, "rewrite.settings"),
        ("train.settings.template", "vicuna", "train.settings.template"),
        ("ingest.corpora.seed.adapter", "alpacca", "ingest.corpora.seed.adapter"),
        ("engines.judge.engine", "opena", "engines.judge.engine"),
        ("engines.judge.price", None, "engines.judge"),
        ("train.runs.it.reads", None, "train.runs.it.reads"),
    ],
)
def test_a_mistake_does_not_fit_it(path: str, value: Any, where: str) -> None:
    values = copy.deepcopy(VALUES)
    *parents, last = path.split(".")
    place = values
    for key in parents:
        place = place[key]
    place[last] = value
    assert errors(values) == [where]


def test_every_value_is_described_or_named_by_its_registry() -> None:
    kinds = json_schema.schema()["$defs"]
    assert all(kind.get("description") for kind in kinds.values())
    assert kinds["Corpus"]["properties"]["adapter"]["enum"] == list(registry.CORPUS_FORMATS)
    assert "openai" in kinds["Engine"]["properties"]["engine"]["enum"]
