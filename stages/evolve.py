"""WizardLM's evolution of a corpus, the rival of Seq-Instruct (Xu et al. 2023)."""

from typing import Annotated

from stages import prompts
from stages.core import artifacts
from stages.core.cli import entry_argument, main, report_losses
from stages.core.records import Record
from stages.inference.connect import Connect, connect
from stages.params import entry, load
from stages.seqinstruct.round_statistics import RoundStats
from stages.seqinstruct.wizardlm import EvolutionConfig, evolve_rows


def evolve(
    name: Annotated[str, entry_argument("An entry of `evolve.corpora` in params.yaml, such as seed")],
    *,
    connect: Connect = connect,
) -> None:
    """Make the instructions of a corpus harder or broader, and respond to them.

    An evolution that is eliminated leaves the instruction as it was; a row whose response is eliminated is rejected
    with its reason. Writes data/evolved/NAME.jsonl, NAME.rejected.jsonl beside it, and data/metrics/evolve/NAME.json.
    """
    params = load()
    settings, this = params.evolve.settings, entry(params.evolve.corpora, name, "evolve.corpora")
    files = {operation: f"{settings.prompts}/{operation}.txt" for operation in settings.operations}
    config = EvolutionConfig(
        seed=params.seed,
        rounds=settings.rounds,
        operations=tuple(settings.operations),
        templates={operation: prompts.parse(artifacts.read_text(path), path) for operation, path in files.items()},
        sampling=settings.sampling.engine(),
        respond=settings.respond.engine(),
        attempts=settings.attempts,
    )
    rows = artifacts.artifact(this.reads, Record)
    paths = {"rows": f"data/evolved/{name}.jsonl", "rejected": f"data/evolved/{name}.rejected.jsonl"}
    stats = RoundStats("evolve")
    with connect(params.engines.generator, purpose=f"evolve {name}") as complete:
        made = complete.rows(evolve_rows(rows, complete, config), of=rows)
        artifacts.write_split(paths, stats.split(made))
    summary = stats.summary()
    artifacts.write_json(f"data/metrics/evolve/{name}.json", summary | complete.summary())
    report_losses(summary["rows"] + summary["rejected"], stats.losses(), kept="evolved", see=paths["rejected"])


if __name__ == "__main__":
    main(evolve)
