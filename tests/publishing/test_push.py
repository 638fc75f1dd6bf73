"""Pushing to a Hub on loopback, in processes of their own."""

import importlib
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stages.core.errors import UserError
from stages.publishing.hub import _hub_errors, push
from stages.publishing.set_files import MODEL_SIGNATURE, SIGNATURE
from stages.publishing.signatures import sign
from stages.verification.verify_set import Evidence, verify_set
from tests.publishing.keys import written
from tests.publishing.loopback import TOKEN, Refused, Store, hub
from tests.publishing.sessions import COMMIT, Session, unpacked
from tests.publishing.written import publication
from tests.reporting.examples import asked, record, step, trained

pytestmark = pytest.mark.slow


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with hub(tmp_path / "hub") as (address, store):
        yield Session(address, store, tmp_path / "home")


def made(records: list, version: str = "0.1.0") -> dict[str, bytes]:
    return publication("set", version, "responded/seed/2", lambda: records)


def test_one_commit_and_an_annotated_tag_which_datasets_opens(session: Session) -> None:
    assert session.push(made(trained(3))).startswith("pushed lab/set v0.1.0 at ")
    assert session.commits() == 2
    assert session.store.git("lab/set", "cat-file", "-t", "v0.1.0").strip() == b"tag"
    assert session.store.git("lab/set", "cat-file", "-p", "v0.1.0").decode().strip().endswith(f" at {COMMIT}")
    expected = {"train": [f"Name {i} rivers." for i in range(3)]}
    assert session.load("v0.1.0") == expected
    assert session.load("v0.1.0", "stream") == expected


def test_the_same_rows_again_change_nothing(session: Session) -> None:
    session.push(made(trained(3)))
    assert session.push(made(trained(3))) == "nothing to push: lab/set v0.1.0 has these rows"
    assert session.commits() == 2


def test_other_rows_under_the_same_version_are_refused(session: Session) -> None:
    session.push(made(trained(3)))
    said = session.push(made(trained(2)))
    assert said == "refused: lab/set has a v0.1.0 with other rows; raise this entry's `version` in params.yaml"
    assert session.commits() == 2
    assert len(session.load("v0.1.0")["train"]) == 3


def test_a_new_version_is_a_new_commit_and_the_old_one_stays(session: Session) -> None:
    session.push(made(trained(3)))
    assert session.push(made(asked(2), "0.2.0"), "0.2.0").startswith("pushed lab/set v0.2.0")
    assert session.commits() == 3
    assert list(session.load("v0.2.0")) == ["test"]
    assert len(session.load("v0.1.0")["train"]) == 3


def test_signatures_are_pushed_with_the_folder_and_go_with_the_next_version(session: Session, tmp_path: Path) -> None:
    private, public = written(tmp_path / "keys", "P-256")
    folder = unpacked(tmp_path / "signed", made(trained(3)))
    paths = sign(folder, private)
    assert session.push_folder(folder).startswith("pushed lab/set v0.1.0")
    assert session.files("v0.1.0") >= {SIGNATURE, MODEL_SIGNATURE, "statement.intoto.json", "croissant.json"}
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in session.files("v0.1.0") - {"data/train.parquet"}:
        (copy / name).write_bytes(session.store.git("lab/set", "cat-file", "-p", f"v0.1.0:{name}"))
    (copy / "data").mkdir()
    (copy / "data/train.parquet").write_bytes((folder / "data/train.parquet").read_bytes())
    result = verify_set(copy, Evidence(public_key=public))
    assert not result.differs and next(one for one in result.checks if one.name == "signature").compared == 7
    for path in paths:
        path.unlink()
    assert session.push(made(trained(2), "0.2.0"), "0.2.0").startswith("pushed")
    assert not session.files("v0.2.0") & {SIGNATURE, MODEL_SIGNATURE}


def test_a_signature_of_another_state_stops_the_push(session: Session, tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "signed", made(trained(3)))
    sign(folder, written(tmp_path / "keys", "Ed25519")[0])
    unpacked(folder, made(trained(2)))
    assert "signs another state of" in session.push_folder(folder)
    assert session.push(made(trained(3))).startswith("pushed")


def test_a_tag_without_the_signature_is_told(session: Session, tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "signed", made(trained(3)))
    session.push_folder(folder)
    session.store.git("lab/set", "tag", "-d", "v0.1.0")
    sign(folder, written(tmp_path / "keys", "Ed25519")[0])
    assert session.push_folder(folder).startswith("pushed")
    assert SIGNATURE in session.files("v0.1.0")
    assert session.push_folder(folder) == "nothing to push: lab/set v0.1.0 has these rows"
    sign(folder, written(tmp_path / "keys", "P-256")[0])
    assert "unsigned; a signature is pushed with a new `version` only" in session.push_folder(folder)


def test_a_push_that_ended_before_its_tag_is_finished_without_a_commit(session: Session) -> None:
    session.push(made(trained(3)))
    session.store.git("lab/set", "tag", "-d", "v0.1.0")
    assert session.push(made(trained(3))).startswith("pushed")
    assert session.commits() == 2
    assert session.store.git("lab/set", "tag", "-l") == b"v0.1.0"


def test_a_commit_in_between_is_not_overwritten(session: Session) -> None:
    session.push(made(trained(3)))
    head = session.store.resolve("lab/set", "main")
    session.store.meanwhile = lambda: session.store.commit("lab/set", "somebody else", head, {"other.txt": b"x"}, [])
    said = session.push(made(trained(2), "0.2.0"), "0.2.0")
    assert said == "refused: lab/set v0.2.0: somebody else pushed meanwhile, nothing was written; run again"
    assert session.store.git("lab/set", "rev-parse", "main~1").decode() == head
    assert session.store.git("lab/set", "tag", "-l") == b"v0.1.0"


def test_what_the_hub_says_is_told_without_the_token(session: Session) -> None:
    def broken() -> None:
        raise Refused(400, "", f"cannot work with {TOKEN}")

    session.store.meanwhile = broken
    said = session.push(made(trained(1)))
    assert said.startswith("refused: lab/set v0.1.0: the Hub answered 400")
    assert "cannot work with \N{HORIZONTAL ELLIPSIS}" in said


@pytest.mark.parametrize("length", range(270, 300, 3))
def test_no_part_of_a_token_is_left_where_the_hubs_words_are_cut(length: int) -> None:
    import huggingface_hub.errors
    from huggingface_hub.errors import HfHubHTTPError

    # httpx or httpx2, whichever the installed version of huggingface_hub uses.
    client = getattr(huggingface_hub.errors, "httpx", None) or importlib.import_module("httpx2")
    answer = client.Response(400, request=client.Request("POST", "http://hub"))
    with pytest.raises(UserError, match="the Hub answered 400") as told, _hub_errors("lab/set", "0.1.0", TOKEN):
        raise HfHubHTTPError("x" * length + TOKEN, response=answer)
    assert TOKEN[:2] not in str(told.value)


def test_a_wrong_token_is_told_and_not_shown(session: Session) -> None:
    said = session.push(made(trained(1)), HF_TOKEN="hf_wrongwrongwrong")
    assert said.startswith("refused: lab/set v0.1.0: the Hub does not know this HF_TOKEN")
    assert "wrongwrong" not in said


def test_an_unreachable_hub_is_one_line(session: Session) -> None:
    said = session.push(made(trained(1)), HF_ENDPOINT="http://127.0.0.1:9")
    assert said.startswith("refused: lab/set v0.1.0: the Hub can't be reached")


def test_without_repository_or_token_nothing_is_sent(tmp_path: Path) -> None:
    files = unpacked(tmp_path, made([record(0, step("respond", "respond"))]))
    assert push(files, None, "0.1.0") == "not pushed: `repository` is null in params.yaml"
    if "HF_TOKEN" not in os.environ:
        assert push(files, "lab/set", "0.1.0").startswith("not pushed: HF_TOKEN is not set; ")


@pytest.mark.parametrize("body", [b"<!doctype html>Log in", b'{"status": "ok"}', b"[]", b"null", b'"x"'])
def test_an_address_that_answers_but_is_not_the_hub(body: bytes, tmp_path: Path) -> None:
    """As the login page of a hotel's network does."""

    class Portal(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_HEAD = do_POST

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Portal) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        session = Session(f"http://127.0.0.1:{server.server_address[1]}", Store(tmp_path / "store"), tmp_path / "home")
        said = session.push({"provenance.json": b'{"rows_sha256": "a"}'})
        server.shutdown()
    assert said.startswith("refused: lab/set v0.1.0: the address of the Hub answers, but not as the Hub does")
