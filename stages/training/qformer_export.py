"""A model whose Q-Former was trained, as a directory: the base model's files with the trained parameters put in place.

Every other byte of the weights is that of the base model.
"""

import shutil
import struct
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from stages.core import artifacts
from stages.core.atomic_write import replacing_folder
from stages.core.errors import UserError
from stages.training import export


class Place(NamedTuple):
    """Where a tensor is stored."""

    kind: tuple[str, tuple[int, ...]]
    """Data type and shape."""
    start: int
    """Offset in the file."""
    size: int
    """Bytes."""


def export_qformer(run: str, trained: Path, base: Path, out: Path) -> str:
    """Write `out`: `base` with the parameters of the file `trained`; returns the SHA-256 of the weights.

    Raises UserError where a parameter is not one of the base model's.
    """
    with replacing_folder(out) as folder:
        _copy(base, folder)
        put_in_place(trained, export.weights(folder))
        weights_sha256 = export.weights_hash(folder)
        _name(run, folder, weights_sha256)
    return weights_sha256


def export_untrained(run: str, job: dict[str, Any], identity: str, base: Path, out: Path) -> None:
    """Write `out`: the base model unchanged, with the job that would train it."""
    with replacing_folder(out) as folder:
        _copy(base, folder)
        artifacts.write_json(folder / "job.json", job)
        _name(run, folder, identity)


def _copy(base: Path, folder: Path) -> None:
    for source in sorted(base.rglob("*")):
        target = folder / source.relative_to(base)
        if source.is_dir():
            target.mkdir(exist_ok=True)
        elif source.name != "reference.json":
            shutil.copyfile(source, target)


def _name(run: str, folder: Path, identity: str) -> None:
    artifacts.write_json(folder / "reference.json", {"reference": f"trained:{run}", "identity": f"trained:{identity}"})


def put_in_place(trained: Path, weights: list[Path]) -> None:
    """Overwrite the tensors of the safetensors files `weights` by those of `trained` that have the same name.

    Raises UserError for one that none of the files has in the same data type and shape.
    """
    targets = {name: (path, place) for path in weights for name, place in _places(path).items()}
    with open(trained, "rb") as source:
        for name, place in _places(trained).items():
            path, target = targets.get(name, (trained, None))
            if target is None or (target.kind, target.size) != (place.kind, place.size):
                raise UserError(f"{trained}: {name} is no parameter of the base model; remove {trained.parent.parent}")
            source.seek(place.start)
            with open(path, "r+b") as stream:
                stream.seek(target.start)
                stream.write(source.read(place.size))


def _places(path: Path) -> dict[str, Place]:
    """The tensors of a safetensors file: 8 bytes of length, the header in JSON, the tensors."""
    with open(path, "rb") as stream:
        length = struct.unpack("<Q", stream.read(8))[0]
        header = msgspec.json.decode(stream.read(length), type=dict[str, Any])
    places = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            places[name] = Place((entry["dtype"], tuple(entry["shape"])), 8 + length + start, end - start)
    return places
