"""A long command: logged, told, and gone when its parent is."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.core.errors import UserError
from stages.training.launch import Progress, launch


def run(work: Path, script: str) -> None:
    with open(os.devnull) as null:
        launch([sys.executable, "-c", script], work, {"PATH": os.environ["PATH"]}, "train x", null.fileno())


def test_output_is_logged_and_progress_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    output = r"""print(' 12%|#3        | 1/8 [00:05<00:35,  5.0s/it]\n{'
        + "'loss': '4.7', 'learning_rate': '1e-4', 'epoch': '0.1'" + '}\r100%|####| 8/8 [00:40<00:00, 5.0s/it]')"""
    run(tmp_path, output)
    assert "8/8" in (tmp_path / "axolotl.log").read_text()
    told = capfd.readouterr().err
    assert "seqit train x: step 1/8" in told and "seqit train x: step 8/8, loss 4.7, learning rate 1e-4\n" in told


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("raise ValueError('no such thing\\nsecond line')", "ValueError: no such thing"),
        ("print('torch.OutOfMemoryError: much\\nbye'); raise SystemExit(3)", "torch.OutOfMemoryError: much"),
        ("print('only this\\x1b[31m output'); raise SystemExit(3)", "only this [31m output"),
        (
            "print('[rank1]: RuntimeError: no such place\\n' + 9 * '='); raise SystemExit(1)",
            "RuntimeError: no such place",
        ),
        (
            "print('Root Cause (first observed failure):\\n[0]:\\n  traceback : Signal 9 (SIGKILL) received by PID 7');"
            "raise SystemExit(1)",
            "one of its processes was killed, most likely for want of memory; run again to go on",
        ),
        ("print('Signal 9 (SIGKILL) received by PID 7'); raise SystemExit(1)", "received by PID 7"),
        ("raise SystemExit(3)", "exit status 3"),
        ("raise OSError(28, 'No space left on device')", "no space left on the disk"),
        ("import os; os.kill(os.getpid(), 9)", "want of memory"),
        ("import os; os.kill(os.getpid(), 15)", "exit status -15"),
    ],
)
def test_a_failure_is_one_line_with_the_log(tmp_path: Path, script: str, expected: str) -> None:
    with pytest.raises(UserError) as told:
        run(tmp_path, script)
    message = str(told.value)
    assert expected in message and message.startswith(f"{tmp_path / 'axolotl.log'}: ")
    assert "\n" not in message and "\x1b" not in message


PARENT = """
import os, sys
from pathlib import Path
from stages.training.launch import launch
fifo, work, writer = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
child = "import os, sys, time; open(sys.argv[1], 'w').write('up'); time.sleep(20); os.write(int(sys.argv[2]), b'alive')"
launch([sys.executable, "-c", child, fifo, str(writer)], work, dict(os.environ), "x", writer)
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_dies_with_its_parent(tmp_path: Path, sent: signal.Signals) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    # The child inherits the write end of this pipe through its parent, and says so there if it lives on.
    reader, writer = os.pipe()
    command = [sys.executable, "-c", PARENT, str(fifo), str(tmp_path), str(writer)]
    parent = subprocess.Popen(command, cwd=Path(__file__).parents[2], pass_fds=(writer,), stderr=subprocess.DEVNULL)
    os.close(writer)
    assert fifo.read_text() == "up"
    parent.send_signal(sent)
    assert parent.wait(60) != 0
    assert os.read(reader, 5) == b""
    os.close(reader)


@pytest.mark.parametrize(("first", "steps"), [(1, [1, 2, 3, 4]), (3, [3, 4])])
def test_every_step_is_told_once_with_its_own_loss(
    first: int, steps: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    """As Axolotl says it: the bar, the loss, the bar again; after a checkpoint the first step is a later one."""
    progress = Progress("x", period=0.0)
    for line in ("  0%|  | 0/4 [00:00<?, ?it/s]", *_axolotl(range(first, 5))):
        progress.read(line)
    progress.close()
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(", learning")[0] for line in told] == [f"seqit x: step {k}/4, loss 0.{k}" for k in steps]
    assert " left" not in told[0] and " left" not in told[-1] and all(" left" in line for line in told[1:-1])


def _axolotl(steps: range) -> Iterator[str]:
    for k in steps:
        bar = f" 38%|###7 | {k}/4 [01:04<01:47, 21.46s/it]"
        yield from (bar, f"{{'loss': '0.{k}', 'learning_rate': '1e-4', 'epoch': '1'}}", bar)


def test_steps_without_a_loss_are_told_too(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("x", period=0.0)
    for k in range(1, 5):
        progress.read(f" 38%|###7 | {k}/4 [01:04<01:47, 21.46s/it]")
    told = [line.partition(",")[0] for line in capsys.readouterr().err.splitlines()]
    assert told == [f"seqit x: step {k}/4" for k in (2, 3, 4)]


@pytest.mark.parametrize(
    "line",
    ["", "{'loss': ", "{'loss': __import__('os')}", "{'loss'", "Saving: 100%|##| 3/3 [00:01<00:00]", "\x00\x1b[2J"],
)
def test_strange_lines_are_passed_over(line: str) -> None:
    progress = Progress("x")
    progress.read(line)
    assert (progress.step, progress.steps, progress.values) == (0, 0, "")
