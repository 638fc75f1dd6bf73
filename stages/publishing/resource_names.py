"""Names of sources, models and files as URIs and digests, as in-toto statements and JSON-LD have them.

What a reference says of itself decides: a commit, a SHA-256. A reference may hold any text; a URI made of it holds none
but the characters that a URI may have.
"""

import hashlib
import re
from pathlib import Path
from typing import IO
from urllib.parse import quote

import msgspec

from stages.core.errors import UserError

HUB = re.compile(r"hub:([a-z0-9][\w.-]*/[a-z0-9][\w.-]*)(?:@([a-z0-9][\w.-]*))?", re.ASCII | re.IGNORECASE)
COMMIT = re.compile(r"[0-9a-f]{40}")
CONTENT_HASH = re.compile(r"@sha256:([0-9a-f]{64})$")
SCHEME = "seqit"
"""Of the URIs of what has no address."""


class Resource(msgspec.Struct, frozen=True, omit_defaults=True):
    """A ResourceDescriptor of in-toto: https://github.com/in-toto/attestation/blob/main/spec/v1/resource_descriptor.md"""

    uri: str
    name: str
    digest: dict[str, str] = {}
    annotations: dict[str, str | int] = {}


def uri(kind: str, name: str) -> str:
    """seqit:KIND/NAME with every character of NAME escaped that a path of a URI may not hold."""
    return f"{SCHEME}:{kind}/{quote(name, safe='/@:')}"


def hub_address(reference: str, models: bool) -> str:
    """The page of a reference "hub:ORG/NAME@REVISION"; "" for any other reference. models: whether it is of a model."""
    match = HUB.fullmatch(reference)
    if match is None:
        return ""
    folder = "" if models else "datasets/"
    return f"https://huggingface.co/{folder}{match[1]}" + (f"/tree/{match[2]}" if match[2] else "")


def digests(reference: str) -> dict[str, str]:
    """The digests that a reference ends with: {"sha256": …}, {"gitCommit": …} or none."""
    content, hub = CONTENT_HASH.search(reference), HUB.fullmatch(reference)
    if content:
        return {"sha256": content[1]}
    return {"gitCommit": hub[2]} if hub and hub[2] and COMMIT.fullmatch(hub[2]) else {}


def model(identity: str) -> Resource:
    """A model by its identity."""
    return Resource(hub_address(identity, models=True) or uri("model", identity), identity, digests(identity))


def file(path: Path, name: str = "") -> Resource:
    """A file of the project by its path, with the SHA-256 of its bytes and their MD5, which is what dvc.lock has.

    name: of the resource; the path if empty. Raises UserError where the file can't be read.
    """
    try:
        with open(path, "rb") as stream:
            return Resource(uri("file", name or path.as_posix()), name or path.as_posix(), _both(stream))
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror or error}); run the stage that makes it") from None


def _both(stream: IO[bytes]) -> dict[str, str]:
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    while block := stream.read(1 << 20):
        sha256.update(block)
        md5.update(block)
    return {"sha256": sha256.hexdigest(), "md5": md5.hexdigest()}
