"""Processes of a user whose Hub is the loopback one: the endpoint is read when huggingface_hub is imported."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

from tests.publishing.loopback import TOKEN, Store

PUSH = """
import pickle, sys
from stages.core.errors import UserError
from stages.publishing.hub import push
try:
    print(push(*pickle.load(sys.stdin.buffer)))
except UserError as error:
    print("refused:", error)
"""
COMMIT = "0123456789abcdef"
"""Of the checkout that publishes."""
LOAD = """
import json, sys
from datasets import load_dataset
name, revision, streaming = sys.argv[1:]
rows = load_dataset(name, revision=revision, streaming=streaming == "stream")
print("rows", json.dumps({split: [row["instruction"] for row in rows[split]] for split in rows}))
"""


class Session:
    """Processes of a user."""

    def __init__(self, address: str, store: Store, home: Path) -> None:
        self.count = 0
        self.store, self.home, self.environment = store, home, {
            **os.environ, "HF_ENDPOINT": address, "HF_TOKEN": TOKEN, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "0", "HF_HUB_OFFLINE": "0",
            "HF_DATASETS_OFFLINE": "0", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }  # fmt: skip

    def start(self, words: list[str], **environment: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=self.environment | environment,
        )  # fmt: skip

    def ended(self, process: subprocess.Popen[bytes], data: bytes = b"", status: int = 0) -> str:
        """What a process printed; on stderr too where it failed, as it should."""
        out, errors = process.communicate(data, timeout=600)
        assert process.returncode == status, errors.decode()
        assert not any(token.encode() in out + errors for token in (TOKEN, self.environment["HF_TOKEN"]) if token)
        return (out if status == 0 else out + errors).decode().strip()

    def run(self, code: str, *arguments: str, data: bytes = b"", **environment: str) -> str:
        return self.ended(self.start(["-c", code, *arguments], **environment), data)

    def starts_push(
        self, files: dict[str, bytes], version: str = "0.1.0", **environment: str
    ) -> tuple[subprocess.Popen[bytes], bytes]:
        """A push that has begun, and what it waits for on stdin."""
        self.count += 1
        folder = unpacked(self.home.parent / f"set{self.count}", files)
        return self.start(["-c", PUSH], **environment), pickle.dumps((folder, "lab/set", version, COMMIT))

    def push(self, files: dict[str, bytes], version: str = "0.1.0", **environment: str) -> str:
        return self.ended(*self.starts_push(files, version, **environment))

    def push_folder(self, folder: Path, version: str = "0.1.0") -> str:
        return self.run(PUSH, data=pickle.dumps((folder, "lab/set", version, COMMIT)))

    def load(self, revision: str, streaming: str = "whole", **environment: str) -> dict[str, list[str]]:
        said = self.run(LOAD, "lab/set", revision, streaming, **environment).splitlines()
        return json.loads(next(line for line in said if line.startswith("rows "))[5:])

    def verify(self, target: str, *words: str, status: int = 0, **environment: str) -> str:
        """`seqit verify` in a folder that holds no project."""
        return self.ended(self.start(["-m", "stages.verify", target, *words], **environment), status=status)

    def files(self, revision: str) -> set[str]:
        return set(self.store.git("lab/set", "ls-tree", "-r", "--name-only", revision).decode().split())

    def commits(self) -> int:
        return int(self.store.git("lab/set", "rev-list", "--count", "main"))

    def tags(self) -> list[str]:
        return self.store.git("lab/set", "tag", "-l").decode().split()


def unpacked(folder: Path, files: dict[str, bytes]) -> Path:
    """The folder with the files in it."""
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder
