import json
from pathlib import Path

import pytest

from stages.engines.progress import Progress
from stages.messages import Reply


def test_a_summary_at_the_end_and_no_line_in_between_for_short_work(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("rewrite seed-1", "model@1") as progress:
        progress.expect(4)
        progress.recall(1)
        for _ in range(3):
            progress.send()
        assert progress.in_flight == 3
        progress.receive([Reply("a", "ok", 10, 5), Reply("", "failed", 2, 0), Reply("b", "truncated", 3, 7)])
        assert (progress.done, progress.asked, progress.remembered, progress.failed) == (4, 3, 1, 1)
    told = capsys.readouterr()
    assert told.out == ""
    (line,) = told.err.splitlines()
    assert line.startswith("seqit rewrite seed-1: 4 replies in ")
    assert "(1 remembered, 3 asked, 1 failed; 15 tokens in, 12 out, " in line


def test_a_line_says_what_is_left_only_where_that_is_known() -> None:
    progress = Progress("", "model@1")
    progress.expect(10)
    progress.recall(5)
    assert progress.line().startswith("model@1: 5/10 done, 5 remembered, 0 in flight")
    assert progress.line().endswith(" left")
    progress.expect(None)
    assert "/" not in progress.line().split(" done")[0]
    assert " left" not in progress.line()


def test_nothing_asked_nothing_told(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("x", "m"):
        pass
    assert capsys.readouterr().err == ""


def test_the_log_gets_one_line_a_connection_that_asked(tmp_path: Path) -> None:
    log = tmp_path / "replies.log"
    for number in range(3):
        with Progress(f"rewrite {number}", "model@1", log) as progress:
            progress.recall(number)
            if number:
                progress.send()
                progress.receive([Reply("a", "ok", 10, 5)])
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["purpose"], line["asked"], line["remembered"], line["tokens_out"]) for line in lines] == [
        ("rewrite 1", 1, 1, 5),
        ("rewrite 2", 1, 2, 5),
    ]
    with Progress("x", "m", tmp_path / "no such folder" / "log") as progress:
        progress.receive([Reply("a", "ok", 10, 5)])
