"""Checkpoints as a crash leaves them."""

import json
import struct
import zipfile
from collections.abc import Callable
from math import isnan
from pathlib import Path

import pytest

from stages.core.errors import UserError
from stages.training import checkpoints


def checkpoint(model: Path, step: int, last: int = 8) -> Path:
    """A small checkpoint as the Trainer writes it."""
    folder = model / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    header = json.dumps({"__metadata__": {"format": "pt"}, "w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header.encode() + bytes(8))
    with zipfile.ZipFile(folder / "optimizer.pt", "w") as archive:
        archive.writestr("data.pkl", b"x" * 100)
    history = [{"step": i + 1, "loss": 5.0 - i, "learning_rate": 0.1, "epoch": 1.0} for i in range(step)]
    state = {"global_step": step, "max_steps": last, "log_history": [*history, {"train_runtime": 1.0, "step": step}]}
    (folder / "trainer_state.json").write_text(json.dumps(state))
    return folder


def cut(name: str, size: int) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:size])


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    "tear",
    [
        without("trainer_state.json"),
        cut("trainer_state.json", 30),
        without("optimizer.pt"),
        cut("optimizer.pt", 60),
        cut("optimizer.pt", 0),
        cut("model.safetensors", 4),
        cut("model.safetensors", 40),
        cut("model.safetensors", -1),
        lambda folder: (folder / "model.safetensors").write_bytes(b"\xff" * 40),
        lambda folder: (folder / "trainer_state.json").write_text('{"global_step": 7}'),
    ],
)
def test_a_torn_checkpoint_goes_and_the_one_before_stays(tmp_path: Path, tear: Callable[[Path], None]) -> None:
    older, newer = checkpoint(tmp_path, 2), checkpoint(tmp_path, 10)
    tear(newer)
    checkpoints.drop_torn(tmp_path)
    assert older.is_dir() and not newer.exists()


def test_of_several_processes_each_has_left_its_random_state(tmp_path: Path) -> None:
    older, newer = checkpoint(tmp_path, 2), checkpoint(tmp_path, 10)
    for folder, count in ((older, 2), (newer, 1)):
        for rank in range(count):
            with zipfile.ZipFile(folder / f"rng_state_{rank}.pth", "w") as archive:
                archive.writestr("data.pkl", b"x")
    checkpoints.drop_torn(tmp_path, processes=2)
    assert older.is_dir() and not newer.exists()


def test_whole_checkpoints_stay(tmp_path: Path) -> None:
    folders = [checkpoint(tmp_path, 2), checkpoint(tmp_path, 10)]
    checkpoints.drop_torn(tmp_path)
    assert all(folder.is_dir() for folder in folders)


def ended(work: Path, step: int, last: int = 8, **more: object) -> None:
    """What the plugin writes when training ends."""
    history = [{"step": i + 1, "loss": 5.0 - i, "learning_rate": 0.1, "grad_norm": 2.0} for i in range(step)]
    evaluated = [{"step": step, "eval_loss": 4.5}, {"step": step, "train_runtime": 1.0, "train_loss": 3.0}]
    state = {"global_step": step, "max_steps": last, "log_history": [*history, *evaluated], **more}
    (work / "trained.json").write_text(json.dumps(state))


def test_the_end_is_remembered_only_after_the_last_step(tmp_path: Path) -> None:
    ended(tmp_path, 4)
    with pytest.raises(UserError, match="stopped before the last step"):
        checkpoints.finish(tmp_path)
    assert not checkpoints.finished(tmp_path)
    ended(tmp_path, 8)
    checkpoints.finish(tmp_path)
    assert checkpoints.finished(tmp_path)


def test_a_loss_that_is_no_number_is_no_torn_state(tmp_path: Path) -> None:
    (tmp_path / "trained.json").write_text(
        '{"global_step": 1, "max_steps": 1, "log_history": [{"step": 1, "loss": NaN}]}'
    )
    checkpoints.finish(tmp_path)
    [point] = checkpoints.curve(tmp_path)
    assert isnan(point["loss"])


def test_an_early_stop_is_an_end_where_it_was_asked_for(tmp_path: Path) -> None:
    ended(tmp_path, 4, best_step=2)
    checkpoints.finish(tmp_path, may_stop_early=True)
    assert checkpoints.finished(tmp_path) and checkpoints.best_step(tmp_path) == 2


@pytest.mark.parametrize("torn", [None, "", '{"global_step": 8, "max'])
def test_no_word_of_the_end_is_no_end(tmp_path: Path, torn: str | None) -> None:
    if torn is not None:
        (tmp_path / "trained.json").write_text(torn)
    with pytest.raises(UserError, match="stopped before the last step"):
        checkpoints.finish(tmp_path, may_stop_early=True)


def test_the_curve_has_every_step_once_with_its_validation_loss(tmp_path: Path) -> None:
    ended(tmp_path, 8)
    curve = checkpoints.curve(tmp_path)
    assert [point["step"] for point in curve] == list(range(1, 9))
    assert curve[-1] == {"step": 8, "loss": -2.0, "learning_rate": 0.1, "grad_norm": 2.0, "validation_loss": 4.5}
    assert "validation_loss" not in curve[0] and checkpoints.curve(tmp_path / "none") == []


def test_pruning_leaves_log_configuration_and_what_was_tracked(tmp_path: Path) -> None:
    checkpoint(tmp_path / "model", 8)
    (tmp_path / "tracked" / "trackio").mkdir(parents=True)
    for name in ("axolotl.log", "axolotl.yml", "lock", "done.json", "rows.jsonl"):
        (tmp_path / name).write_text("")
    checkpoints.prune(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["axolotl.log", "axolotl.yml", "lock", "tracked"]
