"""A door tells a mistake in one line, whatever the names and values in it are."""

import sys

import pytest
import typer

from stages.cli import door
from stages.errors import UserError


def test_a_mistake_is_one_line_without_escape_sequences(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["stages/ingest.py"])

    @door
    def run() -> None:
        raise UserError("data/a\nb\x1b[31m\u202e\ud800é.jsonl:1: mend it")

    with pytest.raises(typer.Exit) as left:
        run()
    assert left.value.exit_code == 2
    said = capsys.readouterr().err
    assert said == "seqit ingest: data/a\\nb\\x1b[31m\\u202e\\ud800é.jsonl:1: mend it\n"
