"""Compare a training corpus with every benchmark and with itself -> data/decontaminated/<corpus>.jsonl."""

from pathlib import Path
from typing import Annotated

from stages.core import artifacts
from stages.core.cli import entry_argument, main, report_losses
from stages.core.records import Record
from stages.decontamination.benchmark_index import BenchmarkText, build_index
from stages.decontamination.decontaminate_rows import DecontaminationRules, find_contamination
from stages.params import entry, load


def decontaminate(
    name: Annotated[str, entry_argument("An entry of `decontaminate.corpora` in params.yaml, such as seed")],
) -> None:
    """Find the rows of a corpus that overlap with benchmarks or duplicate another row.

    Writes data/decontaminated/NAME.jsonl; the rows that go, as the entry's `remove` has it, to NAME.rejected.jsonl with
    a reason each; everything that was found of any row to NAME.flags.jsonl; and the counts with a few examples to
    data/metrics/decontaminate/NAME.json. Rows that stay say in their history what was found of them.
    """
    params = load()
    settings, this = params.decontaminate.settings, entry(params.decontaminate.corpora, name, "decontaminate.corpora")
    # The folder decides, and the stage depends on it: `ingest.benchmarks` and `index_benchmarks` may be absent.
    files = [f"benchmarks/{name}" for name in params.ingest.benchmarks]
    files += sorted(path.stem for path in Path("data/benchmark_index").glob("*.jsonl"))
    texts = {file.removeprefix("benchmarks/"): file for file in files}
    withheld = {
        name: artifacts.read(f"data/benchmark_index/{file}.jsonl", BenchmarkText) for name, file in texts.items()
    }
    index = build_index(withheld, settings.ngrams, settings.shortest)
    apart = (settings.apart_by_numbers, settings.apart_by_slot)
    rules = DecontaminationRules(settings.shingle, settings.similarity, frozenset(this.remove), this.ngram, *apart)
    result = find_contamination(artifacts.artifact(this.reads, Record), index, rules)
    folder = f"data/decontaminated/{name}"
    paths = {"kept": f"{folder}.jsonl", "rejected": f"{folder}.rejected.jsonl", "flags": f"{folder}.flags.jsonl"}
    artifacts.write_split(paths, result.split(artifacts.artifact(this.reads, Record)))
    artifacts.write_json(f"data/metrics/decontaminate/{name}.json", metrics := result.metrics())
    report_losses(metrics["rows"], {"removed": metrics["removed"]}, see=paths["rejected"])


if __name__ == "__main__":
    main(decontaminate)
