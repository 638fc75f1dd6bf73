"""The engine of OpenAI-compatible servers, against one on loopback that misbehaves."""

import gc
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stages.core.completions import Constraint, Message, Prompt, Reply, ask
from stages.core.errors import UserError
from stages.inference.backends.openai import endpoint
from stages.inference.backends.openai.client_limits import LIMITS
from stages.inference.backends.transformers import engine as transformers
from stages.inference.connect import connect
from stages.inference.engine_interface import read_options
from stages.params import Engine
from tests.inference.counting import OPENAI, SAMPLING, prompt
from tests.inference.loopback import Answer, Server, completed, message_of, reluctant, serving

Handler = Callable[[dict[str, Any], int], Answer]


def echo(request: dict[str, Any], _: int) -> Answer:
    return completed(f"<{message_of(request)}>")


def asking(url: str, folder: Path, prompts: list[Prompt], **options: Any) -> list[Reply]:
    engine = Engine(engine="openai", options=OPENAI | {"url": url, "model": "m"} | options)
    with connect(engine, store=folder / "store") as complete:
        return list(complete(prompts))


def served(handler: Handler, folder: Path, prompts: list[Prompt], **options: Any) -> tuple[list[Reply], Server]:
    with serving(handler) as server:
        return asking(server.url, folder, prompts, **options), server


CHOICE, REGEX = Constraint(choice=("A", 'B "quoted"')), Constraint(regex="[AB]+")
LOOKAHEAD = Constraint(regex="(?=A)[AB]+")


def test_what_a_dialect_can_t_do_is_refused_or_told_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="dialect openai has no top_k; set top_k: 0"):
        served(echo, tmp_path, [prompt("x")], dialect="openai")
    sampling = msgspec.structs.replace(SAMPLING, top_k=0)
    prompts = [prompt(n, sampling=sampling, constraint=REGEX) for n in range(3)]
    replies, _ = served(echo, tmp_path, prompts, dialect="openai")
    assert [reply.text for reply in replies] == ["<0>", "<1>", "<2>"]
    assert capfd.readouterr().err.count("dialect openai can't enforce the regex") == 1
    for constraint in (CHOICE, REGEX):
        served(echo, tmp_path, [prompt(n, constraint=constraint) for n in range(3)], dialect="llamacpp")
    assert "can't" not in capfd.readouterr().err
    _, server = served(echo, tmp_path, [prompt(n, constraint=LOOKAHEAD) for n in range(3)], dialect="llamacpp")
    assert not any("grammar" in request for request in server.requests)
    text = "can't enforce the regex of a prompt, as its `grammar` can't express a condition on what follows"
    assert capfd.readouterr().err.count(text) == 1


def test_completions_send_text_and_read_text(tmp_path: Path) -> None:
    def handler(request: dict[str, Any], _: int) -> Answer:
        assert request["prompt"] == "Be brief.\n\nOnce upon" and "messages" not in request
        return Answer(body=b'{"choices": [{"text": " a time", "finish_reason": "length"}]}')

    (reply,), server = served(handler, tmp_path, [prompt("Once upon")], api="completions")
    assert (reply.text, reply.status, server.paths) == (" a time", "truncated", ["/v1/completions"])


def test_extra_fields_are_sent(tmp_path: Path) -> None:
    _, server = served(echo, tmp_path, [prompt("x")], extra={"repetition_penalty": 1.1})
    assert server.requests[0]["repetition_penalty"] == 1.1


@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        (completed("whole"), "ok", "whole"),
        (completed("cut o", "length"), "truncated", "cut o"),
        (completed("bad", "content_filter"), "refused", ""),
        (completed("", "stop", refusal="I can't"), "refused", ""),
        (completed("", "stop", content=None), "ok", ""),
        (Answer(400, b'{"error": {"message": "too long"}}'), "failed", ""),
        (Answer(422, b"\x1b[31mno JSON"), "failed", ""),
    ],
)
def test_how_a_reply_ended(tmp_path: Path, answer: Answer, status: str, text: str) -> None:
    def handler(request: dict[str, Any], _: int) -> Answer:
        return answer if message_of(request) == "it" else echo(request, 0)

    (_, reply), server = served(handler, tmp_path, [prompt("warm"), prompt("it")])
    assert (reply.status, reply.text) == (status, text)
    assert len(server.requests) == 2, "sent again although that can't help"
    assert bool(reply.error) == (status in ("refused", "failed"))
    assert reply.error.isprintable()


FAULTS = {
    "busy": Answer(429, b"{}", {"Retry-After": "0"}),
    "unavailable": Answer(503, b"{}", {"Retry-After": "Fri, 01 Jan 2016 00:00:00 GMT"}),
    "error": Answer(500, b"oops"),
    "gateway": Answer(502, b"<html>"),
    "cut": Answer(cut=True),
    "malformed": Answer(200, b'{"choices": [{"mess'),
    "empty": Answer(200, b'{"choices": []}'),
    "page": Answer(200, b"<html>"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_may_pass_is_asked_again_and_no_row_is_lost_or_wrong(tmp_path: Path, fault: str) -> None:
    def handler(request: dict[str, Any], before: int) -> Answer:
        return FAULTS[fault] if before == 0 and int(message_of(request)) % 5 == 3 else echo(request, 0)

    replies, server = served(handler, tmp_path, [prompt(n) for n in range(40)])
    assert [reply.text for reply in replies] == [f"<{n}>" for n in range(40)]
    assert len(server.requests) == 48


def test_all_faults_together_on_every_request(tmp_path: Path) -> None:
    faults = list(FAULTS.values())

    def handler(request: dict[str, Any], before: int) -> Answer:
        return faults[int(message_of(request)) % len(faults)] if before == 0 else echo(request, 0)

    replies, server = served(handler, tmp_path, [prompt(n) for n in range(80)])
    assert [reply.text for reply in replies] == [f"<{n}>" for n in range(80)]
    assert len(server.requests) == 160


def test_a_row_whose_attempts_are_used_up_fails_alone(tmp_path: Path) -> None:
    def handler(request: dict[str, Any], _: int) -> Answer:
        return Answer(500, b'{"message": "bad\\nrow"}') if message_of(request) == "3" else echo(request, 0)

    replies, server = served(handler, tmp_path, [prompt(n) for n in range(6)], attempts=3)
    assert [reply.status for reply in replies] == ["ok", "ok", "ok", "failed", "ok", "ok"]
    assert replies[3].error == "HTTP 500: bad row"
    assert len(server.requests) == 8


def test_a_request_turned_away_often_is_still_answered(tmp_path: Path) -> None:
    """Being too busy is not the request's fault: 15 times is more than its 3 attempts."""

    def handler(request: dict[str, Any], before: int) -> Answer:
        return Answer(429, b"{}", {"Retry-After": "0"}) if before < 15 else echo(request, 0)

    (reply,), server = served(handler, tmp_path, [prompt(1)], attempts=3)
    assert (reply.text, len(server.requests)) == ("<1>", 16)


@pytest.mark.parametrize(
    ("status", "text", "message"),
    [
        (401, '{"error": {"message": "bad key"}}', "HTTP 401: bad key"),
        (404, '{"message": "no model m"}', "HTTP 404: no model m"),
        (429, '{"error": {"code": "insufficient_quota", "message": "pay"}}', "HTTP 429: pay"),
    ],
)
def test_what_is_true_of_every_request_ends_the_run_at_once(
    tmp_path: Path, status: int, text: str, message: str
) -> None:
    with serving(lambda request, before: Answer(status, text.encode())) as server:
        with pytest.raises(UserError) as caught:
            asking(server.url, tmp_path, [prompt(n) for n in range(500)], concurrency=4)
        assert message in str(caught.value) and server.url in str(caught.value)
        assert len(server.requests) < 50


def test_a_server_that_takes_no_request_at_all_ends_the_run(tmp_path: Path) -> None:
    with serving(lambda request, before: Answer(400, b'{"message": "bad request"}')) as server:
        with pytest.raises(UserError, match="8 requests in a row failed; the last: HTTP 400: bad request"):
            asking(server.url, tmp_path, [prompt(n) for n in range(500)], concurrency=4)
        assert len(server.requests) < 50


@pytest.mark.parametrize(("text", "ends"), [("request 7 is odd", True), ("prompt 7 is too long", False)])
def test_refusals_midway_for_one_reason_end_the_run_but_not_those_of_long_rows(
    tmp_path: Path, text: str, ends: bool
) -> None:
    """20 replies, then HTTP 400 in words that nobody knows: it is no fault of 30 rows one after another."""

    count = iter(range(1000))

    def answer(request: Any, _: int) -> Answer:
        number = next(count)
        refused = Answer(400, json.dumps({"message": text.replace("7", str(number))}).encode())
        return completed("fine") if number < 20 else refused

    with serving(answer) as server:
        prompts = [prompt(n) for n in range(60)]
        if ends:
            with pytest.raises(UserError, match="24 requests in a row failed; the last: HTTP 400: request"):
                asking(server.url, tmp_path, prompts, concurrency=4)
            assert len(server.requests) < 52
        else:
            replies = asking(server.url, tmp_path, prompts, concurrency=4)
            assert [reply.status for reply in replies].count("failed") == 40


def test_a_field_that_a_server_does_not_take_ends_the_run_at_once_and_is_named(tmp_path: Path) -> None:
    with serving(lambda request, before: Answer(400, b'{"message": "unknown field top_k"}')) as server:
        with pytest.raises(
            UserError, match=r"does not take `top_k`: leave it out with `omit: \[top_k\]` in the engine's `options`"
        ):
            asking(server.url, tmp_path, [prompt(n) for n in range(500)], concurrency=1)
        assert len(server.requests) == 1


ENDINGS = {
    "unpaid": Answer(402, b'{"error": {"message": "Insufficient Balance", "code": "invalid_request_error"}}'),
    "gone": Answer(404, b'{"error": {"message": "The model m does not exist.", "type": "NotFoundError"}}'),
    "spent": Answer(403, b'{"error": {"message": "Your account has exceeded its spending limit.", "code": 403}}'),
    "quota": Answer(429, b'{"error": {"code": "insufficient_quota", "message": "You exceeded your current quota"}}'),
    "unpaid as success": Answer(200, b'{"error": {"message": "Insufficient credits", "code": 402}}'),
    "of a choice": Answer(
        200, b'{"choices": [{"error": {"code": 402, "message": "pay"}, "message": {"content": "h"}}]}'
    ),
    "in a list": Answer(400, b'[{"error": {"code": 402, "message": "pay first", "status": "FAILED_PRECONDITION"}}]'),
    "through a gateway": Answer(
        502,
        b'{"error": {"message": "Upstream error", "metadata": {"raw": "{\\"code\\":\\"insufficient_quota\\"}"}}}',
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_ends_a_run_midway_keeps_what_was_received_and_the_next_run_goes_on(tmp_path: Path, ending: str) -> None:
    """Some replies are under way when it comes: they were paid for as well."""
    paid = False
    count = 0

    def handler(request: dict[str, Any], _: int) -> Answer:
        nonlocal count
        count += 1
        answer = echo(request, 0) if paid or count <= 20 else ENDINGS[ending]
        answer.wait = 0.2 if answer.status == 200 and count > 10 and not paid else 0.0
        return answer

    with serving(handler) as server:
        with pytest.raises(UserError, match=r"received so far are kept, mend this and run again to go on"):
            asking(server.url, tmp_path, [prompt(n) for n in range(64)], concurrency=8)
        assert len(server.requests) <= 20 + 8 + 4
        sent, paid = len(server.requests), True
        replies = asking(server.url, tmp_path, [prompt(n) for n in range(64)], concurrency=8)
        assert [reply.text for reply in replies] == [f"<{n}>" for n in range(64)]
        assert len(server.requests) - sent == 64 - 20


def test_a_server_that_stays_too_busy_ends_the_run_and_fails_no_row(tmp_path: Path) -> None:
    def handler(request: dict[str, Any], _: int) -> Answer:
        return echo(request, 0) if int(message_of(request)) < 5 else Answer(429, b"{}", {"Retry-After": "0"})

    with pytest.raises(UserError, match=r"too busy for a request that was sent \d+ times: HTTP 429"):
        served(handler, tmp_path, [prompt(n) for n in range(9)], attempts=1)


def test_a_wait_before_a_retry_is_cut_short_when_the_run_ends(tmp_path: Path) -> None:
    def handler(request: dict[str, Any], _: int) -> Answer:
        if message_of(request) == "0":
            return Answer(429, b"{}", {"Retry-After": "599"})
        answer = Answer(402, b'{"message": "pay"}')
        answer.wait = 0.1
        return answer

    with pytest.raises(UserError, match="HTTP 402: pay"):
        served(handler, tmp_path, [prompt(n) for n in range(2)])


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(UserError, match=r"requests in a row failed; the last: .*run again to go on"):
            asking(f"http://127.0.0.1:{free.getsockname()[1]}/v1", tmp_path, [prompt(n) for n in range(20)], attempts=1)


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def dead() -> str:
    """The address of a server that has just gone."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/v1"


@pytest.mark.parametrize("rows", [1, 7])
def test_nobody_listens_to_a_few_rows_and_none_of_them_counts_as_failed(tmp_path: Path, rows: int) -> None:
    with pytest.raises(UserError, match="can't be reached, all requests in a row failed; the last: Cannot connect"):
        asking(dead(), tmp_path, [prompt(n) for n in range(rows)], attempts=1)


def test_what_is_under_way_when_a_run_ends_is_not_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UserError, match="can't be reached"):
        asking(dead(), tmp_path, [prompt(n) for n in range(40)], attempts=2, concurrency=8)
    gc.collect()
    assert not [record.message for record in caplog.records if record.name == "asyncio"]


def test_a_server_that_dies_before_the_last_rows_loses_none_of_them(tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(serving(echo))
        engine = Engine(engine="openai", options=OPENAI | {"url": server.url, "model": "m", "attempts": 1})
        with connect(engine, store=tmp_path / "s") as complete:
            assert [reply.text for reply in complete(prompt(n) for n in range(20))][-1] == "<19>"
            stack.close()
            with pytest.raises(UserError, match="can't be reached"):
                list(complete(prompt(n) for n in range(20, 25)))


@pytest.mark.parametrize("rows", [3, 20])
def test_a_dead_server_behind_a_tunnel_drops_every_connection(tmp_path: Path, rows: int) -> None:
    def handler(request: dict[str, Any], _: int) -> Answer:
        return echo(request, 0) if int(message_of(request)) < 10 else Answer(cut=True)

    with serving(handler) as server:
        asking(server.url, tmp_path, [prompt(n) for n in range(10)])
        if rows == 3:  # they may have brought it down themselves
            replies = asking(server.url, tmp_path, [prompt(n) for n in range(10 + rows)], attempts=1)
            assert [reply.status for reply in replies] == ["ok"] * 10 + ["failed"] * rows
        else:
            with pytest.raises(UserError, match="can't be reached, all requests in a row failed; the last: Server dis"):
                asking(server.url, tmp_path, [prompt(n) for n in range(10 + rows)], attempts=1)


def test_kept_connections_that_a_server_closes_cost_no_attempt(tmp_path: Path) -> None:
    """It takes one request a connection, says nothing of that, and cuts the second."""
    with reluctant() as url:
        replies = asking(url, tmp_path, [prompt(n) for n in range(60)], attempts=1, concurrency=4)
    assert [reply.text for reply in replies] == ["fine"] * 60


def test_rows_that_can_never_be_answered_do_not_end_a_run_that_remembers_the_others(tmp_path: Path) -> None:
    """They are all that a second run asks, so nothing succeeds in it."""

    def handler(request: dict[str, Any], _: int) -> Answer:
        return Answer(400, b'{"message": "too long"}') if int(message_of(request)) % 4 == 3 else echo(request, 0)

    with serving(handler) as server:
        for sent in (60, 75):
            replies = asking(server.url, tmp_path, [prompt(n) for n in range(60)])
            assert [reply.status for reply in replies] == ["ok", "ok", "ok", "failed"] * 15
            assert len(server.requests) == sent


def test_who_is_to_come_back_tomorrow_hears_so(tmp_path: Path) -> None:
    def handler(request: dict[str, Any], _: int) -> Answer:
        return (
            Answer(429, b'{"message": "daily"}', {"Retry-After": "86400"})
            if message_of(request) == "5"
            else echo(request, 0)
        )

    with pytest.raises(UserError, match=r"HTTP 429: daily \(Retry-After: 86,400 s, .*received so far are kept"):
        served(handler, tmp_path, [prompt(n) for n in range(20)], concurrency=1)


@pytest.mark.parametrize("key", ["", " ", "two\nlines", "an\x1bescape"])
def test_a_key_that_no_header_can_hold_is_told_and_not_shown(tmp_path: Path, key: str) -> None:
    with (
        environment(SEQIT_TEST_KEY=key),
        pytest.raises(UserError, match=r"^SEQIT_TEST_KEY (is not set|holds a line end)") as caught,
    ):
        asking(dead(), tmp_path, [prompt(1)], key_env="SEQIT_TEST_KEY")
    assert not key.strip() or key not in str(caught.value)


def test_the_line_end_after_a_key_is_none_of_it(tmp_path: Path) -> None:
    with environment(SEQIT_TEST_KEY="sk-1\n"):
        _, server = served(echo, tmp_path, [prompt(1)], key_env="SEQIT_TEST_KEY")
    assert server.headers[0]["Authorization"] == "Bearer sk-1"


@pytest.mark.parametrize(
    "proxy", ["socks5://me:secret@127.0.0.1:9", "http://me:secret@[::bad", "http://me:secret@h:99999"]
)
def test_a_proxy_that_is_none_is_told_without_its_password(tmp_path: Path, proxy: str) -> None:
    with (
        environment(http_proxy=proxy),
        pytest.raises(UserError, match=r"^http_proxy is no address of an HTTP proxy") as caught,
    ):
        asking("http://there.invalid/v1", tmp_path, [prompt(1)])
    assert "secret" not in str(caught.value)


def test_a_dead_proxy_is_named(tmp_path: Path) -> None:
    proxy = dead().removeprefix("http://").removesuffix("/v1")
    output = "can't be reached through the proxy of http_proxy"
    with environment(http_proxy=proxy), pytest.raises(UserError, match=output):
        asking("http://there.invalid/v1", tmp_path, [prompt(1)], attempts=1)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:99999/v1", "http://127.0.0.1:abc/v1", "http://[::1/v1", "http://a..b/v1", "http://h:0/v1",
        "http://\u2028/v1", "http://ex ample/v1", "http:///v1", f"http://{'a' * 70}/v1", "http://h/v1?a=1",
        "http://h/v1#frag", "http://me:secret@h:abc/v1",
    ],
)  # fmt: skip
def test_an_address_that_leads_nowhere_is_told_before_anything_is_sent(tmp_path: Path, url: str) -> None:
    with pytest.raises(UserError, match=r"^params.yaml: engine openai: ") as caught:
        asking(url, tmp_path, [prompt(1)])
    assert "secret@" not in str(caught.value)


@pytest.mark.parametrize(("engine", "kind"), [("openai", endpoint.Options), ("transformers", transformers.Options)])
def test_a_wrong_option_is_told_with_the_place_that_explains_every_one(engine: str, kind: type[msgspec.Struct]) -> None:
    with pytest.raises(UserError, match=rf"engine {engine}: .*; stages/profiles/full.yaml says"):
        endpoint.read_endpoint(None, {"api": "no"}) if engine == "openai" else read_options({}, kind, engine)
    above = Path("stages/profiles/full.yaml").read_text(encoding="utf-8").split("\nengines:")[0]
    output = above.partition("# How models are reached.")[2].partition(f"{engine} takes")[2]
    assert not [name for name in kind.__struct_fields__ if name not in output and name not in ("url", "model")]


def test_a_403_about_one_row_is_not_about_all(tmp_path: Path) -> None:
    def handler(request: dict[str, Any], _: int) -> Answer:
        return Answer(403, b'{"message": "moderated"}') if message_of(request) == "5" else echo(request, 0)

    replies, _ = served(handler, tmp_path, [prompt(n) for n in range(8)], concurrency=1)
    assert [reply.status for reply in replies].count("refused") == 1


def test_a_key_that_a_server_echoes_is_not_shown(tmp_path: Path) -> None:
    def handler(request: dict[str, Any], _: int) -> Answer:
        return Answer(401, json.dumps({"message": f"no such key: {os.environ['HOME']}"}).encode())

    with serving(handler) as server, pytest.raises(UserError) as caught:
        asking(server.url, tmp_path, [prompt(1)], key_env="HOME")
    assert "no such key: ***" in str(caught.value)


@pytest.mark.parametrize("most", [1, 3, 16])
def test_never_more_at_once_than_allowed(tmp_path: Path, most: int) -> None:
    def slowly(request: dict[str, Any], _: int) -> Answer:
        answer = echo(request, 0)
        answer.wait = 0.005
        return answer

    # The pace climbs with every reply: with so many, a slow moment of the machine does not keep it from the limit.
    calls = 100 * most
    replies, server = served(slowly, tmp_path, [prompt(n) for n in range(calls)], concurrency=most)
    assert server.most == most
    assert len(replies) == calls


def test_steps_that_wait_for_each_other_share_one_turn(tmp_path: Path) -> None:
    """With one request at a time, a stream without prompts must not keep the turn from the stream that feeds it."""
    with serving(echo) as server:
        engine = Engine(engine="openai", options=OPENAI | {"url": server.url, "model": "m", "concurrency": 1})
        with connect(engine, store=tmp_path / "s") as complete:
            rows = ask(complete, range(150), prompt)
            for step in range(3):
                rows = ask(complete, rows, lambda pair, step=step: prompt(f"{step}{pair[1].text}"))  # type: ignore[misc]
            assert sum(1 for _ in rows) == 150
        assert (len(server.requests), server.most) == (600, 1)


def test_leaving_does_not_wait_for_what_hangs(tmp_path: Path) -> None:
    def handler(request: dict[str, Any], _: int) -> Answer:
        answer = echo(request, 0)
        answer.wait = 0.0 if message_of(request) == "0" else 3600.0
        return answer

    with serving(handler) as server:
        engine = Engine(engine="openai", options=OPENAI | {"url": server.url, "model": "m"})
        with connect(engine, store=tmp_path / "s") as complete:
            assert next(complete(prompt(n) for n in range(1000))).text == "<0>"


def test_redirects_are_not_followed_with_the_key(tmp_path: Path) -> None:
    with serving(echo) as other:
        redirect = Answer(307, b"", {"Location": f"{other.url}/chat/completions"})

        def handler(request: dict[str, Any], _: int) -> Answer:
            return redirect if message_of(request) == "2" else echo(request, 0)

        replies, _ = served(handler, tmp_path, [prompt(1), prompt(2)], attempts=2, key_env="HOME")
        assert [reply.status for reply in replies] == ["ok", "failed"]
        assert other.requests == []


def test_a_reply_without_end_is_given_up(tmp_path: Path) -> None:
    def handler(request: dict[str, Any], _: int) -> Answer:
        return Answer(200, b" " * (LIMITS.response_bytes + 1)) if message_of(request) == "2" else echo(request, 0)

    replies, _ = served(handler, tmp_path, [prompt(1), prompt(2)], attempts=1)
    assert replies[1].error == f"a reply of more than {LIMITS.response_bytes} bytes"


def logprobs(**tops: float) -> bytes:
    result = [{"token": f" {token}", "logprob": value} for token, value in tops.items()]
    choice = {"message": {"content": "A"}, "finish_reason": "stop", "logprobs": {"content": [{"top_logprobs": result}]}}
    return json.dumps({"choices": [choice]}).encode()


@pytest.mark.parametrize(
    ("tops", "scores"),
    [
        ({"A": -0.1, "B": -2.5, "the": -3.0}, {"A": -0.1, "B": -2.5}),
        ({"A": -0.1, "the": -3.0}, {}),
    ],
)
def test_scores_of_the_choices_where_the_server_tells_all(tmp_path: Path, tops: dict, scores: dict) -> None:
    prompts = [prompt("x", constraint=Constraint(choice=("A", "B")))]
    (reply,), _ = served(lambda request, before: Answer(body=logprobs(**tops)), tmp_path, prompts)
    assert reply.scores == scores


@pytest.mark.parametrize("given", [True, False])
def test_scores_of_choices_that_a_server_does_not_give_are_told_once(
    tmp_path: Path, given: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    choice = Constraint(choice=("A", "B"))
    prompts = [prompt("x"), prompt("y", constraint=choice), prompt("z", constraint=choice)]
    body = logprobs(A=-0.1, B=-2.5) if given else completed("A").body
    served(lambda request, before: Answer(body=body), tmp_path, prompts)
    assert capfd.readouterr().err.count("reports no scores of a prompt's choices") == (not given)


@pytest.mark.parametrize(
    ("options", "sent", "text"),
    [
        ({"dialect": "llamacpp"}, "The answer is: No", " No"),  # llama.cpp's server repeats what was given
        ({"dialect": "llamacpp"}, " No", " No"),
        ({"dialect": "plain"}, "\nThe answer is: No", " No"),  # a model that begins anew
        ({"dialect": "plain"}, "The answer: No", "The answer: No"),
        ({"dialect": "vllm"}, "The answer is: No", "The answer is: No"),  # it was told to go on
        ({"dialect": "plain", "api": "completions"}, "The answer is: No", "The answer is: No"),
    ],
)
def test_a_beginning_that_the_server_repeats_is_no_part_of_the_reply(
    tmp_path: Path, options: dict, sent: str, text: str
) -> None:
    messages = (Message("user", "Well?"), Message("assistant", "The answer is: "))
    sampling = msgspec.structs.replace(SAMPLING, top_k=0)
    prompts = [Prompt(messages, sampling, 1, continue_final=True), Prompt(messages[:1], sampling, 1)]
    body = completed(sent) if "api" not in options else Answer(body=json.dumps({"choices": [{"text": sent}]}).encode())
    replies, _ = served(lambda request, before: body, tmp_path, prompts, **options)
    assert [reply.text for reply in replies] == [text, sent]


def test_a_conversation_is_sent_turn_by_turn(tmp_path: Path) -> None:
    turns = (Message("user", "one"), Message("assistant", "two"), Message("user", "drei \u2028 \U0001f600"))
    _, server = served(echo, tmp_path, [Prompt(turns, SAMPLING, 1)])
    assert [turn["content"] for turn in server.requests[0]["messages"]] == ["one", "two", "drei \u2028 \U0001f600"]
