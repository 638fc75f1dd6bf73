"""The payload of a request, and its key: the hash under which the reply is stored."""

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
"""The largest integer of SQLite."""
StoredInteger = Annotated[int, msgspec.Meta(ge=-LARGEST, le=LARGEST)]


class Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The part of a payload that many requests have in common."""

    model: str
    endpoint: str
    sampling: Sampling
    constraint: Constraint | None
    continue_final: bool
    raw: bool = False


class Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that decides a reply; not a prompt's purpose and prefix, nor an engine's speed."""

    setting: Setting
    messages: tuple[Message, ...]
    seed: StoredInteger
    sample: StoredInteger


class Request(NamedTuple):
    """A prompt with its key and the parts of its payload: the setting, then the messages, as canonical JSON."""

    key: bytes
    parts: tuple[bytes, ...]
    prompt: Prompt


@lru_cache(maxsize=4096)
def _setting(
    identity: Identity, sampling: Sampling, constraint: Constraint | None, continue_final: bool, raw: bool
) -> bytes:
    # A temperature of 1 and one of 1.0 are the same payload, also after a round trip through JSON.
    exact = Sampling(
        float(sampling.temperature), float(sampling.top_p), sampling.top_k, sampling.max_tokens, tuple(sampling.stop)
    )
    setting = msgspec.structs.asdict(Setting(*identity, exact, constraint, continue_final, raw))
    # Left out where false: requests from before the field existed keep their keys.
    return canonical(setting if raw else {name: value for name, value in setting.items() if name != "raw"})


def request(identity: Identity, prompt: Prompt) -> Request:
    """The request of `prompt` to the model `identity`, with its key."""
    setting = _setting(identity, prompt.sampling, prompt.constraint, prompt.continue_final, prompt.raw)
    parts = (setting, *map(_message, prompt.messages))
    return Request(key_of(parts, prompt.seed, prompt.sample), parts, prompt)


@lru_cache(maxsize=1024)  # worked examples are in the prompt of every row
def _message(message: Message) -> bytes:
    """A message as it is hashed and stored: of an image only the hash, not the path."""
    if not message.images:
        return canonical(message)
    return canonical(msgspec.structs.replace(message, images=tuple(Image(image.sha256) for image in message.images)))


def key_of(parts: Sequence[bytes], seed: int, sample: int) -> bytes:
    """SHA-256 (32 bytes) of the canonical JSON array [setting, [message, ...], seed, sample]."""
    text = b"[%b,[%b],%d,%d]" % (parts[0], b",".join(parts[1:]), seed, sample)
    return hashlib.sha256(text).digest()


def parts_of(payload: Payload) -> tuple[bytes, ...]:
    """The parts of a payload, as `request` makes them of a prompt."""
    setting = payload.setting
    identity = Identity(setting.model, setting.endpoint)
    first = _setting(identity, setting.sampling, setting.constraint, setting.continue_final, setting.raw)
    return (first, *map(_message, payload.messages))


def seed_of(prompt: Prompt) -> int:
    """The 31-bit sampling seed: the prompt's own for the first sample, another one for each further sample."""
    return random.Random(f"{prompt.seed}:{prompt.sample}").getrandbits(31) if prompt.sample else prompt.seed
