"""The parts of the GPU check: each returns what it found, or raises."""

import json
import re
import time
from collections.abc import Callable

from tests.bench.gpu_place import ROOT, Place, Result, Skipped, line, python, run_command
from tests.bench.gpu_projects import base_model, kill, text_project, trained, vision_project, work


def matmul(place: Place) -> Result:
    """A product of two matrices: what the chip really gives."""
    code = """
import json, sys, time, torch
n, device = int(sys.argv[1]), sys.argv[2]
a, b = (torch.randn(n, n, dtype=torch.bfloat16, device=device) for _ in range(2))
wait = torch.cuda.synchronize if device == "cuda" else (lambda: None)
for _ in range(3):
    a @ b
wait()
began = time.perf_counter()
for _ in range(10):
    a @ b
wait()
print(json.dumps({"tflops": 20 * n**3 / (time.perf_counter() - began) / 1e12, "torch": torch.__version__}))
"""
    found = python(place.train, code, str(place.size.matrix), "cpu" if place.cpu else "cuda")
    return {"tflops": found["tflops"], "said": f"{place.size.matrix} x {place.size.matrix}, torch {found['torch']}"}


def generation(place: Place) -> Result:
    """Our engine against a bare loop over the same model in the same process (vLLM; on a CPU Transformers)."""
    return _of_engines(place)


def training(place: Place) -> Result:
    """`seqit train`: SmolLM2-135M, LoRA, packed, bfloat16."""
    project = text_project(place, "train", "base")
    found = trained(place, project, "first")
    return {**found, **work(project / "models/base", place, found, factor=4)}


def resume(place: Place) -> Result:
    """The same run killed with kill -9 after a checkpoint, and run again."""
    project = place.folder / "train"
    if not (project / "data/metrics/train/first.json").is_file():
        raise Skipped("the part `training` has left nothing to compare with")
    began = time.monotonic()
    kill(place, project, "second")
    found = trained(place, project, "second")
    first, second = (
        json.loads((project / f"data/metrics/train/{name}.json").read_text()) for name in ("first", "second")
    )
    same = first["weights"] == second["weights"]
    apart = abs(first["final_loss"] - second["final_loss"])
    said = "the same weights, bit for bit" if same else f"other weights; the last losses are {apart:.2g} apart"
    return {**found, "seconds": time.monotonic() - began, "same": same, "said": said}


def large(place: Place) -> Result:
    """`seqit train`: a Llama of random weights, all parameters, packed, bfloat16; the chip's share is told here."""
    project = text_project(place, "large", "random")
    found = trained(place, project, "first")
    return {**found, **work(project / "models/random", place, found, factor=6)}


def qformer(place: Place) -> Result:
    """`seqit train`: the Q-Former of a tiny InstructBLIP, uninterrupted, then killed and run again."""
    project = vision_project(place)
    began = time.monotonic()
    found = trained(place, project, "first")
    kill(place, project, "second")
    trained(place, project, "second")
    hashes = {
        json.loads((project / f"data/metrics/train/{name}.json").read_text())["weights"] for name in ("first", "second")
    }
    said = "resumed: the same weights, bit for bit" if len(hashes) == 1 else "resumed: other weights"
    return {**found, "seconds": time.monotonic() - began, "same": len(hashes) == 1, "said": said}


def evaluation(place: Place) -> Result:
    """`seqit eval` of the trained model on verified sequences, through vLLM (on a CPU Transformers)."""
    model = place.folder / "train/models/first"
    if not model.is_dir():
        raise Skipped("the part `training` has left no model")
    engine = _engine(place)
    options = ["dtype=float32", "batch=4", "threads=1"] if engine == "transformers" else ["memory=0.6"]
    command = [
        str(place.engines), "-m", "stages", "eval", str(model), "--engine", engine, "--on",
        f"verified[1-3]:{place.size.questions}", "--max-tokens", str(place.size.tokens),
        *(word for option in options for word in ("--option", option)), "--out", str(place.folder / "evaluation"),
    ]  # fmt: skip
    began = time.monotonic()
    output = run_command(command, ROOT, place)
    seconds = time.monotonic() - began
    scores = [line.strip() for line in output.splitlines() if "verified" in line and re.search(r"\d", line)]
    rate = place.size.questions / seconds
    return {
        "seconds": seconds,
        "said": f"{engine}: {rate:.2f} questions/s; {line(scores[0]) if scores else 'no score line'}",
    }


def _engine(place: Place) -> str:
    have = "import json, importlib.util as u; print(json.dumps([bool(u.find_spec(n)) for n in ('vllm', 'torch')]))"
    vllm, torch = python(place.engines, have)
    if vllm:
        return "vllm"
    if place.cpu and torch:
        return "transformers"
    raise Skipped(f"{place.engines} has no {'torch' if place.cpu else 'vllm'}; name one that has with --engines")


def _of_engines(place: Place) -> Result:
    engine = _engine(place)
    directory = place.folder / "engine" / "m"
    if not directory.is_dir():
        base_model(place, directory, random=False)
        (directory / "reference.json").write_text('{"reference": "path:m", "identity": "gpu-check"}')
    command = [str(place.engines), "-m", "tests.bench.gpu_engines", engine, str(directory), *place.asked()]
    found: Result = json.loads(run_command(command, ROOT, place).splitlines()[-1])
    return found


PARTS: dict[str, tuple[Callable[[Place], Result], int]] = {
    "matmul": (matmul, 60), "generation": (generation, 150), "training": (training, 150), "resume": (resume, 150),
    "large": (large, 150), "evaluation": (evaluation, 120), "qformer": (qformer, 120),
}  # fmt: skip
"""Name -> the part, and the seconds it may take on a GPU."""
