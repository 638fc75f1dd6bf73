"""What follows a training while it runs: files for DVC, trackers, the log."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stages.core.errors import UserError
from stages.training import trackers
from stages.training.launch import Progress, launch
from stages.training.live_progress import LiveProgress
from stages.training.training_rows import Row
from stages.training.validation_split import is_validation, split

LINES = [
    {"step": 1, "steps": 4, "loss": 5.0, "learning_rate": 0.1, "grad_norm": 2.0, "tokens_per_second": 40.0, "time": 1},
    {"step": 2, "steps": 4, "loss": 4.0, "learning_rate": 0.1, "grad_norm": 1.5, "tokens_per_second": 50.0, "time": 2},
    {"step": 2, "steps": 4, "validation_loss": 4.5, "time": 3},
]


def progress_file(folder: Path, count: int, torn: str = "") -> Path:
    path = folder / "progress.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES[:count]) + torn)
    return path


def test_files_for_dvc_follow_the_run_and_go_with_it(tmp_path: Path) -> None:
    live = LiveProgress("it", tmp_path / "progress.jsonl", tmp_path / "live", period=0)
    live.update()
    assert not (tmp_path / "live").exists(), "nothing has been logged"
    for count in (1, 3):
        progress_file(tmp_path, count, torn='{"step": 3, "lo')
        live.update()
    metrics = json.loads((tmp_path / "live" / "train.json").read_text())
    assert metrics == {
        "run": "it", "step": 2, "steps": 4, "loss": 4.0, "learning_rate": 0.1, "grad_norm": 1.5,
        "tokens_per_second": 50.0, "validation_loss": 4.5,
    }  # fmt: skip
    assert (tmp_path / "live" / "train.csv").read_text() == (
        "step,loss,validation_loss,learning_rate,grad_norm,tokens_per_second\n"
        "1,5.0,,0.1,2.0,40.0\n2,4.0,4.5,0.1,1.5,50.0\n"
    )
    live.remove()
    assert not (tmp_path / "live").exists()


@pytest.mark.slow
def test_dvc_shows_the_run_that_trains(tmp_path: Path) -> None:
    """In a project whose git ignores what ours does."""
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    project.mkdir()
    (project / ".gitignore").write_bytes((Path(__file__).parents[2] / ".gitignore").read_bytes())
    names = ("DVC_SITE_CACHE_DIR", "DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR")
    variables = {**os.environ, **{name: str(home / name) for name in names}, "HOME": str(home), "DVC_NO_ANALYTICS": "1"}

    def said(*command: str) -> Any:
        done = subprocess.run(command, cwd=project, env=variables, capture_output=True, text=True, check=True)
        return json.loads(done.stdout) if "--json" in command else None

    dvc = (sys.executable, "-m", "dvc")
    said("git", "init", "--quiet")
    said(*dvc, "init", "--quiet")
    said("git", "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "--quiet", "--message", "x")
    LiveProgress("it", progress_file(tmp_path, 3), project / "data" / "live").update()
    [workspace, *_] = said(*dvc, "exp", "show", "--json")
    [shown] = workspace["data"]["metrics"].values()
    assert (shown["data"]["run"], shown["data"]["step"], shown["data"]["validation_loss"]) == ("it", 2, 4.5)
    plots = said(*dvc, "plots", "show", "--json")["data"]
    assert len(plots) == 2 and all(len(one[0]["content"]["data"]["values"]) >= 2 for one in plots.values())


def test_without_a_folder_the_values_are_known_all_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    live = LiveProgress("it", progress_file(tmp_path, 3), None)
    progress = Progress("x", period=0.0, watcher=live)
    progress.read("  0%|  | 1/4 [00:00<?, ?it/s]")
    progress.read("{'loss': '4.0', 'learning_rate': '0.1', 'epoch': '1'}")
    assert "loss 4.0, learning rate 0.1, gradient norm 1.5, validation loss 4.5, 50 tokens/s" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["progress.jsonl"]


ENVIRONMENT = {
    "WANDB_API_KEY": "s3cret-s3cret", "WANDB_MODE": "offline", "MLFLOW_TRACKING_URI": "http://me:pass@host/",
    "TRACKIO_DIR": "/t", "HTTPS_PROXY": "http://proxy", "HF_TOKEN": "hf_token_token", "AWS_SECRET_ACCESS_KEY": "k" * 9,
}  # fmt: skip


@pytest.mark.parametrize(
    ("named", "passed"),
    [
        ([], set()),
        (["tensorboard"], {"TENSORBOARD_LOGGING_DIR"}),
        (["wandb"], {"WANDB_API_KEY", "WANDB_MODE", "WANDB_DIR", "HTTPS_PROXY"}),
        (["mlflow", "trackio"], {"MLFLOW_TRACKING_URI", "TRACKIO_DIR", "HTTPS_PROXY"}),
    ],
)
def test_a_tracker_gets_its_own_variables_and_no_others(named: list[str], passed: set[str]) -> None:
    made = trackers.environment(named, Path("/work/tracked"), ENVIRONMENT)
    assert set(made) == passed
    assert all(made[name] == ENVIRONMENT[name] for name in passed & ENVIRONMENT.keys())


def test_keys_for_trackers_name_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    assert trackers.options(["wandb", "tensorboard"], "it") == {
        "use_wandb": True, "wandb_name": "it", "wandb_project": "seqit", "use_tensorboard": True,
    }  # fmt: skip
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    assert "wandb_project" not in trackers.options(["wandb"], "it")
    assert trackers.options([], "it") == {}


def test_the_log_and_the_error_hold_no_secret(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    script = (
        "import os; key = os.environ['WANDB_API_KEY']; print('key', key[:5], end='', flush=True);"
        "print(key[5:], flush=True); raise ValueError('with ' + key)"
    )
    given = {"PATH": os.environ["PATH"], "WANDB_API_KEY": ENVIRONMENT["WANDB_API_KEY"]}
    with open(os.devnull) as null, pytest.raises(UserError) as told:
        launch([sys.executable, "-c", script], tmp_path, given, "x", null.fileno(), None, trackers.secrets(given))
    log = (tmp_path / "axolotl.log").read_text()
    assert "key ***" in log and "with ***" in str(told.value)
    assert given["WANDB_API_KEY"] not in log + str(told.value) + "".join(capfd.readouterr())


def test_an_address_with_a_password_is_a_secret() -> None:
    assert set(trackers.secrets(ENVIRONMENT)) == {"s3cret-s3cret", "http://me:pass@host/", "hf_token_token", "k" * 9}


def test_rows_for_validation_are_drawn_by_id() -> None:
    rows = [Row(f"r{number}", ()) for number in range(1000)]
    parts = {row.id: part for part, row in split(rows, 0.2, 42)}
    kept = {id for id, part in parts.items() if part == "validation"}
    assert 150 < len(kept) < 250
    fewer = {row.id for part, row in split(rows[::2], 0.2, 42) if part == "validation"}
    assert fewer == kept & {row.id for row in rows[::2]}, "whatever other rows there are"
    assert kept < {row.id for row in rows if is_validation(row.id, 0.4, 42)}, "a larger share holds a smaller one"
    assert kept != {row.id for row in rows if is_validation(row.id, 0.2, 43)}


@pytest.mark.parametrize(("count", "share"), [(1, 0.01), (0, 0.2)])
def test_a_part_without_a_row_is_refused(count: int, share: float) -> None:
    with pytest.raises(UserError, match=r"validation\.share .* leaves no row"):
        list(split([Row(f"r{number}", ()) for number in range(count)], share, 42))
