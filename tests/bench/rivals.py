"""The same calls by other clients: `python -m tests.bench.rivals CASE NAME=PYTHON ...`.

CASE is one of tests.bench.engines (few, 64, 512, tail); NAME is datatrove, curator or distilabel, PYTHON the
interpreter of an environment of its own in which it is installed. They get the same prompts, server and concurrency,
and what they offer for keeping replies: curator its cache, distilabel its own with `use_cache`, datatrove none for
single replies (a writer at the end).
Wall and CPU (all threads and child processes) are taken around the run itself, imports and set-up aside.
"""

import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

Messages = list[dict[str, str]]
GENERATION = {"temperature": 1.0, "top_p": 0.9, "max_tokens": 2048}


class Clock:
    """Wall and CPU seconds of the block, of this process and those it has waited for."""

    def __enter__(self) -> "Clock":
        self.began, self.used = time.perf_counter(), self.cpu()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.used = time.perf_counter() - self.began, self.cpu() - self.used

    def cpu(self) -> float:
        both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in both)


def datatrove(url: str, prompts: list[Messages], at_once: int, folder: Path) -> tuple[Clock, list[str]]:
    """InferenceRunner against an endpoint, with a JSONL writer."""
    from datatrove.data import Document
    from datatrove.pipeline.inference.run_inference import InferenceConfig, InferenceRunner
    from datatrove.pipeline.writers import JsonlWriter

    async def rollout(document: Any, generate: Any) -> str:
        found = await generate({"messages": document.metadata["messages"]})
        return str(found.text)

    config = InferenceConfig(
        server_type="endpoint", endpoint_url=url.removesuffix("/v1"), model_name_or_path="bench",
        max_concurrent_generations=at_once, default_generation_params=GENERATION,
    )  # fmt: skip
    writer = JsonlWriter(str(folder / "out"), output_filename="${rank}.jsonl", compression=None)
    runner = InferenceRunner(rollout_fn=rollout, config=config, output_writer=writer)
    documents = [Document(text="", id=str(n), metadata={"messages": one}) for n, one in enumerate(prompts)]
    with Clock() as clock:
        runner.run(iter(documents), rank=0, world_size=1)
    rows = [json.loads(line) for line in (folder / "out/00000.jsonl").read_text().splitlines()]
    texts = {row["id"]: row["metadata"]["rollout_results"][0] for row in rows}
    return clock, [texts.get(str(n), "") for n in range(len(prompts))]


def curator(url: str, prompts: list[Messages], at_once: int, folder: Path) -> tuple[Clock, list[str]]:
    """curator.LLM with its cache in `folder`, limits that never bind."""
    os.environ |= {"CURATOR_CACHE_DIR": str(folder), "TELEMETRY_ENABLED": "0", "OPENAI_API_KEY": "none"}
    # tiktoken would download its table; litellm, which curator needs, brings it along.
    place = importlib.util.find_spec("litellm")
    if place and place.origin:
        os.environ["TIKTOKEN_CACHE_DIR"] = str(Path(place.origin).parent / "litellm_core_utils/tokenizers")
    from bespokelabs import curator as library

    class Asking(library.LLM):  # type: ignore[misc, name-defined]
        def prompt(self, row: dict[str, Any]) -> Messages:
            return row["messages"]  # type: ignore[no-any-return]

        def parse(self, row: dict[str, Any], response: str) -> dict[str, Any]:
            return {"number": row["number"], "text": response}

    limits = {"max_concurrent_requests": at_once, "max_requests_per_minute": 10**7, "max_tokens_per_minute": 10**11}
    asking = Asking(
        model_name="gpt-4o-mini", backend="openai", backend_params={"base_url": url, **limits},
        generation_params=GENERATION,
    )  # fmt: skip
    rows = [{"number": n, "messages": one} for n, one in enumerate(prompts)]
    with Clock() as clock:
        found = asking(rows)
    found = getattr(found, "dataset", found)
    texts = {row["number"]: row["text"] for row in found}
    return clock, [texts.get(n, "") for n in range(len(prompts))]


def distilabel(url: str, prompts: list[Messages], at_once: int, folder: Path) -> tuple[Clock, list[str]]:
    """A pipeline of TextGeneration by OpenAILLM; a batch is as many rows as may be asked at once."""
    from distilabel.models import OpenAILLM
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import ChatGeneration

    with Pipeline("bench", cache_dir=str(folder)) as pipeline:
        rows = [{"messages": one, "number": n} for n, one in enumerate(prompts)]
        load = LoadDataFromDicts(data=rows, batch_size=at_once)
        generation = {"temperature": 1.0, "top_p": 0.9, "max_new_tokens": 2048}
        llm = OpenAILLM(model="bench", base_url=url, api_key="none", generation_kwargs=generation)
        load >> ChatGeneration(llm=llm, input_batch_size=at_once)
    with Clock() as clock:
        found = pipeline.run(use_cache=True)
    texts = {row["number"]: row["generation"] or "" for row in found["default"]["train"]}
    return clock, [texts.get(n, "") for n in range(len(prompts))]


RIVALS = {"datatrove": datatrove, "curator": curator, "distilabel": distilabel}


def answer(name: str, url: str, file: str, at_once: str) -> None:
    """In the rival's environment: ask, and print what came of it."""
    prompts = [json.loads(line) for line in Path(file).read_text().splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        clock, texts = RIVALS[name](url, prompts, int(at_once), Path(folder))
    right = sum(text.startswith(f"row {number} ") for number, text in enumerate(texts))
    print("RESULT", json.dumps([clock.wall, clock.used, right]), flush=True)


def main(case: str, environments: list[str]) -> None:
    """Print the table, ours first."""
    import msgspec

    from tests.bench import engines

    calls, at_once, plan = engines.CASES[case]
    ideal = engines.ideal_of(calls, at_once, plan)
    print(f"{calls} calls, {at_once} at once, plan {plan}: ideal {ideal:.2f} s; load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "prompts.jsonl")
        lines = [msgspec.json.encode(engines.prompt(number).messages) for number in range(calls)]
        file.write_bytes(b"\n".join(lines))
        with engines.server(plan) as url:
            wall, used = engines.run(url, calls, at_once, Path(folder, "store"))
            _say("seqit", wall, used, calls, calls, ideal)
        for name, python in (pair.split("=", 1) for pair in environments):
            with engines.server(plan) as url:
                command = [python, str(Path(__file__).resolve()), "answer", name, url, str(file), str(at_once)]
                done = subprocess.run(["timeout", "300", *command], capture_output=True, text=True, cwd=folder)
            told = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
            if told:
                wall, used, right = json.loads(told[0].removeprefix("RESULT "))
                _say(name, wall, used, right, calls, ideal)
            else:
                said = (done.stderr.strip().splitlines() or ["?"])[-1][:300]
                print(f"{name:12} failed (exit status {done.returncode}, 124 is 300 s): {said}", flush=True)


def _say(name: str, wall: float, used: float, right: int, calls: int, ideal: float) -> None:
    print(
        f"{name:12} {wall:7.2f} s wall {wall / ideal:6.2f} x {used / calls * 1000:7.2f} ms CPU a request, "
        f"{right} of {calls} right; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["answer"]:
        answer(*sys.argv[2:])  # a rival's environment has nothing of ours
    else:
        from tests.bench import usage

        usage(__doc__, 1)
        main(sys.argv[1], sys.argv[2:])
