"""Responses to the instructions of a round; round 0, the original instructions, is the IT baseline."""

from pathlib import Path
from typing import Annotated

from stages.core import artifacts
from stages.core.cli import entry_argument, main, report_losses
from stages.core.records import Record
from stages.inference.connect import connect
from stages.model_files.token_lengths import counter
from stages.params import entry, load
from stages.seqinstruct.responses import Wishes, respond_round
from stages.seqinstruct.round_statistics import Tally


def respond(
    name: Annotated[str, entry_argument("An entry of `respond.rounds` in params.yaml, such as seed-0")],
) -> None:
    """Respond to every instruction of one round.

    Frozen rows keep the response of the round before; rows without a usable response are rejected with their reason.
    Writes data/responded/NAME.jsonl, NAME.rejected.jsonl beside it, and data/metrics/respond/NAME.json with lengths in
    tokens.
    """
    params = load()
    settings, this = params.respond.settings, entry(params.respond.rounds, name, "respond.rounds")
    wishes = Wishes(params.seed, this.round, settings.sampling.engine(), settings.attempts, tuple(settings.keep))
    rows = artifacts.artifact(this.reads, Record)
    earlier = artifacts.artifact(this.earlier, Record)
    paths = {"rows": f"data/responded/{name}.jsonl", "rejected": f"data/responded/{name}.rejected.jsonl"}
    tally = Tally("respond", counter(Path("models", params.tokenizer)))
    with connect(params.engines.generator, purpose=f"respond {name}") as complete:
        made = complete.rows(respond_round(rows, earlier, complete, wishes), of=rows)
        artifacts.write_split(paths, tally.split(made))
    summary = tally.summary()
    artifacts.write_json(f"data/metrics/respond/{name}.json", summary | complete.summary())
    lost = {"rejected": summary["rejected_by_reason"]}
    report_losses(summary["rows"] + summary["rejected"], lost, see=paths["rejected"])


if __name__ == "__main__":
    main(respond)
