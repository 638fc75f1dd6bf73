"""The project that a command works in: the nearest folder upwards with params.yaml and dvc.yaml."""

import os
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
