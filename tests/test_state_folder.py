"""Where the caches of a checkout lie, in whichever worktree or temporary copy a stage runs."""

from pathlib import Path

import pytest

from stages.core.state_folder import main_checkout


def checkout(folder: Path) -> Path:
    (folder / ".dvc").mkdir(parents=True)
    return folder


@pytest.fixture
def main(tmp_path: Path) -> Path:
    return checkout(tmp_path / "main")


def test_a_folder_of_a_checkout(main: Path) -> None:
    (main / "data" / "deep").mkdir(parents=True)
    assert main_checkout(main) == main_checkout(main / "data" / "deep") == main


def test_no_checkout(tmp_path: Path) -> None:
    assert main_checkout(tmp_path) == tmp_path


def test_a_temporary_copy_of_dvc(main: Path) -> None:
    assert main_checkout(checkout(main / ".dvc" / "tmp" / "exps" / "tmpab12") / "data") == main


def test_a_copy_elsewhere_whose_config_names_the_cache(main: Path, tmp_path: Path) -> None:
    copy = checkout(tmp_path / "elsewhere")
    (copy / ".dvc" / "config.local").write_text(f"[cache]\n    dir = {main}/.dvc/cache\n")
    assert main_checkout(copy) == main


@pytest.mark.parametrize("value", ["../shared", "/mnt/team/cache", "/nowhere/at/all/.dvc/cache", ""])
def test_a_cache_that_is_no_checkouts(main: Path, value: str) -> None:
    (main / ".dvc" / "config.local").write_text(f"[cache]\n    dir = {value}\n")
    assert main_checkout(main) == main


def test_its_own_cache_named_in_full(main: Path) -> None:
    (main / ".dvc" / "config.local").write_text(f"[cache]\n    dir = {main}/.dvc/cache\n")
    assert main_checkout(main) == main


def test_two_checkouts_that_name_each_other(main: Path, tmp_path: Path) -> None:
    other = checkout(tmp_path / "other")
    (main / ".dvc" / "config.local").write_text(f"[cache]\n    dir = {other}/.dvc/cache\n")
    (other / ".dvc" / "config.local").write_text(f"[cache]\n    dir = {main}/.dvc/cache\n")
    assert main_checkout(main) in (main, other)


def test_a_git_worktree_and_an_experiment_in_it(main: Path, tmp_path: Path) -> None:
    tree = checkout(tmp_path / "tree")
    (main / ".git" / "worktrees" / "tree").mkdir(parents=True)
    (tree / ".git").write_text(f"gitdir: {main}/.git/worktrees/tree\n")
    assert main_checkout(tree) == main
    assert main_checkout(checkout(tree / ".dvc" / "tmp" / "exps" / "tmp1")) == main


def test_a_submodule_is_a_checkout_of_its_own(main: Path) -> None:
    sub = checkout(main / "sub")
    (sub / ".git").write_text(f"gitdir: {main}/.git/modules/sub\n")
    assert main_checkout(sub) == sub
