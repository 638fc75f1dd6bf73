"""Run one program in a sandbox: start it, read its output, kill it at its limits."""

import contextlib
import json
import os
import select
import selectors
import signal
import subprocess
import time
from typing import NamedTuple

import msgspec

from stages.evaluation.benchmarks.program_outcomes import Ending, Outcome, Program
from stages.evaluation.sandbox.bubblewrap import Limits, SandboxCommand

LONGEST = 300
"""Characters of a reason for people."""


class _Observed(NamedTuple):
    limit: str
    """The limit that ended it: "timeout", "output" or ""."""
    report: bytes
    printed: bytes


def run(sandbox: SandboxCommand, program: Program, limits: Limits, number: int) -> Outcome:
    """The outcome of `program` in a sandbox; `number` distinguishes the runs of this process.

    Raises FileNotFoundError if there is no bubblewrap, PermissionError if it may not be run.
    """
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(os.fdopen(os.memfd_create("program"), "wb+"))
        source.write(_encoded(program))
        source.seek(0)
        process, report, info = _start(sandbox, number, source.fileno(), stack)
        try:
            seen = _watch(process, report, limits)
        finally:
            # bubblewrap dies, and with it everything inside: PR_SET_PDEATHSIG, then the end of the PID namespace.
            process.kill()
            process.wait()
            _await_end(info)
    return _outcome(seen, process.returncode)


def _encoded(program: Program) -> bytes:
    """The program as JSON, with a question mark for each half of a surrogate pair."""
    values = msgspec.structs.asdict(program)
    values["readings"] = [msgspec.structs.asdict(reading) for reading in program.readings]
    return json.dumps(values, ensure_ascii=False).encode(errors="replace")


def _start(
    sandbox: SandboxCommand, number: int, source: int, stack: contextlib.ExitStack
) -> tuple["subprocess.Popen[bytes]", int, int]:
    """The process, and the descriptors to read its report and bubblewrap's information from."""
    report, inside = os.pipe()
    info, info_writer = os.pipe()
    stack.callback(os.close, report)
    stack.callback(os.close, info)
    try:
        # No environment: bubblewrap is process 1 inside, and what it was started with could be read there.
        process = subprocess.Popen(
            sandbox.line(number, source, inside, info_writer), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, pass_fds=(source, inside, info_writer), env={},
        )  # fmt: skip
    finally:
        os.close(inside)
        os.close(info_writer)
    return stack.enter_context(process), report, info


def _await_end(info: int) -> None:
    """Wait for the end of process 1 inside, which is the last to end there; bubblewrap outside does not wait for it."""
    if data := os.read(info, 1 << 12):
        first = json.loads(data)["child-pid"]
        with contextlib.suppress(ProcessLookupError), os.fdopen(os.pidfd_open(first), "rb") as ended:
            select.select([ended], [], [])


def _watch(process: "subprocess.Popen[bytes]", report: int, limits: Limits) -> _Observed:
    """Read the output and the report until the process ends or exceeds a limit, even if it closes them."""
    assert process.stdout is not None
    kept = {process.stdout.fileno(): bytearray(), report: bytearray()}
    ended = os.pidfd_open(process.pid)
    deadline, limit = time.monotonic() + limits.seconds, ""
    with contextlib.closing(os.fdopen(ended, "rb")), selectors.DefaultSelector() as selector:
        for source in (*kept, ended):
            selector.register(source, selectors.EVENT_READ)
        while not limit:
            ready = {key.fd for key, _ in selector.select(max(0.0, deadline - time.monotonic()))}
            for source in ready - {ended}:
                data = os.read(source, 1 << 16)
                kept[source] += data
                if not data:
                    selector.unregister(source)
            if sum(map(len, kept.values())) > limits.output << 10:
                limit = "output"
            elif ready == {ended}:
                break
            elif time.monotonic() >= deadline:
                limit = "timeout"
    return _Observed(limit, bytes(kept[report]), bytes(kept[process.stdout.fileno()]))


def _outcome(seen: _Observed, status: int) -> Outcome:
    if seen.limit == "output":
        return Outcome("output", "printed more than it may")
    try:
        ending, detail = msgspec.json.decode(seen.report, type=tuple[Ending, str])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _unreported(seen, status)
    return Outcome(ending, _printable(detail.encode(errors="replace")).removesuffix(":"))  # an exception without a word


def _unreported(seen: _Observed, status: int) -> Outcome:
    """The outcome of a sandbox that ended, or was killed, before its report."""
    if seen.limit == "timeout" or status == 128 + signal.SIGXCPU:
        return Outcome("timeout", "ran longer than it may")
    if status > 128:
        return Outcome("killed", f"signal {status - 128}")
    return Outcome("failed", _printable(seen.printed.strip().rpartition(b"\n")[2]) or "left before its end")


def _printable(data: bytes) -> str:
    text = data[: 4 * LONGEST].decode(errors="replace").strip()
    return "".join(c if c.isprintable() else " " for c in text)[:LONGEST]
