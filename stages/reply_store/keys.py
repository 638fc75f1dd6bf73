"""The exact payload of a request, and the key that a reply is remembered under."""

import hashlib
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, NamedTuple

import msgspec

from stages.core.completions import Constraint, Image, Message, Prompt, Sampling
from stages.core.records import canonical
from stages.reply_store.identity import Identity

LARGEST = 2**63 - 1
"""What SQLite files as a whole number."""
Filed = Annotated[int, msgspec.Meta(ge=-LARGEST, le=LARGEST)]


class Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The part of a payload that many requests share."""

    model: str
    endpoint: str
    sampling: Sampling
    constraint: Constraint | None
    continue_final: bool
    raw: bool = False


class Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that decides a reply. Not in it: a prompt's purpose and prefix, and an engine's speed."""

    setting: Setting
    messages: tuple[Message, ...]
    seed: Filed
    sample: Filed


class Request(NamedTuple):
    """A prompt on its way: its key, and the parts that the store files (the setting first, then the messages)."""

    key: bytes
    parts: tuple[bytes, ...]
    prompt: Prompt


@lru_cache(maxsize=4096)
def _setting(
    identity: Identity, sampling: Sampling, constraint: Constraint | None, continue_final: bool, raw: bool
) -> bytes:
    # Floats as floats: a temperature of 1 and one of 1.0 are the same payload, also after a trip through JSON.
    exact = Sampling(
        float(sampling.temperature), float(sampling.top_p), sampling.top_k, sampling.max_tokens, tuple(sampling.stop)
    )
    setting = msgspec.structs.asdict(Setting(*identity, exact, constraint, continue_final, raw))
    # Left out where it is not so: what was remembered before there was such a thing is found under its old key.
    return canonical(setting if raw else {name: value for name, value in setting.items() if name != "raw"})


def request(identity: Identity, prompt: Prompt) -> Request:
    """What `prompt`, sent to `identity`, is remembered under."""
    setting = _setting(identity, prompt.sampling, prompt.constraint, prompt.continue_final, prompt.raw)
    parts = (setting, *map(_message, prompt.messages))
    return Request(key_of(parts, prompt.seed, prompt.sample), parts, prompt)


def _message(message: Message) -> bytes:
    """A message as it is hashed and filed: a picture is its contents, wherever it lies."""
    if not message.images:
        return canonical(message)
    return canonical(msgspec.structs.replace(message, images=tuple(Image(image.sha256) for image in message.images)))


def key_of(parts: Sequence[bytes], seed: int, sample: int) -> bytes:
    """SHA-256 (32 bytes) of the canonical JSON array [setting, [message, ...], seed, sample]."""
    text = b"[%b,[%b],%d,%d]" % (parts[0], b",".join(parts[1:]), seed, sample)
    return hashlib.sha256(text).digest()


def parts_of(payload: Payload) -> tuple[bytes, ...]:
    """The parts of a payload that was read from a file."""
    setting = payload.setting
    identity = Identity(setting.model, setting.endpoint)
    first = _setting(identity, setting.sampling, setting.constraint, setting.continue_final, setting.raw)
    return (first, *map(_message, payload.messages))


def seed_of(prompt: Prompt) -> int:
    """The 31-bit seed to draw tokens with: the prompt's own for the first sample, another for each further one."""
    return random.Random(f"{prompt.seed}:{prompt.sample}").getrandbits(31) if prompt.sample else prompt.seed
