"""Two versions on a Hub on loopback: compared by `seqit diff`, and in the card of the second one."""

import json
from pathlib import Path

import pytest

from tests.publishing.test_push import Session, session
from tests.publishing.version_sets import BASE, Recipe, publish

pytestmark = pytest.mark.slow

__all__ = ["session"]
RUN = """
import sys
from stages import diff as command
from stages.core.cli import call
sys.exit(call(command, sys.argv[1:]))
"""
STATUS = """
import contextlib, io, sys
from stages import diff as command
from stages.core.cli import call
with contextlib.redirect_stderr(io.StringIO()) as said:
    status = call(command, sys.argv[1:])
print(status, said.getvalue().strip())
"""
PUBLISH = """
import sys
from pathlib import Path
from stages.core.artifacts import Receipt
from stages.publishing.changes.since_version import comparison
from tests.publishing.version_sets import BASE, publish
receipt = Receipt("responded/lakes/2", "0" * 64, "responded", 9, {}, 3)
print(publish(Path(sys.argv[1]), BASE.but(seed=8), "0.2.0", comparison(sys.argv[2], receipt)))
"""


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pushed(session: Session, tmp_path: Path, recipe: Recipe, version: str) -> Path:
    folder = publish(tmp_path / version, recipe, version)
    assert session.push(files(folder), version).startswith("pushed")
    return folder


def test_two_tags_are_compared(session: Session, tmp_path: Path) -> None:
    pushed(session, tmp_path, BASE, "0.1.0")
    second = pushed(session, tmp_path, BASE.but(seed=8), "0.2.0")
    text = session.run(RUN, "hub:lab/set@v0.1.0", "hub:lab/set@v0.2.0")
    assert text.startswith("v0.1.0 -> v0.2.0: 0 rows are equal, 9 changed") and "seed: 7 -> 8" in text
    assert session.run(RUN, "hub:lab/set@v0.1.0", str(second)) == text
    result = json.loads(session.run(RUN, "hub:lab/set@v0.2.0", str(second), "--json"))
    assert (result["changes"]["equal"], result["changes"]["groups"]) == (9, [])


def test_what_the_hub_does_not_have_is_one_line(session: Session, tmp_path: Path) -> None:
    folder = pushed(session, tmp_path, BASE, "0.1.0")
    refused = {
        "hub:lab/set@v9.9.9": "hub:lab/set@v9.9.9: has no such revision",
        "hub:lab/none@v0.1.0": "hub:lab/none@v0.1.0: no such repository, or a private one",
        "hub:lab": "hub:lab: write hub:ORG/NAME@TAG",
    }
    for target, said in refused.items():
        status = session.run(STATUS, target, str(folder))
        assert status.startswith("2 ") and said in status and len(status.splitlines()) == 1
    status = session.run(STATUS, "hub:lab/set@v0.3.0", str(folder), HF_ENDPOINT="http://127.0.0.1:9")
    assert "the Hub can't be reached" in status and len(status.splitlines()) == 1


def test_a_card_compares_with_a_tag_and_is_the_same_each_time(session: Session, tmp_path: Path) -> None:
    pushed(session, tmp_path, BASE, "0.1.0")
    folders = [Path(session.run(PUBLISH, str(tmp_path / name), "hub:lab/set@v0.1.0")) for name in "ab"]
    assert files(folders[0]) == files(folders[1])
    card = (folders[0] / "README.md").read_text()
    assert "## Changes since v0.1.0" in card and "| seed | `7` | `8` |" in card
    assert session.push(files(folders[0]), "0.2.0").startswith("pushed lab/set v0.2.0")
