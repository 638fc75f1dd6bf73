"""Requests of an earlier run are served from its replies: no change of the code may change a reply's key.

`default_run.jsonl`: some replies of each kind out of those of the committed run, as `python -m stages replies export`
wrote them. `version_1.sqlite`: a part of a store from before replies had checksums, as SQLite left it.
"""

import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from stages.core import artifacts
from stages.core.completions import Constraint, Image, Message, Prompt, Reply, Sampling
from stages.inference.connect import connect
from stages.params import Engine
from stages.reply_store import exchange
from stages.reply_store.identity import Identity
from stages.reply_store.keys import request
from stages.reply_store.store import Replies

HERE = Path(__file__).parent
EMBEDDED = Engine(engine="embedded", options={"batch": 1, "threads": 1, "precision": "native"})
SAMPLING = Sampling(temperature=0.7, top_p=1.0, top_k=0, max_tokens=16)
HELLO = (Message("user", "Say “hello” in 中文."),)


class Setting(msgspec.Struct):
    """A request's setting as the file has it, read without the store's own types."""

    model: str
    endpoint: str
    sampling: Sampling
    constraint: Constraint | None
    continue_final: bool
    raw: bool = False


class Payload(msgspec.Struct):
    setting: Setting
    messages: tuple[Message, ...]
    seed: int
    sample: int

    def prompt(self) -> Prompt:
        own = self.setting
        return Prompt(
            self.messages, own.sampling, self.seed, self.sample, own.constraint,
            continue_final=own.continue_final, raw=own.raw,
        )  # fmt: skip


class Exported(msgspec.Struct):
    key: str
    payload: Payload
    text: str
    status: str
    tokens_in: int
    tokens_out: int
    scores: dict[str, float]


RECORDED = list(artifacts.read(HERE / "default_run.jsonl", Exported))


def by_model(rows: list[Exported]) -> Iterator[tuple[str, list[Exported]]]:
    groups = defaultdict(list)
    for row in rows:
        groups[row.payload.setting.model].append(row)
    yield from groups.items()


def served(folder: Path, store: Path, model: str, prompts: list[Prompt]) -> list[Reply]:
    """The replies of an embedded model of that identity, of which nothing but the identity is there to answer."""
    artifacts.write_json(folder / "models" / "m" / "reference.json", {"reference": "gone", "identity": model})
    with connect(EMBEDDED, "m", models=folder / "models", store=store) as complete:
        return list(complete(prompts))


def test_every_kind_of_request_is_among_the_recorded() -> None:
    settings = [row.payload.setting for row in RECORDED]
    constraints = [one.constraint for one in settings if one.constraint]
    assert {row.status for row in RECORDED} == {"ok", "truncated"}
    assert any(one.choice for one in constraints)
    assert any(one.regex for one in constraints)
    assert any(row.scores for row in RECORDED)
    assert any(row.payload.sample for row in RECORDED)
    assert {one.continue_final for one in settings} == {one.raw for one in settings} == {False, True}
    assert any(one.sampling.stop for one in settings)
    assert {one.model.partition(":")[0] for one in settings} == {"package", "trained"}


def test_a_recorded_request_has_the_key_of_then() -> None:
    for row in RECORDED:
        identity = Identity(row.payload.setting.model, row.payload.setting.endpoint)
        assert request(identity, row.payload.prompt()).key.hex() == row.key


def test_recorded_replies_serve_their_requests_without_a_model(tmp_path: Path) -> None:
    with Replies(tmp_path / "store") as replies:
        assert exchange.import_(replies, HERE / "default_run.jsonl") == (len(RECORDED), 0)
    for model, rows in by_model(RECORDED):
        replied = served(tmp_path, tmp_path / "store", model, [row.payload.prompt() for row in rows])
        assert [(one.id, one.text, one.status, one.tokens_in, one.tokens_out, one.scores) for one in replied] == [
            (row.key, row.text, row.status, row.tokens_in, row.tokens_out, row.scores) for row in rows
        ]


def test_a_store_of_the_first_version_serves_its_requests(tmp_path: Path) -> None:
    shutil.copyfile(HERE / "version_1.sqlite", tmp_path / "store")
    with Replies(tmp_path / "store") as replies:
        exchange.export(replies, tmp_path / "rows.jsonl")
    rows = list(artifacts.read(tmp_path / "rows.jsonl", Exported))
    assert len(rows) >= 10
    shutil.copyfile(HERE / "version_1.sqlite", tmp_path / "store")
    for model, own in by_model(rows):
        replied = served(tmp_path, tmp_path / "store", model, [row.payload.prompt() for row in own])
        assert [one.id for one in replied] == [row.key for row in own]
        assert [one.text for one in replied] == [row.text for row in own]


REQUESTS = {
    "text": Prompt(HELLO, SAMPLING, 1),
    "whole numbers for floats": Prompt(HELLO, Sampling(1, 1, 5, 16, ("\n",)), 1),
    "a picture": Prompt((Message("user", "What is it?", (Image("ab" * 32, "here.png"),)),), SAMPLING, 1),
    "choice": Prompt(HELLO, SAMPLING, 1, constraint=Constraint(choice=("A", "Ä"))),
    "regex": Prompt(HELLO, SAMPLING, 1, 2, Constraint(regex=r"\d+")),
    "begun reply": Prompt((*HELLO, Message("assistant", "Ni")), SAMPLING, 1, continue_final=True),
    "raw": Prompt(HELLO, SAMPLING, 1, raw=True),
}  # fmt: skip
KEYS = {
    "text": "26747be775355c4004ac3709795c976bc9580727d9b6badb631fb376bfa89b53",
    "whole numbers for floats": "babf5c12edf94fe4fe3744784ecbb2f32b0f77835e809b3917ad3bb482b485ef",
    "a picture": "402a5526f988f771077fec3425ea9a58a78d26a1b21b81043c865aac182ce79b",
    "choice": "8dd2320ba15cc14a10fb4cdc693bd6b00b8ec95dab81c1804d375499551657df",
    "regex": "82d6dbe342e3e743b1f26906b7a1cb10c3bed8166bd2b97b309d532ae2d6a8aa",
    "begun reply": "48c014339f8d4185385e624c4e76daf5c7cbb511cf143754b51fa37189224aeb",
    "raw": "b324357a806150991de303e3070ff77332153a2a520907dfc796e9a6ef64e3f5",
}


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_request_has_the_key_that_is_written_here(kind: str) -> None:
    assert request(Identity("m@1", "openai:http://h/v1"), REQUESTS[kind]).key.hex() == KEYS[kind]


@pytest.mark.parametrize("kind", REQUESTS)
def test_purpose_prefix_and_the_place_of_a_picture_are_not_in_the_key(kind: str) -> None:
    prompt = msgspec.structs.replace(REQUESTS[kind], purpose="row/step", prefix="shared")
    messages = tuple(
        msgspec.structs.replace(message, images=tuple(Image(one.sha256, "there.png") for one in message.images))
        for message in prompt.messages
    )
    moved = msgspec.structs.replace(prompt, messages=messages)
    assert request(Identity("m@1", "openai:http://h/v1"), moved).key.hex() == KEYS[kind]
