"""A key that a server repeats reaches no error, no reply and no store."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from stages.core.errors import UserError
from stages.inference.connect import connect
from stages.params import Engine
from stages.reply_store import exchange
from stages.reply_store.store import Replies
from tests.inference.counting import OPENAI, prompt
from tests.inference.loopback import Answer, completed, serving

KEY = "sk-live/0123456789abcdef"
LONG = "x" * 275
ECHOES = {
    "a mistake": lambda text: Answer(400, json.dumps({"error": {"message": text}}).encode()),
    "a mistake that is cut": lambda text: Answer(400, json.dumps({"error": {"message": LONG + text}}).encode()),
    "escaped": lambda text: Answer(401, json.dumps({"message": text}).replace("/", "\\/").encode()),
    "a fault": lambda text: Answer(500, f"{LONG}{text}".encode()),
    "busy": lambda text: Answer(429, f"{LONG}{text}".encode(), {"Retry-After": "0"}),
    "a refusal": lambda text: completed("", refusal=LONG + text),
    "a reply": lambda text: completed(f"Your key is {text}"),
}


def error_of(url: str, folder: Path, key: str, **options: Any) -> str:
    os.environ["SEQIT_TEST_KEY"] = key
    prompts = {"url": url, "model": "m", "key_env": "SEQIT_TEST_KEY", "attempts": 1}
    engine = Engine(engine="openai", options=OPENAI | prompts | options)
    try:
        with connect(engine, store=folder / "store") as complete:
            return repr(list(complete([prompt("1")])))
    except UserError as error:
        return str(error)


def kept(folder: Path) -> str:
    """What the store holds, as it is shared."""
    with Replies(folder / "store") as replies:
        exchange.export(replies, folder / "shared.jsonl")
    return (folder / "shared.jsonl").read_text()


@pytest.mark.parametrize("echo", ECHOES)
def test_a_key_that_is_repeated_goes_nowhere(tmp_path: Path, echo: str) -> None:
    """A failed reply's error goes into a row's steps, and from there into what is published."""
    with serving(lambda request, _: ECHOES[echo](server.headers[-1]["Authorization"])) as server:
        message = error_of(server.url, tmp_path, KEY)
    assert "Bearer ***" in message
    assert KEY[:6] not in message + kept(tmp_path)
    assert ("Bearer ***" in kept(tmp_path)) is (echo in ("a refusal", "a reply"))


def test_a_word_that_stands_for_no_key_stays_in_replies(tmp_path: Path) -> None:
    with serving(lambda request, _: completed("The box is EMPTY.")) as server:
        assert "The box is EMPTY." in error_of(server.url, tmp_path, "EMPTY")


def test_a_key_in_the_place_of_its_name_is_not_shown(tmp_path: Path) -> None:
    message = error_of("http://127.0.0.1:9/v1", tmp_path, KEY, key_env="hf_abcdefgh")
    assert "key_env" in message
    assert "abcdefgh" not in message
