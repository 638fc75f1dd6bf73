"""Seq-Instruct over a corpus: every round chooses an action per row and writes the new instruction (paper 2.2)."""

from typing import Annotated

from stages import prompts
from stages.core import artifacts
from stages.core.cli import entry_argument, main, report_losses
from stages.core.records import Record
from stages.inference.connect import Connect, connect
from stages.params import entry, load
from stages.seqinstruct.filters import Limits
from stages.seqinstruct.policies import RoundConfig
from stages.seqinstruct.round_statistics import RoundStats
from stages.seqinstruct.rounds import prompts_needed, rewrite_round
from stages.validation.receipts import write_receipts


def rewrite(
    name: Annotated[str, entry_argument("An entry of `rewrite.corpora` or `rewrite.benchmarks`, such as seed")],
    *,
    connect: Connect = connect,
) -> None:
    """Rewrite the instructions of a corpus, round by round.

    Each row is decomposed, gets a task before or after its own, or is held. Rows held in an earlier round are not sent
    again; rows whose reply can't be used keep their instruction under a status that says why. Writes for each ROUND
    data/rewritten/NAME/ROUND.jsonl, as many rows as were read and in the same order, with its receipt, before the next
    round reads it, and data/metrics/rewrite/NAME/ROUND.json.
    """
    params = load()
    settings, corpus = params.rewrite.settings, entry(params.rewrite.entries, name, "rewrite.corpora")
    reads, limits = corpus.reads, params.validation
    with connect(params.engines.generator, purpose=f"rewrite {name}") as complete:
        for number in range(1, corpus.rounds + 1):
            actions = corpus.actions_in(number)
            files = {part: f"{corpus.prompts}/{part}.txt" for part in prompts_needed(corpus.policy, actions)}
            config = RoundConfig(
                seed=params.seed, round=number, policy=corpus.policy, actions=actions,
                templates={part: prompts.parse(artifacts.read_text(path), path) for part, path in files.items()},
                sampling=settings.sampling.engine(), attempts=settings.attempts, orders=settings.orders,
                limits=Limits(settings.gates.max_words, settings.gates.max_growth),
                constraint_share=corpus.constraint_share,
            )  # fmt: skip
            rows, stats = artifacts.artifact(reads, Record), RoundStats("rewrite")
            reads = f"rewritten/{name}/{number}"
            rewritten = complete.rows(rewrite_round(rows, complete, config), rows, corpus.rounds - number)
            artifacts.write(f"data/{reads}.jsonl", stats.records(rewritten))
            summary = stats.summary()
            artifacts.write_json(f"data/metrics/rewrite/{name}/{number}.json", summary | complete.take())
            report_losses(summary["rows"], stats.losses(), kept="done", see=f"the steps in data/{reads}.jsonl")
            thresholds = limits.thresholds | ({"max_same": None} if len(actions) == 1 else {})
            write_receipts([reads], "rewritten", limits.max_quarantined, thresholds, complete.is_dry_run)


if __name__ == "__main__":
    main(rewrite)
