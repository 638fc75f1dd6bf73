"""What params.yaml says of a model that is published: its run, data set, base, recipe and evaluation."""

import re
from pathlib import Path

import msgspec

from stages.core import artifacts
from stages.model_publishing.hub_results import Leaderboard
from stages.model_publishing.model_facts import Base, BenchmarkSetup
from stages.model_publishing.model_folder import ModelPublication, Outputs
from stages.model_publishing.scores import is_judged
from stages.params import Params
from stages.params.model_publishing_sections import PublishModelEntry
from stages.publishing.published_rows import public


def outputs_of(chosen: PublishModelEntry) -> Outputs:
    """Where the pipeline has what an entry of `publish_models` publishes."""
    run = chosen.run
    return Outputs(
        Path("models", run), Path(f"data/metrics/train/{run}.json"), Path(f"data/metrics/train/{run}.csv"),
        Path("data/evaluated", run), Path("data/published", chosen.dataset),
    )  # fmt: skip


def publication_of(params: Params, name: str) -> ModelPublication:
    """What an entry of `publish_models` publishes. Raises UserError where its base model was never fetched."""
    chosen = params.publish_models[name]
    trained, settings = params.train.runs[chosen.run], params.predict.settings
    return ModelPublication(
        name=name, version=chosen.version, run=chosen.run, dataset=chosen.dataset, repository=chosen.repository,
        seed=params.seed if trained.seed is None else trained.seed, recipe=trained.recipe.model_dump(mode="json"),
        setups=_setups(params, chosen.run), base=_base(trained.model, chosen.base_licence, chosen.base_model),
        sampling=settings.sampling.model_dump() if settings and settings.sampling else None,
        leaderboards={key: Leaderboard(**board.model_dump()) for key, board in chosen.leaderboards.items()},
    )  # fmt: skip


def _base(model: str, licence: str, repository: str | None) -> Base:
    known = artifacts.read_json(Path("models", model, "reference.json"), dict[str, str])
    on_the_hub = re.match(r"hub:([\w.-]+/[\w.-]+)@", known["reference"])
    place = repository or (on_the_hub[1] if on_the_hub else msgspec.UNSET)
    return Base(public(known["reference"]), public(known["identity"]), licence, place)


def _setups(params: Params, run: str) -> dict[str, BenchmarkSetup]:
    role = params.engines.judge
    judge = public(params.references.get(role.model, role.model)) if role and role.model else ""
    setups = {}
    for name, one in params.benchmarks_of(run).items():
        kind, source = params.ingest.benchmarks[name].benchmark, public(params.ingest.benchmarks[name].source)
        by = judge if is_judged(kind) else msgspec.UNSET
        setups[name] = BenchmarkSetup(kind, source, 0, {}, one.template, one.samples, one.sampling.model_dump(), by)
    return setups
