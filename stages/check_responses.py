"""Responses that satisfy the checks of their rows -> data/filtered/<name>.jsonl, others asked again or rejected."""

from typing import Annotated

from stages.core import artifacts
from stages.core.cli import entry_argument, main
from stages.inference.connect import Connect, connect
from stages.params import entry, load
from stages.response_filter.candidate_rows import FilterConfig
from stages.response_filter.filter_artifact import filter_artifact
from stages.response_filter.filtered_rows import FilteredRows
from stages.response_filter.response_grades import grade_by_checks


def check_responses(
    name: Annotated[str, entry_argument("An entry of `respond.filter.checks` in params.yaml")],
    *,
    connect: Connect = connect,
) -> None:
    """Keep rows whose response satisfies every check, and ask the generator again for the others.

    Reads a round of responses. Writes accepted rows to data/filtered/NAME.jsonl, rejected ones with their reason to
    NAME.rejected.jsonl, pairs of an accepted and another response to NAME.pairs.jsonl, and counts to
    data/metrics/filter/NAME.json. A row without checks is accepted as it is.
    """
    params = load()
    chosen, settings = entry(params.respond.filter.checks, name, "respond.filter.checks"), params.respond.settings
    config = FilterConfig(
        params.seed, chosen.round, settings.sampling.engine(), tuple(settings.keep), settings.attempts, chosen.samples,
        chosen.choose, chosen.rows, chosen.budget,
    )  # fmt: skip
    with connect(params.engines.generator, purpose=f"check_responses {name}") as complete:
        filtered = FilteredRows(config, "checks")
        counts = filter_artifact(name, chosen.reads, complete, grade_by_checks, config, filtered, complete.rows)
    artifacts.write_json(f"data/metrics/filter/{name}.json", counts | complete.summary())


if __name__ == "__main__":
    main(check_responses)
