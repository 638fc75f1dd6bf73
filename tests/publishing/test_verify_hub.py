"""`seqit verify` of a repository of a Hub on loopback."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.publishing.loopback import STRANGER, TOKEN, hub
from tests.publishing.sessions import Session
from tests.publishing.test_push import made
from tests.reporting.examples import trained

pytestmark = pytest.mark.slow


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    with hub(tmp_path / "hub") as (address, store):
        yield Session(address, store, tmp_path / "home")


def test_a_tag_is_verified_and_the_commit_is_told(session: Session) -> None:
    session.push(made(trained(3)))
    first = session.store.resolve("lab/set", "v0.1.0")
    session.push(made(trained(2), "0.2.0"), "0.2.0")
    session.store.is_private = True
    said = session.verify("hub:lab/set@v0.1.0")
    assert said.startswith(f"hub:lab/set@v0.1.0: read at commit {first}\n")
    assert "✓ row hashes: 3 rows compared\n" in said and "✗" not in said
    told = json.loads(session.verify(f"hub:lab/set@{first}", "--json"))
    assert told["target"] == f"hub:lab/set@{first}" and not told["differs"]


def test_without_a_tag_the_newest_version_is_read_and_told(session: Session) -> None:
    session.push(made(trained(1), "0.9.0"), "0.9.0")
    session.store.git("lab/set", "tag", "-a", "newest", "-m", "no version", "main")
    session.push(made(trained(3), "0.10.0"), "0.10.0")
    session.push(made(trained(2), "0.2.0"), "0.2.0")
    said = session.verify("hub:lab/set")
    commit = session.store.resolve("lab/set", "v0.10.0")
    assert said.startswith(f"hub:lab/set@v0.10.0, the newest version: read at commit {commit}\n")
    assert "✓ row hashes: 3 rows" in said
    for tag in ("v0.9.0", "v0.10.0", "v0.2.0"):
        session.store.git("lab/set", "tag", "-d", tag)
    assert session.verify("hub:lab/set").startswith("hub:lab/set@main, as no tag is a version: read at commit ")


def test_a_changed_file_on_the_hub_is_named_with_status_1(session: Session) -> None:
    files = made(trained(3))
    session.push(files)
    head = session.store.resolve("lab/set", "main")
    facts = files["provenance.json"].replace(b'"seed-', b'"sead-').replace(b'"en": 3', b'"en": 4')
    session.store.commit("lab/set", "an edit", head, {"provenance.json": facts}, [])
    said = session.verify("hub:lab/set@main", status=1)
    assert "✗ counts of provenance.json" in said and "provenance.json languages: en: says 4; counted 3" in said
    assert "✗" not in session.verify("hub:lab/set@v0.1.0")


@pytest.mark.parametrize(
    ("target", "token", "message"),
    [
        ("lab/other@v0.1.0", TOKEN, "no such repository, or a private one; correct the name or set HF_TOKEN"),
        ("lab/set@v9", TOKEN, "has no such revision; correct what follows the @"),
        ("lab/set@v0.1.0", "", "no such repository, or a private one; correct the name or set HF_TOKEN"),
        ("lab/set", STRANGER, "no such repository, or a private one; correct the name or set HF_TOKEN"),
        (
            "lab/set@v0.1.0",
            "hf_unknown",
            "the Hub does not know this HF_TOKEN; make one at huggingface.co/settings/tok",
        ),
        ("lab@v0.1.0", TOKEN, "write hub:ORG/NAME@TAG, as in hub:lab/rows@v0.1.0"),
        ("lab/set@", TOKEN, "write hub:ORG/NAME@TAG, as in hub:lab/rows@v0.1.0"),
    ],
)
def test_what_can_not_be_read_is_one_line_and_status_2(session: Session, target: str, token: str, message: str) -> None:
    session.push(made(trained(1)))
    session.store.is_private = True
    session.environment["HF_TOKEN"] = token
    said = session.verify(f"hub:{target}", status=2)
    assert f"hub:{target}: {message}" in said and "Traceback" not in said and len(said.splitlines()) == 1
    assert not token or token not in said


def test_a_hub_out_of_reach_is_one_line(session: Session) -> None:
    said = session.verify("hub:lab/set@v0.1.0", status=2, HF_ENDPOINT="http://127.0.0.1:9")
    assert "hub:lab/set@v0.1.0: the Hub can't be reached" in said and len(said.splitlines()) == 1
    assert "name a folder that `hf download` wrote" in said
