"""A model answers the benchmarks; the only stage that asks a model under test."""

from typing import Annotated

from stages.core import artifacts
from stages.core.cli import entry_argument, main, report_losses
from stages.evaluation import lm_eval
from stages.evaluation.benchmarks.questions import Question
from stages.inference.connect import Connect, connect
from stages.params import load


def predict(
    run: Annotated[str, entry_argument("An entry of `train.runs` or `predict.models` in params.yaml")],
    *,
    connect: Connect = connect,
) -> None:
    """Ask a model every question of the benchmarks under `predict` in params.yaml: all, or those that the run names.

    Reads data/ingested/benchmarks/ and the receipts, writes data/predictions/RUN/BENCHMARK.jsonl: the answers to each
    question, in the same order; every file appears or none does. A benchmark that needs what the engine can't do is
    refused before anything is asked. A request that failed, was refused or got no answer keeps that status and is
    never scored. Run again after an interruption, or with another benchmark, it asks only what it has not
    asked before.
    """
    params = load()
    requests = {
        name: (
            list(artifacts.artifact(f"ingested/benchmarks/{name}", Question)),
            lm_eval.GenerationConfig(
                run, settings.sampling.engine(), params.seed, settings.samples, raw=settings.template == "none"
            ),
        )
        for name, settings in params.benchmarks_of(run).items()
    }
    paths = {name: f"data/predictions/{run}/{name}.jsonl" for name in requests}
    with connect(params.engines.tuned, model=run, purpose=f"predict {run}") as complete:
        lm_eval.require_capabilities(complete.capabilities, complete.description, run, requests)
        complete.expect(sum(len(questions) * config.samples for questions, config in requests.values()))
        artifacts.write_split(paths, complete.rows(lm_eval.answer_all(complete, requests)))
    artifacts.write_json(f"data/metrics/predict/{run}.json", summary := complete.summary())
    by_status = summary["replies_by_status"]
    lost = {status: by_status.get(status, 0) for status in ("thought", "refused", "failed")}
    report_losses(summary["replies"], {"without a text": lost}, kept="with a text", unit="answers")


if __name__ == "__main__":
    main(predict)
