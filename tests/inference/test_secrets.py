"""A server that repeats the key, in every form and place: none of it is stored, exported, shown or in a row."""

import json
from pathlib import Path
from typing import Any

import pytest

from stages.core.errors import UserError
from stages.inference.connect import connect
from stages.params import Engine
from stages.reply_store import exchange
from stages.reply_store.store import Replies
from tests.inference.counting import OPENAI, prompt
from tests.inference.loopback import Answer, completed, message_of, serving
from tests.inference.test_openai import environment
from tests.test_redaction import FORMS, KEY

PARTS = ("SECRE", "=XYZ", "EF0123", *(FORMS[form][8:20] for form in ("hexadecimal", "base64", "base64 of the header")))
ESCAPED = "".join(f"\\u{ord(c):04x}" for c in KEY)


def echoing(request: dict[str, Any], before: int) -> Answer:
    """The key in a text, in a refusal, in an error, in a finish reason; told apart by the row."""
    form = [*FORMS.values(), KEY][int(message_of(request)) % (len(FORMS) + 1)]
    kind = int(message_of(request)) % 5
    if kind == 0 and "*" not in form and "." not in form and "…" not in form and "xxx" not in form:
        return completed(f"You sent {form}, did you not?")
    if kind == 1:
        return completed("", refusal=f"I will not use {form}")
    if kind == 2:
        body = json.dumps({"choices": [{"message": {"content": "ESCAPED"}, "finish_reason": "stop"}]})
        return Answer(200, body.replace("ESCAPED", ESCAPED).encode())
    if kind == 3:
        return completed("fine", finish=f"key_{form}")
    return Answer(400, json.dumps({"error": {"message": f"{'long ' * 55}bad row: {form}."}}).encode())


def test_a_key_that_a_server_repeats_is_nowhere(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with serving(echoing) as server, environment(SEQIT_TEST_KEY=KEY):
        options = OPENAI | {"url": server.url, "model": "m", "key_env": "SEQIT_TEST_KEY", "attempts": 1}
        with connect(Engine(engine="openai", options=options), store=tmp_path / "store") as complete:
            replies = list(complete(prompt(n) for n in range(85)))
    assert {reply.status for reply in replies} == {"ok", "refused", "failed"}
    with Replies(tmp_path / "store") as store:
        exchange.export(store, tmp_path / "out.jsonl", "", False)
    shown = repr(replies) + "".join(capfd.readouterr()) + (tmp_path / "out.jsonl").read_text()
    assert "***" in shown and not [part for part in PARTS if part in shown]


def test_a_masked_key_in_the_error_that_ends_a_run_is_not_shown(tmp_path: Path) -> None:
    body = b'{"error": {"message": "Incorrect API key provided: sk-SECRE****=XYZ. See https://h/keys?of=sk-SECRETab"}}'
    with serving(lambda request, before: Answer(401, body)) as server, environment(SEQIT_TEST_KEY=KEY):
        options = OPENAI | {"url": server.url, "model": "m", "key_env": "SEQIT_TEST_KEY"}
        with (
            connect(Engine(engine="openai", options=options), store=tmp_path / "store") as complete,
            pytest.raises(UserError, match=r"HTTP 401: Incorrect API key provided: \*\*\*") as caught,
        ):
            list(complete([prompt(1)]))
    assert "SECRE" not in str(caught.value) and "XYZ" not in str(caught.value)
