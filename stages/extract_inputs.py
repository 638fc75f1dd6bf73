"""Flat prompts told apart into instruction and input, for corpora such as FlanCoT (paper B.4) -> data/extracted/."""

from typing import Annotated

from stages import prompts
from stages.core import artifacts
from stages.core.cli import entry_argument, main, report_losses
from stages.core.records import Record
from stages.inference.connect import Connect, connect
from stages.params import entry, load
from stages.seqinstruct.input_extraction import ExtractionConfig, extract_rows
from stages.seqinstruct.round_statistics import RoundStats


def extract_inputs(
    name: Annotated[str, entry_argument("An entry of `extract_inputs.corpora` in params.yaml, such as flat")],
    *,
    connect: Connect = connect,
) -> None:
    """Have the generator tell instruction and input apart in rows that are one flat prompt.

    Parts are taken only where nothing of the prompt is lost or made up; else the row keeps its flat prompt under a
    status that says why. Rows that have an input pass unasked. Writes data/extracted/NAME.jsonl, as many rows as were
    read and in the same order, and data/metrics/extract_inputs/NAME.json.
    """
    params = load()
    settings, this = (
        params.extract_inputs.settings,
        entry(params.extract_inputs.corpora, name, "extract_inputs.corpora"),
    )
    template = prompts.parse(artifacts.read_text(settings.prompt), settings.prompt)
    config = ExtractionConfig(params.seed, template, settings.sampling.engine(), settings.attempts)
    rows = artifacts.artifact(this.reads, Record)
    stats = RoundStats("extract")
    with connect(params.engines.generator, purpose=f"extract_inputs {name}") as complete:
        made = complete.rows(extract_rows(rows, complete, config), of=rows)
        artifacts.write(f"data/extracted/{name}.jsonl", stats.records(made))
    summary = stats.summary()
    artifacts.write_json(f"data/metrics/extract_inputs/{name}.json", summary | complete.summary())
    report_losses(summary["rows"], stats.losses(), kept="done", see=f"the steps in data/extracted/{name}.jsonl")


if __name__ == "__main__":
    main(extract_inputs)
