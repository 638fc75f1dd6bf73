"""Profiles: complete experiments for params.yaml.

The embedded profile is the committed params.yaml itself: a wheel has a copy of it among the profiles (pyproject.toml),
and a checkout takes it from git.
"""

import subprocess
from itertools import count
from pathlib import Path

from stages.core import artifacts
from stages.core.errors import UserError
from stages.params import PARAMS

PROFILES = Path(__file__).parents[1] / "profiles"
EMBEDDED = "embedded"
MARK = "\n# This is the embedded profile:"
"""How the committed params.yaml says which profile it is."""


def use(profile: str, target: Path = PARAMS) -> Path | None:
    """Put a profile in place of `target`; returns the file that has its previous contents, None where it needs none.

    That is TARGET.before, TARGET.before-2, … and no file is overwritten. Unchanged profiles are not kept.
    Raises UserError for an unknown profile.
    """
    known = texts()
    if profile not in known:
        raise UserError(f"{profile!r}: no such profile; known are {', '.join(known)}")
    return put(known[profile], target)


def put(text: str, target: Path = PARAMS) -> Path | None:
    """Put a text in place of `target`, and return the file that keeps what it was, as `use` does.

    Raises UserError for a folder that is inside of a project and not its top.
    """
    here = target.resolve().parent
    if not (here / "dvc.yaml").exists() and (above := [up for up in here.parents if (up / "dvc.yaml").exists()]):
        raise UserError(f"{here}: inside of a project and not its top; run from {above[0]}")
    kept = _kept(target) if target.exists() and artifacts.read_text(target) not in {*texts().values(), text} else None
    artifacts.write_text(target, text)
    return kept


def texts() -> dict[str, str]:
    """Name -> the text of every profile, by name."""
    files = {path.stem: artifacts.read_text(path) for path in PROFILES.glob("*.yaml")}
    if EMBEDDED not in files and (committed := _committed(PROFILES.parents[1])):
        files[EMBEDDED] = committed
    return dict(sorted(files.items()))


def _committed(root: Path) -> str:
    """The last params.yaml in git that is the embedded profile; "" where there is none, or no git."""
    for commit in _git(root, "log", "--format=%H", "--", str(PARAMS)).split():
        if MARK in (text := _git(root, "show", f"{commit}:{PARAMS}")):
            return text
    return ""


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, encoding="utf-8")
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def _kept(target: Path) -> Path:
    """A file with the contents of `target`: one that exists, or the first free name, written now."""
    text = artifacts.read_text(target)
    names = (target.with_name(f"{target.name}.before{'' if n == 1 else f'-{n}'}") for n in count(1))
    kept = next(path for path in names if not path.exists() or artifacts.read_text(path) == text)
    if not kept.exists():
        artifacts.write_text(kept, text)
    return kept
