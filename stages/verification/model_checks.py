"""Checks of a published model: its files against provenance.json, and what it was made of against dvc.lock."""

from pathlib import Path
from typing import Any

from stages.core import artifacts
from stages.core.errors import UserError
from stages.core.records import digest
from stages.model_publishing.marked_template import is_faithful, marks_replies
from stages.model_publishing.model_facts import ModelFacts
from stages.model_publishing.model_folder import CARD, PROVENANCE, TEMPLATE, TRAINED_TEMPLATE
from stages.publishing.set_files import ATTACHED
from stages.publishing.statement import STATEMENT
from stages.training.base_model import read_base_model
from stages.verification.check_results import CheckLog, CheckResult
from stages.verification.origin_checks import read_lock

OWN = (PROVENANCE, CARD, STATEMENT, *ATTACHED)
"""Files that provenance.json has no hashes of."""
WEIGHTS = ".safetensors"


def is_model(target: Path) -> bool:
    """Whether a folder holds a published model: its provenance.json tells of weights."""
    path = target / PROVENANCE
    return path.is_file() and "weights_sha256" in artifacts.read_json(path, dict[str, Any])


def model_results(folder: Path, lock: Path | None) -> list[CheckResult]:
    """The outcomes. Raises UserError for a provenance.json or a lock that can't be read."""
    facts = artifacts.read_json(folder / PROVENANCE, ModelFacts)
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    hashes = {path: artifacts.sha256(files[path]) for path in facts.files if path in files}
    results = [_files(folder, facts, hashes, sorted(files)), _weights(folder, facts, hashes), _card(folder, facts)]
    results += [_template(folder, facts), _lock(facts, lock)]
    return results


def _files(folder: Path, facts: ModelFacts, hashes: dict[str, str], present: list[str]) -> CheckResult:
    log = CheckLog("files", "files")
    for path, published in facts.files.items():
        if path not in hashes:
            log.differs(str(folder / path), "", "", f"is missing; {PROVENANCE} has its hash")
        elif hashes[path] != published:
            log.differs(str(folder / path), "", "", f"has the hash {hashes[path]}; {PROVENANCE} says {published}")
        else:
            log.agrees()
    for path in present:
        if path not in facts.files and path.partition("/")[0] not in OWN:
            log.differs(str(folder / path), "", "", f"is not in {PROVENANCE}")
    return log.result()


def _weights(folder: Path, facts: ModelFacts, hashes: dict[str, str]) -> CheckResult:
    """Weights and what training told of them name the same bytes."""
    log = CheckLog("weights_sha256", "models")
    each = [hashes.get(path, "") for path in sorted(facts.files) if path.endswith(WEIGHTS)]
    actual = each[0] if len(each) == 1 else digest(each)
    if actual != facts.weights_sha256:
        log.differs(
            str(folder), "", "weights_sha256", f"the files have {actual}; {PROVENANCE} says {facts.weights_sha256}"
        )
    elif not actual.startswith(str(facts.training.get("weights"))):
        log.differs(str(folder / PROVENANCE), "", "training.weights", f"is not the beginning of {actual}")
    else:
        log.agrees()
    return log.result()


def _card(folder: Path, facts: ModelFacts) -> CheckResult:
    log = CheckLog("card", "facts")
    if not (folder / CARD).is_file():
        log.skip(f"no {CARD} lies beside the file")
        return log.result()
    text = artifacts.read_text(folder / CARD)
    for fact in dict.fromkeys([facts.weights_sha256, facts.dataset.rows_sha256, facts.base.identity, facts.version]):
        if fact in text:
            log.agrees()
        else:
            log.differs(str(folder / CARD), "", "", f"does not say {fact!r}, as {PROVENANCE} does")
    return log.result()


def _template(folder: Path, facts: ModelFacts) -> CheckResult:
    """The published template renders what the trained one does, and marks replies where it says so."""
    log, trained = CheckLog("chat template", "templates"), folder / TRAINED_TEMPLATE
    try:
        published = read_base_model(folder, "own")
        original = artifacts.read_text(trained)
    except UserError as error:
        log.differs(str(folder / TEMPLATE), "", "", str(error))
        return log.result()
    if not is_faithful(published.template, original, published.specials):
        log.differs(str(folder / TEMPLATE), "", "", f"renders another text than {TRAINED_TEMPLATE}")
    elif facts.template.marks_replies and not marks_replies(published.template, published.specials):
        log.differs(str(folder / TEMPLATE), "", "", "does not mark replies")
    else:
        log.agrees()
    return log.result()


def _lock(facts: ModelFacts, path: Path | None) -> CheckResult:
    log = CheckLog("dvc.lock", "outputs")
    if path is None:
        log.skip("nothing to compare with was given (--lock)", len(facts.outputs))
        return log.result()
    recorded = {
        str(one.get("path")): one.get("md5")
        for stage in read_lock(path).values() for one in stage.get("outs") or ()
    }  # fmt: skip
    for out, published in facts.outputs.items():
        if out not in recorded:
            log.skip(f"{path} names no {out}")
        elif recorded[out] == published:
            log.agrees()
        else:
            log.differs(str(path), "", out, f"records {recorded[out]}; {PROVENANCE} says {published}")
    return log.result()
