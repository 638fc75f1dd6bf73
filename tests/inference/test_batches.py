"""The batch mode of the engine `openai`, against a batch API on loopback that expires, refuses, cuts and loses."""

import codecs
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.completions import Prompt, Reply, ask
from stages.core.errors import UserError
from stages.inference.backends.openai import batch_client, batch_forms, endpoint
from stages.inference.backends.openai.batch_forms import ResultLine
from stages.inference.backends.openai.batch_options import BatchForm
from stages.inference.connect import connect
from stages.params import Engine
from tests.inference.batch_server import BatchServer, Result, batch_server, echo
from tests.inference.counting import OPENAI, prompt
from tests.inference.loopback import serving

FORMS: list[BatchForm] = ["openai", "mistral"]


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SEQIT_REPLIES", str(tmp_path / "replies.sqlite"))
    monkeypatch.setattr(batch_client, "LIMITS", msgspec.structs.replace(batch_client.LIMITS, first_backoff=0.001))
    yield


def engine(url: str, **options: Any) -> Engine:
    batch = {"poll": 0.01} | options.pop("batch", {})
    return Engine(engine="openai", options=OPENAI | {"url": url, "model": "m", "batch": batch} | options)


def asking(server: BatchServer, prompts: list[Prompt], **options: Any) -> list[Reply]:
    batch = {"form": server.form} | options.pop("batch", {})
    with connect(engine(server.url, batch=batch, **options)) as complete:
        return list(complete(prompts))


def prompts(count: int) -> list[Prompt]:
    return [prompt(f"p{number}") for number in range(count)]


def texts(replies: list[Reply]) -> list[str]:
    return [reply.text for reply in replies]


def records(folder: Path) -> list[Path]:
    return sorted((folder / "batches").glob("*")) if (folder / "batches").exists() else []


@pytest.mark.parametrize("form", FORMS)
def test_replies_come_in_batches_with_the_keys_they_have_without(form: str, tmp_path: Path) -> None:
    with batch_server(form=form) as server:
        replies = asking(server, prompts(25), batch={"requests": 10})
        assert texts(replies) == [f"<p{number}>" for number in range(25)]
        assert [len(one) for one in server.uploads] == [10, 10, 5]
        assert texts(asking(server, prompts(25))) == texts(replies)
        assert len(server.batches) == 3, "replies of the store are not requested"
        keys = [line["custom_id"] for upload in server.uploads for line in upload]
        assert sorted(keys) == sorted(reply.id for reply in replies)
    assert not records(tmp_path)

    def never(request: dict[str, Any], times: int) -> Any:
        raise AssertionError("requested although stored")

    # Without batches, the same address and model have the same keys.
    with serving(never) as plain, connect(engine(server.url)) as complete:
        assert texts(list(complete(prompts(25)))) == texts(replies)
        assert not plain.requests


@pytest.mark.parametrize("form", FORMS)
def test_requests_are_those_that_the_server_would_get_one_by_one(form: str) -> None:
    with batch_server(form=form) as server:
        asking(server, prompts(1), extra={"reasoning_effort": "low"})
        (line,) = server.uploads[0]
        assert line["body"]["messages"][-1]["content"] == "p0"
        assert line["body"]["reasoning_effort"] == "low" and line["body"]["model"] == "m"
        created = server.batches[0]["payload"]
        if form == "openai":
            assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
            assert created["endpoint"] == "/v1/chat/completions" and created["completion_window"] == "24h"
        else:
            assert "url" not in line and created["timeout_hours"] == 24 and created["model"] == "m"


def test_a_file_is_no_larger_than_allowed() -> None:
    with batch_server() as server:
        asking(server, prompts(30), batch={"megabytes": 0.002})
        assert len(server.uploads) > 3
        assert sum(len(upload) for upload in server.uploads) == 30


def test_dependent_requests_are_one_batch_a_step() -> None:
    """Three steps a row, each with the reply to the one before: three batches, not three a row."""
    with batch_server() as server, connect(engine(server.url)) as complete:
        rows: Any = ((f"row{number}", None) for number in range(40))
        for step in range(3):
            rows = ask(complete, rows, lambda row, step=step: prompt(f"{row[0]}/{step}/{row[1] and row[1].text}"))
        done = [reply.text for _, reply in rows]
        assert len(set(done)) == 40
        assert [len(upload) for upload in server.uploads] == [40, 40, 40]


def test_few_requests_among_many_rows_are_one_batch() -> None:
    """What retries ask of one row in a thousand does not wait for a batch a row."""
    with batch_server() as server, connect(engine(server.url)) as complete:
        asked = ask(complete, range(5000), lambda row: prompt(f"row{row}") if row % 1250 == 0 else None)
        assert sum(reply is not None for _, reply in asked) == 4
        assert [len(upload) for upload in server.uploads] == [4]


def partly(expire: set[int]) -> Any:
    """Requests number `expire` of the first batch expire."""

    def answer(body: dict[str, Any], batch: int) -> Result:
        number = int(body["messages"][-1]["content"][1:])
        return None if batch == 0 and number in expire else echo(body, batch)

    return answer


@pytest.mark.parametrize("form", FORMS)
def test_what_expired_is_sent_again_and_the_rest_is_kept(
    form: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with batch_server(form=form, answer=partly({2, 5}), end="expired") as server:
        assert texts(asking(server, prompts(8))) == [f"<p{number}>" for number in range(8)]
        assert [len(upload) for upload in server.uploads] == [8, 2]
    assert "2 of 8 requests are sent again" in capfd.readouterr().err
    assert not records(tmp_path)


def test_a_request_that_never_comes_back_fails_after_the_attempts() -> None:
    def answer(body: dict[str, Any], batch: int) -> Result:
        return None if body["messages"][-1]["content"] == "p1" else echo(body, batch)

    with batch_server(answer=answer, end="expired") as server:
        replies = asking(server, prompts(3), attempts=3)
        assert [reply.status for reply in replies] == ["ok", "failed", "ok"]
        assert "could not be answered" in replies[1].error
        assert [len(upload) for upload in server.uploads] == [3, 1, 1]


def test_errors_of_single_requests_are_read_as_without_batches() -> None:
    def answer(body: dict[str, Any], batch: int) -> Result:
        status, message = {
            "p0": (400, "This model's maximum context length is 10 tokens"), "p1": (400, "flagged by moderation"),
            "p2": (500, "internal") if batch == 0 else (0, ""),
        }.get(body["messages"][-1]["content"], (0, ""))  # fmt: skip
        if not status:
            return echo(body, batch)
        return {"response": {"status_code": status, "body": {"error": {"message": message}}}}

    with batch_server(answer=answer) as server:
        replies = asking(server, prompts(4))
        assert [reply.status for reply in replies] == ["failed", "refused", "ok", "ok"]
        assert [len(upload) for upload in server.uploads] == [4, 1]


def test_what_is_true_of_every_request_ends_the_run_and_keeps_the_rest(tmp_path: Path) -> None:
    def answer(body: dict[str, Any], batch: int) -> Result:
        if body["messages"][-1]["content"] == "p1":
            return {"response": {"status_code": 401, "body": {"error": {"message": "bad key"}}}}
        return echo(body, batch)

    with batch_server(answer=answer) as server:
        with pytest.raises(UserError, match="HTTP 401: bad key; replies received so far are kept"):
            asking(server, prompts(4))
        server.answer = echo
        assert texts(asking(server, prompts(4))) == ["<p0>", "<p1>", "<p2>", "<p3>"]
        assert [len(upload) for upload in server.uploads] == [4, 1]
    assert not records(tmp_path)


@pytest.mark.parametrize("place", ["in a line", "between two lines"])
def test_a_file_of_results_that_was_cut_is_fetched_again(place: str) -> None:
    def cut(data: bytes, times: int) -> bytes:
        middle = data.index(b"\n", len(data) // 2) + 1
        return data if times else data[: middle - (20 if place == "in a line" else 0)]

    with batch_server(cut=cut) as server:
        assert texts(asking(server, prompts(9))) == [f"<p{number}>" for number in range(9)]
        assert len(server.uploads) == 1, "nothing is paid for twice"
        assert sum(call.endswith("/content") for call in server.calls) == 2


def test_a_server_that_holds_too_much_gets_smaller_batches(capfd: pytest.CaptureFixture[str]) -> None:
    def refuse(requests: int, batch: int) -> list[dict[str, str]]:
        return [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}] if requests > 4 else []

    with batch_server(refuse=refuse) as server:
        assert texts(asking(server, prompts(10))) == [f"<p{number}>" for number in range(10)]
        assert max(len(one["lines"]) for one in server.batches if not one["errors"]) <= 4
    assert "Enqueued token limit reached" in capfd.readouterr().err


def test_a_batch_that_is_refused_ends_the_run(tmp_path: Path) -> None:
    def refuse(requests: int, batch: int) -> list[dict[str, str]]:
        return [{"code": "invalid_model", "message": "No such model"}]

    with batch_server(refuse=refuse) as server, pytest.raises(UserError, match="invalid_model: No such model"):
        asking(server, prompts(3))
    assert not records(tmp_path)


def test_a_batch_that_somebody_cancelled_keeps_its_replies_and_ends_the_run() -> None:
    with batch_server(answer=partly({1}), end="cancelled") as server:
        with pytest.raises(UserError, match="was cancelled at the server"):
            asking(server, prompts(3))
        server.end = "completed"
        assert texts(asking(server, prompts(3))) == ["<p0>", "<p1>", "<p2>"]
        assert [len(upload) for upload in server.uploads] == [3, 1]


def test_faults_of_the_server_are_repeated_and_nothing_is_created_twice() -> None:
    """An upload that fails, a batch that is created while its response is lost, and busy looks."""

    def fail(method: str, path: str, times: int) -> int:
        first = {("POST", "/files"): 503, ("POST", "/batches"): -1}.get((method, path), 0) if times == 0 else 0
        return 429 if path == "/batches/batch_0" and times < 2 else first

    with batch_server(fail=fail) as server:
        assert texts(asking(server, prompts(3))) == ["<p0>", "<p1>", "<p2>"]
        assert len(server.batches) == 1


def test_a_wrong_key_is_one_line_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-0123456789abcdef")
    with batch_server(fail=lambda method, path, times: 401) as server:
        with pytest.raises(UserError, match="HTTP 401") as raised:
            asking(server, prompts(2), key_env="SOME_KEY")
        assert "sk-0123456789abcdef" not in str(raised.value)


def test_an_address_without_a_batch_api_is_said_so() -> None:
    with batch_server(fail=lambda method, path, times: 404) as server, pytest.raises(UserError, match="HTTP 404"):
        asking(server, prompts(2))


@pytest.mark.parametrize("body", ["<html>hello</html>", '{"id": 5}', "[]", "null", "", "[" * 100_000])
def test_an_upload_that_is_answered_with_something_else_ends_in_one_line(body: str) -> None:
    with batch_server(odd=lambda method, path: body if path == "/files" else None) as server:
        with pytest.raises(UserError, match=r"http://127\.0\.0\.1:\d+/v1: no .*attempts") as raised:
            asking(server, prompts(2), attempts=2)
        assert "\n" not in str(raised.value)
        server.odd = lambda method, path: None
        assert texts(asking(server, prompts(2))) == ["<p0>", "<p1>"]


KILLED = """
import os, sys
from stages.core.completions import Reply
from stages.inference.backends.openai import batch_client
from stages.inference.connect import connect
from stages.params import Engine
from tests.inference.counting import OPENAI
from tests.inference.test_batches import engine, prompts

place, url = sys.argv[1:]
name = {"upload": "upload", "create": "create", "look": "state", "download": "download"}[place]
original = getattr(batch_client.BatchClient, name)

def killed(self, *arguments):
    if place in ("upload", "create", "download"):
        original(self, *arguments)
    os._exit(9)

setattr(batch_client.BatchClient, name, killed)
with connect(engine(url, batch={"poll": 0.01, "requests": 5})) as complete:
    list(complete(prompts(12)))
"""


@pytest.mark.parametrize("place", ["upload", "create", "look", "download"])
def test_a_process_that_is_killed_pays_for_nothing_twice(
    place: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Killed right after the upload, the creation, at the first look, after the download: the next one goes on."""
    with batch_server() as server:
        done = subprocess.run([sys.executable, "-c", KILLED, place, server.url], env=dict(os.environ))
        assert done.returncode == 9
        uploads, batches = len(server.uploads), len(server.batches)
        assert records(tmp_path)
        assert texts(asking(server, prompts(12), batch={"requests": 5})) == [f"<p{number}>" for number in range(12)]
        sent = [line["custom_id"] for upload in server.uploads for line in upload]
        assert len(sent) == len(set(sent)) == 12, "each request is uploaded once"
        assert uploads >= 1 and batches == (0 if place == "upload" else len(server.batches[:batches]))
        assert len(server.batches) == len(server.uploads)
    assert not records(tmp_path)


def test_replies_of_a_batch_that_nobody_asks_for_any_more_are_kept(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with batch_server() as server:
        subprocess.run([sys.executable, "-c", KILLED, "look", server.url], env=dict(os.environ))
        asking(server, prompts(2), batch={"requests": 5})
        assert sum(path.name.endswith(".results.jsonl") for path in records(tmp_path)) == 1
        assert "run again to fetch its 3 replies" in capfd.readouterr().err
        asking(server, prompts(12), batch={"requests": 5})
    assert not records(tmp_path)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({"form": "other"}, "form"), ({"requests": 0}, "requests"), ({"hours": 1000}, "hours"),
        ({"speed": 3}, "speed"), ({"poll": 0}, "poll"), ({"price": 2}, "price"),
    ],
)  # fmt: skip
def test_bad_options_are_refused(batch: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=rf"(?s)engine openai: .*{message}"):
        endpoint.capabilities(Path("nothing"), OPENAI | {"url": "http://x/v1", "model": "m", "batch": batch})


def test_budgets_and_plans_count_the_price_of_batches() -> None:
    price = {"input": 10.0, "output": 30.0, "currency": "USD"}
    plain = Engine(engine="openai", options={}, price=price)
    half = Engine(engine="openai", options={"batch": {}}, price=price)
    free = Engine(engine="openai", options={"batch": {"price": 0}}, price=price)
    assert plain.charged_price == plain.price
    assert half.charged_price and (half.charged_price.input, half.charged_price.output) == (5.0, 15.0)
    assert free.charged_price and free.charged_price.output == 0
    assert Engine(engine="openai", options={"batch": {}}).charged_price is None
    week = Engine(engine="openai", options={"batch": {"hours": 168}})
    assert [one.batch_hours for one in (plain, half, week)] == [0, 24, 168]


def test_a_budget_stops_before_it_is_exceeded() -> None:
    budget = {"tokens": 400, "money": None}
    with batch_server() as server:
        limited = Engine(**(engine(server.url).model_dump(exclude_unset=True) | {"budget": budget}))
        with pytest.raises(UserError, match="is used up"), connect(limited) as complete:
            list(complete(prompts(40)))
        assert 0 < sum(len(upload) for upload in server.uploads) < 40


@given(
    st.lists(st.tuples(st.text(min_size=1), st.sampled_from([0, 200, 500]), st.text()), unique_by=lambda one: one[0])
)
def test_results_are_read_as_they_were_written(lines: list[tuple[str, int, str]]) -> None:
    def line(key: str, status: int, text: str) -> bytes:
        response = {"status_code": status, "body": {"text": text}} if status else None
        return msgspec.json.encode({"custom_id": key, "response": response, "error": None if status else {"m": text}})

    read = list(batch_forms.read_results(iter([line(*one) for one in lines])))
    bodies = [{"text": text} if status else {"error": {"m": text}} for _, status, text in lines]
    marked = [codecs.BOM_UTF8 + line(*one) if not n else line(*one) for n, one in enumerate(lines)]
    assert list(batch_forms.read_results(iter(marked))) == read
    assert read == [
        ResultLine(key, status, one.body) for (key, status, _), one in zip(lines, read, strict=True)
    ]  # fmt: skip
    assert [json.loads(one.body) for one in read] == bodies


def test_prefixes_of_a_file_of_results_are_told_from_the_whole() -> None:
    """Cut anywhere but between two lines, a file is no file of results."""
    data = b"".join(
        msgspec.json.encode({"custom_id": f"{n}", "response": {"status_code": 200, "body": {"n": n}}}) + b"\n"
        for n in range(3)
    )
    ends = {0, *(place + shift for place in range(len(data)) if data[place : place + 1] == b"\n" for shift in (0, 1))}
    for end in range(len(data)):
        lines = iter(data[:end].splitlines(keepends=True))
        if end in ends:
            assert len(list(batch_forms.read_results(lines))) == data[:end].count(b'"body"')
        else:
            with pytest.raises(batch_forms.UnreadableError):
                list(batch_forms.read_results(lines))
    assert all(one < two for one, two in pairwise(sorted(ends)))
