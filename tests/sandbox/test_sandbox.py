"""Programs that try to get out, to take everything or to look around; and what they find."""

import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from stages.core.errors import UserError
from stages.evaluation.benchmarks.program_outcomes import Outcome, Program
from stages.evaluation.sandbox import Limits, connect
from stages.evaluation.sandbox.bubblewrap import sandbox_command
from stages.evaluation.sandbox.process import run
from tests.sandbox import programs
from tests.sandbox.programs import PATIENT, plain

SHORT = Limits(seconds=2, memory=256, processes=8, output=64)
"""For programs that would never end."""
pytestmark = pytest.mark.skipif(not shutil.which("bwrap"), reason="no bubblewrap: run `make sandbox`")
Run = Callable[[Sequence[Program]], list[Outcome]]


def one(program: str, limits: Limits = PATIENT) -> Outcome:
    (outcome,) = programs.outcomes([plain(program)], limits)
    return outcome


def _ordinary(programs_: Sequence[Program]) -> list[Outcome]:
    try:
        return programs.ordinary(programs_)
    except LookupError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module", params=["own", "ordinary"])
def everybody(request: pytest.FixtureRequest) -> Run:
    """Runs programs as the user of the tests (root, maybe), and as one who is not root."""
    return programs.outcomes if request.param == "own" else _ordinary


def test_programs_end_in_their_order() -> None:
    texts = ["x = 1", "assert 1 == 2, 'no'", "import time; time.sleep(0.5)", "1 / 0", "def f(", "print('fine')"]
    with connect(PATIENT) as execute:
        outcomes = list(execute(map(plain, texts)))
    assert [outcome.ending for outcome in outcomes] == ["passed", "failed", "passed", "failed", "failed", "passed"]
    assert [outcome.detail.partition(":")[0] for outcome in outcomes if outcome.detail] == [
        "AssertionError", "ZeroDivisionError", "SyntaxError",
    ]  # fmt: skip


NEVER = {
    "sleep": "import time\ntime.sleep(1000)",
    "loop": "while True: pass",
    "closed its output": "import os, time\nos.closerange(0, 64)\ntime.sleep(1000)",
    "ignores signals": "import signal, time\nfor s in range(1, 32):\n  try: signal.signal(s, signal.SIG_IGN)\n"
    "  except OSError: pass\ntime.sleep(1000)",
    "fork bomb": "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass",
    "stops its supervisor": "import os, signal, time\nos.kill(2, signal.SIGSTOP)",
    "waits for input": "import sys\nsys.stdin.read()\nwhile True: pass",
}


def test_limits_above_the_machines_own_are_the_machines_own() -> None:
    assert one("x = 1", Limits(seconds=60, memory=256, processes=2**31 - 1, output=64)) == Outcome("passed")


@pytest.mark.parametrize("program", NEVER.values(), ids=NEVER)
def test_what_never_ends_is_ended(program: str) -> None:
    assert one(program, SHORT).ending == "timeout"


TOO_MUCH = {
    "memory": ("x = bytearray(10 ** 10)", "memory", "MemoryError"),
    "memory bit by bit": ("x = []\nwhile True: x.append(bytearray(10 ** 6))", "memory", "MemoryError"),
    "output": ("while True: print('x' * 1000)", "output", "printed"),
    "output on every descriptor": (
        "import os\nwhile True:\n  for d in range(1, 64):\n    try: os.write(d, b'x' * 99999)\n    except OSError: 0",
        "output", "printed",
    ),
    "a process": ("import os; os.fork()", "failed", "BlockingIOError"),
    "another program": ("import subprocess; subprocess.run(['true'])", "failed", "BlockingIOError"),
    "memory in a file of no folder": ("import os; os.memfd_create('x')", "failed", "PermissionError"),
    "memory in many small parts": ("import mmap\nx = [mmap.mmap(-1, 1 << 24) for i in range(99)]", "failed", "OSError"),
    "memory in pipes": (
        "import fcntl, os\nfor i in range(99):\n  r, w = os.pipe(); fcntl.fcntl(w, 1031, 1 << 20)", "failed", "many op",
    ),
    "threads": (
        "import threading, time\nfor i in range(100): threading.Thread(target=time.sleep, args=(1000,)).start()",
        "failed", "can't start new thread",
    ),
    "disk": ("for i in range(9): open(f'/tmp/{i}', 'wb').write(b'x' * 10 ** 8)", "failed", "No space left"),
    "one file": ("open('/tmp/x', 'wb').truncate(10 ** 12)", "failed", "File too large"),
    "descriptors": ("x = [open('/dev/null') for i in range(999)]", "failed", "Too many open files"),
    "higher limits": (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))", "failed", "not allowed",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("program", "ending", "detail"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_nobody_takes_more_than_the_limits(program: str, ending: str, detail: str) -> None:
    outcome = one(program)
    assert (outcome.ending, detail in outcome.detail) == (ending, True), outcome


THREADS = (
    "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(%d) as pool:\n"
    "  assert list(pool.map(lambda n: __import__('time').sleep(0.1) or n, range(40))) == list(range(40))"
)


def test_a_pool_of_threads_is_within_the_limits() -> None:
    roomy = Limits(seconds=60, memory=512, processes=40, output=64)
    assert one(THREADS % 32, roomy).ending == "passed"
    assert "can't start new thread" in one(THREADS % 41, roomy).detail


KERNEL = "import ctypes, os\nc = ctypes.CDLL(None, use_errno=True)\n"
CONTAINED = {
    "write to the system": ("open('/usr/x', 'w')", "Read-only"),
    "write to the top": ("open('/x', 'w')", "Read-only"),
    "write to a device": ("open('/dev/sda', 'wb')", "Read-only"),
    "shared memory": ("open('/dev/shm/x', 'w')", "Read-only"),
    "delete the system": ("import shutil; shutil.rmtree('/usr')", "Read-only"),
    "settings of the kernel": ("open('/proc/sys/kernel/hostname', 'w').write('x')", "rror"),
    "name of the host": (KERNEL + "raise SystemExit(c.sethostname(b'x', 1))", "SystemExit: -1"),
    "home": ("import os; raise SystemExit(sorted(os.listdir(os.path.expanduser('~'))))", "rror|SystemExit: "),
    "root": ("import os; os.setuid(0)", "rror"),
    "groups": ("import os; os.setgroups([0])", "rror"),
    "priority": ("import os; os.setpriority(0, 0, -10)", "rror"),
    "a root of its own": ("import os; os.chroot('/tmp')", "rror"),
    "a user namespace": (KERNEL + "raise SystemExit(c.unshare(0x10000000))", "SystemExit: -1"),
    "a mount": (KERNEL + "raise SystemExit(c.mount(b'x', b'/tmp', b'tmpfs', 0, None))", "SystemExit: -1"),
    "remount": (KERNEL + "raise SystemExit(c.mount(None, b'/usr', None, 32, None))", "SystemExit: -1"),
    "trace the first process": (KERNEL + "raise SystemExit(c.ptrace(16, 1, 0, 0))", "SystemExit: -1"),
    "memory of the first process": ("print(open('/proc/1/mem', 'rb').read(1))", "rror"),
    "raw network": ("import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", "rror"),
    "the net": ("import socket; socket.create_connection(('1.1.1.1', 53), 5)", "unreachable"),
    "a name": ("import socket; socket.getaddrinfo('localhost.example', 80)", "rror"),
    "the terminal": ("import fcntl, termios; fcntl.ioctl(0, termios.TIOCSTI, b'x')", "rror"),
    "only itself and its supervisor to see": (
        "import os; raise SystemExit(len([p for p in os.listdir('/proc') if p.isdigit()]))", "SystemExit: 3",
    ),
    "shared memory of System V": (KERNEL + "raise SystemExit(c.shmget(0, 1 << 20, 0o1600))", "SystemExit: -1"),
    "the hypervisor": ("import socket; socket.socket(40, socket.SOCK_STREAM)", "not supported"),
    "netlink": ("import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", "not supported"),
    "names of keys": ("raise SystemExit('read ' + open('/proc/keys').read())", "rror"),
    "memory of the supervisor": ("open('/proc/2/mem', 'rb')", "rror"),
    "descriptors of the supervisor": ("import os; raise SystemExit(os.listdir('/proc/2/fd'))", "rror"),
    "trace the supervisor": (KERNEL + "raise SystemExit(c.ptrace(16, 2, 0, 0))", "SystemExit: -1"),
    "every way to a kernel's key": (
        KERNEL + "n = {'x86_64': (248, 249, 250), 'aarch64': (217, 218, 219)}[os.uname().machine]\n"
        "raise SystemExit([(c.syscall(k, 0, 0, 0, 0, 0), ctypes.get_errno()) for k in n])",
        "SystemExit: [(-1, 1), (-1, 1), (-1, 1)]",
    ),
    "the newest system calls": (
        KERNEL + "raise SystemExit([(c.syscall(k, 0, 0, 0, 0, 0), ctypes.get_errno()) for k in (425, 435, 438, 447)])",
        "SystemExit: [(-1, 1), (-1, 38), (-1, 1), (-1, 1)]",
    ),
}  # fmt: skip


def test_nothing_outside_can_be_changed(everybody: Run) -> None:
    outcomes = dict(zip(CONTAINED, everybody([plain(program) for program, _ in CONTAINED.values()]), strict=True))
    for name, (_, detail) in CONTAINED.items():
        outcome = outcomes[name]
        assert outcome.ending == "failed" and any(part in outcome.detail for part in detail.split("|")), (name, outcome)


NUMBERINGS = {"of 32 bits": r"\xb8\x14\0\0\0\xcd\x80\xc3", "of x32": r"\xb8\x27\0\0\x40\x0f\x05\xc3"}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="machine code of x86-64")
def test_other_numberings_of_system_calls_are_refused(everybody: Run) -> None:
    """getpid, which the filter lets pass under its own number."""
    code = (
        "import ctypes, mmap\nm = mmap.mmap(-1, 4096, prot=7)\nm.write(b'%s')\naddress = ctypes.addressof("
        "ctypes.c_char.from_buffer(m))\nraise SystemExit(ctypes.CFUNCTYPE(ctypes.c_long)(address)())"
    )
    own = r"\xb8\x27\0\0\0\x0f\x05\xc3"
    outcomes = everybody([plain(code % each) for each in (own, *NUMBERINGS.values())])
    assert [(outcome.ending, outcome.detail) for outcome in outcomes] == [
        ("failed", "SystemExit: 3"), ("killed", "signal 31"), ("failed", "SystemExit: -38"),
    ]  # fmt: skip


KEYS = """
import ctypes, os
c = ctypes.CDLL(None, use_errno=True)
add, _, keyctl = {"x86_64": (248, 249, 250), "aarch64": (217, 218, 219)}[os.uname().machine]
def stolen():
    key = c.syscall(keyctl, 10, ctypes.c_long(-3), b"user", b"seqit-test", 0)
    text = ctypes.create_string_buffer(99)
    size = c.syscall(keyctl, 11, key, text, 99)
    return text.raw[:size] if size > 0 else b"no key"
"""


@pytest.mark.parametrize("user", [0, programs.ORDINARY])
def test_the_keys_of_the_login_are_out_of_reach(user: int) -> None:
    """The same program reads the key of its session outside of the sandbox."""
    # A session keyring of this test's own, before anything is put there.
    script = KEYS + (
        "if c.syscall(keyctl, 1, None) < 0 or c.syscall(add, b'user', b'seqit-test', b'hunter2', 7, ctypes.c_long(-3)) < 0:\n"  # noqa: E501
        "    raise SystemExit('no keyring')\n"
        "from tests.sandbox.programs import *\n"
        f"inside = plain({KEYS + 'raise SystemExit(stolen())'!r})\n"
        f"print(stolen(), {'ordinary' if user else 'outcomes'}([inside])[0].detail)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=programs.ROOT, capture_output=True, text=True)
    if "no keyring" in done.stderr or "no sandbox" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.stdout.strip() == "b'hunter2' SystemExit: b'no key'", done.stderr


def test_the_environment_stays_outside() -> None:
    os.environ["SEQIT_TEST_KEY"] = "hunter2"
    try:
        look = "import os\nseen = str(dict(os.environ)) + open('/proc/self/environ').read()\n"
        assert "hunter2" not in one(look + "raise SystemExit(seen)").detail
        first = one("raise SystemExit('read ' + open('/proc/1/environ').read()[:200])").detail
        assert "hunter2" not in first and ("Permission" in first or first.strip() == "SystemExit: read")
    finally:
        del os.environ["SEQIT_TEST_KEY"]


def test_the_files_of_others_are_not_there(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("x")
    here = Path(__file__).resolve()
    for path in (precious, here):
        assert "No such file" in one(f"open({str(path)!r})").detail
        assert "No such file" in one(f"import os; os.remove({str(path)!r})").detail
    one(f"open({str(tmp_path / 'new')!r}, 'w')")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["precious"]


def test_others_can_not_be_signalled_and_die_with_nobody() -> None:
    tries = "import os\nfor p in (%d, %d):\n  try: os.kill(p, 9)\n  except OSError: continue\n  raise SystemExit(p)"
    assert one(tries % (os.getpid(), os.getppid())).ending == "passed"
    assert one("import os; os.kill(-1, 9)").ending in ("failed", "killed")
    assert one("import os; os.kill(os.getpid(), 9)") == Outcome("killed", "signal 9")
    assert one("import ctypes; ctypes.string_at(0)").ending == "killed"


def test_loopback_of_the_machine_is_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        port = server.getsockname()[1]
        assert one(f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)").ending == "failed"
        with pytest.raises(BlockingIOError):
            server.accept()


def test_nothing_outlives_a_program() -> None:
    """A thread that never ends and holds a file which only it has open."""
    mark = f"98765.{os.getpid()}"
    left = f"import os, sys, threading, time\nthreading.Thread(target=time.sleep, args=(10 ** 6,)).start()\n" \
        f"import ctypes\nctypes.CDLL(None).prctl(15, b'{mark[-15:]}', 0, 0, 0)"  # fmt: skip
    assert one(left).ending == "passed"
    names = [_name(path) for path in Path("/proc").glob("[0-9]*/comm")]
    assert names and mark[-15:].encode() not in names


def _name(path: Path) -> bytes:
    try:
        return path.read_bytes().strip()
    except OSError:
        return b""


def test_the_detail_of_a_program_is_short_and_printable() -> None:
    outcome = one("raise ValueError('\\x1b[2J\\n' + 'x' * 10 ** 6 + '\\ud800')")
    assert outcome.ending == "failed" and outcome.detail.isprintable() and len(outcome.detail) <= 300
    assert one("raise ValueError('\\ud800')").ending == "failed"
    assert one("x = '\ud800\0'").ending == "failed"


def test_sets_are_ordered_alike_in_every_run() -> None:
    program = "raise SystemExit(str(list({str(i) for i in range(40)})))"
    assert one(program) == one(program)


def test_root_can_use_a_user_namespace_as_well() -> None:
    walls = sandbox_command("bwrap", PATIENT, root=False)
    if run(walls, plain(""), PATIENT, 0).ending != "passed":
        pytest.skip("this machine forbids user namespaces")
    for name in ("write to the system", "root", "a user namespace", "a mount", "the net"):
        program, detail = CONTAINED[name]
        assert detail in run(walls, plain(program), PATIENT, 0).detail, name
    look = "raise SystemExit('read ' + open('/proc/1/environ').read()[:200])"
    assert run(walls, plain(look), PATIENT, 0).detail.strip() in (
        "SystemExit: read", "PermissionError: [Errno 13] Permission denied: '/proc/1/environ'",
    )  # fmt: skip


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    def make(script: str) -> str:
        path = tmp_path / "bwrap"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    yield make


@pytest.mark.parametrize(
    "script",
    [
        "echo 'bwrap: No permissions to create new namespace, likely because the kernel does not allow it' >&2; exit 1",
        "echo 'bwrap: Unknown option --disable-userns' >&2; exit 1",
        "exit 0",
    ],
)
def test_without_a_sandbox_nothing_runs(script: str, broken: Callable[[str], str]) -> None:
    with connect(PATIENT, broken(script)) as execute, pytest.raises(UserError, match="no sandbox") as error:
        list(execute([plain("open('/tmp/ran', 'w')")]))
    assert "\n" not in str(error.value) and "apt-get install bubblewrap" in str(error.value)


def test_without_bubblewrap_nothing_runs() -> None:
    with connect(PATIENT, "no-such-bwrap") as execute:
        assert list(execute([])) == []
        with pytest.raises(UserError, match=r"^no-such-bwrap: not found"):
            list(execute([plain("x = 1"), plain("y = 2")]))


def test_a_bubblewrap_that_may_not_be_run(tmp_path: Path) -> None:
    (tmp_path / "bwrap").write_text("#!/bin/sh\n")
    with connect(PATIENT, str(tmp_path / "bwrap")) as execute, pytest.raises(UserError, match="bwrap: may not be run"):
        list(execute([plain("x = 1")]))
