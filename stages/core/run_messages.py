"""Messages that the processes of one `seqit run` share: errors of stages, and what need not be told again.

They are in a temporary folder that `seqit run` makes and names to the stages that it runs.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import msgspec

from stages.core.redaction import without_secrets

VARIABLE = "SEQIT_RUN_FOLDER"
"""Environment variable with the path of the folder; not set outside `seqit run`."""
ERRORS = "errors"
"""The file of `StageError`s in it."""


class StageError(msgspec.Struct, frozen=True):
    """A stage that failed; a line of the file."""

    stage: str
    """Its address, as DVC puts it into DVC_STAGE."""
    text: str
    """"" where the stage itself told none."""


def record_error(text: str) -> None:
    """Append the error of this process's stage to the file; does nothing outside `seqit run`."""
    _append(StageError(os.environ.get("DVC_STAGE", ""), without_secrets(text)))


def record_failure(stage: str) -> None:
    """Append that a stage failed, whether it told an error or not; does nothing outside `seqit run`."""
    _append(StageError(stage, ""))


def _append(line: StageError) -> None:
    if folder := os.environ.get(VARIABLE):
        with suppress(OSError), open(Path(folder, ERRORS), "ab") as stream:
            stream.write(msgspec.json.encode(line) + b"\n")


def is_first_in_run(text: str) -> bool:
    """Whether no process of this run has asked this about `text` before; True outside `seqit run`."""
    if folder := os.environ.get(VARIABLE):
        name = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        try:
            Path(folder, name).touch(exist_ok=False)
        except FileExistsError:
            return False
        except OSError:
            return True
    return True


def recorded_errors(folder: Path) -> dict[str, str]:
    """Stage that failed -> its error, "" where it told none; empty where nothing was recorded."""
    errors: dict[str, str] = {}
    with suppress(OSError, msgspec.DecodeError):
        lines = Path(folder, ERRORS).read_bytes().splitlines()
        for line in msgspec.json.decode(b"[%b]" % b",".join(lines), type=list[StageError]):
            errors[line.stage] = line.text or errors.get(line.stage, "")
    return errors
