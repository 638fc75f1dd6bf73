"""Folders that stages read whole and that may be empty: git keeps them by a file, and people remove them."""

from collections.abc import Sequence
from pathlib import Path

from stages.core.atomic_write import disk

FOLDERS = (
    "data/evaluated", "data/ingested/benchmarks", "data/metrics", "data/predictions", "data/responded", "data/scored",
    "data/validated/ingested/benchmarks", "data/validated/responded",
)  # fmt: skip
"""Those with a file `KEEPS` in git. Without one, DVC fails on the first stage that depends on it."""
KEEPS = ".gitkeep"
ELSEWHERE = frozenset({"--cwd", "-c", "--dry"})
"""Options of `dvc repro` under which nothing is written to this folder."""


def make_kept_folders(arguments: Sequence[str], root: Path = Path()) -> None:
    """Make those of `FOLDERS` that are not there, as git has them, before a `dvc repro` with these arguments.

    Raises UserError where one can't be made.
    """
    if ELSEWHERE & {*arguments}:
        return
    for folder in FOLDERS:
        path = root / folder / KEEPS
        if path.exists():
            continue
        with disk(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
