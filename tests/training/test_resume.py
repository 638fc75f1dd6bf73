"""Kinds of training beside the default one: what they make, and that a kill -9 changes no byte of it."""

import json
import os
import signal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stages.params.training_sections import Lora, Recipe, Validation
from tests.inference import tiny
from tests.training.trainings import RECIPE, contents, finish, start, wait_for

pytestmark = pytest.mark.slow

KINDS: dict[str, Recipe] = {
    # Dropout draws random numbers, whose state a resumed run must have.
    "lora": RECIPE.model_copy(update=dict(adapter="lora", lora=Lora(rank=4, alpha=8, dropout=0.1), loss="last")),
    "packed": RECIPE.model_copy(update=dict(packing=True, batch=2, micro_batch=1, epochs=4, saves=1)),
    "validated": RECIPE.model_copy(
        update=dict(
            validation=Validation(share=0.3, evaluations=3, keep="best", patience=2),
            learning_rate=0.08, scheduler="constant", epochs=8, report_to=["trackio"],
        )
    ),
}  # fmt: skip
SECRET = "hf_never-in-a-log-42"


class Made(NamedTuple):
    """A training that was not interrupted."""

    out: Path
    cache: Path
    live: list[dict[str, Any]]
    """What data/live held at some time while it trained."""
    metrics: dict[str, Any]
    curve: list[dict[str, float]]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module", params=list(KINDS))
def made(request: pytest.FixtureRequest, base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Made]:
    folder = tmp_path_factory.mktemp(request.param)
    live = folder / "live"
    training = start(base, folder / "it", folder / "cache", KINDS[request.param], live, TRACKIO_TOKEN=SECRET)
    wait_for(training, live, "dvc.yaml")
    seen = [json.loads((live / "train.json").read_text())]
    metrics, curve = finish(training)
    assert not live.exists()
    return request.param, Made(folder / "it", folder / "cache", seen, metrics, curve)


def test_resumed_after_a_kill_makes_the_same_bytes(made: tuple[str, Made], base: Path, tmp_path: Path) -> None:
    kind, whole = made
    killed = start(base, tmp_path / "it", tmp_path / "cache", KINDS[kind])
    # The optimiser is written before the state, so the kill tears the second checkpoint or leaves it just whole.
    second = {"lora": 4, "packed": 4, "validated": 2}[kind]
    wait_for(killed, tmp_path, f"cache/train/*/model/checkpoint-{second}/optimizer.pt")
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert not (tmp_path / "it").exists()
    told = finish(start(base, tmp_path / "it", tmp_path / "cache", KINDS[kind]))
    assert told == [whole.metrics, whole.curve]
    assert contents(tmp_path / "it") == contents(whole.out)


def test_the_model_is_a_whole_one_that_learned(made: tuple[str, Made], base: Path) -> None:
    _, whole = made
    assert set(contents(whole.out)) == {*contents(base), "reference.json"}
    before, after = (len((folder / "model.safetensors").read_bytes()) for folder in (base, whole.out))
    assert abs(before - after) < 1000, "the same tensors, whatever the header says"
    assert (whole.out / "model.safetensors").read_bytes()[-1000:] != (base / "model.safetensors").read_bytes()[-1000:]
    losses = [point["loss"] for point in whole.curve]
    assert min(losses[1:]) < losses[0]


def test_it_can_be_watched(made: tuple[str, Made]) -> None:
    _, whole = made
    [seen] = whole.live
    assert seen["run"] == "it" and 0 < seen["step"] <= seen["steps"] and seen["tokens_per_second"] > 0
    first = whole.curve[int(seen["step"]) - 1]
    assert (seen["loss"], seen["grad_norm"]) == (first["loss"], first["grad_norm"])


def test_the_best_weights_are_kept_and_training_ends_early(made: tuple[str, Made]) -> None:
    kind, whole = made
    if kind != "validated":
        assert not {"best_step", "validation_loss"} & whole.metrics.keys()
        return
    losses = {point["step"]: point["validation_loss"] for point in whole.curve if "validation_loss" in point}
    best = whole.metrics["best_step"]
    assert losses[best] == min(losses.values()) == whole.metrics["lowest_validation_loss"]
    assert [step for step in losses if step > best] == list(losses)[-2:], "two evaluations without a lower loss"
    assert whole.metrics["rows"]["used"] == 23 and 0 < whole.metrics["rows"]["validation"] < 23


def test_trackers_keep_what_they_wrote_and_no_log_has_their_key(made: tuple[str, Made]) -> None:
    kind, whole = made
    [work] = (whole.cache / "train").iterdir()
    assert (work / "tracked" / "trackio").is_dir() == (kind == "validated")
    assert not [path for path in work.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
