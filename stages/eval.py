"""A model on benchmarks, without training -> evaluations/<name>/, with the report and the params.yaml of it."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from stages.core.cli import main
from stages.model_evaluation.evaluate_model import DEFAULT_ON, Request, evaluate_model


def eval(
    model: Annotated[
        str,
        typer.Argument(help="smollm2, a folder, a .gguf file, ORG/NAME of the Hub, endpoint:http://HOST:PORT/v1#MODEL"),
    ],
    on: Annotated[
        str, typer.Option(help="Benchmarks, each with languages in brackets, =PATH of your files, :N items")
    ] = DEFAULT_ON,
    judge: Annotated[
        str, typer.Option(help="The model that scores SeqEval and AlpacaEval: endpoint:https://HOST/v1#MODEL")
    ] = "",
    engine: Annotated[
        str, typer.Option(help="embedded, transformers, vllm, ray or openai; left out, by the model")
    ] = "",
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Longest answer; left out, by the benchmark")] = None,
    key_env: Annotated[str, typer.Option(help="The variable that holds the API key of the model's endpoint")] = "",
    judge_key_env: Annotated[
        str, typer.Option(help="The variable that holds the API key of the judge's endpoint")
    ] = "",
    option: Annotated[list[str] | None, typer.Option(help="KEY=VALUE, an option of the model's engine")] = None,
    out: Annotated[Path | None, typer.Option(help="The folder; left out, evaluations/MODEL/BENCHMARKS")] = None,
) -> str:
    """Evaluate a model: its answers, their scores with intervals, and a page with examples.

    Replies are stored, so the same evaluation again sends nothing. `verified` and `seqeval` ask for several tasks;
    what a rule can check needs no judge. An evaluation of the same name is replaced, when the new one is complete.
    """
    command = shlex.join(["seqit", "eval", *sys.argv[1:]])
    request = Request(model, on, judge, engine, max_tokens, key_env, judge_key_env, tuple(option or ()), out)
    return evaluate_model(request, command)


if __name__ == "__main__":
    main(eval)
