"""The Hugging Face Hub, for writing: one commit and one annotated tag a version, and nothing when nothing changed."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

from stages.core.errors import MISREAD, NOT_THE_HUB, UserError
from stages.publishing.set_files import SIGNATURES
from stages.publishing.signatures import to_push

PROVENANCE = "provenance.json"


class Kind(NamedTuple):
    """A kind of repository, and what decides whether a version of it is there already."""

    repo_type: str
    contents: str
    """What a version consists of, for people."""
    field: str
    """The field of provenance.json that names the contents: files vary with what wrote them."""
    owned: tuple[str, ...]
    """Patterns of the files that a new version removes where it has them no more; others may be a person's."""
    command: str


DATA_SET = Kind("dataset", "rows", "rows_sha256", ("data/*",), "publish")
REPOSITORY = DATA_SET._replace(command="publish_repository")
"""A repository of several data sets."""
MODEL = Kind(
    "model", "weights", "weights_sha256", ("*.safetensors", "*.safetensors.index.json", ".eval_results/*.yaml"),
    "publish_model",
)  # fmt: skip


def push(folder: Path, repository: str | None, version: str, code: str = "", kind: Kind = DATA_SET) -> str:
    """Push what was published in a folder as `repository` at tag v<version>; says in one line what was done.

    code: the git commit of the checkout, for the tag's message. In a file of the set it would change the bytes of equal
    rows with every commit. kind: what is pushed.

    Not pushed without a repository or without HF_TOKEN. A repository that does not exist is made, private. Nothing is
    committed when the tag has the same contents already (by `kind.field` of provenance.json). Raises UserError when the
    tag has others, when somebody else pushed meanwhile, and when the Hub refuses.
    """
    if repository is None:
        return "not pushed: `repository` is null in params.yaml"
    token = os.environ.get("HF_TOKEN")
    if not token:
        return f"not pushed: HF_TOKEN is not set; with it, `seqit run -s -f {kind.command}` pushes to {repository}"
    from huggingface_hub import HfApi

    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token)
    with _hub_errors(repository, version, token):
        return _push(api, _files(folder) | to_push(folder), repository, f"v{version}", code, kind)


def _files(folder: Path) -> dict[str, Path]:
    """The files of a folder by their paths in its repository."""
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def _push(api: Any, files: Mapping[str, Path], repository: str, tag: str, code: str, kind: Kind) -> str:
    api.create_repo(repository, repo_type=kind.repo_type, private=True, exist_ok=True)
    refs = api.list_repo_refs(repository, repo_type=kind.repo_type)
    if any(reference.name == tag for reference in refs.tags):
        return _already(api, files, repository, tag, kind)
    head = api.repo_info(repository, repo_type=kind.repo_type).sha
    commit = head if _same(api, files, repository, head, kind) else _commit(api, files, repository, tag, head, kind)
    contents = _contents(files[PROVENANCE].read_bytes(), kind)
    message = f"{tag[1:]}: {kind.contents} {contents}{f', made by seqit at {code}' if code else ''}"
    api.create_tag(
        repository, tag=tag, tag_message=message, revision=commit, repo_type=kind.repo_type, exist_ok=False
    )  # fmt: skip
    return f"pushed {repository} {tag} at {commit[:12]} (a new repository is private until you change that on its page)"


def _commit(
    api: Any, files: Mapping[str, Path], repository: str, tag: str, head: str | None, kind: Kind
) -> str:  # fmt: skip
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    listed = api.list_repo_files(repository, repo_type=kind.repo_type)
    present = {path for path in listed if any(fnmatch(path, pattern) for pattern in (*kind.owned, *SIGNATURES))}
    operations = [CommitOperationAdd(path_in_repo=path, path_or_fileobj=str(file)) for path, file in files.items()]
    gone = [CommitOperationDelete(path_in_repo=path) for path in sorted(present - files.keys())]
    done = api.create_commit(
        repository, [*operations, *gone], commit_message=f"Version {tag[1:]}", repo_type=kind.repo_type,
        parent_commit=head,
    )  # fmt: skip
    return str(done.oid)


def _already(api: Any, files: Mapping[str, Path], repository: str, tag: str, kind: Kind) -> str:
    there = _remote(api, repository, PROVENANCE, tag, kind)
    if there is not None and _contents(there, kind) == _contents(files[PROVENANCE].read_bytes(), kind):
        listed = set(api.list_repo_files(repository, repo_type=kind.repo_type, revision=tag))
        unsigned = bool(files.keys() & {*SIGNATURES} - listed)
        hint = ", unsigned; a signature is pushed with a new `version` only" if unsigned else ""
        return f"nothing to push: {repository} {tag} has these {kind.contents}{hint}"
    raise UserError(f"{repository} has a {tag} with other {kind.contents}; raise this entry's `version` in params.yaml")


def _same(api: Any, files: Mapping[str, Path], repository: str, head: str | None, kind: Kind) -> bool:
    """Whether the newest commit holds this version already, as after a push that ended before its tag."""
    if head is None or _remote(api, repository, PROVENANCE, head, kind) != files[PROVENANCE].read_bytes():
        return False
    signatures = {path: files[path].read_bytes() for path in SIGNATURES if path in files}
    return all(_remote(api, repository, path, head, kind) == data for path, data in signatures.items())


def _remote(api: Any, repository: str, path: str, revision: str, kind: Kind) -> bytes | None:
    """The contents of a file on the Hub, None where there is no such file."""
    from huggingface_hub.errors import EntryNotFoundError

    try:
        file = api.hf_hub_download(repository, path, repo_type=kind.repo_type, revision=revision)
    except EntryNotFoundError:
        return None
    return Path(file).read_bytes()


def _contents(provenance: bytes, kind: Kind) -> str:
    import msgspec

    try:
        return str(msgspec.json.decode(provenance)[kind.field])
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None


@contextmanager
def _hub_errors(repository: str, version: str, token: str) -> Iterator[None]:
    """What the Hub or the network says as one line, without the token."""
    # Its errors, and not those of httpx: which client it uses depends on its version.
    from huggingface_hub.errors import HfHubHTTPError, HTTPError

    try:
        yield
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        wait = error.response.headers.get("Retry-After", "") if error.response is not None else ""
        raise UserError(f"{repository} v{version}: {_meaning(status, str(error).replace(token, '…'), wait)}") from None
    except (HTTPError, OSError) as error:
        kind = type(error).__name__
        raise UserError(f"{repository} v{version}: the Hub can't be reached ({kind}); try again") from None
    except MISREAD:
        raise UserError(f"{repository} v{version}: {NOT_THE_HUB}") from None


def _meaning(status: int, answer: str, wait: str) -> str:
    """What an answer means. wait: seconds that the Hub asks for; it may be empty, or a date."""
    after = f"in {wait} s" if wait.isdecimal() and len(wait) < 7 else "later"
    known = {
        401: "the Hub does not know this HF_TOKEN; make one with write access at huggingface.co/settings/tokens",
        403: "this HF_TOKEN may not write there; give it write access to this repository",
        409: "somebody else set this tag meanwhile; run again, to see which rows it has",
        412: "somebody else pushed meanwhile, nothing was written; run again",
        429: f"too many requests; run again {after}, it goes on where it was",
        503: f"the Hub can't serve it now; run again {after}, it goes on where it was",
    }
    return known.get(status, f"the Hub answered {status}: {' '.join(answer.split())[:300]}")
