"""The walls: bubblewrap's command line, and the few lines of Python that drop the last rights inside.

https://github.com/containers/bubblewrap; namespaces(7), setrlimit(2), user_namespaces(7).
"""

import math
import os
import sys
from pathlib import Path
from typing import NamedTuple

import msgspec


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one program may use."""

    seconds: float
    """Wall-clock time, and processor time of each process."""
    memory: int
    """MiB of address space of each process, and of the tmpfs."""
    processes: int
    """Processes and threads at a time, the program itself counted."""
    output: int
    """KiB that it may print, standard output and errors together."""


ROOM = "/room"
"""Where the program's own view of the file system is laid out."""

DRIVER = """
import os, resource, sys
room, seconds, memory, processes, user, report = sys.argv[1], *map(int, sys.argv[2:])
sys.argv = [""]
if user:
    os.chroot(room)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
os.chdir("/tmp")
for name, value in {
    "CPU": seconds, "AS": memory << 20, "DATA": memory << 20, "FSIZE": memory << 20, "NPROC": processes, "NOFILE": 64,
    "CORE": 0, "MEMLOCK": 0, "MSGQUEUE": 0,
}.items():
    limit = getattr(resource, "RLIMIT_" + name)
    most = resource.getrlimit(limit)[1]  # the machine's own, which only root could raise
    value = value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(limit, (value, value))
def main():
    word, _, source = sys.stdin.buffer.read().partition(b"\\n")
    try:
        exec(compile(source, "program.py", "exec"), {"__name__": "__main__"})
    except BaseException as error:
        word = (type(error).__name__ + ": " + str(error)[:200]).encode(errors="replace")
    try:
        os.write(report, word)
    finally:
        os._exit(0)
main()
"""
"""Runs before anything of the program's: becomes a nobody, takes on the limits, reports over a pipe of its own. The
word that says "to the end" comes with the program and is not on any command line."""


class Jail(NamedTuple):
    """The command that opens a sandbox."""

    command: list[str]
    root: bool

    def line(self, number: int, report: int, info: int) -> list[str]:
        """The command for run `number` of this process, which reports over the descriptor `report`; bubblewrap tells
        over `info` which process is the first inside.

        As root, the run becomes a user that is nobody else's on this machine and that no file belongs to, so that its
        processes are counted alone.
        """
        user = 0x40000000 + (os.getpid() % (1 << 22) << 8) + number % 256 if self.root else 0
        return [self.command[0], "--info-fd", str(info), *self.command[1:], str(user), str(report)]


def jail(bwrap: str, limits: Limits, root: bool) -> Jail:
    """A sandbox for a program that comes on standard input.

    Root opens no user namespace, since the limit on processes does not hold for a user that is root outside: instead
    it becomes a user that exists nowhere else, inside a chroot, where no further user namespace may be made. Everybody
    else gets a user namespace that allows no further one.
    """
    rights = ["--cap-drop", "ALL"]
    if root:
        rights += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SYS_CHROOT"]
    else:
        rights += ["--unshare-user", "--disable-userns", "--uid", "65534", "--gid", "65534"]
    python = [str(Path(sys.executable).resolve()), "-P", "-s", "-S", "-B", "-c", DRIVER]
    command = [
        bwrap, "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
        "--die-with-parent", "--new-session", "--hostname", "sandbox", *rights,
        *_view("", limits), *(_view(ROOM, limits) if root else []), "--remount-ro", "/", "--chdir", "/",
        # Texts hash alike in every run, so that a program that depends on the order of a set does so every time.
        "--setenv", "PYTHONHASHSEED", "0", *python,
        ROOM, str(math.ceil(limits.seconds)), str(limits.memory), str(limits.processes),
    ]  # fmt: skip
    return Jail(command, root)


def _view(top: str, limits: Limits) -> list[str]:
    """The file system below `top`: one small place to write, /proc, /dev, and the system's and Python's files."""
    shown = ["--dir", top] if top else []
    shown += ["--perms", "1777", "--size", str(limits.memory << 20), "--tmpfs", f"{top}/tmp"]
    shown += ["--proc", f"{top}/proc", "--dev", f"{top}/dev", "--remount-ro", f"{top}/dev"]
    for path in ("/usr", "/lib", "/lib64", "/bin"):
        if Path(path).is_symlink():
            shown += ["--symlink", os.readlink(path), f"{top}{path}"]
        elif Path(path).exists():
            shown += ["--ro-bind", path, f"{top}{path}"]
    if not Path(sys.base_prefix).is_relative_to("/usr"):
        # Folders above a bind would be made as private as those above its source.
        for folder in reversed(Path(f"{top}{sys.base_prefix}").parents[:-1]):
            shown += ["--perms", "0755", "--dir", str(folder)]
        shown += ["--ro-bind", sys.base_prefix, f"{top}{sys.base_prefix}"]
    return shown
