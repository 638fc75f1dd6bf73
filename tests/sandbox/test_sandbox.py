"""Programs that try to get out, to take everything or to look around; and what they find."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stages.benchmarks.programs import Outcome
from stages.errors import UserError
from stages.sandbox import Limits, connect
from stages.sandbox.jail import jail
from stages.sandbox.process import run

PATIENT = Limits(seconds=60, memory=256, processes=8, output=64)
"""For programs that end by themselves: no machine is too slow for them."""
SHORT = Limits(seconds=2, memory=256, processes=8, output=64)
"""For programs that would never end."""
pytestmark = pytest.mark.skipif(not shutil.which("bwrap"), reason="no bubblewrap: run `make sandbox`")


def one(program: str, limits: Limits = PATIENT) -> Outcome:
    with connect(limits) as execute:
        (outcome,) = execute([program])
    return outcome


def test_programs_end_in_their_order() -> None:
    programs = ["x = 1", "assert 1 == 2, 'no'", "import time; time.sleep(0.5)", "1 / 0", "def f(", "print('fine')"]
    with connect(PATIENT) as execute:
        found = list(execute(iter(programs)))
    assert [outcome.ending for outcome in found] == ["passed", "failed", "passed", "failed", "failed", "passed"]
    assert [outcome.detail.partition(":")[0] for outcome in found if outcome.detail] == [
        "AssertionError", "ZeroDivisionError", "SyntaxError",
    ]  # fmt: skip


NEVER = {
    "sleep": "import time\ntime.sleep(1000)",
    "loop": "while True: pass",
    "closed its output": "import os, time\nos.closerange(0, 64)\ntime.sleep(1000)",
    "ignores signals": "import signal, time\nfor s in range(1, 32):\n  try: signal.signal(s, signal.SIG_IGN)\n"
    "  except OSError: pass\ntime.sleep(1000)",
    "fork bomb": "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass",
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
    "processes": (
        "import os, time\nfor i in range(100):\n  if os.fork() == 0: time.sleep(1000)", "failed", "BlockingIOError",
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


@pytest.mark.parametrize(("program", "ending", "told"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_nobody_takes_more_than_the_limits(program: str, ending: str, told: str) -> None:
    outcome = one(program)
    assert (outcome.ending, told in outcome.detail) == (ending, True), outcome


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
    "only itself to see": (
        "import os; raise SystemExit(len([p for p in os.listdir('/proc') if p.isdigit()]))", "SystemExit: 2",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("program", "told"), CONTAINED.values(), ids=CONTAINED)
def test_nothing_outside_can_be_changed(program: str, told: str) -> None:
    outcome = one(program)
    assert outcome.ending == "failed"
    assert any(part in outcome.detail for part in told.split("|")), outcome


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


def test_a_daemon_ends_with_its_program() -> None:
    mark = f"98765.{os.getpid()}"
    left = f"import os\nif os.fork() == 0:\n  os.setsid()\n  os.execv('/usr/bin/sleep', ['sleep', '{mark}'])"
    assert one(left).ending == "passed"
    assert not any(mark.encode() in _command(path) for path in Path("/proc").glob("[0-9]*/cmdline"))


def _command(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


CHEATS = {
    "leaves early": "import os; os._exit(0)",
    "says it is done": "raise SystemExit(0)",
    "writes to every descriptor": "import os\nfor d in range(3, 64):\n  try: os.write(d, b'ok')\n  except OSError: 0",
    "closes the report": "import os; os.closerange(3, 64)",
    "becomes another program": "import os; os.execv('/usr/bin/true', ['true'])",
}


@pytest.mark.parametrize("program", CHEATS.values(), ids=CHEATS)
def test_only_the_end_of_a_program_passes(program: str) -> None:
    assert one(program).ending == "failed"


def test_what_a_program_says_of_itself_is_short_and_printable() -> None:
    outcome = one("raise ValueError('\\x1b[2J\\n' + 'x' * 10 ** 6 + '\\ud800')")
    assert outcome.ending == "failed" and outcome.detail.isprintable() and len(outcome.detail) <= 300
    assert one("raise ValueError('\\ud800')").ending == "failed"
    assert one("x = '\ud800\0'").ending == "failed"


def test_sets_are_ordered_alike_in_every_run() -> None:
    program = "raise SystemExit(str(list({str(i) for i in range(40)})))"
    assert one(program) == one(program)


def test_the_walls_of_those_who_are_not_root() -> None:
    walls = jail("bwrap", PATIENT, root=False)
    if run(walls, "", PATIENT, 0).ending != "passed":
        pytest.skip("this machine forbids user namespaces")
    for name in ("write to the system", "root", "a user namespace", "a mount", "the net", "only itself to see"):
        program, told = CONTAINED[name]
        assert told in run(walls, program, PATIENT, 0).detail, name
    look = "raise SystemExit('read ' + open('/proc/1/environ').read()[:200])"
    assert run(walls, look, PATIENT, 0).detail.strip() in ("SystemExit: read", "PermissionError: [Errno 13] Permission"
                                                           " denied: '/proc/1/environ'")  # fmt: skip


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
        list(execute(["open('/tmp/ran', 'w')"]))
    assert "\n" not in str(error.value) and "apt-get install bubblewrap" in str(error.value)


def test_without_bubblewrap_nothing_runs() -> None:
    with connect(PATIENT, "no-such-bwrap") as execute:
        assert list(execute([])) == []
        with pytest.raises(UserError, match=r"^no-such-bwrap: not found"):
            list(execute(["x = 1", "y = 2"]))


def test_a_bubblewrap_that_may_not_be_run(tmp_path: Path) -> None:
    (tmp_path / "bwrap").write_text("#!/bin/sh\n")
    with connect(PATIENT, str(tmp_path / "bwrap")) as execute, pytest.raises(UserError, match="bwrap: may not be run"):
        list(execute(["x = 1"]))
