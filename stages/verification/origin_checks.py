"""Compares a published set with dvc.lock and the code revision that it names, and lists models trained on it."""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.core import artifacts
from stages.core.errors import UserError
from stages.verification.check_results import CheckLog, CheckResult
from stages.verification.published_files import PROVENANCE, PublishedSet

Lock = dict[str, dict[str, Any]]
"""Stages of dvc.lock by their addresses."""


def read_lock(path: Path) -> Lock:
    """The stages of a dvc.lock. Raises UserError for another file."""
    import yaml

    try:
        stages = yaml.safe_load(artifacts.read_text(path))["stages"]
        return {str(name): dict(stage) for name, stage in stages.items()}
    except (yaml.YAMLError, LookupError, TypeError, ValueError, AttributeError):
        raise UserError(f"{path}: is no dvc.lock; name that of the checkout that published the set") from None


def folder_hash(folder: Path) -> str:
    """The MD5 that DVC gives a folder: of the JSON list of its files' MD5s and paths, sorted by path."""
    paths = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: _parts(folder, path))
    listed = [{"md5": _md5(path), "relpath": path.relative_to(folder).as_posix()} for path in paths]
    return hashlib.md5(json.dumps(listed, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def lock_results(published: PublishedSet, lock: Lock, path: Path) -> list[CheckResult]:
    """Compare the folder and the artifact that it was made of with a dvc.lock."""
    log, facts = CheckLog("dvc.lock", "files"), published.facts
    if facts is None:
        log.skip("provenance.json is needed to know the set's name")
        return [log.result()]
    for out, actual in _own_files(published, path):
        recorded = next((one.get("md5") for one in _listed(lock) if one.get("path") == out), None)
        if recorded is None:
            log.skip(f"{path} names no {out}")
        elif actual is None:
            log.skip(f"{out} is not at hand")
        elif recorded == actual:
            log.agrees()
        else:
            log.differs(str(path), "", out, f"records {recorded}; the files have {actual}")
    return [log.result()]


def trained_models(artifact: str, lock: Lock) -> list[str]:
    """The outs below models/ of stages that depend on an artifact, through any stages between."""
    known, models = {f"data/{artifact}.jsonl"}, []
    for _ in lock:
        before = len(known)
        for stage in lock.values():
            if known & {str(one.get("path")) for one in stage.get("deps") or ()}:
                outs = [str(one.get("path")) for one in stage.get("outs") or ()]
                models += [out for out in outs if out.startswith("models/") and out not in known]
                known.update(outs)
        if len(known) == before:
            break
    return sorted(models)


def revision_results(published: PublishedSet, checkout: Path) -> list[CheckResult]:
    """Whether the code revision that the set names is a commit of a checkout."""
    log = CheckLog("code revision", "commits")
    revision = (published.facts.revision or "") if published.facts else ""
    if not revision:
        log.skip(f"{PROVENANCE} names none")
    elif (known := _is_commit(checkout, revision.removesuffix("-dirty"))) is None:
        log.skip(f"{revision} of {PROVENANCE}: the current folder is no git checkout")
    elif not known:
        log.skip(f"{revision} of {PROVENANCE} is no commit of this checkout; fetch it, or run in the checkout it is of")
    else:
        log.agrees()
    if revision.endswith("-dirty"):
        log.skip("the checkout had changes that were not committed when the set was written")
    return [log.result()]


def _own_files(published: PublishedSet, lock: Path) -> Iterator[tuple[str, str | None]]:
    """(path in dvc.lock, MD5 of what is at hand) of the set's folder and the artifact that it was made of."""
    facts = published.facts
    if facts is not None:
        yield f"data/published/{facts.name}", folder_hash(published.folder)
        artifact = lock.parent / "data" / f"{facts.artifact}.jsonl"
        yield f"data/{facts.artifact}.jsonl", _md5(artifact) if artifact.is_file() else None


def _listed(lock: Lock) -> Iterator[dict[str, Any]]:
    """Files and folders of a lock: an artifact may be a file in a folder that a stage made, and that others name."""
    for kind in ("outs", "deps"):
        for stage in lock.values():
            yield from stage.get(kind) or ()


def _parts(folder: Path, path: Path) -> tuple[str, ...]:
    return path.relative_to(folder).parts


def _md5(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _is_commit(checkout: Path, revision: str) -> bool | None:
    """Whether a checkout has a commit; None where the folder is no checkout."""
    if not all(c in "0123456789abcdef" for c in revision) or not revision:
        return False
    try:
        inside = subprocess.run(["git", "-C", str(checkout), "rev-parse"], capture_output=True, check=False)
        command = ["git", "-C", str(checkout), "cat-file", "-e", f"{revision}^{{commit}}"]
        known = subprocess.run(command, capture_output=True, check=False)
        return None if inside.returncode else known.returncode == 0
    except OSError:
        return None
