"""The hashes that DVC gives files and folders, as they stand in dvc.lock."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path


def file_hash(path: Path) -> str:
    """The MD5 of a file's bytes, by which DVC names it; no protection against anybody."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def folder_hash(folder: Path, files: Iterable[Path] | None = None) -> str:
    """The MD5 that DVC gives a folder: of the JSON list of its files' MD5s and paths, sorted by path.

    files: those that count; by default all.
    """
    counted = (path for path in folder.rglob("*") if path.is_file()) if files is None else files
    # By the path as text, as DVC does: "sit-budget/x" comes before "sit/x".
    paths = {path.relative_to(folder).as_posix(): path for path in counted}
    listed = [{"md5": file_hash(paths[name]), "relpath": name} for name in sorted(paths)]
    return hashlib.md5(json.dumps(listed, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"
