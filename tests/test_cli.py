"""A door tells a mistake in one line, whatever the names and values in it are."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOOR = r"""
from stages.cli import main
from stages.errors import UserError

def ingest() -> None:
    raise UserError("data/a\nb\x1b[31m\u202e\ud800é.jsonl:1: mend it")

main(ingest)
"""


def test_a_mistake_is_one_line_without_escape_sequences(tmp_path: Path) -> None:
    (tmp_path / "ingest.py").write_text(DOOR, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run([sys.executable, tmp_path / "ingest.py"], capture_output=True, env=environment)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == "seqit ingest: data/a\\nb\\x1b[31m\\u202e\\ud800é.jsonl:1: mend it\n"
