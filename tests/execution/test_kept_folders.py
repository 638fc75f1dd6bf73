"""A run makes the folders again that git keeps empty, where someone has removed data/."""

import subprocess
from pathlib import Path

import pytest

from stages.core.errors import UserError
from stages.execution.kept_folders import FOLDERS, KEEPS, make_kept_folders

ROOT = Path(__file__).resolve().parents[2]


def test_they_are_those_that_git_keeps() -> None:
    listed = subprocess.run(["git", "ls-files", f"*{KEEPS}"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert sorted(listed.stdout.split()) == sorted(f"{folder}/{KEEPS}" for folder in FOLDERS)


def test_missing_ones_are_made_and_others_left(tmp_path: Path) -> None:
    (tmp_path / "data/responded/mine").mkdir(parents=True)
    make_kept_folders(["--dry"], tmp_path)
    assert not (tmp_path / "data/evaluated").exists()
    make_kept_folders(["rewrite@mine", "-f"], tmp_path)
    assert all((tmp_path / folder / KEEPS).is_file() for folder in FOLDERS)
    assert (tmp_path / "data/responded/mine").is_dir()


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(UserError, match=r"evaluated/\.gitkeep: a folder lies where the file goes, or a file above"):
        make_kept_folders([], tmp_path)
