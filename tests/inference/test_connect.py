"""Everything behind `connect` together, over real HTTP on loopback: what is asked again when something changes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ruamel.yaml import YAML

from stages.core.completions import Constraint, Message, Prompt, Reply, Sampling
from stages.core.errors import UserError
from stages.core.records import digest
from stages.inference.connect import Connected, connect
from stages.inference.progress import Progress
from stages.model_files.references import fetch_model
from stages.params import Engine, load, parse
from stages.params.fetched_models import check_fetched
from tests.inference.counting import OPENAI
from tests.inference.loopback import Answer, Server, completed, serving

SAMPLING = Sampling(temperature=1.0, top_p=0.9, top_k=50, max_tokens=64)


@dataclass(frozen=True)
class Run:
    """All that decides what a stage asks."""

    rows: tuple[str, ...] = tuple(f"row {n}" for n in range(12))
    system: str = "You rewrite instructions."
    template: str = "Rewrite: {}"
    sampling: Sampling = SAMPLING
    seed: int = 1
    samples: int = 1
    constraint: Constraint | None = None
    begin: str = ""
    purpose: str = "rewrite"
    prefix: str = "a"
    model: str = "m"
    revision: str = "m@1"
    endpoint: int = 0
    options: dict[str, Any] = field(default_factory=dict)

    def prompts(self) -> Iterator[Prompt]:
        for row in self.rows:
            for sample in range(self.samples):
                messages = [Message("system", self.system), Message("user", self.template.format(row))]
                if self.begin:
                    messages.append(Message("assistant", self.begin))
                seed = int(digest([self.seed, row], 7), 16)
                yield Prompt(
                    tuple(messages),
                    self.sampling,
                    seed,
                    sample,
                    self.constraint,
                    self.purpose,
                    self.prefix,
                    bool(self.begin),
                )


def echo(name: str) -> Callable[[dict[str, Any], int], Answer]:
    """A model whose reply tells everything that it was asked, so that a stale one shows."""
    return lambda request, _: completed(f"{name} {digest(request)}")


@pytest.fixture(scope="module")
def servers() -> Iterator[list[Server]]:
    with serving(echo("one")) as one, serving(echo("two")) as two:
        yield [one, two]


def ask(run: Run, servers: list[Server], folder: Path, store: str) -> tuple[list[Reply], int]:
    """The replies of a run, and how many requests it sent."""
    directory = folder / "models" / run.model
    directory.mkdir(parents=True, exist_ok=True)
    reference = {"reference": f"endpoint:{servers[run.endpoint].url}#{run.model}", "identity": run.revision}
    (directory / "reference.json").write_text(json.dumps(reference))
    before = sum(len(server.requests) for server in servers)
    engine = Engine(engine="openai", options=OPENAI | run.options)
    with connect(engine, run.model, "test", models=folder / "models", store=folder / store) as complete:
        replies = list(complete(run.prompts()))
    return replies, sum(len(server.requests) for server in servers) - before


BASE = Run()
ROWS = BASE.rows


def sampled(**changes: Any) -> Run:
    return replace(BASE, sampling=msgspec.structs.replace(SAMPLING, **changes))


CHANGES: dict[str, tuple[Run, int]] = {
    "nothing": (BASE, 0),
    "one row added": (replace(BASE, rows=(*ROWS[:5], "new", *ROWS[5:])), 1),
    "one row edited": (replace(BASE, rows=(*ROWS[:5], "edited", *ROWS[6:])), 1),
    "one row removed": (replace(BASE, rows=ROWS[1:]), 0),
    "rows reordered": (replace(BASE, rows=ROWS[::-1]), 0),
    "a row twice": (replace(BASE, rows=(*ROWS, "twin", "twin")), 1),
    "prompt edited": (replace(BASE, template="Rewrite this: {}"), 12),
    "system prompt edited": (replace(BASE, system="You rewrite."), 12),
    "temperature": (sampled(temperature=0.5), 12),
    "temperature 1 for 1.0": (sampled(temperature=1), 0),
    "top_p": (sampled(top_p=0.8), 12),
    "top_k": (sampled(top_k=20), 12),
    "max_tokens": (sampled(max_tokens=65), 12),
    "stop": (sampled(stop=("###",)), 12),
    "seed": (replace(BASE, seed=2), 12),
    "model": (replace(BASE, model="other"), 12),
    "revision": (replace(BASE, revision="m@2"), 12),
    "endpoint": (replace(BASE, endpoint=1), 12),
    "api": (replace(BASE, options={"api": "completions"}), 12),
    "dialect": (replace(BASE, options={"dialect": "llamacpp"}), 12),
    "extra field": (replace(BASE, options={"extra": {"repetition_penalty": 1.1}}), 12),
    "omitted field": (replace(BASE, options={"omit": ["top_p"]}), 12),
    "no omitted field": (replace(BASE, options={"omit": []}), 0),
    "constraint": (replace(BASE, constraint=Constraint(choice=("A", "B"))), 12),
    "begun reply": (replace(BASE, begin="Sure:"), 12),
    "two samples for one": (replace(BASE, samples=2), 12),
    "engine speed": (replace(BASE, options={"concurrency": 3, "timeout": 5, "attempts": 2, "grouping": 8}), 0),
    "purpose": (replace(BASE, purpose="other"), 0),
    "prefix": (replace(BASE, prefix="b"), 0),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_asks_exactly_what_it_affects_and_no_row_is_stale(
    change: str, servers: list[Server], tmp_path: Path
) -> None:
    assert ask(BASE, servers, tmp_path, "store")[1] == 12
    run, expected = CHANGES[change]
    replies, sent = ask(run, servers, tmp_path, "store")
    fresh, _ = ask(run, servers, tmp_path, "another store")
    assert sent == expected
    assert [reply.text for reply in replies] == [reply.text for reply in fresh]
    assert [reply.id for reply in replies] == [reply.id for reply in fresh]
    assert len(replies) == len(list(run.prompts()))
    assert all(reply.status == "ok" for reply in replies)


def test_another_value_of_an_extra_field_is_another_request(servers: list[Server], tmp_path: Path) -> None:
    for value, expected in ((1.1, 12), (1.2, 12), (1.1, 0)):
        run = replace(BASE, options={"extra": {"repetition_penalty": value}})
        assert ask(run, servers, tmp_path, "store")[1] == expected


def test_a_remembered_stage_needs_no_server(tmp_path: Path) -> None:
    with serving(echo("one")) as server:
        first, _ = ask(BASE, [server], tmp_path, "store")
    assert ask(BASE, [server], tmp_path, "store") == (first, 0)


def test_two_samples_of_one_request_are_drawn_with_different_seeds(servers: list[Server], tmp_path: Path) -> None:
    sent = len(servers[0].requests)
    ask(replace(BASE, rows=("x",), samples=3), servers, tmp_path, "store")
    assert len({request["seed"] for request in servers[0].requests[sent:]}) == 3


def test_no_secret_reaches_the_disk_or_the_screen(
    servers: list[Server], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """PATH stands for a key: a variable that is set, so that the test need not set one."""
    import os

    secret = os.environ["PATH"]
    replies, _ = ask(replace(BASE, options={"key_env": "PATH"}), servers, tmp_path, "store")
    assert servers[0].headers[-1]["Authorization"] == f"Bearer {secret}"
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())
    assert secret.encode() not in stored
    assert secret not in repr(replies) + "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("engine", "options", "message"),
    [
        ("embedded", {}, "needs a model of `fetch.models` or `train.runs`"),
        ("openai", OPENAI, "needs `url` and `model`"),
        ("openai", {"url": "http://h/v1", "model": "m", "dialect": "no"}, "Invalid enum value 'no'"),
        ("openai", OPENAI | {"url": "http://h/v1", "model": "m", "batches": 3}, "unknown field `batches`"),
        ("openai", OPENAI | {"url": "http://h/v1", "model": "m", "concurrency": 0}, "concurrency"),
        ("openai", OPENAI | {"url": "ftp://h/v1", "model": "m"}, "no http"),
        ("openai", OPENAI | {"url": "http://me:pw@h/v1", "model": "m"}, "name its variable in `key_env`"),
        ("openai", OPENAI | {"url": "http://h/v1?api_key=abc", "model": "m"}, "name its variable in `key_env`"),
        ("openai", OPENAI | {"url": "http://h/v1", "model": "m", "extra": {"api_key": "abc"}}, "variable in `key_env`"),
        ("scripted", {}, "takes one option, `rules: <file>`"),
        ("scripted", {"rules": "absent.yaml"}, "absent.yaml: no such file"),
    ],
)
def test_a_mistake_in_params_is_told_in_one_line(
    engine: str, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with (
        pytest.raises(UserError) as caught,
        connect(Engine(engine=engine, options=options), "x", models=tmp_path, store=tmp_path / "s"),
    ):
        pass
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "abc" not in str(caught.value) and "pw@" not in str(caught.value)


def test_a_key_variable_that_is_not_set_is_told_before_anything_is_sent(servers: list[Server], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="SEQIT_NO_SUCH_KEY is not set"):
        ask(replace(BASE, options={"key_env": "SEQIT_NO_SUCH_KEY"}), servers, tmp_path, "store")


def test_metrics_are_the_same_whether_replies_were_asked_or_remembered(servers: list[Server], tmp_path: Path) -> None:
    engine = Engine(engine="openai", options=OPENAI | {"url": servers[0].url, "model": "m"})
    output, sent = [], []
    for _ in range(2):
        before = len(servers[0].requests)
        with connect(engine, store=tmp_path / "store") as complete:
            assert len(list(complete.rows(complete(Run().prompts()), of=Run().rows))) == 12
        output.append(complete.summary())
        sent.append(len(servers[0].requests) - before)
    assert sent == [12, 0] and output[0] == output[1]
    assert (output[0]["replies"], output[0]["replies_by_status"]) == (12, {"ok": 12})


def test_rows_are_told_as_they_are_done() -> None:
    progress = Progress("test", "m")
    rows = Connected(lambda _: iter(()), progress)
    made = rows.watched(lambda items: (2 * item for item in items), of=[0] * 5)(iter(range(3)))
    assert (progress.rows, progress.total) == (0, 5)
    assert [next(made), next(made)] == [0, 2] and progress.rows == 1
    assert list(made) == [4] and progress.rows == 3
    rows.expect(4)
    list(rows.rows([1]))
    assert (progress.rows, progress.total) == (4, 9)


def test_a_model_fetched_before_its_reference_was_changed_is_refused(tmp_path: Path) -> None:
    """A command that is run by hand, without `fetch`, would ask the old endpoint."""
    values = msgspec.to_builtins(YAML(typ="safe", pure=True).load(Path("stages/profiles/full.yaml").read_text()))
    with serving(lambda request, _: completed("fine")) as old, serving(lambda request, _: completed("fine")) as new:
        values["fetch"]["models"]["teacher"] = {"reference": f"endpoint:{old.url}#m"}
        values["engines"] |= {
            "generator": {"engine": "openai", "model": "teacher", "options": OPENAI},
            "judge": {"model": "teacher"}, "reviewer": {"model": "teacher"},
            "tuned": {"engine": "scripted", "options": {}},
        }  # fmt: skip
        fetch_model(f"endpoint:{old.url}#m", tmp_path / "models" / "teacher")

        def run() -> None:
            engine = parse(values).engines.generator
            with connect(engine, models=tmp_path / "models", store=tmp_path / "store") as complete:
                list(complete(Run().prompts()))

        run()
        values["fetch"]["models"]["teacher"]["reference"] = f"endpoint:{new.url}#m"
        with pytest.raises(UserError, match=r"teacher: was fetched before .* changed; run `dvc repro fetch_model@tea"):
            run()
        assert (len(old.requests), len(new.requests)) == (12, 0)
        fetch_model(f"endpoint:{new.url}#m", tmp_path / "models" / "teacher")
        run()
        assert (len(old.requests), len(new.requests)) == (12, 12)


def test_a_model_that_was_trained_or_lies_elsewhere_is_not_compared(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "reference.json").write_text('{"reference": "trained:run", "identity": "x"}')
    check_fetched(tmp_path / "run", load().references)
    check_fetched(tmp_path / "absent", {"absent": "path:x"})
    with pytest.raises(UserError, match=r"fetch\.models\.run in params"):
        check_fetched(tmp_path / "run", {"run": "path:x"})
