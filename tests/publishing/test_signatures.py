"""`seqit sign`: deterministic signatures beside a folder, which the verifiers of others accept, and refused keys."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stages import sign as command
from stages.core.cli import call
from stages.core.errors import UserError
from stages.publishing import dsse
from stages.publishing.set_files import MODEL_SIGNATURE, SIGNATURE, own_files
from stages.publishing.signatures import KEY, beside, sign, sign_with_environment, to_push
from stages.publishing.statement import STATEMENT, Making, write_statement
from stages.verification.origin_checks import folder_hash
from tests.publishing.keys import PASSPHRASE, written
from tests.verification.small_set import make

KINDS = ("Ed25519", "P-256", "P-384", "P-521")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "made", "small").folder


@pytest.mark.parametrize("kind", KINDS)
def test_equal_keys_and_files_give_equal_signatures_and_the_folder_stays(
    folder: Path, tmp_path: Path, kind: str
) -> None:
    private, public = written(tmp_path / "keys", kind)
    before = folder_hash(folder)
    first = {path.name: path.read_bytes() for path in sign(folder, private)}
    again = {path.name: path.read_bytes() for path in sign(folder, private)}
    assert first == again and folder_hash(folder) == before
    assert set(first) == {f"lakes.{SIGNATURE}"} | ({f"lakes.{MODEL_SIGNATURE}"} if kind != "Ed25519" else set())
    assert dsse.is_signed_by(dsse.opened(beside(folder, SIGNATURE)), dsse.public_key(public))
    secret = b"".join(private.read_bytes().splitlines()[1:-1])
    assert not any(secret[:40] in data for data in first.values())


@pytest.mark.parametrize("kind", KINDS)
def test_securesystemslib_verifies_the_envelope(folder: Path, tmp_path: Path, kind: str) -> None:
    envelopes = pytest.importorskip("securesystemslib.dsse")
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from securesystemslib.exceptions import VerificationError
    from securesystemslib.signer import SSlibKey

    private, public = written(tmp_path / "keys", kind)
    _, other = written(tmp_path / "others", kind)
    sign(folder, private)
    bundle = json.loads(beside(folder, SIGNATURE).read_bytes())
    envelope = envelopes.Envelope.from_dict(bundle["dsseEnvelope"])
    (keyid,) = envelope.signatures
    assert envelope.payload == (folder / STATEMENT).read_bytes()
    assert envelope.payload_type == "application/vnd.in-toto+json"
    keys = [SSlibKey.from_crypto(load_pem_public_key(path.read_bytes()), keyid=keyid) for path in (public, other)]
    assert keyid in envelope.verify(keys[:1], 1)
    with pytest.raises(VerificationError):
        envelope.verify(keys[1:], 1)


def model_signing(folder: Path, signature: Path, public: Path) -> tuple[int, str]:
    """Status and words of OpenSSF's `model_signing verify key`."""
    words = ["verify", "key", str(folder), "--signature", str(signature), "--public_key", str(public)]
    done = subprocess.run([sys.executable, "-m", "model_signing", *words], capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("kind", KINDS[1:])
def test_model_signing_verifies_a_folder_as_it_is_downloaded(folder: Path, tmp_path: Path, kind: str) -> None:
    pytest.importorskip("model_signing")
    private, public = written(tmp_path / "keys", kind)
    sign(folder, private)
    for name in (SIGNATURE, MODEL_SIGNATURE):
        beside(folder, name).rename(folder / name)
    (folder / ".gitattributes").write_text("*.parquet filter=lfs\n")
    (folder / ".cache/huggingface").mkdir(parents=True)
    (folder / ".cache/huggingface/CACHEDIR.TAG").write_text("x")
    assert model_signing(folder, folder / MODEL_SIGNATURE, public) == (0, "Verification succeeded\n")
    with open(folder / "README.md", "a") as card:
        card.write(".")
    (folder / "more.txt").write_text("x")
    (folder / "rows.sha256").unlink()
    status, words = model_signing(folder, folder / MODEL_SIGNATURE, public)
    assert status == 1
    assert "Hash mismatch for 'README.md'" in words and "more.txt" in words and "rows.sha256" in words


def test_a_passphrase_comes_from_the_environment_and_is_never_said(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    private, public = written(tmp_path / "keys", "P-256", PASSPHRASE)
    words = [str(folder), "--key", str(private)]
    monkeypatch.delenv("SEQIT_SIGNING_PASSPHRASE", raising=False)
    assert call(command, words) == 2
    monkeypatch.setenv("SEQIT_SIGNING_PASSPHRASE", "wrong horse")
    assert call(command, words) == 2
    said = capsys.readouterr()
    assert "has a passphrase; set SEQIT_SIGNING_PASSPHRASE" in said.err and "can't be opened with" in said.err
    monkeypatch.setenv("SEQIT_SIGNING_PASSPHRASE", PASSPHRASE)
    assert call(command, words) == 0
    said = capsys.readouterr()
    assert "horse" not in said.out + said.err
    assert dsse.is_signed_by(dsse.opened(beside(folder, SIGNATURE)), dsse.public_key(public))


def test_the_environment_names_a_key_for_both_commands(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(KEY, raising=False)
    assert sign_with_environment(folder) == ""
    assert call(command, [str(folder)]) == 2
    assert f"no key; name the file of one with --key, or in {KEY}" in capsys.readouterr().err
    monkeypatch.setenv(KEY, str(written(tmp_path / "keys", "Ed25519")[0]))
    assert call(command, [str(folder)]) == 0
    assert str(beside(folder, SIGNATURE)) in sign_with_environment(folder)


REFUSED = {
    "RSA": "is no key for Ed25519 or for ECDSA",
    "secp256k1": "is no key for Ed25519 or for ECDSA",
    "public": "is no private key in PEM form",
    "text": "is no private key in PEM form",
    "absent": "can't be read",
    "large": "is too large",
    "a folder": "can't be read",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_other_keys_are_refused_in_one_line_and_nothing_is_written(
    folder: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    path = keys / kind
    if kind in ("RSA", "secp256k1"):
        path = written(keys, kind)[0]
    elif kind == "public":
        path = written(keys, "P-256")[1]
    elif kind == "a folder":
        path.mkdir()
    elif kind != "absent":
        path.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n" * (5000 if kind == "large" else 1))
    assert call(command, [str(folder), "--key", str(path)]) == 2
    (line,) = [one for one in capsys.readouterr().err.splitlines() if "done in" not in one]
    assert f"{path}: {REFUSED[kind]}" in line and "AAAA" not in line
    assert sorted(path.name for path in folder.parent.iterdir() if path.name.startswith("lakes.")) == []


def test_a_private_key_is_no_public_key(tmp_path: Path) -> None:
    private, _ = written(tmp_path, "P-256")
    with pytest.raises(UserError, match="is a private key; name the public one"):
        dsse.public_key(private)


def test_a_key_within_the_folder_would_be_published(folder: Path) -> None:
    private, _ = written(folder / "data", "Ed25519")
    with pytest.raises(UserError, match="lies in the folder that it is to sign"):
        sign(folder, private)


def test_a_folder_that_is_not_what_was_published_is_not_signed(folder: Path, tmp_path: Path) -> None:
    private, _ = written(tmp_path / "keys", "Ed25519")
    (folder / "data/added.parquet").write_bytes(b"x")
    with pytest.raises(UserError, match=r"data/added.parquet: was added; publish the set again"):
        sign(folder, private)
    (folder / STATEMENT).write_text("{}")
    with pytest.raises(UserError, match="is no in-toto statement"):
        sign(folder, private)
    (folder / STATEMENT).unlink()
    with pytest.raises(UserError, match=f"holds no {STATEMENT}"):
        sign(folder, private)
    with pytest.raises(UserError, match="no such folder"):
        sign(tmp_path / "absent", private)


def test_a_link_to_a_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "elsewhere").symlink_to(tmp_path)
    with pytest.raises(UserError, match="is a link to a folder"):
        sign(folder, written(tmp_path / "keys", "Ed25519")[0])


def test_another_kind_of_key_leaves_no_signature_of_the_first(folder: Path, tmp_path: Path) -> None:
    sign(folder, written(tmp_path / "keys", "P-256")[0])
    sign(folder, written(tmp_path / "keys", "Ed25519")[0])
    assert not beside(folder, MODEL_SIGNATURE).exists()


def test_signatures_go_with_a_folder_only_as_long_as_they_are_of_it(folder: Path, tmp_path: Path) -> None:
    assert to_push(folder) == {}
    sign(folder, written(tmp_path / "keys", "P-256")[0])
    assert set(to_push(folder)) == {SIGNATURE, MODEL_SIGNATURE}
    write_statement(folder, Making("publish", {"other": True}, {}, []))
    with pytest.raises(UserError, match="signs another state of"):
        to_push(folder)


def test_any_folder_with_a_statement_is_signed_as_that_of_a_model(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    write_statement(folder, Making("publish_model", {"run": "sit"}, {}, []))
    sign(folder, written(tmp_path / "keys", "P-256")[0])
    assert set(own_files(folder)) == {"model.safetensors", STATEMENT}
    assert set(to_push(folder)) == {SIGNATURE, MODEL_SIGNATURE}
