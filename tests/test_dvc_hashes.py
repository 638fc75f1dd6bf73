"""The hashes of files and folders are those that DVC computes itself."""

from pathlib import Path

import pytest

from stages.core.dvc_hashes import file_hash, folder_hash

NAMES = ["sit/x.parquet", "sit-budget/x.parquet", "sit.json", "a/b", "a-b", "a.b/c", "ä", "Z", "a/b-c/d", "a/b/e"]


def dvc_hash(folder: Path, path: Path) -> str:
    from dvc_data.hashfile.build import build
    from dvc_data.hashfile.db.local import LocalHashFileDB
    from dvc_objects.fs.local import LocalFileSystem

    _, _, built = build(LocalHashFileDB(LocalFileSystem(), str(folder)), str(path), LocalFileSystem(), "md5")
    assert built.hash_info
    return str(built.hash_info.value)


@pytest.mark.parametrize("names", [NAMES[:2], NAMES[3:5], [name for name in NAMES if name not in ("a/b",)], ["one"]])
def test_a_folder_has_the_hash_that_dvc_gives_it(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        path = tmp_path / "out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    assert folder_hash(tmp_path / "out") == dvc_hash(tmp_path / "cache", tmp_path / "out")


def test_a_file_has_the_hash_that_dvc_gives_it(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\r\n\x00 text")
    assert file_hash(tmp_path / "x") == dvc_hash(tmp_path / "cache", tmp_path / "x")
