"""Answers become scores; no model under test is asked, so a rule or a judge can change without it."""

from functools import partial
from operator import length_hint
from typing import Annotated

from stages import prompts
from stages.core import artifacts
from stages.core.cli import entry_argument, main, report_losses, together
from stages.core.completions import Sampling
from stages.evaluation import sandbox
from stages.evaluation.benchmarks import scoring
from stages.evaluation.benchmarks.questions import Answer, Question, unscored_warning
from stages.evaluation.bertscore import OpenEncoder, bertscore
from stages.evaluation.judges import JUDGES
from stages.evaluation.judges.judge_requests import JudgeConfig
from stages.inference.connect import Connect, connect
from stages.params import load


def evaluate(
    run: Annotated[str, entry_argument("An entry of `train.runs` or `predict.models` in params.yaml")],
    *,
    connect: Connect = connect,
    open_sandbox: sandbox.Open = sandbox.connect,
    open_encoder: OpenEncoder = bertscore,
) -> str:
    """Score a run's answers to every benchmark: by its rule, in a sandbox, or by the judge of params.yaml.

    Reads data/predictions/RUN/ and the questions. Writes a score for every answer to data/scored/RUN/BENCHMARK.jsonl
    and the means with their 95% intervals to data/evaluated/RUN/BENCHMARK.json. What could not be scored is counted
    with its reason and is never wrong. Judge and sandbox are started only if needed; where programs can't be run,
    everything else is scored and written first, and then that is an error.
    """
    judge = (params := load()).judge
    template = prompts.parse(artifacts.read_text(judge.prompt), judge.prompt)
    sampling = Sampling(judge.temperature, top_p=1.0, top_k=0, max_tokens=judge.max_tokens)
    warnings = []
    answered = {
        name: (
            artifacts.artifact(f"ingested/benchmarks/{name}", Question),
            artifacts.artifact(f"predictions/{run}/{name}", Answer),
        )
        for name in params.benchmarks_of(run)
    }
    with (
        connect(params.engines.judge, purpose=f"evaluate {run}") as complete,
        open_sandbox(sandbox.Limits(**params.evaluate.sandbox.model_dump())) as execute,
        open_encoder(**params.evaluate.bertscore.model_dump()) as similarity,
    ):
        config = JudgeConfig(complete, template, sampling, judge.attempts, params.seed, reading=judge.reading)
        graders = scoring.Graders(complete.watched(partial(JUDGES[config.reading].rate, config)), execute, similarity)
        complete.expect(sum(length_hint(answers) for _, answers in answered.values()))
        for name, scores, summary in scoring.evaluate_all(answered, graders, params.evaluate.pass_at):
            artifacts.write(f"data/scored/{run}/{name}.jsonl", scores)
            artifacts.write_json(f"data/evaluated/{run}/{name}.json", summary | complete.take())
            place, lost = f"{run} on {name}", {"unscored": summary["unscored"]}
            report_losses(summary["n"], lost, kept="scored", unit="answers", name=place)
            warnings.append(unscored_warning(place, summary))
    return together(*warnings)


if __name__ == "__main__":
    main(evaluate)
