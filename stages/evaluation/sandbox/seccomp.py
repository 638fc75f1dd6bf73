"""Build the filter of system calls: it refuses those that no program needs and no other limit covers.

Classic BPF as the kernel takes it (seccomp(2), linux/bpf_common.h); numbers from the kernel's system call tables.
"""

import struct
from typing import NamedTuple

from stages.evaluation.benchmarks.program_outcomes import NoSandbox

EPERM, EAGAIN, ENOSYS, EAFNOSUPPORT = 1, 11, 38, 97


class _Machine(NamedTuple):
    architecture: int
    """AUDIT_ARCH_* of linux/audit.h."""
    clone: int
    clone3: int
    socket: int
    forks: tuple[int, ...]
    """fork and vfork, where the machine has them."""
    refused: dict[str, int]


_REFUSED = {
    # keys of the login's session, which every process of it possesses
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    # memory outside of any address space
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "shmat": (30, 196),
    "msgget": (68, 186), "semget": (64, 190), "mlock": (149, 228), "mlockall": (151, 230), "mlock2": (325, 284),
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440), "kcmp": (312, 272),
    # namespaces and mounts
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "quotactl": (179, 60), "swapon": (167, 224),
    # parts of the kernel with a long history of faults
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "fanotify_init": (300, 262),
    "kexec_load": (246, 104), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "syslog": (103, 116), "acct": (163, 89), "reboot": (169, 142), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "clock_adjtime": (305, 266), "personality": (135, 92),
}  # fmt: skip
"""Name -> its number on x86-64 and on AArch64."""

_MACHINES = {
    "x86_64": _Machine(0xC000003E, 56, 435, 41, (57, 58), {name: pair[0] for name, pair in _REFUSED.items()}),
    "aarch64": _Machine(0xC00000B7, 220, 435, 198, (), {name: pair[1] for name, pair in _REFUSED.items()}),
}
_FAMILIES = (1, 2, 10)
"""AF_UNIX, AF_INET, AF_INET6: what a network namespace confines. AF_VSOCK is one that it does not."""
_CLONE_THREAD = 0x10000
_X32 = 0x40000000
"""System calls of a second numbering on x86-64."""
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
"""Offsets in struct seccomp_data; of an argument the low half, both machines being little-endian."""
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000, 0x80000000


def program(machine: str) -> bytes:
    """The filter as an array of struct sock_filter, 8 bytes each.

    Refused calls fail with EPERM. New threads are allowed, new processes fail with EAGAIN as at a limit; clone3, whose
    flags no filter sees, is not there (ENOSYS), so that the C library takes clone. A call in another architecture's
    numbering ends the process. Raises NoSandbox for a machine of another architecture.
    """
    if machine not in _MACHINES:
        raise NoSandbox(f"{machine}: generated code runs on {' and '.join(_MACHINES)} only; evaluate on such a machine")
    calls = _MACHINES[machine]
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, calls.architecture), (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER), (_AT_LEAST, 0, 1, _X32), _error(ENOSYS),
        *_refuse(sorted(calls.refused.values()), EPERM), *_refuse(calls.forks, EAGAIN),
        *_refuse((calls.clone3,), ENOSYS),
        (_EQUAL, 0, 4, calls.clone), (_LOAD, 0, 0, _FIRST_ARGUMENT), (_ANY_BIT, 1, 0, _CLONE_THREAD), _error(EAGAIN),
        (_RETURN, 0, 0, _ALLOW),
        (_EQUAL, 0, len(_FAMILIES) + 2, calls.socket), (_LOAD, 0, 0, _FIRST_ARGUMENT),
        *((_EQUAL, len(_FAMILIES) - place, 0, family) for place, family in enumerate(_FAMILIES)),
        _error(EAFNOSUPPORT), (_RETURN, 0, 0, _ALLOW),
    ]  # fmt: skip
    return b"".join(struct.pack("<HBBI", *line) for line in lines)


def _error(number: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, _ERROR | number)


def _refuse(calls: tuple[int, ...] | list[int], number: int) -> list[tuple[int, int, int, int]]:
    """Two lines a call, so that no jump is longer than the 255 that it may be."""
    return [line for call in calls for line in ((_EQUAL, 0, 1, call), _error(number))]
