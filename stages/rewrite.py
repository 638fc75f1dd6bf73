"""One round of Seq-Instruct over a corpus: choose an action per row and write the new instruction (paper 2.2)."""

from typing import Annotated

from stages import jsonl, prompts
from stages.cli import entry_argument, main, report_losses
from stages.engines import connect
from stages.params import entry, load
from stages.records import Record
from stages.seqinstruct.gates import Limits
from stages.seqinstruct.policies import Plan
from stages.seqinstruct.rounds import prompts_needed, rewrite_round
from stages.seqinstruct.statistics import Tally


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
        templates={part: prompts.parse(jsonl.read_text(path), path) for part, path in files.items()},
        sampling=settings.sampling.engine(),
        attempts=settings.attempts,
        orders=settings.orders,
        limits=Limits(settings.gates.max_words, settings.gates.max_growth),
    )
    rows = jsonl.artifact(this.reads, Record)
    tally = Tally("rewrite")
    with connect(params.engines.generator, purpose=f"rewrite {name}") as complete:
        made = complete.rows(rewrite_round(rows, complete, plan), of=rows)
        jsonl.write(f"data/rewritten/{name}.jsonl", tally.records(made))
    summary = tally.summary()
    jsonl.write_json(f"data/metrics/rewrite/{name}.json", summary | complete.summary())
    report_losses(summary["rows"], tally.losses(), kept="done", see=f"the steps in data/rewritten/{name}.jsonl")


if __name__ == "__main__":
    main(rewrite)
