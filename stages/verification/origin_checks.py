"""Compares a published set with dvc.lock, and lists the models trained on it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from stages.core import artifacts
from stages.core.dvc_hashes import file_hash, folder_hash
from stages.core.errors import UserError
from stages.publishing.set_files import own_files
from stages.verification.check_results import CheckLog, CheckResult
from stages.verification.published_files import PublishedSet

OF_THE_HUB = (".gitattributes", ".cache")


class _Entry(msgspec.Struct):
    path: str
    md5: str | None = None


class _Stage(msgspec.Struct):
    deps: list[_Entry] = []
    outs: list[_Entry] = []


Lock = dict[str, dict[str, Any]]
"""Stages of dvc.lock by their addresses."""


def read_lock(path: Path) -> Lock:
    """The stages of a dvc.lock. Raises UserError for another file."""
    import yaml

    try:
        stages = yaml.safe_load(artifacts.read_text(path))["stages"]
        return msgspec.to_builtins(msgspec.convert(stages, dict[str, _Stage]))  # type: ignore[no-any-return]
    except (yaml.YAMLError, msgspec.ValidationError, LookupError, TypeError, ValueError, RecursionError):
        raise UserError(f"{path}: is no dvc.lock; name that of the checkout that published the set") from None


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


def _own_files(published: PublishedSet, lock: Path) -> Iterator[tuple[str, str | None]]:
    """(path in dvc.lock, MD5 of what is at hand) of the set's folder and the artifact that it was made of."""
    facts = published.facts
    if facts is not None:
        if published.out:
            yield published.out, folder_hash(published.folder, own_files(published.folder).values())
        artifact = lock.parent / "data" / f"{facts.artifact}.jsonl"
        yield f"data/{facts.artifact}.jsonl", file_hash(artifact) if artifact.is_file() else None


def _listed(lock: Lock) -> Iterator[dict[str, Any]]:
    """Files and folders of a lock: an artifact may be a file in a folder that a stage made, and that others name."""
    for kind in ("outs", "deps"):
        for stage in lock.values():
            yield from stage.get(kind) or ()
