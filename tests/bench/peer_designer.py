"""The work by NVIDIA's Data Designer: LLM columns that depend on each other, and columns that read their replies.

Row groups are as large as may be in flight, so that a run which is killed keeps those that were done; it resumes where
it can. Its metrics endpoint is off.
"""

import json
from pathlib import Path
from typing import Any

import data_designer.config as dd
from data_designer.interface import DataDesigner, ResumeMode

from tests.bench.peer_run import GENERATION, answer_of, instruction_of, letter_of


def _read(column: str, of: str, read: Any) -> Any:
    """A column that reads another; a row whose text it can't read is dropped."""

    @dd.custom_column_generator(required_columns=[of])
    def generator(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, column: read(row[of])}

    return dd.CustomColumnConfig(name=column, generator_function=generator)


def _columns(given: dict[str, Any]) -> Any:
    model, system = "bench", given["system"]
    for number in range(1, given["rounds"] + 1):
        before = f"{{{{ instruction{number - 1} }}}}"
        write = given["write"].replace("{letter}", f"{{{{ letter{number} }}}}") + before
        yield dd.LLMTextColumnConfig(
            name=f"choose{number}", prompt=given["choose"] + before, system_prompt=system, model_alias=model
        )
        yield _read(f"letter{number}", f"choose{number}", letter_of)
        yield dd.LLMTextColumnConfig(name=f"write{number}", prompt=write, system_prompt=system, model_alias=model)
        yield _read(f"instruction{number}", f"write{number}", instruction_of)
        yield dd.LLMTextColumnConfig(name=f"text{number}", prompt=f"{{{{ instruction{number} }}}}", model_alias=model)
        yield _read(f"answer{number}", f"text{number}", answer_of)


def run(url: str, given: dict[str, Any], at_once: int, folder: Path) -> dict[str, list[str]]:
    """First instruction -> the last one, and the answer of each round; without the rows that failed."""
    seeds = folder / "seeds.jsonl"
    seeds.write_text("".join(json.dumps({"instruction0": text}) + "\n" for text in given["instructions"]), "utf-8")
    provider = dd.ModelProvider(name="bench", endpoint=url, provider_type="openai", api_key="none")
    parameters = dd.ChatCompletionInferenceParams(max_parallel_requests=at_once, **GENERATION)
    model = dd.ModelConfig(
        alias="bench", model="bench", provider="bench", inference_parameters=parameters, skip_health_check=True
    )
    builder = dd.DataDesignerConfigBuilder(model_configs=[model])
    builder.with_seed_dataset(dd.LocalFileSeedSource(path=str(seeds)))
    for column in _columns(given):
        builder.add_column(column)
    designer = DataDesigner(artifact_path=folder / "artifacts", model_providers=[provider])
    designer.set_run_config(dd.RunConfig(buffer_size=at_once, otel_metrics_port=None, disable_early_shutdown=True))
    made = designer.create(
        builder, num_records=len(given["instructions"]), dataset_name="bench", resume=ResumeMode.IF_POSSIBLE
    )
    names = [f"instruction{given['rounds']}", *(f"answer{number + 1}" for number in range(given["rounds"]))]
    rows = made.load_dataset().to_dict("records")
    return {row["instruction0"]: [row[name] for name in names] for row in rows}
