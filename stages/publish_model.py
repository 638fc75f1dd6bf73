"""A trained model with its card -> data/published_models/<name>/, and the Hugging Face Hub if it has a repository."""

import re
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from stages.core import artifacts
from stages.core.atomic_write import replacing_folder
from stages.core.cli import entry_argument, main
from stages.core.project import revision
from stages.model_publishing.hub_results import Leaderboard
from stages.model_publishing.model_facts import Asked, Base
from stages.model_publishing.model_folder import ModelPublication, Outputs, write_model
from stages.model_publishing.scores import is_judged
from stages.params import Params, entry, load
from stages.publishing import hub
from stages.publishing.published_rows import public


def publish_model(name: Annotated[str, entry_argument("An entry of `publish_models` in params.yaml")]) -> None:
    """Write a trained model with its card to data/published_models/NAME/, for `from_pretrained` of Transformers.

    Its chat template marks replies with `{% generation %}` and renders the same text as the trained one; its scores
    are in the card's metadata and, for leaderboards that the entry names, in .eval_results/. If the entry names a
    `repository` and HF_TOKEN is set, the folder is then pushed to the Hugging Face Hub as one commit with the tag
    v<version>, private where it is new. Publishing the same weights again changes nothing there; other weights under
    a version that exists are refused.
    """
    params = load()
    chosen = entry(params.publish_models, name, "publish_models")
    run = chosen.run
    outputs = Outputs(
        Path("models", run), Path(f"data/metrics/train/{run}.json"), Path(f"data/metrics/train/{run}.csv"),
        Path("data/evaluated", run), Path("data/published", chosen.dataset),
    )  # fmt: skip
    with replacing_folder(folder := Path("data/published_models", name)) as written:
        placed = write_model(written, _publication(params, name), outputs)
    typer.echo(f"{folder}: weights of {outputs.model} by {placed}", err=True)
    typer.echo(hub.push(folder, chosen.repository, chosen.version, revision(), hub.MODEL), err=True)


def _publication(params: Params, name: str) -> ModelPublication:
    chosen = params.publish_models[name]
    trained, settings = params.train.runs[chosen.run], params.predict.settings
    return ModelPublication(
        name=name, version=chosen.version, run=chosen.run, dataset=chosen.dataset, repository=chosen.repository,
        seed=params.seed if trained.seed is None else trained.seed, recipe=trained.recipe.model_dump(mode="json"),
        asked=_asked(params, chosen.run), base=_base(trained.model, chosen.base_licence, chosen.base_model),
        sampling=settings.sampling.model_dump() if settings and settings.sampling else None,
        leaderboards={key: Leaderboard(**board.model_dump()) for key, board in chosen.leaderboards.items()},
    )  # fmt: skip


def _base(model: str, licence: str, repository: str | None) -> Base:
    known = artifacts.read_json(Path("models", model, "reference.json"), dict[str, str])
    on_the_hub = re.match(r"hub:([\w.-]+/[\w.-]+)@", known["reference"])
    place = repository or (on_the_hub[1] if on_the_hub else msgspec.UNSET)
    return Base(public(known["reference"]), public(known["identity"]), licence, place)


def _asked(params: Params, run: str) -> dict[str, Asked]:
    role = params.engines.judge
    judge = public(params.references.get(role.model, role.model)) if role else ""
    asked = {}
    for name, one in params.benchmarks_of(run).items():
        kind, source = params.ingest.benchmarks[name].benchmark, _source(params, params.ingest.benchmarks[name].source)
        by = judge if is_judged(kind) else msgspec.UNSET
        asked[name] = Asked(kind, source, 0, {}, one.template, one.samples, one.sampling.model_dump(), by)
    return asked


def _source(params: Params, path: str) -> str:
    """Where a benchmark's questions are from; what was downloaded by its reference."""
    fetched = re.match(r"data/fetched/([^/]+)", path)
    corpus = params.fetch.corpora.get(fetched[1]) if fetched else None
    return corpus.reference if corpus else public(path)


if __name__ == "__main__":
    main(publish_model)
