"""Image files: looked up by name, identified by their hash; and whether a model accepts images."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stages.core import artifacts
from stages.core.completions import Image
from stages.core.errors import UserError


def album(folder: str | Path | None) -> Callable[[str, str], Image]:
    """A function that looks up the images of a folder; it raises UserError for a missing image.

    Names of COCO match with and without prefix: "COCO_val2014_000000000042.jpg" and "000000000042.jpg". Raises
    UserError for a missing folder.
    """
    if folder and not Path(folder).is_dir():
        raise UserError(f"{folder}: is no folder of pictures; put them there or name theirs in params.yaml")
    every = {path.name: path for path in sorted(Path(folder).glob("*"))} if folder else {}
    every = {name.rpartition("_")[2]: path for name, path in every.items()} | every

    def picture(owner: str, name: str) -> Image:
        if path := every.get(name) or every.get(name.rpartition("_")[2]):
            return Image(artifacts.sha256(path), path.as_posix())
        raise UserError(f"{folder}/{name}: no such picture, but {owner} is about it; put it there or name its folder")

    return picture


def read(image: Image) -> bytes:
    """The bytes of an image file. Raises UserError if it is missing or has another hash."""
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


def accepts_images(directory: Path) -> bool:
    """Whether the model of a Transformers directory takes images; False for a directory without config.json."""
    path = directory / "config.json"
    return path.is_file() and "vision_config" in artifacts.read_json(path, dict[str, Any])
