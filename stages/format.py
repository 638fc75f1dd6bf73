"""Turn an artifact's records into chat messages, what a training run eats."""

from typing import Annotated

from stages.core import artifacts, image_files
from stages.core.cli import entry_argument, main, report_losses
from stages.core.records import Record
from stages.params import entry, load
from stages.training import training_rows


def format(name: Annotated[str, entry_argument("An entry of `train.runs` in params.yaml")]) -> None:
    """Turn an artifact's records into chat messages, what a training run eats.

    A row is {id, messages}: the system prompt if there is one, earlier turns, the instruction with its input, the
    response. The chat template is applied when training, so one set serves every base model. Records with an empty
    instruction or response can't be trained on; they go to data/formatted/<name>.rejected.jsonl with the reason;
    so do those about an image, unless the entry says where the pictures are.
    """
    chosen = entry(load().train.runs, name, "train.runs")
    records = artifacts.artifact(chosen.reads, Record)
    paths = {"rows": f"data/formatted/{name}.jsonl", "rejected": f"data/formatted/{name}.rejected.jsonl"}
    look = image_files.album(chosen.pictures) if chosen.pictures else None
    tally = training_rows.Tally()
    counts = artifacts.write_split(paths, tally(training_rows.assemble(records, look)))
    artifacts.write_json(f"data/metrics/format/{name}.json", counts)
    report_losses(sum(counts.values()), {"rejected": tally.rejected}, see=paths["rejected"])


if __name__ == "__main__":
    main(format)
