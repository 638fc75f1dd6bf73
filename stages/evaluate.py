"""Answers become scores; no model under test is asked, so a rule or a judge can change without it."""

from functools import partial
from typing import Annotated

import typer

from stages import jsonl, judges, prompts, sandbox
from stages.benchmarks import scoring
from stages.benchmarks.questions import Answer, Question
from stages.cli import main
from stages.engines import connect
from stages.engines.resemblance import resemblance
from stages.messages import Sampling
from stages.params import load


def evaluate(
    run: Annotated[str, typer.Argument(help="An entry of answer.runs in params.yaml")],
    benchmark: Annotated[str, typer.Argument(help="An entry of answer.benchmarks in params.yaml")],
) -> None:
    """Score a run's answers to a benchmark: by its rule, by running them in a sandbox, or by the judge of params.yaml.

    Reads data/answered/RUN/BENCHMARK.jsonl and the questions. Writes a score for every answer to
    data/scored/RUN/BENCHMARK.jsonl and the means with their 95% intervals to data/evaluated/RUN/BENCHMARK.json. What
    could not be scored is counted with its reason and is never wrong. Judge and sandbox are reached only if needed.
    """
    params = load()
    name, settings = f"{run}/{benchmark}", params.judge
    template = prompts.parse(jsonl.read_text(settings.prompt), settings.prompt)
    questions = jsonl.read(f"data/ingested/{benchmark}.jsonl", Question)
    answers = jsonl.read_validated(f"data/answered/{name}.jsonl", f"data/validated/answered/{name}.json", Answer)
    sampling = Sampling(settings.temperature, top_p=1.0, top_k=0, max_tokens=settings.max_tokens)
    limits = sandbox.Limits(**params.evaluate.sandbox.model_dump())
    with (
        connect(params.engines.judge, purpose=f"evaluate {name}") as complete,
        sandbox.connect(limits) as execute,
        resemblance(**params.evaluate.bertscore.model_dump()) as resemble,
    ):
        judge = partial(judges.judge, complete, template, sampling, settings.attempts, params.seed)
        graders = scoring.Graders(judge, execute, resemble)
        scores, summary = scoring.evaluate(
            questions, answers, graders, params.seed, params.evaluate.resamples, params.evaluate.pass_at
        )
    jsonl.write(f"data/scored/{name}.jsonl", scores)
    jsonl.write_json(f"data/evaluated/{name}.json", summary)


if __name__ == "__main__":
    main(evaluate)
