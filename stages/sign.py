"""Signatures of a published folder by a local key, which `verify` and other people's verifiers check."""

import os
from typing import Annotated

import typer

from stages.core.cli import main
from stages.core.errors import UserError
from stages.core.project import given_path
from stages.publishing import signatures
from stages.publishing.signatures import KEY


def sign(
    target: Annotated[str, typer.Argument(help="A folder that seqit published: a data set, a model, a repository")],
    key: Annotated[str, typer.Option(help=f"File of a private key (PEM); default: the path in {KEY}")] = "",
) -> None:
    """Sign the statement of a published folder, and with it every file; the signature is written beside the folder.

    The key is one for Ed25519, or for ECDSA on P-256, P-384 or P-521; of the latter, OpenSSF's model-signing reads a
    second file. A passphrase is taken from SEQIT_SIGNING_PASSPHRASE. `seqit publish` pushes signatures with the folder.
    Equal files and keys give equal signatures. No network is used, and nothing in the folder changes.
    """
    path = key or os.environ.get(KEY, "")
    if not path:
        raise UserError(f"no key; name the file of one with --key, or in {KEY}")
    written = signatures.sign(given_path(target), given_path(path))
    typer.echo("\n".join(map(str, written)))


if __name__ == "__main__":
    main(sign)
