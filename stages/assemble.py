"""Turn an artifact's records into chat messages, what a training run eats."""

from typing import Annotated

from stages import jsonl, pictures, recipes
from stages.cli import entry_argument, main, report_losses
from stages.params import entry, load
from stages.records import Record


def assemble(name: Annotated[str, entry_argument("An entry of `assemble` in params.yaml")]) -> None:
    """Turn an artifact's records into chat messages, what a training run eats.

    A row is {id, messages}: the system prompt if there is one, earlier turns, the instruction with its input, the
    response. The chat template is applied when training, so one set serves every base model. Records with an empty
    instruction or response can't be trained on; they go to data/assembled/<name>.rejected.jsonl with the reason;
    so do those about an image, unless the entry says where the pictures are.
    """
    chosen = entry(load().assemble, name, "assemble")
    records = jsonl.artifact(chosen.reads, Record)
    paths = {"rows": f"data/assembled/{name}.jsonl", "rejected": f"data/assembled/{name}.rejected.jsonl"}
    look = pictures.album(chosen.pictures) if chosen.pictures else None
    tally = recipes.Tally()
    counts = jsonl.write_split(paths, tally(recipes.assemble(records, look)))
    jsonl.write_json(f"data/metrics/assemble/{name}.json", counts)
    report_losses(sum(counts.values()), {"rejected": tally.rejected}, see=paths["rejected"])


if __name__ == "__main__":
    main(assemble)
