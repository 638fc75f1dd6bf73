"""`python -m stages`: every command."""

import os
import runpy
import sys
from typing import Annotated

import typer

from stages.core.cli import remark, reports_errors, start

COMMANDS = {
    "fetch": "A model or corpus reference -> a local directory",
    "generate": "Sequences with computed answers, from a seed -> data/generated/<name>.jsonl",
    "ingest": "A corpus or benchmark as downloaded -> data/ingested/<name>.jsonl",
    "validate": "An artifact and its expectations -> a receipt under data/validated/, or a failed stage",
    "index_benchmarks": "What models are tested with -> data/benchmark_index/",
    "decontaminate": "A training corpus against benchmarks and itself -> data/decontaminated/<corpus>.jsonl",
    "extract_inputs": "Flat prompts told apart into instruction and input -> data/extracted/<name>.jsonl",
    "rewrite": "Seq-Instruct, round by round -> data/rewritten/<corpus>/<round>.jsonl",
    "respond": "Responses to every round -> data/responded/<corpus>/<round>.jsonl",
    "check_responses": "Responses that satisfy their rows' checks -> data/filtered/<name>.jsonl",
    "judge_responses": "Responses that the judge accepts -> data/filtered/<name>.jsonl",
    "evolve": "WizardLM's evolution, the rival -> data/evolved/<name>.jsonl",
    "augment": "Manual chains: repeat, paraphrase, translate, caption -> data/augmented/<name>.jsonl",
    "count_tokens": "Token lengths of an artifact, counted once -> data/token_counts/<artifact>.jsonl",
    "count_verbs": "Verbs and objects that a round added to instructions -> data/verbs/<name>.jsonl",
    "split": "Sequences taken apart: single tasks and turns -> data/split/<name>.jsonl",
    "sample": "Ablation sets, mixtures, combinations -> data/sampled/<name>.jsonl",
    "format": "Rows as chat messages -> data/formatted/<run>.jsonl",
    "train": "A set and a recipe -> models/<run>/",
    "predict": "A model answers the benchmarks -> data/predictions/<run>/<benchmark>.jsonl",
    "evaluate": "Answers -> scores in data/evaluated/<run>/<benchmark>.json",
    "compare": "Two sets of answers, pairwise and in both orders -> data/compared/<name>.jsonl",
    "judge_tasks": "Which tasks of each question an answer did -> data/judged_tasks/<name>.jsonl",
    "judge_agreement": "A second judge, and how far the two agree -> data/judge_agreement/<name>.jsonl",
    "calibrate": "The judge against labels of people -> data/metrics/calibrate/<name>.json",
    "win_rate": "AlpacaEval's win rates from annotations -> data/metrics/win_rate/<name>.json",
    "report": "All scores and statistics -> data/report/",
    "publish": "A data set and its card -> data/published/<name>/ and the Hugging Face Hub",
    "sign": "A published folder -> its signature by your key, beside it",
    "publish_model": "A trained model and its card -> data/published_models/<name>/ and the Hugging Face Hub",
    "publish_repository": "Published sets as configs of one repository -> data/repositories/<name>/ and the Hub",
    "new": "An experiment of your own: your corpus, your model -> params.yaml",
    "seeds": "More training seeds of a run, as runs in params.yaml",
    "eval": "A model on benchmarks, without training -> evaluations/<model>/<benchmarks>/",
    "label": "Answers to label with one keypress each -> the label file of `calibrate`",
    "show": "Rows of a corpus: before, after each round, the response",
    "check": "One small request to each engine: what it can do, and what will not work",
    "plan": "What a run would do, ask and cost, before it does",
    "verify": "A published data set against its hashes, prompt files, stored replies and sources",
    "diff": "Two versions of a published data set: which rows changed, and because of what",
    "reproduce": "The run of dvc.lock from stored replies, without a model, compared output by output",
    "replies": "Count, show, export, import, prune, compact the stored replies",
}

HELP = """seqit: sequential instruction tuning as a data-versioned pipeline.

`dvc repro` runs the whole graph of dvc.yaml; these commands are its single steps, each as `python -m stages.<name>`
too. params.yaml is the experiment; stages/profiles/full.yaml explains every value that it may have."""

app = typer.Typer(help=HELP, pretty_exceptions_enable=False, no_args_is_help=True)


def run(
    arguments: Annotated[
        list[str] | None, typer.Argument(help="As for `dvc repro`: stages (rewrite@seed), -s, -f, --pull and others")
    ] = None,
    no_check: Annotated[bool, typer.Option("--no-check", help="Send servers no request to check them first")] = False,
) -> str:
    """`dvc repro`, after a check of params.yaml and of servers; at the end, what became of each corpus, and warnings.

    A server is checked once, as by `seqit check`, if a stage that would run sends it requests.

    The last lines say how long each kind of stage took, how many rows of each corpus are chains, held or failed, and
    where published sets and the report are. The last line of all is a warning, if there is one: no sequences, a round
    that changed nothing or lost a third of its rows, or more than `validate.max_failed`. Where a stage failed, the last
    lines say which, what is not published, its error, and what to do.
    """
    from stages.core import project
    from stages.execution.dvc_repro import repro
    from stages.execution.kept_folders import make_kept_folders
    from stages.params import load
    from stages.planning import preflight
    from stages.planning.run_targets import check_targets

    project.require_graph()
    params = load()  # before DVC puts wrong values into commands, where they fail in the words of the shell
    preflight.check_files(arguments or [], params)
    check_targets(arguments or [], params)
    if not no_check:
        preflight.check_run(arguments or [], params)
    make_kept_folders(arguments or [])
    result = repro(arguments or [], params)
    if result.status:
        for line in (f"warning: {result.warnings}" if result.warnings else "", *result.failure):
            remark(line)
        raise typer.Exit(result.status)
    return result.warnings


for _alias in ("run", "repro"):
    app.command(_alias, context_settings={"ignore_unknown_options": True})(reports_errors(run))


@app.command()
@reports_errors
def use(profile: Annotated[str, typer.Argument(help="embedded, full or paper")]) -> None:
    """Put a profile in place of params.yaml (what was there is kept as params.yaml.before, or .before-2 and so on)."""
    from stages.params import profiles

    kept = profiles.use(profile)
    before = f"; what it was is in {os.path.relpath(kept)}" if kept else ""
    print(f"params.yaml is now the {profile} profile{before}")


@app.command("env-train")
@reports_errors
def env_train(
    folder: Annotated[str, typer.Argument(help="What `train.environment` of params.yaml says")] = ".venv-train",
) -> None:
    """Make the environment that Axolotl runs in, or bring it up to date; the first stage that trains does so too."""
    from pathlib import Path

    from stages.training.environment import make

    make(Path(folder))


def _mount(name: str, text: str) -> None:
    """A command as a subcommand, imported only when it is called, so that `--help` stays fast."""

    @app.command(
        name,
        help=text,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    )
    def run(context: typer.Context) -> None:
        sys.argv = [f"stages/{name}.py", *context.args]
        runpy.run_module(f"stages.{name}", run_name="__main__")


for _name, _text in COMMANDS.items():
    _mount(_name, _text)


def main() -> None:
    """The console script `seqit`."""
    start(app)


if __name__ == "__main__":
    main()
