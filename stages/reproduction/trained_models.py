"""What identifies a trained model that is not at hand: the list of its files, which has the hash that dvc.lock records.

Replies of a model are stored under the SHA-256 of its weights, which its reference.json names. Neither is in git, but
dvc.lock has the MD5 of the list of the model's files, each with its MD5. So the list and reference.json can be
committed and checked: another reference.json has another MD5 than the list says, another list another one than
dvc.lock says, and replies of other weights have other keys.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import msgspec

from stages.core import artifacts
from stages.core.errors import UserError
from stages.planning.overlay import md5


class ListedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of a model's folder, as DVC lists it."""

    md5: str
    relpath: str


class TrainedModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A trained model without its weights."""

    files: list[ListedFile]
    reference: dict[str, str]
    """The contents of its reference.json."""

    @property
    def folder_md5(self) -> str:
        """The MD5 of its folder as in dvc.lock (dvc_data/hashfile/tree.py)."""
        listed = [{"md5": file.md5, "relpath": file.relpath} for file in self.files]
        return hashlib.md5(json.dumps(listed, sort_keys=True).encode()).hexdigest() + ".dir"


Models = dict[str, TrainedModel]
"""By the name of the run."""


def describe(folder: Path) -> TrainedModel:
    """A trained model as it lies in `folder`; reads all of its files."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    reference = artifacts.read_json(folder / artifacts.REFERENCE, dict[str, str])
    return TrainedModel([ListedFile(md5(folder / name), name) for name in names], reference)


def read_models(path: Path, recorded: Mapping[str, str]) -> Models:
    """The recorded models of a file. recorded: run -> MD5 of its model's folder in dvc.lock.

    Raises UserError unless each is there, with that MD5 and with the reference.json that it lists.
    """
    models = artifacts.read_json(path, Models) if recorded else {}
    for name, wanted in recorded.items():
        model = models.get(name)
        if model is None:
            raise UserError(f"{path}: has no model {name}, which dvc.lock has; {REMEDY}")
        if model.folder_md5 != wanted:
            raise UserError(f"{path}: {name} is another model than models/{name} of dvc.lock; {REMEDY}")
        if not any(file.relpath == artifacts.REFERENCE and file.md5 == _reference_md5(model) for file in model.files):
            raise UserError(f"{path}: the reference of {name} is not that of its reference.json; {REMEDY}")
    return {name: models[name] for name in recorded}


REMEDY = "take the file of the commit of dvc.lock, or make it with `seqit reproduce --record` after `seqit run`"


def _reference_md5(model: TrainedModel) -> str:
    return hashlib.md5(artifacts.document(model.reference)).hexdigest()


def place(model: TrainedModel, folder: Path) -> None:
    """Write what identifies a model into `folder`: reference.json alone, which no engine can be opened with."""
    artifacts.write_json(folder / artifacts.REFERENCE, model.reference)
