"""What was pushed, read through olah, a mirror of the Hub that others wrote; `make test-hub` installs and runs it."""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.publishing.loopback import TOKEN, hub
from tests.publishing.sessions import Session
from tests.publishing.test_push import made
from tests.reporting.examples import trained

ROOT = Path(__file__).parents[2]
PROGRAM = os.environ.get("SEQIT_OLAH") or shutil.which("olah-cli", path=str(ROOT / ".venv-hub/bin"))
pytestmark = [
    pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="olah is not installed; make test-hub does it")
]  # fmt: skip


@contextmanager
def mirror(upstream: str, folder: Path) -> Iterator[str]:
    """A mirror of the Hub at an address, which keeps its copies in a folder: its own address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    theirs, own = upstream.removeprefix("http://"), f"127.0.0.1:{port}"
    options = {
        "host": "127.0.0.1", "port": str(port), "hf-scheme": "http", "hf-netloc": theirs, "hf-lfs-netloc": theirs,
        "mirror-netloc": own, "mirror-lfs-netloc": own, "repos-path": str(folder / "repos"),
        "log-path": str(folder / "logs"),
    }  # fmt: skip
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    folder.mkdir()
    process = subprocess.Popen(
        [str(PROGRAM), *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        assert any("running on" in line for line in process.stdout), "the mirror did not start"
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield f"http://{own}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Session, Session]]:
    """Who pushes to the Hub, and who reads from the mirror."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with hub(tmp_path / "hub") as (address, store), mirror(address, tmp_path / "mirror") as mirrored:
        yield Session(address, store, tmp_path / "home"), Session(mirrored, store, tmp_path / "other")


def test_a_tag_is_read_whole_and_as_a_stream_and_verified_through_the_mirror(reading: tuple[Session, Session]) -> None:
    writer, reader = reading
    writer.push(made(trained(3)))
    writer.push(made(trained(2), "0.2.0"), "0.2.0")
    writer.store.is_private = True
    for tag, count in (("v0.1.0", 3), ("v0.2.0", 2)):
        expected = {"train": [f"Name {i} rivers." for i in range(count)]}
        assert reader.load(tag) == expected
        assert reader.load(tag, "stream") == expected
        said = reader.verify(f"hub:lab/set@{tag}")
        assert f"read at commit {writer.store.resolve('lab/set', tag)}\n" in said
        assert f"✓ row hashes: {count} rows compared" in said and "✗" not in said


def test_the_mirror_gives_the_bytes_that_were_pushed(reading: tuple[Session, Session], tmp_path: Path) -> None:
    writer, reader = reading
    files = made(trained(3))
    writer.push(files)
    code = "import sys\nfrom huggingface_hub import snapshot_download\n"
    code += "snapshot_download('lab/set', revision='v0.1.0', repo_type='dataset', local_dir=sys.argv[1])"
    reader.run(code, str(tmp_path / "copy"))
    assert {path: (tmp_path / "copy" / path).read_bytes() for path in files} == files


def test_who_has_no_token_gets_nothing_from_the_mirror(reading: tuple[Session, Session]) -> None:
    writer, reader = reading
    writer.push(made(trained(3)))
    writer.store.is_private = True
    assert "✗" not in reader.verify("hub:lab/set@v0.1.0", HF_TOKEN=TOKEN)
    said = reader.verify("hub:lab/set@v0.1.0", status=2, HF_TOKEN="", HF_HOME=str(reader.home.parent / "empty"))
    assert "no such repository, or a private one" in said and len(said.splitlines()) == 1
