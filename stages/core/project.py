"""The project that a command works in: the nearest folder upwards with params.yaml and dvc.yaml."""

import os
import subprocess
import sys
from pathlib import Path

from stages.core.errors import UserError

_invoked_from: list[Path] = []
"""The folder that the command was called in, once `enter` has left it."""


def enter() -> None:
    """Make the top of the project the current folder, and this environment's programs those that DVC runs.

    A folder with params.yaml is a top itself; where no folder upwards is one, nothing changes.
    """
    programs = str(Path(sys.executable).parent)
    if programs not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join(filter(None, [programs, os.environ.get("PATH", "")]))
    here = Path.cwd()
    top = next((folder for folder in (here, *here.parents) if _is_top(folder, here)), here)
    if top != here:
        _invoked_from.append(here)
        os.chdir(top)


def _is_top(folder: Path, here: Path) -> bool:
    return (folder / "dvc.yaml").is_file() or (folder == here and (folder / "params.yaml").is_file())


def require_graph() -> None:
    """Raise UserError where the current folder is no project, for commands that are of no use without its graph."""
    if not Path("dvc.yaml").is_file():
        raise UserError(
            f"{Path.cwd()}: is no project of seqit (no dvc.yaml); run from the top of the clone, or below it"
        )


def given_path(path: str) -> Path:
    """A path of the command line, from the top of the project; an absolute one for what is outside of it."""
    full = Path(os.path.abspath((_invoked_from or [Path.cwd()])[-1] / Path(path).expanduser()))
    return full.relative_to(Path.cwd()) if full.is_relative_to(Path.cwd()) else full


def revision() -> str:
    """The git commit of the current folder, with "-dirty" where code, graph or params.yaml differ from it; "" for none.

    dvc.lock, data and metrics do not count: a run changes them.
    """
    commit = _git("rev-parse", "--verify", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", "stages", "dvc.yaml", "params.yaml")
    return f"{commit}-dirty" if commit and changed else commit


def _git(*words: str) -> str:
    """What a git command prints; "" where it fails."""
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, encoding="utf-8", check=False)
    except OSError:
        return ""
    return "" if done.returncode else done.stdout.strip()
