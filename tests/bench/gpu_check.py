"""What one GPU does with seqit, in under 8 minutes: `make gpu-check`. `python -m tests.bench.gpu_check --cpu` tries it.

Each part is a process with a time limit of its own, so that one which fails or hangs says so in its row and leaves the
others alone. Prints a Markdown table for docs/measurements.md and writes JSON. Nothing is downloaded: the models are
the packaged SmolLM2-135M and some of random weights.

FLOPs of a trained token (https://arxiv.org/abs/2204.02311, appendix B, for causal attention): 6 N + 6 L d S, N the
parameters that multiply (all but the input's embeddings), L layers of width d, S tokens of a sequence. With LoRA no
gradient of N is computed: 4 N + 6 L d S. The peak is the chip's dense bfloat16 rate by its name, or --peak.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.gpu_parts import PARTS
from tests.bench.gpu_place import CPU, GPU, ROOT, Place, Result, Skipped, line, smi

SECONDS = 460
"""All parts together; what is left of it is the limit of a part that would have more."""
SLOW = 6
"""Times as long on a CPU that does other work."""
PEAKS = {
    "B200": 2250.0, "GH200": 989.0, "H200": 989.0, "H100 PCIe": 756.0, "H100 NVL": 835.0, "H100": 989.0, "H800": 989.0,
    "H20": 148.0, "A100": 312.0, "A800": 312.0, "L40S": 362.0, "L40": 181.0, "L4": 121.0, "A10": 125.0, "A6000": 155.0,
    "RTX 4090": 165.0, "RTX 3090": 71.0,
}  # fmt: skip
"""TFLOP/s of dense bfloat16 products with float32 sums, from NVIDIA's data sheets, by what a device's name contains."""


def run_part(name: str, place: Place, seconds: float) -> Result:
    """A part in a process of its own, ended with all that it started when its time is over."""
    answer = place.folder / f"{name}.json"
    command = [sys.executable, "-m", "tests.bench.gpu_check", "--part", name, "--answer", str(answer), *place.asked()]
    began = time.monotonic()
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            _, said = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return {"part": name, "status": "failed", "said": f"not done after {seconds:.0f} s"}
    if process.returncode or not answer.is_file():
        return {
            "part": name,
            "status": "failed",
            "said": line((said.strip() or f"exit {process.returncode}").splitlines()[-1]),
        }
    return {"part": name, "seconds": time.monotonic() - began, **json.loads(answer.read_text())}


def _answer(name: str, place: Place) -> Result:
    try:
        return {"status": "ok", **PARTS[name][0](place)}
    except Skipped as reason:
        return {"status": "skipped", "said": str(reason)}
    except Exception as error:
        return {"status": "failed", "said": line(f"{type(error).__name__}: {error}")}


def table(results: list[Result], peak: float) -> str:
    """The results as Markdown; `peak` in TFLOP/s, 0 for unknown."""
    lines = ["| part | s | tokens/s | peak GiB | TFLOP/s | of the peak | |", "|---|---|---|---|---|---|---|"]
    for one in results:
        rate, flops = one.get("tokens_per_second") or 0, one.get("tflops") or 0
        cells = [
            one["part"] if one["status"] == "ok" else f"{one['part']} ({one['status']})",
            f"{one['seconds']:.0f}" if "seconds" in one else "", f"{rate:,.0f}" if rate else "",
            f"{one['peak_gib']:.1f}" if one.get("peak_gib") else "", f"{flops:,.3g}" if flops else "",
            f"{100 * flops / peak:.1f} %" if flops and peak else "", one.get("said", "").replace("|", "\\|"),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def check_all(options: argparse.Namespace, device: str, peak: float) -> int:
    """Run every part; the exit status: 0, or 1 where one failed."""
    began, results = time.monotonic(), []
    names = [name for name in PARTS if not options.only or name in options.only]
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as folder:
        place = Place(Path(folder), CPU if options.cpu else GPU, options.cpu, options.train, options.engines)
        for name in names:
            left = SECONDS * (SLOW if options.cpu else 1) - (time.monotonic() - began)
            limit = min(PARTS[name][1] * (SLOW if options.cpu else 1), left)
            result = (
                run_part(name, place, limit)
                if left > 5
                else {"part": name, "status": "skipped", "said": "no time left"}
            )
            results.append(result)
            print(f"gpu-check: {name}: {result['status']}, {result.get('said', '')}", file=sys.stderr, flush=True)
    seconds = time.monotonic() - began
    report = {"device": device, "peak_tflops": peak, "cpu": options.cpu, "seconds": seconds, "parts": results}
    options.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"{device}; peak {peak:g} TFLOP/s in bfloat16; {seconds:.0f} s\n\n{table(results, peak)}")
    return int(any(result["status"] == "failed" for result in results))


def parsed() -> argparse.Namespace:
    """The command line."""
    command = argparse.ArgumentParser("python -m tests.bench.gpu_check", description=(__doc__ or "").splitlines()[0])
    command.add_argument("--cpu", action="store_true", help="every part that can, at a tiny size, on the CPU")
    command.add_argument(
        "--peak", type=float, default=0.0, help="TFLOP/s of the chip in bfloat16, where its name is unknown"
    )
    command.add_argument("--out", type=Path, default=Path("gpu-check.json"), help="JSON with the results")
    command.add_argument("--only", nargs="*", choices=PARTS, default=[], help="these parts alone")
    command.add_argument(
        "--train", type=Path, default=ROOT / ".venv-train/bin/python", help="the Python that has Axolotl"
    )
    command.add_argument(
        "--engines", type=Path, default=Path(sys.executable), help="the Python that has vLLM and seqit"
    )
    command.add_argument("--detect", action="store_true", help="say what GPU there is, and nothing else")
    for name in ("--part", "--answer", "--folder"):
        command.add_argument(name, help=argparse.SUPPRESS)
    return command.parse_args()


def main() -> int:
    """Run the check, or one part of it; the exit status: 2 without a GPU."""
    options = parsed()
    if options.part:
        place = Place(Path(options.folder), CPU if options.cpu else GPU, options.cpu, options.train, options.engines)
        Path(options.answer).write_text(json.dumps(_answer(options.part, place)))
        return 0
    names = smi("name,memory.total,driver_version")
    if not names and not options.cpu:
        print("gpu-check: nvidia-smi names no GPU here; --cpu runs every part that can at a tiny size", file=sys.stderr)
        return 2
    device = "a CPU, tiny sizes: no measurement" if options.cpu else names[0]
    peak = options.peak or (0.0 if options.cpu else next((rate for name, rate in PEAKS.items() if name in device), 0.0))
    if options.detect:
        print(device)
        return 0
    return check_all(options, device, peak)


if __name__ == "__main__":
    raise SystemExit(main())
