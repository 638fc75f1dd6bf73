"""spaCy pipelines as models of `fetch`: found in a package or a folder, copied, named by their bytes."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from stages.core import artifacts
from stages.core.errors import UserError
from stages.core.records import digest

CONFIG = "config.cfg"
META = "meta.json"
CODE = (".py", ".pyc", ".so", ".pkl", ".pickle")
"""Files that are not copied: a pipeline's own are data."""


def is_pipeline(folder: Path) -> bool:
    """Whether a folder holds a spaCy pipeline."""
    return (folder / CONFIG).is_file() and (folder / META).is_file()


def pipelines(folders: Iterable[str]) -> list[Path]:
    """The folders below `folders` that hold a pipeline, sorted."""
    configurations = (path for folder in folders for path in Path(folder).rglob(CONFIG))
    return sorted(path.parent for path in configurations if is_pipeline(path.parent))


def copy_pipeline(source: Path, folder: Path) -> str:
    """Copy a pipeline's files into `folder`; returns the SHA-256 of their paths and contents, in hexadecimal."""
    hashes = {}
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source).as_posix()
        if path.is_file() and path.suffix not in CODE and name != artifacts.REFERENCE:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / name)
            hashes[name] = artifacts.sha256(path)
    return digest(hashes)


def identity_of(folder: Path) -> str:
    """What models/NAME/reference.json says of the bytes. Raises UserError for a folder without one."""
    path = folder / artifacts.REFERENCE
    if not path.is_file():
        raise UserError(f"{folder}: was not fetched; run `dvc repro fetch_model@{folder.name}` first")
    return str(artifacts.read_json(path, dict[str, str]).get("identity", ""))
