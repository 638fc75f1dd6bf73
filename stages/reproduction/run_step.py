"""Runs the commands of one stage in a work folder, as processes that can ask no model and push nothing."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from stages.core.redaction import without_secrets
from stages.inference.stored_only import VARIABLE
from stages.planning.dvc_graph import Step

STORE = ".seqit/replies.sqlite"
"""The reply store of a rebuild, below its folder."""
PUSHES = ("publish",)
"""Modules that write to the Hub where HF_TOKEN is set."""


def environment(folder: Path, module: str) -> dict[str, str]:
    """The variables of a stage's process: a reply store of its own, from which alone replies come."""
    top = folder.absolute()
    own = {VARIABLE: "1", "SEQIT_REPLIES": str(top / STORE), "SEQIT_CACHE": str(top / ".seqit")}
    inherited = {name: value for name, value in os.environ.items() if name != "HF_TOKEN" or module not in PUSHES}
    return inherited | own


def run_step(step: Step, folder: Path) -> str:
    """Run a stage's commands in `folder`; returns the last line that a failed one printed, "" where none failed."""
    variables: Mapping[str, str] = environment(folder, step.module)
    for command in step.commands:
        words = [sys.executable if word == "python" else word for word in command]
        done = subprocess.run(
            words, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        if done.returncode:
            printed = done.stdout.decode(errors="replace").strip().splitlines()
            line = without_secrets(printed[-1]) if printed else f"exit status {done.returncode}"
            return line.replace(f"{folder.absolute()}/", "").replace(f"{folder}/", "")
    return ""
