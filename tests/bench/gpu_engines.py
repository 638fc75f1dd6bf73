"""Our engine against a bare loop over the same model: `python -m tests.bench.gpu_engines ENGINE MODEL PLACE…`.

It runs in the Python that has the engine, vLLM or Transformers.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import usage
from tests.bench.gpu_place import Place, Result, Size, memory, place_of


def transformers_options(size: Size) -> dict[str, Any]:
    """Options of our engine `transformers`."""
    return {"batch": size.prompts, "threads": 1, "dtype": "float32"}


def vllm_options(place: Place, version: str) -> dict[str, Any]:
    """Options of our engine `vllm` with the vLLM of that version."""
    return {
        "version": version.partition("+")[0], "dtype": "bfloat16", "max_model_len": 512,
        "sequences": 256 if not place.cpu else 8, "tensor_parallel": 1, "memory": 0.5 if not place.cpu else 0.12,
        "prefix_caching": False, "eager": place.cpu, "chunk": place.size.prompts, "data_parallel": 1,
    }  # fmt: skip


def measure_engine(place: Place, engine: str, directory: Path) -> Result:
    """Seconds of our engine and of a bare loop, by turns; runs in the Python that has the engine."""
    from importlib import import_module
    from importlib.metadata import version

    from stages.core.completions import Message, Prompt, Sampling

    size = place.size
    sampling = Sampling(0.0, 1.0, 0, size.tokens)
    options = transformers_options(size) if engine == "transformers" else vllm_options(place, version("vllm"))

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
    return {"seconds": spent["ours"] / 2, "tokens_per_second": rates["ours"], "peak_gib": memory(place), "said": said}


def vllm_of(running: Any) -> tuple[Any, list[int]]:
    """vLLM's own object in our engine `vllm` with one copy of the model, and the tokens that end a reply."""
    return running._compute.__self__._llm, sorted(running._codec.chat.ends)


def _bare_vllm(running: Any, tokens: int) -> Callable[[list[Any]], int]:
    from vllm import SamplingParams

    llm, ends = vllm_of(running)
    params = SamplingParams(temperature=0.0, max_tokens=tokens, stop_token_ids=ends)

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


if __name__ == "__main__":
    usage(__doc__, 2)
    print(json.dumps(measure_engine(place_of(sys.argv[3:]), sys.argv[1], Path(sys.argv[2]))))
