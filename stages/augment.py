"""Manual chains enter instruction and response (paper 4.1, A.1); a command for each part of `augment`."""

from functools import partial
from typing import Annotated, Any

import typer

from stages.chains.augmented_sets import augmented_sets
from stages.chains.caption import captions_by_image
from stages.chains.chain_types import Resources
from stages.chains.model_steps import prompt_files
from stages.chains.translate import translations_by_text
from stages.core import artifacts
from stages.core.cli import entry_argument, report_losses, reports_errors, start
from stages.core.records import Record
from stages.inference.connect import Connect, Connected, connect
from stages.params import Params, entry, load

HELP = "Write data/augmented/NAME.jsonl, NAME.plain.jsonl (the same rows without chains), and how many got which."
app = typer.Typer(help=HELP, add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
Name = Annotated[str, entry_argument("An entry of `augment` in params.yaml, under the part of the command")]


def rules(name: Name) -> None:
    """Chains that need nothing else, such as repeat."""
    params = load()
    _write(params, name, entry(params.augment.rules, name, "augment.rules"))


def aligned(name: Name) -> None:
    """Translations from an aligned corpus."""
    settings = entry((params := load()).augment.aligned, name, "augment.aligned")
    _write(params, name, settings, translations=translations_by_text(artifacts.artifact(settings.parallel, Record)))


def captions(name: Name) -> None:
    """Descriptions of images from their captions; the plain set has the bare question and its answer."""
    settings = entry((params := load()).augment.captions, name, "augment.captions")
    _write(params, name, settings, captions=captions_by_image(artifacts.artifact(settings.captions, Record)))


def model(name: Name, *, connect: Connect = connect) -> None:
    """Paraphrases and translations that the generator writes, greedily."""
    settings = entry((params := load()).augment.model, name, "augment.model")
    files = prompt_files(artifacts.contents(settings.prompts), settings.prompts)
    with connect(params.engines.generator, purpose=f"augment {name}") as complete:
        _write(params, name, settings, complete, templates=files, max_tokens=settings.max_tokens)


def _write(params: Params, name: str, settings: Any, complete: Connected | None = None, **data: Any) -> None:
    resources = Resources(params.seed, params.wording, complete=complete, **data)
    rows, links = artifacts.artifact(settings.reads, Record), [chain.model_dump() for chain in settings.chains]
    sets = augmented_sets(rows, links, resources, partial(complete.rows, of=rows) if complete else iter)
    artifacts.write_split({part: f"data/augmented/{name}{part}.jsonl" for part in ("", ".plain")}, sets.rows())
    statistics, replies = sets.statistics(), complete.summary() if complete else {}
    artifacts.write_json(f"data/metrics/augment/{name}.json", statistics | replies)
    report_losses(statistics["rows"], sets.losses(), kept="done", see=f"the steps in data/augmented/{name}.jsonl")


for _command in (rules, aligned, captions, model):
    app.command()(reports_errors(_command))
if __name__ == "__main__":
    start(app)
