"""Task by task: what each question asks for, and which of it an answer did -> data/judged_tasks/<name>.jsonl."""

from functools import partial
from typing import Annotated

from stages import prompts
from stages.core import artifacts
from stages.core.cli import entry_argument, main, report_losses, together
from stages.evaluation.benchmarks.questions import Answer, Question, unscored_warning
from stages.evaluation.benchmarks.sampling import JudgeSample, shortage
from stages.evaluation.benchmarks.task_scores import TaskJudge, score_tasks
from stages.evaluation.judges.judge_requests import JudgeConfig
from stages.evaluation.judges.task_verdicts import LISTERS, check_tasks
from stages.inference.connect import Connect, connect
from stages.params import entry, load


def judge_tasks(
    name: Annotated[str, entry_argument("An entry of `judge_tasks.runs` in params.yaml")],
    *,
    connect: Connect = connect,
) -> str:
    """List the tasks of every question and have the judge mark which ones a run's answer did.

    Reads data/predictions/RUN/BENCHMARK.jsonl and the questions; no model under test is called. Writes the marks of
    every answer to data/judged_tasks/NAME.jsonl, and to data/metrics/judge_tasks/NAME.json how many tasks were done,
    by their number and by their place in the chain. What could not be listed or marked is counted with its reason and
    is never undone.
    """
    params = load()
    run_entry, settings = entry(params.judge_tasks.runs, name, "judge_tasks.runs"), params.judge_tasks.settings
    questions = list(artifacts.artifact(f"ingested/benchmarks/{run_entry.benchmark}", Question))
    answers = artifacts.artifact(f"predictions/{run_entry.run}/{run_entry.benchmark}", Answer)
    listing, template = (
        prompts.parse(artifacts.read_text(path), path) for path in (settings.list_prompt, settings.prompt)
    )
    judged_sample = JudgeSample(run_entry.sample, settings.controls, params.seed, params.evaluate.resamples)
    with connect(params.engines.judge, purpose=f"judge_tasks {name}") as complete:
        how = (settings.sampling(), settings.attempts, params.seed)
        lists = partial(LISTERS[settings.lister], JudgeConfig(complete, listing, *how, "stated"))
        judge = partial(check_tasks, JudgeConfig(complete, template, *how, settings.reading))
        task_judge = TaskJudge(complete.watched(lists), complete.watched(judge))
        scores, summary = score_tasks(questions, answers, task_judge, judged_sample)
    artifacts.write(f"data/judged_tasks/{name}.jsonl", scores)
    artifacts.write_json(f"data/metrics/judge_tasks/{name}.json", summary | complete.summary())
    report_losses(summary["n"], {"unscored": summary["unscored"]}, kept="marked", unit="answers", name=name)
    return together(unscored_warning(name, summary), shortage(run_entry.sample, settings.controls, scores))


if __name__ == "__main__":
    main(judge_tasks)
