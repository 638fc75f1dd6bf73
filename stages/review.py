"""A second judge on the answers that the first one scored, and how far the two agree -> data/reviewed/<name>.jsonl."""

from functools import partial
from typing import Annotated

from stages import prompts
from stages.core import artifacts
from stages.core.cli import entry_argument, main, report_losses, together
from stages.evaluation.benchmarks import judge_agreement
from stages.evaluation.benchmarks.questions import Answer, Question, Score, scarce
from stages.evaluation.benchmarks.sampling import shortage
from stages.evaluation.judges.judge_requests import Panel
from stages.evaluation.judges.verdict_scores import opinions
from stages.inference.connect import connect
from stages.params import entry, load


def review(name: Annotated[str, entry_argument("An entry of `review.runs` in params.yaml")]) -> str:
    """Have the judge `engines.reviewer` score a run's answers as well.

    Reads the answers and what `evaluate` made of them; no model under test is asked. Writes the second judge's scores
    to data/reviewed/NAME.jsonl, and to data/metrics/review/NAME.json their means with how often both judges say the
    same (raw, and Cohen's kappa).
    """
    params = load()
    asked, settings = entry(params.review.runs, name, "review.runs"), params.review.settings
    place = f"{asked.run}/{asked.benchmark}"
    questions = list(artifacts.artifact(f"ingested/benchmarks/{asked.benchmark}", Question))
    answers = artifacts.artifact(f"answered/{place}", Answer)
    first = artifacts.read(f"data/scored/{place}.jsonl", Score)
    template = prompts.parse(artifacts.read_text(settings.prompt), settings.prompt)
    with connect(params.engines.reviewer, purpose=f"review {name}") as complete:
        panel = Panel(complete, template, settings.sampling(), settings.attempts, params.seed, settings.reading)
        judge = complete.watched(partial(opinions, panel), of=questions[: asked.sample])
        how = (asked.sample, params.seed, params.evaluate.resamples)
        scores, summary = judge_agreement.review(questions, answers, first, judge, *how)
    artifacts.write(f"data/reviewed/{name}.jsonl", scores)
    artifacts.write_json(f"data/metrics/review/{name}.json", summary | complete.summary())
    report_losses(summary["n"], {"unscored": summary["unscored"]}, kept="scored", unit="answers", name=name)
    return together(scarce(name, summary), shortage(asked.sample, 0, scores))


if __name__ == "__main__":
    main(review)
