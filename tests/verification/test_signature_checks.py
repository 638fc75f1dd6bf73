"""`seqit verify --public-key`: each way in which a signed folder can differ is found and named."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stages import verify as command
from stages.core.cli import call
from stages.core.errors import UserError
from stages.publishing.set_files import SIGNATURE
from stages.publishing.signatures import beside, sign
from stages.publishing.statement import STATEMENT, Making, write_statement
from stages.verification.check_results import CheckResult
from stages.verification.verify_set import Evidence, verify_set
from tests.publishing.keys import written
from tests.verification.small_set import SmallSet, differing, make


class SignedSet:
    """A published set with its signature, and keys."""

    def __init__(self, folder: Path) -> None:
        self.set: SmallSet = make(folder / "made", "small")
        self.folder = self.set.folder
        self.private, self.public = written(folder / "keys", "P-256")
        _, self.other = written(folder / "others", "P-256")
        sign(self.folder, self.private)
        self.signature = beside(self.folder, SIGNATURE)

    def check(self, key: Path | None, name: str = "signature") -> CheckResult:
        result = verify_set(self.folder, Evidence(public_key=key))
        return next(one for one in result.checks if one.name == name)


@pytest.fixture
def signed(tmp_path: Path) -> SignedSet:
    return SignedSet(tmp_path)


def append(path: Path) -> None:
    with open(path, "ab") as stream:
        stream.write(b" ")


def edit_payload(signed: SignedSet, change: Callable[[dict], None]) -> None:
    """Change the signed statement within the bundle, and nothing else of it."""
    bundle = json.loads(signed.signature.read_bytes())
    payload = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    change(payload)
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()
    signed.signature.write_text(json.dumps(bundle))


def forge(signed: SignedSet) -> None:
    """Change a file, and write the statement anew, as somebody without the key can."""
    append(signed.folder / "README.md")
    write_statement(signed.folder, Making("publish", {}, {}, []))


def swap_statement(signed: SignedSet) -> None:
    """Other materials, the same files."""
    path = signed.folder / STATEMENT
    path.write_text(path.read_text().replace("path:data/alpaca.jsonl", "path:data/other.jsonl"))


def drop_signature_bytes(signed: SignedSet) -> None:
    bundle = json.loads(signed.signature.read_bytes())
    bundle["dsseEnvelope"]["signatures"] = []
    signed.signature.write_text(json.dumps(bundle))


def add_rows(signed: SignedSet) -> None:
    """A file that `datasets` would read with the others."""
    (signed.folder / "data/evil.parquet").write_bytes(signed.set.data.read_bytes())


def flip(signed: SignedSet) -> None:
    bundle = json.loads(signed.signature.read_bytes())
    one = bundle["dsseEnvelope"]["signatures"][0]
    raw = bytearray(base64.b64decode(one["sig"]))
    raw[-1] ^= 1
    one["sig"] = base64.b64encode(bytes(raw)).decode()
    signed.signature.write_text(json.dumps(bundle))


TAMPERED: dict[str, tuple[Callable[[SignedSet], object], str, str]] = {
    "a changed card": (lambda s: append(s.folder / "README.md"), "README.md", "was changed"),
    "changed rows": (lambda s: s.set.change(1, lambda row: row.update(output="")), "data/train.parquet", "was changed"),
    "a changed description": (lambda s: append(s.folder / "croissant.json"), "croissant.json", "was changed"),
    "an added file": (add_rows, "data/evil.parquet", "was added"),
    "an added hidden file": (lambda s: (s.folder / "data/.x").write_bytes(b"x"), "data/.x", "was added"),
    "a removed file": (lambda s: (s.folder / "rows.sha256").unlink(), "rows.sha256", "is missing"),
    "a renamed file": (
        lambda s: (s.folder / "README.md").rename(s.folder / "readme.md"), "README.md", "is missing"
    ),
    "other materials": (swap_statement, STATEMENT, "is not the statement that was signed"),
    "no statement": (lambda s: (s.folder / STATEMENT).unlink(), STATEMENT, "is missing; it was signed"),
    "a forged statement": (forge, "README.md", "was changed"),
    "no signature": (lambda s: s.signature.unlink(), "", f"has no signature: no {SIGNATURE}"),
    "a flipped bit": (flip, SIGNATURE, "what it signs, or the signature, was changed"),
    "an edited payload": (
        lambda s: edit_payload(s, lambda p: p["subject"].pop()), SIGNATURE, "or the signature, was changed"
    ),
    "an empty list of signatures": (drop_signature_bytes, SIGNATURE, "names the key none"),
    "another file in its place": (lambda s: s.signature.write_text("{}"), SIGNATURE, "is no Sigstore bundle"),
    "bytes in its place": (lambda s: s.signature.write_bytes(b"\xff\x00"), SIGNATURE, "is no Sigstore bundle"),
}  # fmt: skip


def test_a_signed_set_agrees_and_without_a_key_the_signature_is_not_checked(signed: SignedSet) -> None:
    assert differing(verify_set(signed.folder, Evidence(public_key=signed.public))) == {}
    assert signed.check(signed.public).compared == 7
    (reason,) = signed.check(None).unchecked
    assert "was not checked" in reason and signed.check(None).compared == 0
    signed.signature.unlink()
    assert signed.check(None).unchecked == {"there is no signature": 1}


@pytest.mark.parametrize("kind", TAMPERED)
def test_what_was_tampered_with_is_named(signed: SignedSet, kind: str) -> None:
    change, name, words = TAMPERED[kind]
    change(signed)
    found = signed.check(signed.public).mismatches
    expected = str(signed.signature if name == SIGNATURE else signed.folder / name)
    assert any(one.file == expected and words in one.message for one in found), found


def test_another_key_is_named_as_wrong(signed: SignedSet) -> None:
    (mismatch,) = signed.check(signed.other).mismatches
    assert mismatch.file == str(signed.signature) and "is not made with the key of" in mismatch.message


def test_the_files_are_compared_with_the_statement_without_a_key(signed: SignedSet) -> None:
    append(signed.folder / "README.md")
    (mismatch,) = signed.check(None, f"files of {STATEMENT}").mismatches
    assert mismatch.file == str(signed.folder / "README.md")


def test_a_countersigned_set_is_checked_with_either_key(signed: SignedSet, tmp_path: Path) -> None:
    signed.signature.rename(signed.folder / SIGNATURE)
    private, public = written(tmp_path / "mine", "Ed25519")
    sign(signed.folder, private)
    for key in (public, signed.public):
        assert signed.check(key).compared == 7 and not signed.check(key).mismatches
    assert len(signed.check(signed.other).mismatches) == 2


def test_what_the_hub_adds_is_no_difference(signed: SignedSet) -> None:
    (signed.folder / ".gitattributes").write_text("x")
    (signed.folder / ".cache/huggingface").mkdir(parents=True)
    (signed.folder / ".cache/huggingface/x.lock").write_text("")
    assert not signed.check(signed.public).mismatches


def test_the_folder_of_a_model_is_compared_by_its_statement(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    write_statement(folder, Making("publish_model", {}, {}, []))
    private, public = written(tmp_path / "keys", "Ed25519")
    sign(folder, private)
    assert call(command, [str(folder), "--public-key", str(public)]) == 0
    append(folder / "model.safetensors")
    assert call(command, [str(folder), "--public-key", str(public)]) == 1


def test_the_exit_status_says_whether_it_is_signed(signed: SignedSet, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(signed.folder), "--replies", str(signed.set.store)]
    assert call(command, [*words, "--public-key", str(signed.public)]) == 0
    assert "✓ signature: 7 files compared" in capsys.readouterr().out
    assert call(command, words) == 0
    assert "whose it is takes a key (--public-key)" in capsys.readouterr().out
    assert call(command, [*words, "--public-key", str(signed.other)]) == 1
    assert call(command, [*words, "--public-key", str(signed.private)]) == 2
    assert "is a private key" in capsys.readouterr().err


def test_a_key_that_can_not_be_read_is_bad_input(signed: SignedSet, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="can't be read"):
        signed.check(tmp_path / "absent.pub")
