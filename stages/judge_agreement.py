"""A second judge's scores of the same answers, and the agreement of the two -> data/judge_agreement/<name>.jsonl."""

from functools import partial
from typing import Annotated

from stages import prompts
from stages.core import artifacts
from stages.core.cli import entry_argument, main, report_losses, together
from stages.evaluation.benchmarks.agreement_scores import score_again
from stages.evaluation.benchmarks.questions import Answer, Question, Score, unscored_warning
from stages.evaluation.benchmarks.sampling import shortage
from stages.evaluation.judges import JUDGES
from stages.evaluation.judges.judge_requests import JudgeConfig
from stages.inference.connect import Connect, connect
from stages.params import entry, load


def judge_agreement(
    name: Annotated[str, entry_argument("An entry of `judge_agreement.runs` in params.yaml")],
    *,
    connect: Connect = connect,
) -> str:
    """Have the judge `engines.reviewer` score a run's answers as well.

    Reads the answers and what `evaluate` made of them; no model under test is asked. Writes the second judge's scores
    to data/judge_agreement/NAME.jsonl, and to data/metrics/judge_agreement/NAME.json their means with how often both
    judges agree (raw, and Cohen's kappa).
    """
    params = load()
    settings = params.judge_agreement.settings
    run_entry = entry(params.judge_agreement.runs, name, "judge_agreement.runs")
    place = f"{run_entry.run}/{run_entry.benchmark}"
    questions = list(artifacts.artifact(f"ingested/benchmarks/{run_entry.benchmark}", Question))
    answers = artifacts.artifact(f"predictions/{place}", Answer)
    first = artifacts.read(f"data/scored/{place}.jsonl", Score)
    template = prompts.parse(artifacts.read_text(settings.prompt), settings.prompt)
    with connect(params.engines.reviewer, purpose=f"judge_agreement {name}") as complete:
        config = JudgeConfig(complete, template, settings.sampling(), settings.attempts, params.seed, settings.reading)
        judge = complete.watched(partial(JUDGES[config.reading].rate, config), of=questions[: run_entry.sample])
        how = (run_entry.sample, params.seed, params.evaluate.resamples)
        scores, summary = score_again(questions, answers, first, judge, *how)
    artifacts.write(f"data/judge_agreement/{name}.jsonl", scores)
    artifacts.write_json(f"data/metrics/judge_agreement/{name}.json", summary | complete.summary())
    report_losses(summary["n"], {"unscored": summary["unscored"]}, kept="scored", unit="answers", name=name)
    return together(unscored_warning(name, summary), shortage(run_entry.sample, 0, scores))


if __name__ == "__main__":
    main(judge_agreement)
