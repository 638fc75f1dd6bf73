"""Picture files: found by name, known by their hash, read only while they are the same."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from stages.core import artifacts
from stages.core.completions import Image
from stages.core.errors import UserError


def album(folder: str | Path | None) -> Callable[[str, str], Image]:
    """(whose it is, file name) -> that picture of a folder. Raises UserError where it is missing, or its folder.

    COCO's pictures go by two names, "COCO_val2014_000000000042.jpg" and "000000000042.jpg": either finds the other.
    """
    if folder and not Path(folder).is_dir():
        raise UserError(f"{folder}: is no folder of pictures; put them there or name theirs in params.yaml")
    every = {path.name: path for path in sorted(Path(folder).glob("*"))} if folder else {}
    every = {name.rpartition("_")[2]: path for name, path in every.items()} | every

    def picture(whose: str, name: str) -> Image:
        if path := every.get(name) or every.get(name.rpartition("_")[2]):
            return Image(artifacts.sha256(path), path.as_posix())
        raise UserError(f"{folder}/{name}: no such picture, but {whose} is about it; put it there or name its folder")

    return picture


def read(image: Image) -> bytes:
    """The bytes of a picture. Raises UserError if it is missing, or no longer the one that had its hash."""
    try:
        data = Path(image.path).read_bytes()
    except OSError as error:
        raise UserError(f"{image.path}: can't be read ({error.strerror}); put the picture back where it was") from None
    if hashlib.sha256(data).hexdigest() != image.sha256:
        raise UserError(
            f"{image.path}: is another picture than when it was read in; put that one back, "
            "or read all in anew with `dvc repro -f -s` and the stage that named it (ingest_benchmark@…, format@…)"
        )
    return data
