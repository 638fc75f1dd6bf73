"""What a person is told: on a terminal (a pseudo-terminal here) a line that rich redraws, elsewhere plain lines."""

import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stages.core.completions import Reply
from stages.inference.progress import Progress
from stages.inference.terminal import ProgressLine, View, render

ROOT = Path(__file__).parents[2]
OK = Reply("a", "ok", 10, 5)


def test_a_summary_at_the_end_and_no_line_in_between_for_short_work(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("rewrite seed-1", "model@1") as progress:
        progress.expect(4)
        progress.count_cached(1)
        for _ in range(3):
            progress.send()
        assert progress.in_flight == 3
        progress.receive([OK, Reply("", "failed", 2, 0), Reply("b", "truncated", 3, 7)])
        assert (progress.replies, progress.requested, progress.cached, progress.failed) == (4, 3, 1, 1)
    output = capsys.readouterr()
    assert output.out == ""
    (line,) = output.err.splitlines()
    assert line.startswith("seqit rewrite seed-1: 4 replies in ")
    assert "(1 cached, 3 sent, 1 failed; 15 tokens in, 12 out, " in line


def test_what_is_told_of_rows_replies_rate_and_failures() -> None:
    progress = Progress("", "model@1")
    assert progress.view() == View("model@1", None, "0 replies, 0 cached, 0 in flight")
    progress.expect(10)
    progress.count_cached(2)
    progress.send()
    progress.send()
    progress.receive([Reply("", "failed", 2, 0)])
    progress.finish()
    label, share, text = progress.view()
    assert (label, share) == ("model@1", 0.1)
    assert re.fullmatch(
        r"1/10 rows, 3 replies, 2 cached, 1 in flight, [\d.]+ requests/s, 0 tokens/s, 1 failed, time left unknown", text
    )


def test_time_left_is_not_drawn_from_rows_that_were_remembered() -> None:
    """A run that goes on where another stopped has half of its rows at once; the rest takes its time."""
    progress = Progress("", "m")
    progress.expect(100)
    for _ in range(50):
        progress.count_cached(1)
        progress.finish()
    assert " left" not in progress.view().text
    for number in range(10):
        progress.send(b"%d" % number, f"row {number}")
    assert "time left unknown" in progress.view().text
    progress.receive([OK] * 5, [b"%d" % number for number in range(5)])
    for _ in range(5):
        progress.finish()
    started = progress._first_request[0]  # type: ignore[index]
    work = progress._work(started + 60.0)
    assert (work.finished, work.cached, work.rows_begun, work.rows_finished, work.rows_left) == (5, 0, 10, 5, 45)
    assert len(work.ages) == len(work.durations) == 5 and 59 < work.ages[0] <= 60


def test_the_time_left_is_shown_once_there_is_ground_and_is_kept_between_estimates() -> None:
    progress = Progress("", "m")
    progress.expect(20)
    for number in range(8):
        progress.send(b"%d" % number, f"row {number}")
    progress.receive([OK] * 6, [b"%d" % number for number in range(6)])
    for _ in range(6):
        progress.finish()
    now = progress._first_request[0] + 30.0  # type: ignore[index]
    first = progress._time_left(now)
    assert re.fullmatch(r"\d:\d\d:\d\d left", first)
    progress.expect(10_000)
    assert progress._time_left(now + 0.5) == first


def test_nothing_asked_nothing_told(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("x", "m"):
        pass
    assert capsys.readouterr().err == ""


def test_where_there_is_no_terminal_a_plain_line_comes_when_it_is_due(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressLine(lambda: View("a [bold]\x1b[31m", 0.5, "b\nc")) as display:
        display.tick()
        assert capsys.readouterr().err == ""
        display._last_printed -= 31.0
        display.tick()
        display.tick()
    assert capsys.readouterr().err == "seqit a [bold]\\x1b[31m: b\\nc\n"


SHOWN = """
import os, sys
from stages.inference.progress import Progress
from stages.core.completions import Reply
with Progress("rewrite [bold]x[/bold]\\x1b]0;title\\x07", "m") as progress:
    progress.expect(4)
    progress.count_cached(1)
    progress.finish()
    progress.send()
    progress.receive([Reply("[red]no[/red]", "ok", 10, 5)])
    print("[green]said[/green]", file=sys.stderr)
    getattr(progress._display._live, "refresh", str)()
    print("for the pipe")
    if sys.argv[1] == "killed":
        os.kill(os.getpid(), 9)
"""


def shown(how: str, **variables: str) -> tuple[str, str]:
    """What a terminal gets, and what a pipe gets that stdout goes to."""
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", SHOWN, how], cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "150"} | variables,
    )  # fmt: skip
    os.close(theirs)
    output = b""
    while chunk := _read(ours):
        output += chunk
    os.close(ours)
    return output.decode(), done.stdout.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # Linux says so where all of the other end is closed
        return b""


def test_a_terminal_is_shown_text_and_never_markup() -> None:
    output, piped = shown("done")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output)
    assert "seqit rewrite [bold]x[/bold]\\x1b]0;title\\x07 " in plain and "\x1b]0;" not in output
    assert "1/4 rows, 2 replies, 1 cached, 0 in flight" in plain and "━" in plain
    assert "[green]said[/green]" in plain
    assert piped == "for the pipe\n"
    assert re.search(r"seqit rewrite .*: 2 replies in [\d.]+ s \(1 cached, 1 sent", plain.splitlines()[-1])


def test_a_terminal_keeps_its_cursor_when_the_process_is_killed() -> None:
    output, _ = shown("killed")
    assert output.rindex("\x1b[?25h") > output.rindex("\x1b[?25l")


def test_a_dumb_terminal_gets_plain_lines() -> None:
    output, _ = shown("done", TERM="dumb")
    assert "\x1b" not in output and "━" not in output
    assert len(output.splitlines()) == 2 and "2 replies in " in output.splitlines()[-1]


@pytest.mark.parametrize("redirected", ["2>&-", "2>/dev/full"])
def test_work_goes_on_where_nothing_can_be_told(redirected: str) -> None:
    command = f'"{sys.executable}" -c "$SHOWN" done {redirected}'
    quiet = SHOWN.replace('    print("[green]said[/green]", file=sys.stderr)\n', "")
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, env=os.environ | {"SHOWN": quiet}, stdout=subprocess.PIPE)
    assert done.stdout == b"for the pipe\n"


def test_the_log_gets_one_line_a_connection_that_asked(tmp_path: Path) -> None:
    log = tmp_path / "replies.log"
    for number in range(3):
        with Progress(f"rewrite {number}", "model@1", log) as progress:
            progress.count_cached(number)
            if number:
                progress.send()
                progress.receive([OK])
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["purpose"], line["sent"], line["cached"], line["tokens_out"]) for line in lines] == [
        ("rewrite 1", 1, 1, 5),
        ("rewrite 2", 1, 2, 5),
    ]
    with Progress("x", "m", tmp_path / "no such folder" / "log") as progress:
        progress.receive([OK])


@pytest.mark.parametrize("width", [10, 40, 79, 200])
def test_a_long_name_leaves_half_of_the_line_to_how_it_goes(width: int) -> None:
    from rich.console import Console

    view = View("endpoint:http://a-server-with-a-long-name.example:8000/v1#some/model", 0.5, "31/62 rows")
    lines = io.StringIO()
    console = Console(width=width, file=lines, force_terminal=False)
    console.print(render(view, width))
    shown = lines.getvalue()
    assert "31" in shown and "rows" in shown
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= width


def test_rows_of_all_rounds_are_expected_from_the_first_on() -> None:
    progress = Progress("", "m")
    for announced, left in ((30, 60), (30, 30), (30, 0)):
        progress.expect(announced, left)
        assert progress.total == 90
        for number in range(30):
            progress.send(b"%d" % number, f"row {number}")
            progress.receive([OK], [b"%d" % number])
            progress.finish()
        work = progress._work(1e9)
        assert work.rows_begun == work.rows_finished == progress.rows
    assert progress.view().text.startswith("90/90 rows, ")
