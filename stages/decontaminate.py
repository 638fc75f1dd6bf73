"""A training corpus held against every benchmark and against itself -> data/decontaminated/<corpus>.jsonl."""

from typing import Annotated

from stages import jsonl, overlaps
from stages.cli import entry_argument, main, report_losses
from stages.params import entry, load
from stages.records import Record


def decontaminate(
    name: Annotated[str, entry_argument("An entry of `decontaminate.corpora` in params.yaml, such as seed")],
) -> None:
    """Find the rows of a corpus that benchmarks share, or that say again what another row says.

    Writes data/decontaminated/NAME.jsonl; the rows that go, as the entry's `remove` has it, to NAME.rejected.jsonl with
    a reason each; everything that was found of any row to NAME.flags.jsonl; and the counts with a few examples to
    data/metrics/decontaminate/NAME.json. Rows that stay say in their history what was found of them.
    """
    params = load()
    settings, this = params.decontaminate.settings, entry(params.decontaminate.corpora, name, "decontaminate.corpora")
    texts = {name: f"benchmarks/{name}" for name in params.ingest.benchmarks} | {name: name for name in params.withhold}
    withheld = {name: jsonl.read(f"data/withheld/{file}.jsonl", overlaps.Withheld) for name, file in texts.items()}
    index = overlaps.index(withheld, settings.ngrams, settings.shortest)
    apart = (settings.apart_by_numbers, settings.apart_by_slot)
    rules = overlaps.Rules(settings.shingle, settings.similarity, frozenset(this.remove), this.ngram, *apart)
    found = overlaps.survey(jsonl.artifact(this.reads, Record), index, rules)
    folder = f"data/decontaminated/{name}"
    paths = {"kept": f"{folder}.jsonl", "rejected": f"{folder}.rejected.jsonl", "flags": f"{folder}.flags.jsonl"}
    jsonl.write_split(paths, found.split(jsonl.artifact(this.reads, Record)))
    jsonl.write_json(f"data/metrics/decontaminate/{name}.json", metrics := found.metrics())
    report_losses(metrics["rows"], {"removed": metrics["removed"]}, see=paths["rejected"])


if __name__ == "__main__":
    main(decontaminate)
