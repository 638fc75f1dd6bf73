"""A trained model that is not at hand is known by the list of its files, whose hash is that of dvc.lock."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stages.core import artifacts
from stages.core.errors import UserError
from stages.inference.connect import connect
from stages.params import Engine
from stages.planning.overlay import md5
from stages.reproduction.trained_models import describe, place, read_models
from tests.inference.counting import prompt


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model's folder."""
    folder = tmp_path / "models" / "it"
    (folder / "deep").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "deep" / "a.json").write_text("{}")
    artifacts.write_json(folder / "reference.json", {"reference": "trained:it", "identity": f"trained:{'ab' * 32}"})
    return folder


def test_a_described_model_has_the_hash_of_its_folder(model: Path, tmp_path: Path) -> None:
    described = describe(model)
    assert described.folder_md5 == md5(model)
    artifacts.write_json(tmp_path / "models.json", {"it": described})
    assert read_models(tmp_path / "models.json", {"it": md5(model)}) == {"it": described}
    place(described, tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere/reference.json").read_bytes() == (model / "reference.json").read_bytes()


def _other_identity(models: Any) -> None:
    models["it"]["reference"]["identity"] = f"trained:{'cd' * 32}"


def _other_weights(models: Any) -> None:
    models["it"]["files"][1]["md5"] = "0" * 32


def _listed_elsewhere(models: Any) -> None:
    models["it"]["files"][-1]["relpath"] = "other.json"


def _none(models: Any) -> None:
    del models["it"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_other_identity, "the reference of it is not that of its reference.json"),
        (_other_weights, "it is another model than models/it of dvc.lock"),
        (_listed_elsewhere, "it is another model than models/it of dvc.lock"),
        (_none, "has no model it, which dvc.lock has"),
    ],
)
def test_another_model_is_refused(model: Path, tmp_path: Path, change: Callable[[Any], None], message: str) -> None:
    wanted, path = md5(model), tmp_path / "models.json"
    artifacts.write_json(path, {"it": describe(model)})
    changed = json.loads(path.read_text())
    change(changed)
    path.write_text(json.dumps(changed))
    with pytest.raises(UserError, match=message):
        read_models(path, {"it": wanted})


def test_no_engine_opens_what_is_put_in_its_place(model: Path, tmp_path: Path) -> None:
    place(describe(model), tmp_path / "placed" / "it")
    engine = Engine(engine="embedded", options={"batch": 1, "threads": 1, "precision": "f32"})
    with (
        pytest.raises(UserError, match=r"no such file|config\.json"),
        connect(engine, "it", models=tmp_path / "placed", store=tmp_path / "s.sqlite") as complete,
    ):
        list(complete([prompt("anything")]))
