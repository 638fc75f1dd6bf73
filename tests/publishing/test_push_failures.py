"""Pushes at once, cut in the middle, refused or without rights: nothing is half there, and the next run completes."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.publishing.loopback import READER, STRANGER, TOKEN, Refused, Store, hub
from tests.publishing.sessions import Session
from tests.publishing.test_push import made
from tests.reporting.examples import trained

pytestmark = pytest.mark.slow
COMMIT, TAG, LFS = ("POST", "/commit/"), ("POST", "/tag/"), ("PUT", "/lfs/")
MEANWHILE = "refused: lab/set v0.1.0: somebody else pushed meanwhile, nothing was written; run again"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with hub(tmp_path / "hub") as (address, store):
        yield Session(address, store, tmp_path / "home")


def together(store: Store, where: tuple[str, str]) -> None:
    """Let two requests of a kind come at once: each waits for the other."""
    barrier = threading.Barrier(2)

    def arrives(method: str, path: str) -> None:
        if (method, where[1] in path) == (where[0], True) and not barrier.broken:
            try:
                barrier.wait(60)
            except threading.BrokenBarrierError:
                return
            barrier.abort()  # later ones are not held

    store.arrives = arrives


def both(session: Session, *sets: dict[str, bytes]) -> list[str]:
    """What two pushes say that run at once."""
    started = [session.starts_push(files) for files in sets]
    said: list[str] = ["", ""]

    def wait(number: int) -> None:
        said[number] = session.ended(*started[number])

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(said)


@pytest.mark.parametrize("counts", [(3, 3), (3, 2)], ids=["equal rows", "other rows"])
def test_of_two_pushes_at_once_one_wins_and_the_other_says_so(session: Session, counts: tuple[int, int]) -> None:
    session.push(made(trained(1), "0.0.1"), "0.0.1")
    together(session.store, COMMIT)
    sets = [made(trained(count)) for count in counts]
    won, lost = both(session, *sets)
    assert won.startswith("pushed lab/set v0.1.0 at ") and lost == MEANWHILE
    assert session.commits() == 3 and session.tags() == ["v0.0.1", "v0.1.0"]
    rows = len(session.load("v0.1.0")["train"])
    assert rows in counts
    again = sorted(session.push(files) for files in sets)
    same = "nothing to push: lab/set v0.1.0 has these rows"
    other = "refused: lab/set has a v0.1.0 with other rows; raise this entry's `version` in params.yaml"
    assert again == ([same, same] if counts == (3, 3) else [same, other])
    assert session.commits() == 3 and len(session.load("v0.1.0")["train"]) == rows


def test_of_two_that_set_one_tag_at_once_the_later_says_so(session: Session) -> None:
    session.push(made(trained(3)))
    session.store.git("lab/set", "tag", "-d", "v0.1.0")
    together(session.store, TAG)
    won, lost = both(session, made(trained(3)), made(trained(3)))
    assert won.startswith("pushed lab/set v0.1.0 at ")
    assert lost == (
        "refused: lab/set v0.1.0: somebody else set this tag meanwhile; run again, to see which rows it has"
    )
    assert session.commits() == 2 and session.push(made(trained(3))).startswith("nothing to push")


def killed(session: Session, where: tuple[str, str], is_after: bool) -> None:
    """A push that is killed when a request of a kind arrives, or after it was answered: at the next one."""
    process, data = session.starts_push(made(trained(3)))
    seen: list[str] = []

    def arrives(method: str, path: str) -> None:
        if seen or (method == where[0] and where[1] in path and not is_after):
            process.send_signal(signal.SIGKILL)
            process.wait()
            raise ConnectionAbortedError  # before the request is answered, as with a line that is cut
        if method == where[0] and where[1] in path:
            seen.append(path)

    session.store.arrives = arrives
    process.communicate(data, timeout=600)
    session.store.arrives = lambda method, path: None
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("where", "is_after", "commits", "uploaded"),
    [(LFS, False, 1, 0), (LFS, True, 1, 1), (COMMIT, False, 1, 1), (COMMIT, True, 2, 1), (TAG, False, 2, 1)],
    ids=["before the upload", "after the upload", "before the commit", "after the commit", "before the tag"],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_push_that_is_killed_is_completed_by_the_next(
    session: Session, where: tuple[str, str], is_after: bool, commits: int, uploaded: int
) -> None:
    killed(session, where, is_after)
    assert session.commits() == commits and session.tags() == []
    assert len(list((session.store.folder / "lfs").iterdir())) == uploaded
    assert session.push(made(trained(3))).startswith("pushed lab/set v0.1.0 at ")
    assert session.commits() == 2 and session.tags() == ["v0.1.0"]
    assert len(session.load("v0.1.0")["train"]) == 3


@pytest.mark.parametrize(
    ("token", "is_private", "message"),
    [
        (READER, True, "this HF_TOKEN may not write there; give it write access to this repository"),
        (STRANGER, False, "this HF_TOKEN may not write there; give it write access to this repository"),
        (STRANGER, True, "this HF_TOKEN may not write there; give it write access to this repository"),
        ("hf_unknown", True, "the Hub does not know this HF_TOKEN; make one with write access"),
    ],
)
def test_who_may_not_write_is_told_and_nothing_changes(
    session: Session, token: str, is_private: bool, message: str
) -> None:
    session.push(made(trained(3)))
    session.store.is_private = is_private
    said = session.push(made(trained(2), "0.2.0"), "0.2.0", HF_TOKEN=token)
    assert said.startswith(f"refused: lab/set v0.2.0: {message}") and "\n" not in said
    assert token not in said and session.commits() == 2 and session.tags() == ["v0.1.0"]


@pytest.mark.parametrize(
    ("where", "status", "headers", "message"),
    [
        (COMMIT, 429, {"Retry-After": "30"}, "too many requests; run again in 30 s, it goes on where it was"),
        (TAG, 429, {}, "too many requests; run again later, it goes on where it was"),
        (COMMIT, 503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, "the Hub can't serve it now; run again later"),
        (TAG, 500, {}, "the Hub answered 500"),
    ],
)
def test_a_hub_that_is_busy_or_broken_is_told_and_the_next_run_completes(
    session: Session, where: tuple[str, str], status: int, headers: dict[str, str], message: str
) -> None:
    session.store.refusals.append((*where, Refused(status, "", f"overloaded {TOKEN}", headers)))
    said = session.push(made(trained(2)))
    assert said.startswith(f"refused: lab/set v0.1.0: {message}") and "\n" not in said
    assert not session.store.refusals and session.tags() == []
    assert session.push(made(trained(2))).startswith("pushed lab/set v0.1.0 at ")
    assert session.commits() == 2 and session.tags() == ["v0.1.0"]


def test_an_upload_that_the_hub_refuses_for_a_moment_is_repeated(session: Session) -> None:
    """By huggingface_hub, which waits as long as the Hub asks for."""
    session.store.refusals += [(*LFS, Refused(503, "", "busy", {"Retry-After": "0"}))]
    assert session.push(made(trained(2))).startswith("pushed lab/set v0.1.0 at ")
    assert not session.store.refusals
