"""Run as a script in a run's folder: trains the Q-Former of an InstructBLIP with Transformers alone.

It reads job.json and rows.jsonl, goes on from the last checkpoint under model/, and writes model/result.safetensors:
the trained parameters in the data types of the base model. It is copied beside the run's rows and run by the Python of
`train.environment`, so it imports nothing of seqit. Loss on the response and its end, as in LAVIS
(https://github.com/salesforce/LAVIS, blip2_vicuna_instruct.py), which the paper trains with (B.2).
"""

import json
import os
import random
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy
from transformers import AutoModelForImageTextToText, AutoProcessor, get_scheduler

MODEL = Path("model")
RESULT = MODEL / "result.safetensors"
PROGRESS, TRAINED = Path("progress.jsonl"), Path("trained.json")
IGNORED = -100
DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


class Stored:
    """The base model's weights as they are stored."""

    def __init__(self, base: Path) -> None:
        self.places = {}
        for path in sorted(base.glob("*.safetensors")):
            with safe_open(path, "pt") as file:
                self.places.update({name: path for name in file.keys()})  # noqa: SIM118

    def read(self, name: str) -> torch.Tensor:
        """A parameter in its stored data type. Raises RuntimeError for one that is not stored by this name."""
        if name not in self.places:
            raise RuntimeError(f"the base model stores no {name}, so it can't be written back")
        with safe_open(self.places[name], "pt") as file:
            return file.get_tensor(name)


class Batches:
    """Rows as inputs of the model, without padding until rows stand together."""

    def __init__(self, rows: list[dict[str, str]], processor: Any, image_token: int, device: str) -> None:
        self.rows, self.processor, self.device = rows, processor, device
        self.image_tokens = [image_token] * processor.num_query_tokens
        tokenizer = processor.tokenizer
        self.end, self.padding = tokenizer.eos_token_id, tokenizer.pad_token_id
        self.padding = self.end if self.padding is None else self.padding

    def inputs(self, numbers: list[int]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """The inputs of these rows, and their labels: the response's tokens and the end, elsewhere `IGNORED`."""
        rows = [self.rows[number] for number in numbers]
        pairs = [self._tokens(row) for row in rows]
        width = max(len(prompt_ids) + len(learned) for prompt_ids, learned in pairs)
        ids, mask, labels = [], [], []
        for prompt_ids, learned in pairs:
            rest = width - len(prompt_ids) - len(learned)
            ids.append([*prompt_ids, *learned, *[self.padding] * rest])
            mask.append([1] * (width - rest) + [0] * rest)
            labels.append([*[IGNORED] * len(prompt_ids), *learned, *[IGNORED] * rest])
        prompts = self.processor.qformer_tokenizer([row["prompt"] for row in rows], padding=True, return_tensors="pt")
        pixels = self.processor.image_processor([_pixels(row["image"]) for row in rows], return_tensors="pt")
        made = {
            "pixel_values": pixels["pixel_values"], "input_ids": torch.tensor(ids),
            "attention_mask": torch.tensor(mask), "qformer_input_ids": prompts["input_ids"],
            "qformer_attention_mask": prompts["attention_mask"],
        }  # fmt: skip
        return {name: tensor.to(self.device) for name, tensor in made.items()}, torch.tensor(labels).to(self.device)

    def learned(self, numbers: list[int]) -> int:
        """Tokens of these rows that are learned."""
        return sum(len(self._tokens(self.rows[number])[1]) for number in numbers)

    def _tokens(self, row: dict[str, str]) -> tuple[list[int], list[int]]:
        tokenizer = self.processor.tokenizer
        prompt_ids = tokenizer(row["prompt"])["input_ids"]
        learned = tokenizer(row["response"], add_special_tokens=False)["input_ids"]
        return [*self.image_tokens, *prompt_ids], [*learned, self.end]


def _pixels(path: str) -> Any:
    import PIL.Image

    try:
        return PIL.Image.open(path).convert("RGB")
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: can't be read as a picture ({' '.join(str(error).split())[:120]})") from None


def steps_of(rows: int, job: dict[str, Any]) -> Iterator[list[int]]:
    """The rows of every step, in an order that depends on the seed and the epoch alone."""
    epoch = 0
    left = job["steps"]
    while left:
        order = list(range(rows))
        random.Random(f"{job['seed']}:{epoch}").shuffle(order)
        batches = [order[start : start + job["batch"]] for start in range(0, rows, job["batch"])][:left]
        yield from batches
        left -= len(batches)
        epoch += 1


class Training:
    """The model with what it is trained by; the state is that after `step` steps."""

    def __init__(self, job: dict[str, Any]) -> None:
        base = Path(job["base"])
        self.job, self.device, self.step = job, job["device"], 0
        self.history: list[dict[str, float]] = []
        self.stored = Stored(base)
        half = job["precision"] == "bfloat16"
        # On a GPU what is frozen is kept in bfloat16; what is trained is float32 everywhere.
        dtype = torch.bfloat16 if half and self.device != "cpu" else torch.float32
        self.model = AutoModelForImageTextToText.from_pretrained(base, dtype=dtype, local_files_only=True)
        self.mixed: AbstractContextManager[Any] = torch.autocast(self.device, torch.bfloat16) if half else nullcontext()
        self.trained = self._unfreeze([re.compile(pattern) for pattern in job["unfrozen"]])
        self.model.to(self.device)
        # Dropout is the Q-Former's own; the frozen parts compute as they do when they answer.
        self.model.eval()
        self.model.qformer.train()
        large = [values for values in self.trained.values() if values.ndim >= 2]
        small = [values for values in self.trained.values() if values.ndim < 2]
        groups = [{"params": large, "weight_decay": job["weight_decay"]}, {"params": small, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW([group for group in groups if group["params"]], lr=job["learning_rate"])
        warmup = int(job["warmup_ratio"] * job["steps"])
        self.schedule = get_scheduler(job["scheduler"], self.optimizer, warmup, job["steps"])
        torch.manual_seed(job["seed"])

    def _unfreeze(self, patterns: list[re.Pattern[str]]) -> dict[str, torch.nn.Parameter]:
        trained = {}
        for name, values in self.model.named_parameters():
            values.requires_grad = any(pattern.match(name) for pattern in patterns)
            if values.requires_grad:
                values.data = self.stored.read(name).float()
                trained[name] = values
        if not trained:
            raise RuntimeError("no parameter has a name that `unfrozen` matches")
        return trained

    def run(self, batches: Batches, rows: int) -> None:
        """Train from `step` to the last one, with checkpoints."""
        PROGRESS.write_text("".join(self._line(entry) for entry in self.history))
        self._tell()
        for number, batch in enumerate(steps_of(rows, self.job)):
            if number < self.step:
                continue
            rate = self.schedule.get_last_lr()[0]
            loss, norm = self._optimize(batches, batch)
            self.step = number + 1
            self.history.append({"step": self.step, "loss": loss, "learning_rate": rate, "grad_norm": norm})
            with open(PROGRESS, "a", encoding="utf-8") as stream:
                stream.write(self._line(self.history[-1]))
            self._tell()
            print({"loss": f"{loss:.4g}", "learning_rate": f"{rate:.4g}"}, flush=True)
            if self.step % self.job["save_every"] == 0 and self.step < self.job["steps"]:
                self.save()

    def _line(self, entry: dict[str, float]) -> str:
        return json.dumps({"steps": self.job["steps"], **entry, "time": time.time()}) + "\n"

    def _optimize(self, batches: Batches, batch: list[int]) -> tuple[float, float]:
        """Take a step; returns the mean loss of the batch's tokens and the norm of the gradient, which is not cut."""
        total, tokens = 0.0, batches.learned(batch)
        for start in range(0, len(batch), self.job["micro_batch"]):
            inputs, labels = batches.inputs(batch[start : start + self.job["micro_batch"]])
            with self.mixed:
                logits = self.model(**inputs).logits
            # The logits at a place predict the token after it.
            summed = cross_entropy(
                logits[:, :-1].float().flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED, reduction="sum"
            )
            loss = summed / tokens
            loss.backward()
            total += float(loss.detach())
        norm = torch.nn.utils.get_total_norm([v.grad for v in self.trained.values() if v.grad is not None])
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        return total, float(norm)

    def _tell(self) -> None:
        done, steps = self.step, self.job["steps"]
        print(f"{100 * done // steps:3}%|{'#' * (10 * done // steps):10}| {done}/{steps} [", flush=True)

    def save(self) -> None:
        """Write a checkpoint under another name first, so that one by its own name is whole; older ones go then."""
        writing, folder = MODEL / "writing", MODEL / f"checkpoint-{self.step}"
        shutil.rmtree(writing, ignore_errors=True)
        writing.mkdir(parents=True)
        save_file(
            {name: values.detach().cpu() for name, values in self.trained.items()}, writing / "trained.safetensors"
        )
        states = {"optimizer": self.optimizer.state_dict(), "schedule": self.schedule.state_dict()}
        torch.save(states, writing / "optimizer.pt")
        draws = {"cpu": torch.get_rng_state()}
        if self.device != "cpu":
            draws["cuda"] = torch.cuda.get_rng_state()
        torch.save(draws, writing / "rng_state.pth")
        (writing / "trainer_state.json").write_text(self._state())
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(writing, folder)
        for older in MODEL.glob("checkpoint-*"):
            if older != folder:
                shutil.rmtree(older)

    def _state(self) -> str:
        steps = self.job["steps"]
        return json.dumps({"global_step": self.step, "max_steps": steps, "log_history": self.history})

    def resume(self) -> None:
        """Take over the last checkpoint, if there is one."""
        folders = sorted(MODEL.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
        if not folders:
            return
        folder = folders[-1]
        weights = load_file(folder / "trained.safetensors")
        with torch.no_grad():
            for name, values in self.trained.items():
                values.copy_(weights[name])
        states = torch.load(folder / "optimizer.pt", weights_only=True)
        self.optimizer.load_state_dict(states["optimizer"])
        self.schedule.load_state_dict(states["schedule"])
        draws = torch.load(folder / "rng_state.pth", weights_only=True)
        torch.set_rng_state(draws["cpu"])
        if "cuda" in draws:
            torch.cuda.set_rng_state(draws["cuda"])
        state = json.loads((folder / "trainer_state.json").read_text())
        self.step, self.history = state["global_step"], state["log_history"]

    def deliver(self) -> None:
        """Write what was trained, in the data types that the base model is stored in, and then how it ended."""
        made = {
            name: values.detach().cpu().to(self.stored.read(name).dtype).contiguous()
            for name, values in self.trained.items()
        }
        MODEL.mkdir(exist_ok=True)
        save_file(made, RESULT)
        TRAINED.with_suffix(".part").write_text(self._state())
        os.replace(TRAINED.with_suffix(".part"), TRAINED)


def main() -> None:
    """Train as job.json says."""
    job = json.loads(Path("job.json").read_text(encoding="utf-8"))
    torch.set_num_threads(job["threads"])
    torch.use_deterministic_algorithms(True, warn_only=True)
    with open("rows.jsonl", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    processor = AutoProcessor.from_pretrained(job["base"], local_files_only=True)
    training = Training(job)
    training.resume()
    training.run(Batches(rows, processor, training.model.config.image_token_id, job["device"]), len(rows))
    training.deliver()


if __name__ == "__main__":
    main()
