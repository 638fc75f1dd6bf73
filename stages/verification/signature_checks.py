"""Compares a published folder with its statement, and the statement's signature with a public key."""

from pathlib import Path

from stages.core.errors import UserError
from stages.publishing import dsse
from stages.publishing.set_files import SIGNATURE, file_hashes
from stages.publishing.signatures import signature_files
from stages.publishing.statement import STATEMENT, differences, subjects
from stages.verification.check_results import CheckLog, CheckResult

UNCHECKED = "there is a signature, which was not checked: whose it is takes a key (--public-key)"


def signature_results(folder: Path, public_key: Path | None) -> list[CheckResult]:
    """The outcomes for the files of a folder. Raises UserError for a public key that can't be read."""
    key = dsse.public_key(public_key) if public_key else None
    hashes = file_hashes(folder, leave_out=STATEMENT)
    return [_files(folder, hashes), _signature(folder, hashes, key, public_key)]


def _files(folder: Path, hashes: dict[str, str]) -> CheckResult:
    """Compare the files with the statement that lies among them."""
    log, path = CheckLog(f"files of {STATEMENT}", "files"), folder / STATEMENT
    if path.is_file():
        _compare(log, folder, path.read_bytes(), str(path), hashes)
    else:
        log.skip(f"{folder} holds no {STATEMENT}: it was published before there were any, or it is removed")
    return log.result()


def _signature(
    folder: Path, hashes: dict[str, str], key: "dsse.PublicKey | None", key_path: Path | None
) -> CheckResult:
    """Compare the files with what that key signed."""
    log, paths = CheckLog("signature", "files"), signature_files(folder)
    if key is None:
        log.skip(UNCHECKED if paths else "there is no signature")
        return log.result()
    wrong = {path: _reason(path, key, key_path) for path in paths}
    path = next((one for one, reason in wrong.items() if not reason), None)
    if path:
        payload = dsse.opened(path).payload
        _compare(log, folder, payload, str(path), hashes)
        _compare_statement(log, folder / STATEMENT, payload)
        return log.result()
    for one, reason in wrong.items():
        log.differs(str(one), "", "", reason)
    if not paths:
        log.differs(str(folder), "", "", f"has no signature: no {SIGNATURE} lies in it or beside it")
    return log.result()


def _reason(path: Path, key: "dsse.PublicKey", key_path: Path | None) -> str:
    """Why a file is no signature by that key; "" where it is one."""
    try:
        signed = dsse.opened(path)
    except UserError as error:
        return str(error).removeprefix(f"{path}: ")
    if dsse.is_signed_by(signed, key):
        return "" if signed.payload_type == dsse.IN_TOTO else f"signs no in-toto statement but {signed.payload_type}"
    names = [name for name, _ in signed.signatures]
    if dsse.key_id(key) in names:
        return f"is not valid for {key_path}: what it signs, or the signature, was changed"
    return f"is not made with the key of {key_path}; it names the key {', '.join(names) or 'none'}"


def _compare(log: CheckLog, folder: Path, statement: bytes, source: str, hashes: dict[str, str]) -> None:
    try:
        stated = subjects(statement)
    except UserError as error:
        log.differs(source, "", "", str(error))
        return
    different = differences(stated, hashes)
    for name, difference in different:
        log.differs(str(folder / name), "", "", f"{difference}, says {source}")
    log.agrees(len(stated.keys() & hashes.keys()) - sum(difference == "was changed" for _, difference in different))


def _compare_statement(log: CheckLog, path: Path, signed: bytes) -> None:
    """Compare the statement in the folder with the signed one, which holds what the set was made of too."""
    if not path.is_file():
        log.differs(str(path), "", "", "is missing; it was signed")
    elif path.read_bytes() != signed:
        log.differs(str(path), "", "", "was changed: it is not the statement that was signed")
    else:
        log.agrees()
