"""Signs a published folder with a local key: files beside the folder, which are no part of it.

A signature in the folder would make what DVC calls the stage's output depend on who has the key. The statement of the
folder is signed as it lies there. For an elliptic key there is a second file in the form of OpenSSF's model-signing
1.x, whose verifier compares a whole folder: https://github.com/ossf/model-signing-spec.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from stages.core.artifacts import document, write_files
from stages.core.errors import UserError
from stages.publishing import dsse
from stages.publishing.set_files import ATTACHED, MODEL_SIGNATURE, SIGNATURE, SIGNATURES, file_hashes
from stages.publishing.statement import STATEMENT, TYPE, differences, subjects

KEY, PASSPHRASE = "SEQIT_SIGNING_KEY", "SEQIT_SIGNING_PASSPHRASE"
"""Environment variables: the path of a private key, and its passphrase."""
MODEL_SIGNING = "https://model_signing/signature/v1.0"
"""Predicate type of model-signing."""


def signature_files(folder: Path, name: str = SIGNATURE) -> list[Path]:
    """The signatures of a folder that are there: one beside it, which this machine made, then one that came with it."""
    return [path for path in (beside(folder, name), folder / name) if path.is_file()]


def beside(folder: Path, name: str) -> Path:
    """Where the signature of a folder lies that this machine made: FOLDER.attestation.sigstore.json."""
    return folder.with_name(f"{folder.name}.{name}")


def sign(folder: Path, key_path: Path) -> list[Path]:
    """Sign a folder as it is; returns the files that were written beside it.

    The passphrase is taken from the environment. Raises UserError where the folder is not what its statement says, and
    for a key that can't be used.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; name one that seqit published")
    if key_path.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{key_path}: lies in the folder that it is to sign, and would be published; keep it elsewhere")
    key = dsse.private_key(key_path, os.environ.get(PASSPHRASE, ""))
    statement, hashes = _sound(folder)
    files = {SIGNATURE: dsse.bundle(statement, key)}
    if dsse.is_elliptic(key):
        # The statement is among the files here: model-signing knows no other payload.
        every = {**hashes, STATEMENT: hashlib.sha256(statement).hexdigest()}
        files[MODEL_SIGNATURE] = dsse.bundle(manifest(folder.resolve().name, every), key)
    paths = {name: beside(folder, name) for name in files}
    write_files(folder.parent, {paths[name].name: data for name, data in files.items()})
    if MODEL_SIGNATURE not in files:  # that of another key would contradict this one
        beside(folder, MODEL_SIGNATURE).unlink(missing_ok=True)
    return list(paths.values())


def sign_with_environment(folder: Path) -> str:
    """Sign with the key that the environment names; what was done as one line, "" where it names none."""
    path = os.environ.get(KEY, "")
    return f"signed: {', '.join(map(str, sign(folder, Path(path).expanduser())))}" if path else ""


def manifest(name: str, hashes: Mapping[str, str]) -> bytes:
    """The statement of model-signing over files. hashes: path of each -> SHA-256."""
    names = sorted(hashes)
    root = hashlib.sha256(b"".join(bytes.fromhex(hashes[one]) for one in names)).hexdigest()
    return document({
        "_type": TYPE, "subject": [{"name": name, "digest": {"sha256": root}}], "predicateType": MODEL_SIGNING,
        "predicate": {
            "serialization": {
                "method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": list(ATTACHED),
            },
            "resources": [{"name": one, "algorithm": "sha256", "digest": hashes[one]} for one in names],
        },
    })  # fmt: skip


def to_push(folder: Path) -> dict[str, Path]:
    """Name in the repository -> signature to push with a folder. Raises UserError for one of another state of it."""
    paths = {name: signature_files(folder, name) for name in SIGNATURES}
    files = {name: places[0] for name, places in paths.items() if places}
    if files and (SIGNATURE not in files or dsse.opened(files[SIGNATURE]).payload != _statement(folder)):
        some = next(iter(files.values()))
        raise UserError(f"{some}: signs another state of {folder}; sign it again (`seqit sign`), or delete the file")
    return files


def _statement(folder: Path) -> bytes:
    path = folder / STATEMENT
    if not path.is_file():
        raise UserError(f"{folder}: holds no {STATEMENT}; publish it with this version of seqit")
    return path.read_bytes()


def _sound(folder: Path) -> tuple[bytes, dict[str, str]]:
    """The statement of a folder and the hashes of its files. Raises UserError where they differ."""
    statement, hashes = _statement(folder), file_hashes(folder, leave_out=STATEMENT)
    try:
        stated = subjects(statement)
    except UserError as error:
        raise UserError(f"{folder / STATEMENT}: {error}; publish the set again") from None
    for name, difference in differences(stated, hashes):
        raise UserError(f"{folder / name}: {difference}; publish the set again, then sign it")
    return statement, hashes
