"""The files of a published folder, without those that are attached to it later: signatures, and the Hub's own."""

from pathlib import Path

from stages.core.artifacts import sha256
from stages.core.errors import UserError

SIGNATURE = "attestation.sigstore.json"
"""File with the signature of the statement, in a repository; on the disk it lies beside the folder."""
MODEL_SIGNATURE = "model.sig"
"""File with a signature that OpenSSF's model-signing reads, under the name that it gives such files."""
SIGNATURES = (SIGNATURE, MODEL_SIGNATURE)
ATTACHED = (*SIGNATURES, ".gitattributes", ".git", ".cache")
"""Names at the top of a folder that are no part of what was published: the Hub adds `.gitattributes`, a clone `.git`,
and `hf download --local-dir` the folder `.cache`."""


def own_files(folder: Path) -> dict[str, Path]:
    """The files below a folder by their paths in it, sorted, without those of ATTACHED."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: paths[name] for name in sorted(paths) if name.partition("/")[0] not in ATTACHED}


def file_hashes(folder: Path, leave_out: str = "") -> dict[str, str]:
    """Path of each file -> SHA-256 of its bytes. leave_out: a file that is not hashed.

    Raises UserError for a symbolic link to a folder, whose files would have no hash, and for a file that can't be read.
    """
    for path in folder.rglob("*"):
        if path.is_symlink() and path.is_dir():
            raise UserError(f"{path}: is a link to a folder; a published folder holds files and folders of its own")
    return {name: sha256(path) for name, path in own_files(folder).items() if name != leave_out}
