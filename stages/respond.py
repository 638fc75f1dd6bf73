"""Responses to the instructions of every round; round 0, the original instructions, is the IT baseline."""

from functools import partial
from pathlib import Path
from typing import Annotated

from stages.core import artifacts
from stages.core.cli import entry_argument, main, report_losses
from stages.core.records import Record
from stages.inference.connect import Connect, connect
from stages.model_files.token_lengths import counter
from stages.params import entry, load
from stages.seqinstruct.responses import ResponseConfig, earlier_rows, respond_round
from stages.seqinstruct.round_statistics import RoundStats
from stages.validation.receipts import refuse_losses, write_receipts

CHANGE = "raise max_tokens or attempts under respond.settings, or name another model"


def respond(
    name: Annotated[str, entry_argument("An entry of `rewrite.corpora` in params.yaml, such as seed")],
    *,
    connect: Connect = connect,
) -> None:
    """Respond to every instruction of a corpus as it is (round 0) and after each round of rewriting.

    Frozen rows keep the response of the round before, and where `hold` or `round_0` say so rows keep the corpus's own;
    rows without a usable response are rejected with their reason. With `responses: last` only the last round gets them.
    Writes for each ROUND data/responded/NAME/ROUND.jsonl with its receipt, ROUND.rejected.jsonl beside it, and
    data/metrics/respond/NAME/ROUND.json with lengths in tokens.
    """
    params = load()
    settings, limits, count = params.respond.settings, params.validation, counter(Path("models", params.tokenizer))
    corpus = entry(params.rewrite.corpora, name, "rewrite.corpora")
    earlier, versions = corpus.reads, [partial(artifacts.artifact, made, Record) for made in corpus.versions(name)]
    with connect(params.engines.generator, purpose=f"respond {name}") as complete:
        for number in corpus.answered:
            config = ResponseConfig(
                params.seed, number, settings.sampling.engine(), settings.attempts, tuple(settings.keep),
                corpus.hold or settings.hold, corpus.round_0 or settings.round_0,
            )  # fmt: skip
            rows, round_before = versions[number](), partial(artifacts.artifact, earlier, Record)
            before = earlier_rows(versions, round_before, complete, config, corpus.responses == "last")
            earlier = f"responded/{name}/{number}"
            paths = {"rows": f"data/{earlier}.jsonl", "rejected": f"data/{earlier}.rejected.jsonl"}
            stats = RoundStats("respond", count)
            responses = respond_round(rows, before, complete, config)
            artifacts.write_split(paths, stats.split(complete.rows(responses, rows, corpus.rounds - number)))
            summary = stats.summary()
            artifacts.write_json(f"data/metrics/respond/{name}/{number}.json", summary | complete.take())
            total, lost = summary["rows"] + summary["rejected"], summary["rejected_by_reason"]
            report_losses(total, {"rejected": lost}, see=paths["rejected"])
            if not complete.is_dry_run:
                refuse_losses(earlier, total, lost, limits.max_failed, CHANGE)
            write_receipts([earlier], "responded", limits.max_quarantined, limits.thresholds, complete.is_dry_run)


if __name__ == "__main__":
    main(respond)
