"""The script for a GPU: what it says without one, what a part that fails or hangs leaves, what it reads of a log."""

import json
import os
import select
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from stages.training.environment import training_python
from tests.bench.gpu_check import PEAKS, run_part, table
from tests.bench.gpu_parts import PARTS
from tests.bench.gpu_place import CPU, ROOT, Place, place_of
from tests.bench.gpu_projects import of_log, work
from tests.inference import tiny
from tests.inference.axolotl_environment import ENVIRONMENT


def place(folder: Path, train: str = sys.executable) -> Place:
    return Place(folder, CPU, True, Path(train), Path(sys.executable))


def check(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.bench.gpu_check", *arguments]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True)


def test_without_a_gpu_it_says_so_and_ends_with_2(tmp_path: Path) -> None:
    done = check("--out", str(tmp_path / "x.json"), PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("gpu-check: nvidia-smi names no GPU here; --cpu runs every part that can at a tiny size\n")
    assert not (tmp_path / "x.json").exists()


def test_a_driver_that_finds_no_gpu_is_none(tmp_path: Path) -> None:
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\necho 'No devices were found'\nexit 6\n")
    smi.chmod(0o755)
    assert check("--detect", PATH=f"{tmp_path}:/bin").returncode == 2
    smi.write_text("#!/bin/sh\necho 'NVIDIA H200, 143771 MiB, 580.1'\n")
    found = check("--detect", PATH=f"{tmp_path}:/bin")
    assert (found.returncode, found.stdout) == (0, "NVIDIA H200, 143771 MiB, 580.1\n")


@pytest.mark.parametrize(
    ("device", "rate"),
    [
        ("NVIDIA H200", 989),
        ("NVIDIA H20", 148),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA L4", 121),
        ("NVIDIA L40S", 362),
    ],
)
def test_the_peak_is_that_of_the_device(device: str, rate: float) -> None:
    assert next(value for name, value in PEAKS.items() if name in device) == rate


def test_a_part_that_fails_hangs_or_cannot_be_says_so_in_its_row(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'ValueError: no such | thing' >&2\nexit 1\n")
    broken.chmod(0o755)
    failed = run_part("matmul", place(tmp_path, str(broken)), 300)
    broken.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    hung = run_part("matmul", place(tmp_path, str(broken)), 8)
    absent = run_part("evaluation", place(tmp_path), 300)
    rows = table([failed, hung, absent], 989.0).splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == ["| matmul (failed)", "| matmul (failed)", "| evaluation (skipped)"]
    assert "RuntimeError: ValueError: no such \\| thing" in rows[0] and "not done after 8 s" in rows[1]
    assert "the part `training` has left no model" in rows[2]
    with suppress(ProcessLookupError):
        ended = select.poll()
        ended.register(os.pidfd_open(int((tmp_path / "pid").read_text())), select.POLLIN)
        assert ended.poll(20_000), "what hung is still there"


def test_the_shares_are_those_of_the_peak() -> None:
    made: list[dict[str, Any]] = [
        {
            "part": "large",
            "status": "ok",
            "seconds": 61.2,
            "tokens_per_second": 40_000.0,
            "peak_gib": 33.0,
            "tflops": 494.5,
        }
    ]
    assert table(made, 989.0).splitlines()[2] == "| large | 61 | 40,000 | 33.0 | 494 | 50.0 % |  |"
    assert table(made, 0.0).splitlines()[2] == "| large | 61 | 40,000 | 33.0 | 494 |  |  |"


def test_flops_of_a_token_are_those_of_its_products(tmp_path: Path) -> None:
    found = work(tiny.model(tmp_path), place(tmp_path), {"tokens_per_second": 1e6}, factor=6)
    # Two layers of q, o (64 x 64), k, v (64 x 32) and three of 64 x 128; the output's 300 x 64; 6 L d S of attention.
    multiplying = 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128) + 300 * 64
    assert found["parameters"] == multiplying
    assert found["flops_a_token"] == 6 * multiplying + 6 * 2 * 64 * CPU.length
    assert found["tflops"] == pytest.approx(found["flops_a_token"] * 1e-6)


def test_rate_and_memory_are_read_from_axolotls_log() -> None:
    def step(loss: float, learned: int, read: int, rate: str, allocated: float) -> str:
        rated = f"'tokens/train_per_sec_per_gpu': '{rate}', " if rate else ""
        memory = f"'memory/max_allocated (GiB)': '{allocated}'"
        counted = f"'tokens/trainable': {learned}, 'tokens/total': {read}"
        return f"{{'loss': '{loss}', {memory}, {rated}{counted}, 'epoch': '1'}}"

    log = "\r".join(["x", step(2, 100, 1000, "", 1.5), step(1, 300, 3000, "50.5", 2.25), step(1, 500, 5000, "70", 2.0)])
    # 10 tokens are read for each that is learned.
    assert of_log(log) == (2.25, pytest.approx(602.5))
    assert of_log("nothing") == (0.0, 0.0)


def test_a_place_is_what_its_arguments_say(tmp_path: Path) -> None:
    assert place_of(place(tmp_path).asked()) == place(tmp_path)


@pytest.mark.slow
def test_the_dry_run_trains_and_resumes(tmp_path: Path) -> None:
    python = training_python(ENVIRONMENT)
    out = tmp_path / "x.json"
    done = check("--cpu", "--only", "matmul", "training", "resume", "--train", str(python), "--out", str(out))
    assert done.returncode == 0, done.stderr
    report = json.loads(out.read_text())
    assert [(one["part"], one["status"]) for one in report["parts"]] == [
        (name, "ok") for name in ("matmul", "training", "resume")
    ]
    matmul, training, resume = report["parts"]
    assert matmul["tflops"] > 0 and training["tokens_per_second"] > 0 and training["tflops"] > 0
    assert resume["same"] and set(PARTS) > {one["part"] for one in report["parts"]}
    assert done.stdout.count("\n| ") == 4
