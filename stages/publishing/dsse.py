"""Signs bytes and checks signatures: DSSE envelopes within Sigstore bundles, by a local key.

The envelope is that of https://github.com/secure-systems-lab/dsse (version 1), the bundle the one of
https://docs.sigstore.dev/about/bundle/ (version 0.3) with a public key in place of a certificate. A signature is a
function of key and payload: Ed25519 is so by itself, and ECDSA takes its nonce from both (RFC 6979).
"""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from stages.core.artifacts import document
from stages.core.errors import UserError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

    PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey
    PublicKey = Ed25519PublicKey | EllipticCurvePublicKey

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
IN_TOTO = "application/vnd.in-toto+json"
"""Payload type of an in-toto statement."""
CURVES = {"secp256r1": "SHA256", "secp384r1": "SHA384", "secp521r1": "SHA512"}
"""Curve of a key -> the hash that is signed with it, as in Sigstore's bundles."""
MAKE_ONE = (
    "make one with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -out KEY`, and its public "
    "key with `openssl pkey -in KEY -pubout -out KEY.pub`"
)


class _Envelope(msgspec.Struct, frozen=True):
    payload: str
    payload_type: str = msgspec.field(name="payloadType")
    signatures: list["_Signature"]


class _Signature(msgspec.Struct, frozen=True):
    sig: str
    keyid: str = ""


class _Bundle(msgspec.Struct, frozen=True):
    envelope: _Envelope = msgspec.field(name="dsseEnvelope")


class Signed(msgspec.Struct, frozen=True):
    """What a bundle holds; nothing of it is checked."""

    payload: bytes
    payload_type: str
    signatures: list[tuple[str, bytes]]
    """(id of the key, signature)."""


def private_key(path: Path, passphrase: str = "") -> "PrivateKey":
    """The private key of a PEM file: Ed25519, or ECDSA on P-256, P-384 or P-521.

    Raises UserError for any other file, and for a passphrase that is missing or wrong. No message holds any of either.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = _key_bytes(path)
    encrypted = b"ENCRYPTED" in data
    if encrypted and not passphrase:
        raise UserError(f"{path}: has a passphrase; set SEQIT_SIGNING_PASSPHRASE to it")
    try:
        key = load_pem_private_key(data, passphrase.encode() if encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        reason = "can't be opened with SEQIT_SIGNING_PASSPHRASE" if encrypted else "is no private key in PEM form"
        raise UserError(f"{path}: {reason}; {MAKE_ONE}") from None
    if (isinstance(key, EllipticCurvePrivateKey) and key.curve.name in CURVES) or isinstance(key, Ed25519PrivateKey):
        return key
    raise UserError(f"{path}: is no key for Ed25519 or for ECDSA on P-256, P-384 or P-521; {MAKE_ONE}")


def public_key(path: Path) -> "PublicKey":
    """The public key of a PEM file. Raises UserError for any other file, a private key among them."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    data = _key_bytes(path)
    if b"PRIVATE KEY" in data:
        raise UserError(f"{path}: is a private key; name the public one: `openssl pkey -in {path} -pubout`")
    try:
        key = load_pem_public_key(data)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UserError(f"{path}: is no public key in PEM form; name the file that the publisher gave") from None
    if (isinstance(key, EllipticCurvePublicKey) and key.curve.name in CURVES) or isinstance(key, Ed25519PublicKey):
        return key
    raise UserError(f"{path}: is no key for Ed25519 or for ECDSA on P-256, P-384 or P-521")


def key_id(key: "PublicKey") -> str:
    """SHA-256 of a public key in PEM form, as OpenSSF's model-signing names keys."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def is_elliptic(key: "PrivateKey | PublicKey") -> bool:
    """Whether a key is one for ECDSA."""
    return hasattr(key, "curve")


def bundle(payload: bytes, key: "PrivateKey", payload_type: str = IN_TOTO) -> bytes:
    """A bundle as JSON with a signature of `payload`. Equal keys and payloads give equal bytes."""
    name = key_id(key.public_key())
    signature = _signature(key, pre_authentication(payload, payload_type))
    return document({
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": name}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(), "payloadType": payload_type,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": name}],
        },
    })  # fmt: skip


def opened(path: Path) -> Signed:
    """What the bundle of a file holds. Raises UserError for a file that is no bundle."""
    try:
        envelope = msgspec.json.decode(path.read_bytes(), type=_Bundle).envelope
        signatures = [(one.keyid, base64.b64decode(one.sig, validate=True)) for one in envelope.signatures]
        return Signed(base64.b64decode(envelope.payload, validate=True), envelope.payload_type, signatures)
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror or error}); check its permissions") from None
    except ValueError:  # of msgspec, of base64, and of text that is not UTF-8
        raise UserError(
            f"{path}: is no Sigstore bundle with a DSSE envelope; sign again, or download it again"
        ) from None


def is_signed_by(signed: Signed, key: "PublicKey") -> bool:
    """Whether one of the signatures is that key's, of this payload and type."""
    data = pre_authentication(signed.payload, signed.payload_type)
    return any(_is_valid(key, signature, data) for _, signature in signed.signatures)


def pre_authentication(payload: bytes, payload_type: str) -> bytes:
    """What is signed: type and payload, each with its length in bytes (DSSE's PAE)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _signature(key: Any, data: bytes) -> bytes:
    return bytes(key.sign(data, *_algorithm(key, deterministic_signing=True)))


def _is_valid(key: Any, signature: bytes, data: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    check: Callable[..., None] = key.verify
    try:
        check(signature, data, *_algorithm(key))
    except InvalidSignature:
        return False
    return True


def _algorithm(key: Any, **options: bool) -> list[Any]:
    """The argument that tells ECDSA its hash; Ed25519 takes none."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    return [ec.ECDSA(getattr(hashes, CURVES[key.curve.name])(), **options)] if is_elliptic(key) else []


def _key_bytes(path: Path) -> bytes:
    if "-----BEGIN" in str(path) or "\n" in str(path):
        raise UserError("what was named as a key holds a key and no path; write it to a file and name that")
    try:
        if path.stat().st_size > 1 << 16:
            raise UserError(f"{path}: is too large for a key in PEM form")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror or error}); name the file of a key") from None
