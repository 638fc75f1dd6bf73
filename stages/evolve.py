"""WizardLM's evolution of a corpus, the rival of Seq-Instruct (Xu et al. 2023)."""

from typing import Annotated

from stages import jsonl, prompts
from stages.cli import entry_argument, main, report_losses
from stages.engines import connect
from stages.params import entry, load
from stages.records import Record
from stages.seqinstruct.evolution import Evolution
from stages.seqinstruct.evolution import evolve as evolve_rows
from stages.seqinstruct.statistics import Tally


def evolve(
    name: Annotated[str, entry_argument("An entry of `evolve.corpora` in params.yaml, such as seed")],
) -> None:
    """Make the instructions of a corpus harder or broader, and respond to them.

    An evolution that is eliminated leaves the instruction as it was; a row whose response is eliminated is rejected
    with its reason. Writes data/evolved/NAME.jsonl, NAME.rejected.jsonl beside it, and data/metrics/evolve/NAME.json.
    """
    params = load()
    settings, this = params.evolve.settings, entry(params.evolve.corpora, name, "evolve.corpora")
    files = {operation: f"{settings.prompts}/{operation}.txt" for operation in settings.operations}
    plan = Evolution(
        seed=params.seed,
        rounds=settings.rounds,
        operations=tuple(settings.operations),
        templates={operation: prompts.parse(jsonl.read_text(path), path) for operation, path in files.items()},
        sampling=settings.sampling.engine(),
        respond=settings.respond.engine(),
        attempts=settings.attempts,
    )
    rows = jsonl.artifact(this.reads, Record)
    paths = {"rows": f"data/evolved/{name}.jsonl", "rejected": f"data/evolved/{name}.rejected.jsonl"}
    tally = Tally("evolve")
    with connect(params.engines.generator, purpose=f"evolve {name}") as complete:
        made = complete.rows(evolve_rows(rows, complete, plan), of=rows)
        jsonl.write_split(paths, tally.split(made))
    summary = tally.summary()
    jsonl.write_json(f"data/metrics/evolve/{name}.json", summary | complete.summary())
    report_losses(summary["rows"] + summary["rejected"], tally.losses(), kept="evolved", see=paths["rejected"])


if __name__ == "__main__":
    main(evolve)
