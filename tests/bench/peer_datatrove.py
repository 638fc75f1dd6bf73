"""The work by datatrove: an InferenceRunner whose rollout awaits a row's six calls one after another.

Checkpoints are on, which keep single replies as long as a run has not ended. A rollout that raises ends the whole run,
so a row that fails returns nothing, as the library's interface has it for rows to be removed.
"""

import json
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.inference.run_inference import InferenceConfig, InferenceRunner
from datatrove.pipeline.inference.types import InferenceError
from datatrove.pipeline.writers import JsonlWriter

from tests.bench.peer_run import GENERATION, answer_of, instruction_of, letter_of


def run(url: str, given: dict[str, Any], at_once: int, folder: Path) -> dict[str, list[str]]:
    """First instruction -> the last one, and the answer of each round; without the rows that failed."""

    async def rollout(document: Any, generate: Any) -> list[str] | None:
        async def ask(text: str, system: str = "") -> Any:
            messages = [{"role": "system", "content": system}] if system else []
            return await generate({"messages": [*messages, {"role": "user", "content": text}]})

        text, answers = document.text, []
        try:
            for _ in range(given["rounds"]):
                letter = letter_of((await ask(given["choose"] + text, given["system"])).text)
                made = await ask(given["write"].replace("{letter}", letter) + text, given["system"])
                text = instruction_of(made.text)
                answered = await ask(text)
                answers.append(answer_of(answered.text, answered.finish_reason))
        except (InferenceError, ValueError):
            return None
        return [text, *answers]

    config = InferenceConfig(
        server_type="endpoint", endpoint_url=url.removesuffix("/v1"), model_name_or_path="bench",
        max_concurrent_generations=at_once, default_generation_params=GENERATION,
    )  # fmt: skip
    writer = JsonlWriter(str(folder / "out"), output_filename="${rank}_chunk_${chunk_index}.jsonl", compression=None)
    runner = InferenceRunner(
        rollout_fn=rollout, config=config, output_writer=writer, checkpoints_local_dir=str(folder / "checkpoints"),
        records_per_chunk=at_once,
    )  # fmt: skip
    texts = given["instructions"]
    runner.run(iter([Document(text=text, id=str(number)) for number, text in enumerate(texts)]))
    files = sorted((folder / "out").glob("*.jsonl"))
    rows = [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]
    return {row["text"]: row["metadata"]["rollout_results"][0] for row in rows if row["metadata"]["rollout_results"]}
