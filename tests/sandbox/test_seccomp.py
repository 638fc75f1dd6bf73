"""The system call filter of each machine, run by a few lines of its own instead of by the kernel."""

import struct

import pytest

from stages.evaluation.benchmarks.program_outcomes import NoSandbox
from stages.evaluation.sandbox.seccomp import EAFNOSUPPORT, EAGAIN, ENOSYS, EPERM, program

ALLOW, ERROR, KILL = 0x7FFF0000, 0x00050000, 0x80000000
X86, ARM = 0xC000003E, 0xC00000B7
CALLS = [
    # machine, architecture, call, first argument, what the filter returns
    ("x86_64", X86, 0, 0, ALLOW), ("x86_64", X86, 59, 0, ALLOW), ("x86_64", X86, 250, 1, ERROR | EPERM),
    ("x86_64", X86, 319, 0, ERROR | EPERM), ("x86_64", X86, 57, 0, ERROR | EAGAIN),
    ("x86_64", X86, 58, 0, ERROR | EAGAIN), ("x86_64", X86, 435, 0, ERROR | ENOSYS),
    ("x86_64", X86, 56, 0x3D0F00, ALLOW), ("x86_64", X86, 56, 17, ERROR | EAGAIN), ("x86_64", X86, 41, 1, ALLOW),
    ("x86_64", X86, 41, 2, ALLOW), ("x86_64", X86, 41, 10, ALLOW), ("x86_64", X86, 41, 40, ERROR | EAFNOSUPPORT),
    ("x86_64", X86, 41, 16, ERROR | EAFNOSUPPORT), ("x86_64", X86, 0x40000000, 0, ERROR | ENOSYS),
    ("x86_64", X86, 0x400000FA, 0, ERROR | ENOSYS), ("x86_64", 0x40000003, 20, 0, KILL), ("x86_64", ARM, 0, 0, KILL),
    ("x86_64", X86, 334, 0, ALLOW), ("aarch64", ARM, 63, 0, ALLOW), ("aarch64", ARM, 221, 0, ALLOW),
    ("aarch64", ARM, 219, 1, ERROR | EPERM), ("aarch64", ARM, 279, 0, ERROR | EPERM),
    ("aarch64", ARM, 117, 0, ERROR | EPERM), ("aarch64", ARM, 220, 0x3D0F00, ALLOW),
    ("aarch64", ARM, 220, 17, ERROR | EAGAIN), ("aarch64", ARM, 435, 0, ERROR | ENOSYS),
    ("aarch64", ARM, 198, 1, ALLOW), ("aarch64", ARM, 198, 40, ERROR | EAFNOSUPPORT), ("aarch64", X86, 63, 0, KILL),
    ("aarch64", 0x40000028, 1, 0, KILL),
]  # fmt: skip


def filtered(code: bytes, architecture: int, call: int, argument: int) -> int:
    """What a filter returns for a call: the part of classic BPF that ours uses."""
    data = struct.pack("<IIQQ", call, architecture, 0, argument)
    lines, place, value = list(struct.iter_unpack("<HBBI", code)), 0, 0
    while True:
        operation, yes, no, operand = lines[place]
        place += 1
        if operation == 0x20:
            (value,) = struct.unpack_from("<I", data, operand)
        elif operation == 0x06:
            return int(operand)
        else:
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[operation]
            place += yes if holds else no


@pytest.mark.parametrize(("machine", "architecture", "call", "argument", "result"), CALLS)
def test_what_the_filter_returns(machine: str, architecture: int, call: int, argument: int, result: int) -> None:
    assert filtered(program(machine), architecture, call, argument) == result


def test_every_call_has_a_result() -> None:
    for machine, architecture in (("x86_64", X86), ("aarch64", ARM)):
        results = {filtered(program(machine), architecture, call, 1) for call in range(600)}
        assert results == {ALLOW, *(ERROR | number for number in (EPERM, EAGAIN, ENOSYS))}


def test_a_machine_whose_numbers_are_unknown_runs_nothing() -> None:
    with pytest.raises(NoSandbox, match="riscv64: generated code runs on x86_64 and aarch64 only"):
        program("riscv64")
