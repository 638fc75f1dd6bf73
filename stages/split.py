"""Sequential instructions taken apart again (paper 5.1, task level) -> data/split/<name>.jsonl, <name>.turns.jsonl."""

from pathlib import Path
from typing import Annotated

from stages import prompts
from stages.ablations.comparisons import task_level
from stages.ablations.sequence_split import SplitConfig, split_sequences
from stages.core import artifacts
from stages.core.cli import entry_argument, main, report_losses
from stages.core.records import Record
from stages.inference.connect import Connect, connect
from stages.model_files.token_lengths import counter
from stages.params import entry, load


def split(
    name: Annotated[str, entry_argument("An entry of `split` in params.yaml, such as sit-split")],
    *,
    connect: Connect = connect,
) -> None:
    """Take rows with several tasks apart into rows with one (SIT-split), and into turns of a conversation (SIT-multi).

    The generator tells the tasks apart; a row that was held, or that it can't take apart, stays whole and says why.
    Writes data/split/NAME.jsonl, NAME.turns.jsonl with one row a source, and data/metrics/split/NAME.json.
    """
    params = load()
    settings = entry(params.split, name, "split")
    template = prompts.parse(artifacts.read_text(settings.prompt), settings.prompt)
    config = SplitConfig(settings.form, template, settings.sampling.engine(), settings.attempts, params.seed)
    rows = artifacts.artifact(settings.reads, Record)
    with connect(params.engines.generator, purpose=f"split {name}") as complete:
        results = list(complete.rows(split_sequences(rows, complete, config), of=rows))
    sets = task_level(results, settings.reads, counter(Path("models", params.tokenizer)))
    artifacts.write_split({part: f"data/split/{name}{part}.jsonl" for part in sets.rows}, sets.tagged())
    artifacts.write_json(f"data/metrics/split/{name}.json", sets.statistics | complete.summary())
    report_losses(len(results), sets.lost, kept="done", see=f"the steps in data/split/{name}.jsonl")


if __name__ == "__main__":
    main(split)
