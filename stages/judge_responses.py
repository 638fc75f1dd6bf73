"""Responses that the judge accepts -> data/filtered/<name>.jsonl, others asked again or rejected."""

from functools import partial
from typing import Annotated

from stages import prompts
from stages.core import artifacts
from stages.core.cli import entry_argument, main
from stages.core.errors import UserError
from stages.evaluation.judges import JUDGES
from stages.evaluation.judges.judge_requests import JudgeConfig
from stages.inference.connect import Connect, connect
from stages.params import entry, load
from stages.response_filter.candidate_rows import FilterConfig
from stages.response_filter.filter_artifact import filter_artifact
from stages.response_filter.filtered_rows import FilteredRows
from stages.response_filter.response_grades import grade_by_judge


def judge_responses(
    name: Annotated[str, entry_argument("An entry of `respond.filter.judge` in params.yaml")],
    *,
    connect: Connect = connect,
) -> None:
    """Keep rows whose response the judge accepts, and ask the generator again for the others.

    Reads a round of responses; the judge is that of `judge` and engines.judge. Writes accepted rows to
    data/filtered/NAME.jsonl, rejected ones with their reason to NAME.rejected.jsonl, pairs of an accepted and another
    response to NAME.pairs.jsonl, and counts to data/metrics/filter/NAME.json.
    """
    params = load()
    chosen, settings = entry(params.respond.filter.judge, name, "respond.filter.judge"), params.respond.settings
    metrics, judge = JUDGES[params.judge.reading].metrics, params.judge
    if not metrics or (chosen.min_quality is not None and "quality" not in metrics):
        lacking = "gives no verdict" if not metrics else "gives no quality, which min_quality needs"
        raise UserError(f"params.yaml: judge.reading: {judge.reading} {lacking}; respond.filter.judge.{name} needs it")
    template = prompts.parse(artifacts.read_text(judge.prompt), judge.prompt)
    config = FilterConfig(
        params.seed, chosen.round, settings.sampling.engine(), tuple(settings.keep), settings.attempts, chosen.samples,
        chosen.choose, chosen.rows, chosen.budget,
    )  # fmt: skip
    with (
        connect(params.engines.generator, purpose=f"judge_responses {name}") as complete,
        connect(params.engines.judge, purpose=f"judge_responses {name}") as verdicts,
    ):
        judging = JudgeConfig(verdicts, template, judge.sampling(), judge.attempts, params.seed, judge.reading)
        grade = grade_by_judge(partial(JUDGES[judge.reading].rate, judging), chosen.min_quality)
        filtered = FilteredRows(config, "judge", template.hash)
        counts = filter_artifact(name, chosen.reads, complete, grade, config, filtered, complete.rows)
    artifacts.write_json(
        f"data/metrics/filter/{name}.json", counts | complete.summary() | {"judge": verdicts.summary()}
    )


if __name__ == "__main__":
    main(judge_responses)
