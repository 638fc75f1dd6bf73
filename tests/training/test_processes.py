"""Several processes and machines: what starts them, and training for real with two processes on this CPU."""

import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from stages.core.errors import UserError
from stages.params.training_sections import Recipe
from stages.training import processes
from stages.training.axolotl_config import axolotl_config
from stages.training.processes import Machine, launcher_arguments, this_machine
from tests.inference import tiny
from tests.training.test_axolotl import SPECIALS
from tests.training.trainings import RECIPE, ROOT, contents, finish, wait_for

TWO = RECIPE.model_copy(update={"launcher": "torchrun", "processes": 2})
GPUS = RECIPE.model_copy(update={"launcher": "torchrun", "devices": 4, "batch": 128, "precision": "bfloat16"})


def with_nodes(recipe: Recipe, nodes: int, **changes: Any) -> Recipe:
    return recipe.model_copy(update={"nodes": nodes, **changes})


# ---------------------------------------------------------------- which machine this is


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"SLURM_NNODES": "2", "SLURM_NODEID": "1", "SLURM_LAUNCH_NODE_IPADDR": "10.0.0.1"}, (1, "10.0.0.1", 29500)),
        ({"NODE_RANK": "0", "MASTER_ADDR": "a", "MASTER_PORT": "7000", "NNODES": "2"}, (0, "a", 7000)),
        ({"PET_NODE_RANK": "1", "PET_MASTER_ADDR": "b", "PET_NNODES": "2", "SLURM_NODEID": "0"}, (1, "b", 29500)),
        ({"NODE_RANK": "1", "MASTER_ADDR": "a"}, (1, "a", 29500)),
    ],
)
def test_the_machine_is_that_of_its_launchers_variables(variables: dict[str, str], expected: Any) -> None:
    assert this_machine(with_nodes(GPUS, 2), variables) == expected


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({}, "set PET_MASTER_ADDR or MASTER_ADDR or PET_NODE_RANK or NODE_RANK on each"),
        ({"NODE_RANK": "1"}, "set PET_MASTER_ADDR or MASTER_ADDR on each"),
        ({"MASTER_ADDR": "a"}, "set PET_NODE_RANK or NODE_RANK on each"),
        ({"SLURM_NNODES": "3"}, "nodes is 2, but SLURM_NNODES is 3; make them equal"),
        ({"NODE_RANK": "2", "MASTER_ADDR": "a"}, "NODE_RANK is 2; the last of 2 is 1"),
        ({"NODE_RANK": "-1", "MASTER_ADDR": "a"}, "NODE_RANK is '-1', but must be a whole number"),
        ({"NODE_RANK": "0", "MASTER_ADDR": "a", "MASTER_PORT": "x" * 99}, "MASTER_PORT is 'xxx"),
    ],
)
def test_a_machine_that_is_not_known_is_told_in_one_line(variables: dict[str, str], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint) as told:
        this_machine(with_nodes(GPUS, 2), variables)
    assert "\n" not in str(told.value) and len(str(told.value)) < 300


def test_one_machine_looks_at_no_variable() -> None:
    assert this_machine(GPUS, {"SLURM_NNODES": "8", "NODE_RANK": "x"}) == Machine()


# ---------------------------------------------------------------- how they are started


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (RECIPE, "--launcher python"),
        (TWO, "--launcher torchrun -- --nproc_per_node 2 --standalone"),
        (
            with_nodes(GPUS, 2),
            "--launcher torchrun -- --nproc_per_node 4 --nnodes 2 --node_rank 1 --master_addr a --master_port 7000",
        ),
        (
            with_nodes(GPUS, 2, launcher="accelerate"),
            "--launcher accelerate -- --num_processes 8 --multi_gpu --num_machines 2 --machine_rank 1 "
            "--main_process_ip a --main_process_port 7000",
        ),
        (with_nodes(GPUS, 1, launcher="accelerate"), "--launcher accelerate -- --num_processes 4 --multi_gpu"),
        (with_nodes(GPUS, 1, launcher="accelerate", devices=1), "--launcher accelerate -- --num_processes 1"),
        (with_nodes(GPUS, 2, launcher="ray"), "--launcher python"),
    ],
)
def test_launchers(recipe: Recipe, expected: str) -> None:
    assert " ".join(launcher_arguments(recipe, Machine(1, "a", 7000))) == expected


def test_ray_gets_its_workers_and_paths_that_hold_in_their_folders() -> None:
    recipe = with_nodes(GPUS, 2, launcher="ray")
    made = axolotl_config(recipe, 42, tiny.CHATML, SPECIALS, "/models/x", 256)
    assert made["use_ray"] and made["ray_num_workers"] == 8 and made["resources_per_worker"] == {"GPU": 1}
    assert made["gradient_accumulation_steps"] == 4
    placed = processes.placed(recipe, made, "/work/it")
    assert placed["datasets"][0]["path"] == "/work/it/rows.jsonl"
    assert (placed["dataset_prepared_path"], placed["output_dir"]) == ("/work/it/prepared", "/work/it/model")
    assert processes.placed(TWO, made, "/work/it") is made


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"processes": 2}, "launcher python drives one process; use torchrun for several"),
        ({"nodes": 2}, "launcher python trains on one machine"),
        ({"processes": 2, "launcher": "accelerate"}, "launcher accelerate starts several processes on GPUs alone"),
        ({"launcher": "ray"}, "launcher ray needs GPUs"),
        ({"processes": 2, "devices": 2, "launcher": "torchrun"}, "processes is for CPUs"),
        ({"processes": 3, "launcher": "torchrun"}, r"batch 8 is no multiple of micro_batch x processes = 12"),
        ({"nodes": 3, "launcher": "torchrun"}, r"batch 8 is no multiple of micro_batch x devices x nodes = 12"),
    ],
)
def test_what_cannot_be_started_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        axolotl_config(RECIPE.model_copy(update=changes), 42, tiny.CHATML, SPECIALS, "/models/x", 64)


@pytest.mark.parametrize(("rows", "again"), [(24, 0), (23, 1), (17, 7), (8, 0)])
def test_rows_that_are_used_again(rows: int, again: int) -> None:
    assert processes.filled_up(TWO, rows) == again
    assert processes.filled_up(RECIPE, rows) == 0


# ---------------------------------------------------------------- training

SCRIPT = """
import sys
from pathlib import Path
import msgspec
from stages.core.errors import UserError
from stages.training import axolotl_run
from stages.params.training_sections import Recipe
from tests.inference import tiny
from tests.inference.axolotl_environment import ENVIRONMENT
recipe = Recipe.model_validate_json(sys.argv[1])
rows = [row for row in tiny.rows(25) if row.id != "tiny-long"]
try:
    told = axolotl_run.train("it", recipe, 42, Path(sys.argv[2]), rows, Path(sys.argv[3]), ENVIRONMENT)
except UserError as error:
    raise SystemExit(str(error))
print(msgspec.json.encode([told.metrics, told.curve] if told else None).decode())
"""


def start(base: Path, out: Path, cache: Path, recipe: Recipe, **variables: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, recipe.model_dump_json(), str(base), str(out)],
        cwd=ROOT,
        env={**os.environ, "SEQIT_CACHE": str(cache), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def belonging(cache: Path) -> dict[int, bool]:
    """The processes that Axolotl runs in below `cache`, and whether each is one of those that train."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if any(value.startswith(f"HF_HOME={cache}/".encode()) for value in variables):
            ranked = any(value.startswith(b"LOCAL_RANK=") for value in variables)
            found[int(folder.name)] = ranked and b"axolotl.cli.train" in command
    return found


def ranked(pid: int, rank: int) -> bool:
    return f"LOCAL_RANK={rank}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


def assert_none_left(cache: Path) -> None:
    """Helpers that a killed process had started end as soon as they notice; none that trains is left."""
    left = belonging(cache)
    assert not any(left.values()), "a process was left behind"
    for pid in left:
        with suppress(ProcessLookupError):
            waiting = select.poll()
            waiting.register(os.pidfd_open(pid), select.POLLIN)
            assert waiting.poll(20_000), f"{pid} was left behind"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def alone(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """What one process makes of the same batches."""
    folder = tmp_path_factory.mktemp("alone")
    return folder / "it", finish(start(base, folder / "it", folder / "cache", RECIPE))


def same(result: tuple[Path, list[Any]], alone: tuple[Path, list[Any]]) -> None:
    """Two summands have one order, so that the mean of two processes' gradients has the bits of one process's sum."""
    (out, (metrics, curve)), (expected, (single, steps)) = result, alone
    assert [point["step"] for point in curve] == [1, 2, 3, 4, 5, 6]
    losses = [point["loss"] for point in steps]
    assert losses[0] != losses[-1] and [point["loss"] for point in curve] == pytest.approx(losses, rel=1e-5)
    assert metrics["weights"] == single["weights"] and contents(out) == contents(expected)


@pytest.mark.slow
def test_two_machines_make_what_one_process_makes_and_the_first_alone_writes(
    base: Path, alone: tuple[Path, list[Any]], tmp_path: Path
) -> None:
    recipe = with_nodes(RECIPE, 2, launcher="torchrun")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        variables = {"NNODES": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    second = start(base, tmp_path / "second", tmp_path / "cache", recipe, NODE_RANK="1", **variables)
    first = start(base, tmp_path / "first", tmp_path / "cache", recipe, NODE_RANK="0", **variables)
    result = finish(first)
    output, told = second.communicate()
    assert (second.returncode, output) == (0, "null\n"), told
    assert told.splitlines()[-1] == "seqit train it: node 1 of 2 is done; node 0 writes the model"
    assert "step" not in told, "the first machine alone tells the steps"
    assert not (tmp_path / "second").exists()
    same((tmp_path / "first", result), alone)


@pytest.mark.slow
def test_one_of_two_processes_killed_ends_the_run_in_one_line_and_the_next_call_goes_on(
    base: Path, alone: tuple[Path, list[Any]], tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    killed = start(base, tmp_path / "it", cache, TWO)
    wait_for(killed, cache, "train/*/model/checkpoint-2/rng_state_0.pth")
    [victim] = [pid for pid, trains in belonging(cache).items() if trains and ranked(pid, 1)]
    os.kill(victim, signal.SIGKILL)
    _, told = killed.communicate()
    assert killed.returncode == 1 and not (tmp_path / "it").exists()
    last = told.splitlines()[-1]
    assert last.endswith(
        "/axolotl.log: one of its processes was killed, most likely for want of memory; run again to go on from its "
        "checkpoint"
    )
    assert_none_left(cache)
    result = finish(start(base, tmp_path / "it", cache, TWO))
    log = next(cache.glob("train/*/axolotl.log")).read_text(errors="replace")
    assert "resum" in log.lower()
    same((tmp_path / "it", result), alone)


@pytest.mark.slow
def test_no_process_outlives_its_launcher(base: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    run = start(base, tmp_path / "it", cache, TWO)
    wait_for(run, cache, "train/*/model/checkpoint-1/trainer_state.json")
    found = belonging(cache)
    [launcher] = [pid for pid in found if b"torchrun" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert sum(found.values()) == 2
    os.kill(launcher, signal.SIGKILL)
    _, told = run.communicate()
    assert run.returncode == 1 and "axolotl.log: Axolotl was killed" in told.splitlines()[-1]
    assert_none_left(cache)
