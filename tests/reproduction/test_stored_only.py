"""Where SEQIT_STORED_ONLY is set, a request without a stored reply ends the stage and opens no engine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stages.core import artifacts
from stages.core.errors import UserError
from stages.inference.stored_only import VARIABLE, open_stored_only
from tests.inference.counting import IDENTITY, asked, prompt

CONNECT = """
import sys
from pathlib import Path
from stages.inference.connect import connect
from stages.params import Engine
from tests.inference.counting import prompt
engine = Engine(engine="scripted", options={"rules": sys.argv[1]})
with connect(engine, store=Path(sys.argv[2])) as complete:
    for number in sys.argv[3:]:
        print(next(complete([prompt(number)])).text)
"""


def test_the_first_request_is_refused_with_its_key(tmp_path: Path) -> None:
    with open_stored_only(IDENTITY, tmp_path / "s") as engine, pytest.raises(UserError, match=asked(1).key.hex()[:12]):
        list(engine.answer([prompt(1)]))


def test_connect_serves_what_is_stored_and_asks_for_nothing_else(tmp_path: Path) -> None:
    artifacts.write_json(tmp_path / "rules.json", [{"match": "", "reply": "scripted"}])

    def connected(stored_only: str, *numbers: str) -> "subprocess.CompletedProcess[str]":
        words = [sys.executable, "-c", CONNECT, str(tmp_path / "rules.json"), str(tmp_path / "s"), *numbers]
        return subprocess.run(words, env=os.environ | {VARIABLE: stored_only}, capture_output=True, text=True)

    assert connected("", "1").stdout == "scripted\n"
    assert connected("1", "1").stdout == "scripted\n"
    refused = connected("1", "1", "2")
    assert refused.stdout == "scripted\n" and f"and {VARIABLE} lets none be asked for" in refused.stderr
    assert connected("", "2").stdout == "scripted\n"
