"""Two processes in one sandbox: a supervisor that runs the tests, and a worker that runs the answer's code.

The worker never has the tests, the verdict or the descriptor of the verdict in its memory: it is forked before they
are read. The supervisor calls the answer's function remotely, with plain values as arguments and results, so that it
never runs the answer's code.
"""

import ctypes
import json
import os
import resource
import signal
import struct
import sys
from types import ModuleType
from typing import Any, BinaryIO, NoReturn

from stages.evaluation.sandbox.inside.loading import load
from stages.evaluation.sandbox.inside.values import decode, encode

LONGEST = 300
"""Characters of a reason for people."""
_SET_DUMPABLE, _SET_NO_NEW_PRIVS, _SET_SECCOMP = 4, 38, 22


class Lost(BaseException):
    """The worker ended, or sent an invalid message."""


class Remote:
    """The function of the answer, called in the worker."""

    def __init__(self, calls: int, results: int, worker: int) -> None:
        self._calls = os.fdopen(calls, "wb")
        self._results = os.fdopen(results, "rb")
        self._worker = worker
        self.end: tuple[str, str] | None = None
        """Ending and detail, once the worker is lost."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns. Raises what it raises, see `send`."""
        return self.send([encode(args), encode(kwargs)])

    def send(self, message: Any) -> Any:
        """The worker's reply. Raises the exception that it reports, as a built-in one; Lost if it ended."""
        try:
            self._calls.write(json.dumps(message).encode() + b"\n")
            self._calls.flush()
            line = self._results.readline()
        except OSError:
            line = b""
        if not line.endswith(b"\n"):
            self.end = _ending(os.waitstatus_to_exitcode(os.waitpid(self._worker, 0)[1]))
            raise Lost
        try:
            kind, content = json.loads(line)
            value = decode(content)
        except (ValueError, TypeError, RecursionError, KeyError, ArithmeticError):
            self.end = ("failed", "wrote to a descriptor that is not its own")
            raise Lost from None
        if kind == "error":
            raise _exception(*value)
        return value


def main() -> NoReturn:
    """Run the sandbox from start to end. Arguments: see `SandboxCommand.line`."""
    root, (user, source, report) = sys.argv[1], map(int, sys.argv[2:5])
    filters, (seconds, memory, processes) = bytes.fromhex(sys.argv[5]), map(int, sys.argv[6:9])
    packages = sys.argv[9:]
    sys.argv = [""]
    _become_nobody(root, user)
    _limit(seconds, memory << 20, processes)
    from_supervisor, calls = os.pipe()
    results, to_supervisor = os.pipe()
    worker = os.fork()
    if worker == 0:
        for other in (source, report, calls, results):
            os.close(other)
        os.chdir("/tmp")
        _confine(filters)
        sys.path.extend(packages)
        _work(os.fdopen(from_supervisor, "rb"), to_supervisor)
    for other in (from_supervisor, to_supervisor):
        os.close(other)
    # Before anything that the worker may not see is read: no process of the same user may look into this one.
    _prctl(_SET_DUMPABLE, 0)
    _confine(filters)
    ending = _supervise(Remote(calls, results, worker), source)
    os.write(report, json.dumps(ending).encode())
    os._exit(0)


def _become_nobody(root: str, user: int) -> None:
    if user:
        os.chroot(root)
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    os.chdir("/")


def _limit(seconds: int, memory: int, processes: int) -> None:
    for name, value in {
        "CPU": seconds, "AS": memory, "DATA": memory, "FSIZE": memory, "NPROC": processes + 1, "NOFILE": 64,
        "CORE": 0, "MEMLOCK": 0, "MSGQUEUE": 0,
    }.items():  # fmt: skip
        limit = getattr(resource, "RLIMIT_" + name)
        most = resource.getrlimit(limit)[1]  # the machine's own, which only root could raise
        value = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(limit, (value, value))


def _prctl(option: int, value: int, address: int = 0) -> None:
    arguments = map(ctypes.c_ulong, (value, address, 0, 0))
    if ctypes.CDLL(None, use_errno=True).prctl(option, *arguments):
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def _confine(filters: bytes) -> None:
    """Every system call from here on passes the filter (seccomp(2)), which no later one can take off."""

    code = ctypes.create_string_buffer(filters, len(filters))
    program = struct.pack("HP", len(filters) // 8, ctypes.addressof(code))
    header = ctypes.create_string_buffer(program, len(program))
    _prctl(_SET_NO_NEW_PRIVS, 1)
    _prctl(_SET_SECCOMP, 2, ctypes.addressof(header))


def _supervise(remote: Remote, source: int) -> tuple[str, str]:
    """The ending and a detail for people."""
    with os.fdopen(source, "rb") as stream:
        program = json.loads(stream.read())
    try:
        remote.send([program["name"], program["preface"], program["readings"]])
        namespace = {"__name__": "test", program["name"]: remote}
        exec(compile(program["preface"], "preface.py", "exec", dont_inherit=True), namespace)
        namespace[program["name"]] = remote
        exec(compile(program["test"], "test.py", "exec", dont_inherit=True), namespace)
    except Lost:
        pass
    except MemoryError as error:
        return "memory", _reason(error)
    except BaseException as error:
        return remote.end or ("failed", _reason(error))
    return remote.end or ("passed", "")


def _work(calls: BinaryIO, results: int) -> NoReturn:
    """Run the calls until their stream ends."""
    module = ModuleType("program")
    sys.modules["program"] = module  # where dataclasses, pickle and typing look for it
    function: Any = None
    for line in calls:
        message = json.loads(line)
        try:
            if function is None:
                function, value = _loaded(module, *message), None
            else:
                args, kwargs = map(decode, message)
                value = function(*args, **kwargs)
            reply = ["value", encode(value)]
        except BaseException as error:
            reply = ["error", encode(([each.__name__ for each in type(error).__mro__], _text(error)))]
        _write(results, json.dumps(reply).encode() + b"\n")
    os._exit(0)


def _loaded(module: ModuleType, name: str, preface: str, readings: list[list[str]]) -> Any:
    exec(compile(preface, "preface.py", "exec", dont_inherit=True), vars(module))
    return load(module, name, readings)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _exception(names: list[str], text: str) -> BaseException:
    """The nearest built-in exception to one whose classes have these names."""
    import builtins

    for name in map(str, names):
        kind = getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, BaseException):
            try:
                error = kind(text)
            except TypeError:  # UnicodeDecodeError wants five arguments
                continue
            error.__dict__["reported"] = f"{names[0]}: {text}"
            return error
    return Exception(text)


def _text(error: BaseException) -> str:
    try:
        return str(error)[:LONGEST]
    except BaseException:
        return ""


def _reason(error: BaseException) -> str:
    return error.__dict__.get("reported") or f"{type(error).__name__}: {_text(error)}"


def _ending(status: int) -> tuple[str, str]:
    """Ending and detail of a worker that ended during a call."""
    if status == -signal.SIGXCPU:
        return "timeout", "ran longer than it may"
    return ("killed", f"signal {-status}") if status < 0 else ("failed", "left before its end")
