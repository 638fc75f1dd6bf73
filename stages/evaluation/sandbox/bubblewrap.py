"""Build bubblewrap's command line: the files in a sandbox, and the rights of its first process.

https://github.com/containers/bubblewrap; namespaces(7), setrlimit(2), user_namespaces(7).
"""

import math
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from stages.evaluation.sandbox import packages, seccomp


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Resource limits of one program."""

    seconds: float
    """Wall-clock time, and processor time."""
    memory: int
    """MiB of address space, and as much again of files in the tmpfs. No other memory is available."""
    processes: int
    """Threads at a time, the first counted; a program may start no process."""
    output: int
    """KiB that it may print, standard output and errors together."""
    packages: Sequence[str] = ()
    """Installed packages that it may import, beyond the standard library."""


VIEW_ROOT = "/room"
"""Root of the program's view of the file system, where root starts the sandbox."""
PACKAGES = "/packages"
"""Folder inside with the packages that programs may import."""
_INSIDE = Path(__file__).with_name("inside")
_FOLDER = "/stages/evaluation/sandbox/inside"
_CODE = "/supervisor"
_START = (
    f"import sys; sys.path[:0] = [{_CODE!r}]; "
    "from stages.evaluation.sandbox.inside.start import main; del sys.path[0]; main()"
)


class SandboxCommand(NamedTuple):
    """The command that opens a sandbox."""

    command: list[str]
    """bubblewrap with its options, up to what runs inside."""
    arguments: list[str]
    """Arguments of the process inside: the system call filter and the limits."""
    root: bool

    def line(self, number: int, source: int, report: int, info: int) -> list[str]:
        """The command for run `number` of this process: what to run is read from the descriptor `source`, how it ended
        is written to `report`, and bubblewrap writes to `info` which process is the first inside.

        As root, the run gets a user that no other process and no file of this machine has, so that the limit on
        processes counts its own only.
        """
        user = 0x40000000 + (os.getpid() % (1 << 22) << 8) + number % 256 if self.root else 0
        own = ["--info-fd", str(info), "--", *_python(), VIEW_ROOT, str(user), str(source), str(report)]
        return [*self.command, *own, *self.arguments]


def sandbox_command(bwrap: str, limits: Limits, root: bool) -> SandboxCommand:
    """A sandbox for one program.

    Root opens no user namespace, since the limit on processes does not hold for a user that is root outside: instead
    it becomes a user that exists nowhere else, inside a chroot, where no further user namespace may be made. Everybody
    else gets a user namespace that allows no further one. Raises NoSandbox on a machine whose system calls have no
    filter, and for a package that is not installed.
    """
    rights = ["--cap-drop", "ALL"]
    if root:
        rights += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SYS_CHROOT"]
    else:
        rights += ["--unshare-user", "--disable-userns", "--uid", "65534", "--gid", "65534"]
    places = packages.folders(limits.packages)
    command = [
        bwrap, "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
        "--die-with-parent", "--new-session", "--hostname", "sandbox", *rights,
        *_view("", limits, places), *(_view(VIEW_ROOT, limits, places) if root else []),
        *_bound(_INSIDE, _CODE + _FOLDER),
        "--remount-ro", "/", "--chdir", "/",
        # Texts hash alike in every run, so that a program that depends on the order of a set does so every time.
        "--setenv", "PYTHONHASHSEED", "0",
        # Of each further arena the C library reserves 64 MiB for a thread, which the limit on address space counts.
        "--setenv", "MALLOC_ARENA_MAX", "1",
        # The libraries below numpy would start a thread for every core of the machine.
        *(part for name in ("OPENBLAS", "OMP", "MKL") for part in ("--setenv", f"{name}_NUM_THREADS", "1")),
    ]  # fmt: skip
    most = (math.ceil(limits.seconds), limits.memory, limits.processes)
    filters = seccomp.program(platform.machine()).hex()
    return SandboxCommand(command, [filters, *map(str, most), *([PACKAGES] if places else [])], root)


def _python() -> list[str]:
    return [str(Path(sys.executable).resolve()), "-P", "-s", "-S", "-B", "-c", _START]


def _view(top: str, limits: Limits, places: Mapping[str, Path]) -> list[str]:
    """The file system below `top`: one small place to write, /proc, /dev, and the system's and Python's files."""
    options = ["--dir", top] if top else []
    options += ["--perms", "1777", "--size", str(limits.memory << 20), "--tmpfs", f"{top}/tmp"]
    options += ["--proc", f"{top}/proc", "--dev", f"{top}/dev", "--remount-ro", f"{top}/dev"]
    for path in ("/usr", "/lib", "/lib64", "/bin"):
        if Path(path).is_symlink():
            options += ["--symlink", os.readlink(path), f"{top}{path}"]
        elif Path(path).exists():
            options += ["--ro-bind", path, f"{top}{path}"]
    if not Path(sys.base_prefix).is_relative_to("/usr"):
        options += _bound(Path(sys.base_prefix), f"{top}{sys.base_prefix}")
    for name, place in places.items():
        options += _bound(place, f"{top}{PACKAGES}/{name}")
    return [*options, *_hidden(top)]


def _bound(source: Path, target: str) -> list[str]:
    """A read-only view of `source`; folders above would be made as private as those above it, so they come first."""
    above = [
        part for folder in reversed(Path(target).parents[:-1]) for part in ("--perms", "0755", "--dir", str(folder))
    ]
    return [*above, "--ro-bind", str(source), target]


def _hidden(top: str) -> list[str]:
    """Hide the files of /proc that list keys of the login's session, where the kernel has them."""
    names = (path for path in ("/proc/keys", "/proc/key-users") if Path(path).exists())
    return [part for path in names for part in ("--ro-bind", "/dev/null", f"{top}{path}")]
