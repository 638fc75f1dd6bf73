"""One round of Seq-Instruct over a corpus: choose an action per row and write the new instruction (paper 2.2)."""

from typing import Annotated

from stages import prompts
from stages.core import artifacts
from stages.core.cli import entry_argument, main, report_losses
from stages.core.records import Record
from stages.inference.connect import connect
from stages.params import entry, load
from stages.seqinstruct.filters import Limits
from stages.seqinstruct.policies import Plan
from stages.seqinstruct.round_statistics import Tally
from stages.seqinstruct.rounds import prompts_needed, rewrite_round


def rewrite(
    name: Annotated[str, entry_argument("An entry of `rewrite.rounds` in params.yaml, such as seed-1")],
) -> None:
    """Rewrite the instructions of one corpus, one round.

    Each row is decomposed, gets a task before or after its own, or is held. Rows held in an earlier round are not asked
    again; rows whose reply can't be used keep their instruction under a status that says why. Writes
    data/rewritten/NAME.jsonl, as many rows as were read and in the same order, and data/metrics/rewrite/NAME.json.
    """
    params = load()
    settings, this = params.rewrite.settings, entry(params.rewrite.rounds, name, "rewrite.rounds")
    files = {part: f"{this.prompts}/{part}.txt" for part in prompts_needed(this.policy, this.actions)}
    plan = Plan(
        seed=params.seed,
        round=this.round,
        policy=this.policy,
        actions=tuple(this.actions),
        templates={part: prompts.parse(artifacts.read_text(path), path) for part, path in files.items()},
        sampling=settings.sampling.engine(),
        attempts=settings.attempts,
        orders=settings.orders,
        limits=Limits(settings.gates.max_words, settings.gates.max_growth),
    )
    rows = artifacts.artifact(this.reads, Record)
    tally = Tally("rewrite")
    with connect(params.engines.generator, purpose=f"rewrite {name}") as complete:
        made = complete.rows(rewrite_round(rows, complete, plan), of=rows)
        artifacts.write(f"data/rewritten/{name}.jsonl", tally.records(made))
    summary = tally.summary()
    artifacts.write_json(f"data/metrics/rewrite/{name}.json", summary | complete.summary())
    report_losses(summary["rows"], tally.losses(), kept="done", see=f"the steps in data/rewritten/{name}.jsonl")


if __name__ == "__main__":
    main(rewrite)
