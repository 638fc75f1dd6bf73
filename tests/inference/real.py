"""Prompts and answers for the engines that only `make test-engines` has, on the packaged model.

Run as a program it is a stage of its own, for what needs a process: see `stage`.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from stages.core.cli import main
from stages.core.completions import Constraint, Message, Prompt, Reply, Sampling
from stages.inference.connect import connect
from stages.inference.local_engine import LocalEngine
from stages.inference.progress import Progress
from stages.inference.scheduler import Connection
from stages.params import Engine
from stages.reply_store.identity import Identity
from stages.reply_store.inspection import count
from stages.reply_store.store import Replies

OPTIONS: dict[str, Any] = {
    "version": "0.32.0", "dtype": "float32", "max_model_len": 512, "sequences": 16, "tensor_parallel": 1,
    "memory": 0.12, "prefix_caching": True, "eager": True,
}  # fmt: skip
ENGINES: dict[str, dict[str, Any]] = {
    "vllm": OPTIONS | {"chunk": 8, "data_parallel": 1},
    "ray": OPTIONS | {"address": None, "concurrency": 1, "batch_size": 4, "bundle": {"CPU": 1.0}},
}
GREEDY, DRAWN = Sampling(0.0, 1.0, 0, 12), Sampling(1.0, 0.9, 50, 12)
LETTERS = Constraint(choice=(" A", " B", " and C"))


def prompt(text: str, sampling: Sampling = GREEDY, seed: int = 1, **more: Any) -> Prompt:
    return Prompt((Message("system", "Be brief."), Message("user", text)), sampling, seed, **more)


def ask(engine: Any, prompts: Iterable[Prompt]) -> list[Reply]:
    result = [pair for group in engine.answer(iter(prompts)) for pair in group]
    assert sorted(position for position, _ in result) == list(range(len(result)))
    return [reply for _, reply in sorted(result, key=lambda pair: pair[0])]


def check_knowledge(engine: Any) -> None:
    """The template, the tokenizer and the weights fit together."""
    knows = [prompt(f"What is the capital of {place}?") for place in ("France", "Japan")]
    begun = (*knows[0].messages, Message("assistant", "The capital of France is"))
    cities = Constraint(choice=(" Rome", " Paris", " New York City"))
    prompts = [*knows, Prompt(begun, GREEDY, 1, constraint=cities, continue_final=True)]
    france, japan, chosen = ask(engine, prompts)
    assert "Paris" in france.text and "Tokyo" in japan.text and chosen.text == " Paris"
    assert set(chosen.scores) == set(cities.choice)


def check_failures(engine: Any) -> None:
    """What can't be answered is a status and takes nobody along."""
    broken = prompt("x", constraint=Constraint(regex="("))
    fine = [prompt("one"), prompt("two"), prompt("three")]
    one, long, pattern, *others = ask(engine, [fine[0], prompt("y " * 600), broken, *fine[1:]])
    assert [one, *others] == ask(engine, fine)
    assert all(reply.status != "failed" and reply.text for reply in (one, *others))
    assert (long.status, pattern.status) == ("failed", "failed")
    assert "do not fit the model's context of 512" in long.error
    assert "unclosed group" in pattern.error and "\n" not in pattern.error


def check_drawing(engine: Any) -> None:
    """Seed and sample decide what is drawn, not the mates; constraints and stop strings are kept."""
    same = [prompt("draw", DRAWN, seed=5), prompt("draw", DRAWN, seed=5), prompt("draw", DRAWN, seed=6)]
    first = ask(engine, [*same, prompt("draw", DRAWN, seed=5, sample=1)])
    assert first[0] == first[1] and len({reply.text for reply in first}) == 3
    assert ask(engine, [prompt("another"), same[0]])[1] == first[0]
    shape = Constraint(regex="option is: [ABCD]")
    short = Sampling(0.0, 1.0, 0, 12, (" is",))
    shaped, stopped = ask(engine, [prompt("Pick.", constraint=shape), prompt("Say 0 ", short)])
    assert shaped.text[:-1] == "option is: " and shaped.status == "ok"
    assert " is" not in stopped.text and stopped.status == "ok" and stopped.text


def transformers(directory: Path, prompts: list[Prompt]) -> list[Reply]:
    from stages.inference.backends.transformers.engine import open_engine

    with open_engine(directory, {"batch": 8, "threads": 2, "dtype": "float32"}) as engine:
        return ask(engine, prompts)


def remembered(name: str, options: dict[str, Any], models: Path, store: Path, prompts: list[Prompt]) -> list[Reply]:
    """The replies through `connect`; the model's directory is models/m."""
    with connect(Engine(engine=name, options=options), "m", "test", models, store) as complete:
        return list(complete(prompts))


class _Lent(LocalEngine):
    """An engine without its `cancel`: it goes on afterwards."""

    def __init__(self, engine: Any) -> None:
        self.identity, self.answer = engine.identity, engine.answer


def stored(engine: Any, identity: Identity, store: Path, prompts: list[Prompt]) -> list[Reply]:
    """The replies of an engine that is open, through the store."""

    @contextmanager
    def opened() -> Iterator[Any]:
        yield _Lent(engine)

    with (
        Replies(store) as replies,
        Progress("test", "m") as progress,
        Connection(identity, replies, progress, opened) as connection,
    ):
        return list(connection.complete(prompts))


def stage(
    engine: Annotated[str, typer.Argument(help="vllm or ray")],
    folder: Annotated[Path, typer.Argument(help="Holds the model and the store")],
    deadly: Annotated[int, typer.Argument(help="A reply's number, from 0")],
    copies: Annotated[int, typer.Argument(help="Of the model, with vllm")],
) -> None:
    """Ask 24 prompts of the model in FOLDER/m with the store FOLDER/store; die by kill -9 at reply number `deadly`."""
    options = ENGINES[engine] | {"memory": 0.06} | ({"data_parallel": copies} if engine == "vllm" else {})
    with connect(Engine(engine=engine, options=options), "m", "test", folder, folder / "store") as complete:
        for number, reply in enumerate(complete([prompt(f"Say {n}", DRAWN, n) for n in range(24)])):
            print(reply.id, repr(reply.text), flush=True)
            if number == deadly:
                os.killpg(0, signal.SIGKILL)


def staged(engine: str, folder: Path, deadly: int = 99, copies: int = 1) -> subprocess.CompletedProcess[str]:
    """`stage` in a process group of its own."""
    command = [sys.executable, "-m", "tests.inference.real", engine, str(folder), str(deadly), str(copies)]
    return subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, start_new_session=True, timeout=600
    )


def tiny_model(folder: Path) -> Path:
    """A small model in FOLDER/m."""
    from tests.inference import tiny

    tiny.model(folder / "m", heads=2)
    (folder / "m" / "reference.json").write_text('{"reference": "path:tiny", "identity": "tiny@1"}')
    return folder


def check_unloadable(engine: str, folder: Path) -> None:
    """A model whose weights are not those that its config.json speaks of: one line says so, and nothing is stored."""
    config = tiny_model(folder) / "m" / "config.json"
    config.write_text(config.read_text().replace('"intermediate_size": 128', '"intermediate_size": 256'))
    done = staged(engine, folder)
    output = [line for line in done.stderr.splitlines() if line.startswith("seqit real: ")]
    assert done.returncode == 2, done.stderr
    assert len(output) == 1 and f"{folder}/m: vLLM can't run it (" in output[0] and done.stdout == "", done.stderr
    assert "exceeds dimension size" in output[0] and "Traceback" not in done.stderr, done.stderr
    with Replies(folder / "store") as replies:
        assert count(replies) == []


if __name__ == "__main__":
    main(stage)
