"""A damaged object of a DVC remote is noticed only by a remote with `verify true`, as README says; with real DVC."""

import configparser
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STAGE = "stages:\n  copy:\n    cmd: cp source made\n    deps: [source]\n    outs: [made]\n"


def dvc(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=folder, capture_output=True, text=True)


def git(folder: Path, *arguments: str) -> None:
    author = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    subprocess.run(["git", *author, *arguments], cwd=folder, check=True, capture_output=True)


def shared(folder: Path) -> Path:
    """A checkout whose two outputs, a file and a folder, were made and pushed."""
    mine = folder / "mine"
    (mine / "rows").mkdir(parents=True)
    (mine / "source").write_text("a row\n")
    (mine / "rows" / "part").write_text("another row\n")
    (mine / "dvc.yaml").write_text(STAGE)
    git(mine, "init", "-q")
    add_remote = f"remote add -q -d store {folder / 'remote'}"
    for command in ("init -q", add_remote, "add -q rows", "repro -q", "push -q"):
        assert dvc(mine, *command.split()).returncode == 0, command
    git(mine, "add", "-A")
    git(mine, "commit", "-qm", "x")
    return mine


def damage(remote: Path) -> None:
    """One byte of each object that is no list of files, its mode as it was."""
    for path in [path for path in remote.rglob("*") if path.is_file() and path.suffix != ".dir"]:
        mode = path.stat().st_mode
        path.chmod(0o644)
        path.write_bytes(b"X" + path.read_bytes()[1:])
        path.chmod(mode)


@pytest.mark.slow
@pytest.mark.parametrize("verify", [True, False])
def test_only_a_remote_that_verifies_notices_a_damaged_object(tmp_path: Path, verify: bool) -> None:
    mine = shared(tmp_path)
    if verify:
        assert dvc(mine, "remote", "modify", "store", "verify", "true").returncode == 0
        git(mine, "commit", "-qam", "y")
    damage(tmp_path / "remote")
    git(tmp_path, "clone", "-q", str(mine), "theirs")
    theirs = tmp_path / "theirs"
    pulled = dvc(theirs, "pull")
    if verify:
        assert pulled.returncode != 0 and "failed to pull" in pulled.stderr
        assert not (theirs / "made").exists() and not (theirs / "rows").exists()
        assert "not in cache" in dvc(theirs, "status").stdout
    else:  # where this changes, DVC verifies by itself and README's advice can go
        assert (pulled.returncode, (theirs / "made").read_text()) == (0, "X row\n")
        assert "up to date" in dvc(theirs, "status").stdout


def test_every_remote_of_this_repository_verifies() -> None:
    config = configparser.ConfigParser()
    config.read_string("\n".join(line.strip() for line in (ROOT / ".dvc/config").read_text().splitlines()))
    remotes = [name for name in config.sections() if "remote " in name]
    assert all(config[name].getboolean("verify", False) for name in remotes)
