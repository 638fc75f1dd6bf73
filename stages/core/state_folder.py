"""Paths of the reply store and the cache, also from git worktrees and DVC's temporary copies of a checkout."""

import os
from pathlib import Path

EXPERIMENTS = Path(".dvc/tmp/exps")
"""Where `dvc exp run --temp` and `--queue` put their copies of a checkout (dvc/repo/experiments/executor/local.py)."""


def store_path() -> Path:
    """$SEQIT_REPLIES, else .seqit/replies.sqlite of the main checkout that the working directory belongs to."""
    named = os.environ.get("SEQIT_REPLIES")
    return Path(named) if named else main_checkout(Path.cwd()) / ".seqit" / "replies.sqlite"


def cache() -> Path:
    """$SEQIT_CACHE, else .seqit of the main checkout that the working directory belongs to."""
    named = os.environ.get("SEQIT_CACHE")
    return Path(named).absolute() if named else main_checkout(Path.cwd()) / ".seqit"


def main_checkout(start: Path) -> Path:
    """The checkout with the DVC cache of `start`; the folder itself where there is no checkout.

    Reads paths and two small files, since importing dvc takes a second.
    """
    checkout = next((folder for folder in (start, *start.parents) if (folder / ".dvc").is_dir()), start)
    seen = {checkout}
    while (outer := _of_experiment(checkout) or _of_worktree(checkout)) and outer not in seen:
        seen.add(outer)
        checkout = outer
    return checkout


def _of_experiment(checkout: Path) -> Path | None:
    """The checkout whose .dvc/tmp/exps holds this one, else the one whose cache its config.local names."""
    for folder in checkout.parents:
        if folder.parts[-3:] == EXPERIMENTS.parts:
            return folder.parents[2]
    config = checkout / ".dvc" / "config.local"
    return _of_cache(config.read_text(errors="replace")) if config.is_file() else None


def _of_cache(config: str) -> Path | None:
    """The checkout of `dir = /somewhere/.dvc/cache`; a cache elsewhere says nothing about checkouts."""
    for line in config.splitlines():
        name, _, value = line.partition("=")
        cache = Path(value.strip().strip("\"'"))
        if name.strip() == "dir" and cache.is_absolute() and cache.parts[-2:] == (".dvc", "cache"):
            return cache.parents[1] if cache.parents[1].is_dir() else None
    return None


def _of_worktree(checkout: Path) -> Path | None:
    """The main checkout of a linked git worktree: its .git is a file `gitdir: <main>/.git/worktrees/<name>`."""
    link = checkout / ".git"
    if not link.is_file():
        return None
    folder = Path(link.read_text(errors="replace").removeprefix("gitdir:").strip())
    if folder.parts[-3:-1] != (".git", "worktrees"):
        return None
    main = folder.parents[2]
    return main if (main / ".dvc").is_dir() else None
