"""A profile without training, whose models are endpoints: all of it runs, and Axolotl's environment is never made."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.inference import tiny
from tests.inference.loopback import completed, serving
from tests.servers.project import few
from tests.servers.started import Server
from tests.test_pipeline import Clone, working_tree

pytestmark = pytest.mark.slow

ENTRIES = {
    "generate": {}, "index_benchmarks": {}, "decontaminate/corpora": {}, "extract_inputs/corpora": {},
    "evolve/corpora": {},
    "augment/rules": {}, "augment/aligned": {}, "augment/captions": {}, "augment/model": {}, "count_tokens": {},
    "split": {},
    "sample/budget": {}, "sample/pairs": {}, "sample/mixture": {}, "sample/combination": {},
    "train/runs": {}, "rewrite/benchmarks": {}, "compare/references": {}, "judge_tasks/runs": {},
    "judge_agreement/runs": {},
}  # fmt: skip
"""Sections of params.yaml that are empty in this profile."""


def without_training(params: dict[str, Any], url: str) -> None:
    """Change params.yaml's values: one corpus, one benchmark, an endpoint for every model, nothing trained."""
    few(params, Server("loopback", url, "some-model", "plain"))
    for path, value in ENTRIES.items():
        *parents, last = path.split("/")
        place = params
        for key in parents:
            place = place[key]
        place[last] = value
    for section, kept in (("corpora", "seed"), ("benchmarks", "commonsenseqa")):
        params["ingest"][section] = {kept: params["ingest"][section][kept]}
    params["predict"]["benchmarks"] = {"commonsenseqa": params["predict"]["benchmarks"]["commonsenseqa"]}
    params["predict"]["models"] = {name: {"benchmarks": ["commonsenseqa"]} for name in ("served", "scored")}
    params["rewrite"]["corpora"]["seed"]["rounds"] = 1
    params["report"]["after"] = "responded/seed/1"
    params["publish"] = {"seed-sit": params["publish"]["seed-sit"] | {"reads": "responded/seed/1"}}
    params["publish_models"], params["repositories"] = {}, {}


def test_a_profile_without_training_never_makes_its_environment(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    clone = Clone(tmp_path / "clone", home)
    working_tree(clone.folder)
    tiny.model(tmp_path / "tiny", context=2048)
    with serving(lambda request, times: completed("[[suffix]] Name a sea, then a river.")) as server:
        path = clone.folder / "params.yaml"
        params = yaml.safe_load(path.read_text("utf-8"))
        without_training(params, server.url)
        params["fetch"]["models"]["smollm2"]["reference"] = f"path:{tmp_path / 'tiny'}"
        path.write_text(yaml.safe_dump(params, allow_unicode=True), "utf-8")
        for command in (["git", "init"], ["git", "add", "-A"], ["git", "commit", "-qm", "x"]):
            clone.run(*command)
        ran = clone.repro()
    assert {"respond@seed", "predict_model@served", "report", "publish@seed-sit"} <= set(ran)
    assert server.requests
    assert params["train"]["environment"] == ".venv-train"
    assert not (clone.folder / ".venv-train").exists()
