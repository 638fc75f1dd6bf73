"""The model that a server's response names: compared with the one in the request, told, remembered."""

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.completions import Reply
from stages.core.redaction import Redactor
from stages.inference.backends.openai.endpoint import identify
from stages.inference.backends.openai.model_names import other_model, same_model
from stages.inference.backends.openai.reply_reader import read_reply
from stages.reply_store import exchange, inspection
from stages.reply_store.checksums import checksum, pack, unpack
from stages.reply_store.keys import request
from stages.reply_store.store import Replies
from tests.inference.counting import OPENAI, asked, prompt
from tests.inference.counting import filled as filled_store
from tests.inference.loopback import Answer, completed, message_of, serving
from tests.inference.test_openai import asking, served

SAME = [
    ("gpt-4o", ""),
    ("", "gpt-4o"),
    ("gpt-4o", "gpt-4o-2024-08-06"),
    ("gpt-4", "gpt-4-0613"),
    ("gpt-4o-prod", "gpt-4o-2024-08-06"),
    ("gpt-35-turbo", "gpt-3.5-turbo-0125"),
    ("openai/gpt-4o", "gpt-4o-2024-08-06"),
    ("gpt-4o", "OpenAI/GPT-4o"),
    ("qwen/qwen-2.5-7b-instruct:free", "Qwen/Qwen2.5-7B-Instruct"),
    ("mistral-large-latest", "mistral-large-2411"),
    ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
    ("claude-3-5-sonnet@20241022", "us.anthropic.claude-3-5-sonnet-20241022-v2:0"),
    ("gemini-1.5-pro", "models/gemini-1.5-pro-002"),
    ("llama3", "llama3:latest"),
    ("llama3:8b", "meta-llama-3-8b-instruct"),
    ("tiny", "/models/tiny.gguf"),
    ("meta-llama/Meta-Llama-3-8B-Instruct", "C:\\models\\meta-llama-3-8b-instruct.Q4_K_M.gguf"),
    ("big.gguf", "/models/big-00001-of-00003.gguf"),
    ("meta-llama/Llama-3-8B", "/cache/models--meta-llama--Llama-3-8B/snapshots/0a1b2c3d"),
    ("/data/models/Llama_3_8B/", "llama-3-8b"),
    ("llama-3-8b", "llama-3-8b:sql-adapter"),
    ("my-name/llama-3-8b-sql-adapter", "llama-3-8b"),
    ("m", "m"),
    ("模型-一", "org/模型_一"),
    ("???", "gpt-4o"),
]
OTHER = [
    ("gpt-4o", "gpt-3.5-turbo"),
    ("openai/gpt-4o", "openai/o3"),
    ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06"),
    ("gpt-4-0613", "gpt-4-1106-preview"),
    ("meta-llama/Llama-3-70B", "meta-llama/Llama-3-8B"),
    ("/models/llama.gguf", "/models/qwen.gguf"),
    ("prod-chat", "gpt-4o-2024-08-06"),
    ("模型-一", "模型-二"),
]


@pytest.mark.parametrize(("name", "other"), SAME)
def test_names_that_may_mean_the_same_model(name: str, other: str) -> None:
    assert same_model(name, other) and same_model(other, name)
    assert other_model(name, other) == ""


@pytest.mark.parametrize(("name", "other"), OTHER)
def test_names_of_two_models(name: str, other: str) -> None:
    assert not same_model(name, other) and not same_model(other, name)
    remark = other_model(name, other)
    assert repr(name) in remark and repr(other) in remark


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_name_is_the_same_as_itself_and_order_does_not_matter(name: str, other: str) -> None:
    assert same_model(name, name) and same_model(name, f"prefix/{name}") and same_model(f"/models/{name}.gguf", name)
    assert same_model(name, other) == same_model(other, name)


def naming(model: Any) -> Any:
    """A server whose responses name this model."""

    def handler(request: dict[str, Any], _: int) -> Answer:
        body = json.loads(completed(f"<{message_of(request)}>").body)
        return Answer(body=json.dumps(body | {"model": model}).encode())

    return handler


REQUESTED = "llama-3-70b"


def test_another_model_is_told_once_remembered_and_changes_no_row_and_no_key(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    prompts = [prompt(n) for n in range(50)]
    replies, server = served(naming("org/qwen-0.5b\x1b[31m"), tmp_path, prompts, model=REQUESTED)
    assert len(server.requests) == 50
    err = capfd.readouterr().err
    assert err.count("come from a model that the server calls") == 1 and "\x1b" not in err
    assert f"calls 'org/qwen-0.5b [31m'; it was asked for as '{REQUESTED}'" in err
    assert {reply.served for reply in replies} == {"org/qwen-0.5b [31m"}
    assert [(reply.text, reply.status) for reply in replies] == [(f"<{n}>", "ok") for n in range(50)]
    with Replies(tmp_path / "store") as store:
        (line,) = inspection.show(store, replies[3].id[:12])
        assert line.served == "org/qwen-0.5b [31m" and '"served": "org/qwen-0.5b [31m"' in inspection.readable(line)
        assert inspection.check(store) == 50


def test_the_name_is_no_part_of_the_key_and_a_run_that_sees_two_tells_one(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def handler(request: dict[str, Any], number: int) -> Answer:
        return naming("qwen" if int(message_of(request)) % 2 else "phi")(request, number)  # type: ignore[no-any-return]

    with serving(handler) as server:
        options = OPENAI | {"url": server.url, "model": REQUESTED}
        first, again = (asking(server.url, tmp_path, [prompt(n) for n in range(10)], model=REQUESTED) for _ in "12")
        assert first == again and len(server.requests) == 10
    assert [reply.served for reply in first] == ["phi", "qwen"] * 5
    assert [reply.id for reply in first] == [request(identify(None, options), prompt(n)).key.hex() for n in range(10)]
    assert capfd.readouterr().err.count("come from a model that the server calls") == 1


@pytest.mark.parametrize("model", ["LLaMA-3-70B", "/m/llama-3-70b.Q8.gguf", "", None, 7, {"id": "x"}, "x" * 5000])
def test_what_names_no_other_model_is_not_told(tmp_path: Path, capfd: pytest.CaptureFixture[str], model: Any) -> None:
    (reply,), _ = served(naming(model), tmp_path, [prompt("x")], model=REQUESTED)
    assert reply.text == "<x>" and reply.served == (model if isinstance(model, str) and len(model) < 5000 else "")
    assert "come from a model that the server calls" not in capfd.readouterr().err


def test_the_name_in_extra_is_the_one_that_is_requested(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    served(naming("qwen"), tmp_path, [prompt("x")], model=REQUESTED, extra={"model": "qwen"})
    assert "come from a model that the server calls" not in capfd.readouterr().err


def test_no_key_is_remembered_in_the_place_of_a_name() -> None:
    key = "sk-0123456789abcdef"
    escaped = "".join(f"\\u{ord(c):04x}" for c in key)
    for shown in (key, escaped, "http://user:pass@host/v1"):
        data = b'{"choices": [{"message": {"content": "x"}}], "model": "a %b b"}' % shown.encode()
        reply = read_reply(200, {}, data, prompt("x"), redactor=Redactor(key))
        assert reply.served.startswith("a ") and key not in reply.served and "pass" not in reply.served


STORED = "01fa1d10b7785ad5fa53f5de7589694cbb78018b562a49ad2851d25152d2a9567254b2d235d433a8d551cac8558a0500660e0716"
"""The body of OLD as it was stored before there was such a field."""
KEY = b"k" * 32
OLD = Reply("text", "ok", 1, 2, scores={"A": -1.0}, reasoning="hm")


def test_a_reply_without_the_name_is_stored_as_before_and_read_as_before() -> None:
    assert pack(KEY, OLD, 5).hex() == STORED and checksum(KEY, OLD, 5) == STORED[2:34]
    reply = unpack((KEY, b"ok", 1, 2, 5, bytes.fromhex(STORED)), "m")
    assert (reply.text, reply.scores, reply.reasoning, reply.served) == ("text", {"A": -1.0}, "hm", "")


def test_the_name_is_sealed() -> None:
    reply = msgspec.structs.replace(OLD, served="qwen")
    assert checksum(KEY, reply, 5) != checksum(KEY, OLD, 5)
    body = pack(KEY, reply, 5)
    assert unpack((KEY, b"ok", 1, 2, 5, body), "m").served == "qwen"
    assert json.loads(zlib.decompress(body[17:])) == ["text", "", {"A": -1.0}, "hm", "qwen"]


def test_exports_carry_the_name_and_those_without_it_are_read(tmp_path: Path) -> None:
    filled_store(tmp_path / "old", 3)
    with Replies(tmp_path / "old") as store:
        store.keep([(asked(3), Reply("reply to 3", "ok", 5, 3, served="qwen"))], "m")
        exchange.export(store, tmp_path / "e.jsonl.gz")
    rows = [json.loads(row) for row in gzip.decompress((tmp_path / "e.jsonl.gz").read_bytes()).splitlines()]
    assert [row.get("served") for row in rows] == [None, None, None, "qwen"]
    with Replies(tmp_path / "new") as store:
        assert exchange.import_(store, tmp_path / "e.jsonl.gz") == (4, 0)
        result = store.find([asked(n).key for n in range(4)], "m")
    assert [result[asked(n).key].served for n in range(4)] == ["", "", "", "qwen"]
