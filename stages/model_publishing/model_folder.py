"""Writes a published model: weights, tokenizer, chat template, card, scores and facts."""

import csv
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from stages.core import artifacts
from stages.core.dvc_hashes import file_hash, folder_hash
from stages.core.errors import UserError
from stages.model_publishing import hub_results, linked_files, marked_template, model_card
from stages.model_publishing.generation_config import generation_config
from stages.model_publishing.model_facts import Base, BenchmarkSetup, ModelFacts, Score, Template, TrainedOn
from stages.model_publishing.model_licences import model_cautions, model_licence
from stages.model_publishing.scores import scores
from stages.publishing.facts import Facts
from stages.publishing.resource_names import Resource, model, uri
from stages.publishing.statement import Making, write_statement
from stages.training.base_model import BaseModel, read_base_model
from stages.training.export import BASE_FILES, weights, weights_hash

PROVENANCE, CARD = "provenance.json", "README.md"
TEMPLATE, TRAINED_TEMPLATE, GENERATION = "chat_template.jinja", "trained_chat_template.jinja", "generation_config.json"


class ModelPublication(msgspec.Struct, frozen=True, kw_only=True):
    """What is published, and as what."""

    name: str
    version: str
    run: str
    dataset: str
    """The published set that has the rows of the run."""
    seed: int
    recipe: dict[str, Any]
    setups: dict[str, BenchmarkSetup]
    """Benchmark -> how it was asked, without `answers` and `statuses`."""
    sampling: dict[str, Any] | None
    """How answers were drawn where a benchmark does not say otherwise."""
    base: Base
    repository: str | None = None
    leaderboards: dict[str, hub_results.Leaderboard] = {}


class Outputs(msgspec.Struct, frozen=True):
    """Where the pipeline has what is published, by paths from its top."""

    model: Path
    metrics: Path
    curve: Path
    evaluated: Path
    dataset: Path

    def hashes(self) -> dict[str, str]:
        """Path -> MD5, as dvc.lock has them."""
        listed = {name: getattr(self, name) for name in self.__struct_fields__}
        return {
            path.as_posix(): folder_hash(path) if path.is_dir() else file_hash(path) for path in listed.values()
        }  # fmt: skip


def write_model(folder: Path, publication: ModelPublication, outputs: Outputs) -> str:
    """Write every file of a published model to `folder`, which holds nothing yet; returns how weights were placed.

    Raises UserError for a trained model that is not whole, a loss curve or scores that can't be read, and a full disk.
    """
    trained = read_base_model(outputs.model, "own")
    placed = _copy_model(outputs.model, folder)
    template = _write_templates(folder, trained)
    _write_generation_config(folder, trained, publication)
    metrics = _metrics(outputs, sha256 := weights_hash(folder))
    data = artifacts.read_json(outputs.dataset / PROVENANCE, Facts)
    facts = _facts(publication, outputs, data, metrics, template, trained.accepts_images, sha256)
    for path, text in hub_results.eval_results(facts, publication.leaderboards).items():
        artifacts.write_text(folder / path, text)
    if facts.licence == "other":
        artifacts.write_text(folder / model_card.LICENCES, model_card.licences_file(facts, data.sources))
    facts = msgspec.structs.replace(facts, files=_hashes(folder))
    artifacts.write_bytes(folder / PROVENANCE, artifacts.document(facts))
    card = model_card.model_card(facts, _curve(outputs.curve), publication.leaderboards, data.sources)
    artifacts.write_text(folder / CARD, card)
    write_statement(folder, _making(facts))
    return placed


def _making(facts: ModelFacts) -> Making:
    """How the files were made, for the statement that a signature is of."""
    data = facts.dataset
    parameters = {
        "name": facts.name, "version": facts.version, "run": facts.run, "seed": facts.seed, "recipe": facts.recipe,
        "dataset": {"name": data.name, "version": data.version, "rows_sha256": data.rows_sha256},
    }  # fmt: skip
    made_of = [Resource(uri("file", path), path, {"md5": hashed}) for path, hashed in facts.outputs.items()]
    return Making("publish_model", parameters, {}, [*made_of, model(facts.base.identity)])


def _copy_model(model: Path, folder: Path) -> str:
    placed = {linked_files.place(path, folder / path.name) for path in weights(model)}
    for path in sorted(model.glob("*.safetensors.index.json")):
        shutil.copyfile(path, folder / path.name)
    for name in ("config.json", *BASE_FILES):
        if (model / name).is_file():
            shutil.copyfile(model / name, folder / name)
    return ", ".join(sorted(placed))


def _write_templates(folder: Path, trained: BaseModel) -> Template:
    """Write the trained template and, under the name that Transformers reads, the one with marks if it is faithful."""
    original, specials = trained.template, trained.specials
    marked = marked_template.marked(original)
    faithful = marked_template.is_faithful(marked, original, specials)
    works = faithful and marked_template.marks_replies(marked, specials)
    artifacts.write_text(folder / TRAINED_TEMPLATE, original)
    artifacts.write_text(folder / TEMPLATE, marked if works else original)
    return Template(TRAINED_TEMPLATE, TEMPLATE, works)


def _write_generation_config(folder: Path, trained: BaseModel, publication: ModelPublication) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(artifacts.read_text(folder / "tokenizer.json"))
    named = {"bos": trained.specials.bos, "eos": trained.specials.eos, "pad": trained.specials.pad}
    ids = {name: tokenizer.token_to_id(token) for name, token in named.items() if token}
    path = folder / GENERATION
    base = artifacts.read_json(path, dict[str, Any]) if path.is_file() else {}
    known = {name: number for name, number in ids.items() if number is not None}
    artifacts.write_json(path, generation_config(base, known, publication.sampling))


def _metrics(outputs: Outputs, weights_sha256: str) -> dict[str, Any]:
    """What training told of itself. Raises UserError where that is of other weights, or where nothing was trained."""
    metrics = artifacts.read_json(outputs.metrics, dict[str, Any])
    run = outputs.model.name
    if metrics.get("final_loss") is None:
        raise UserError(f"{outputs.model}: was not trained (launcher render); train it, then publish it")
    if metrics.get("weights") != weights_sha256[:16]:
        raise UserError(
            f"{outputs.model}: has other weights than {outputs.metrics} tells of; run `seqit run -s -f train@{run}`"
        )
    return metrics


def _facts(
    publication: ModelPublication, outputs: Outputs, data: Facts, metrics: dict[str, Any], template: Template,
    images: bool, weights_sha256: str,
) -> ModelFacts:  # fmt: skip
    setups, taken = _evaluated(publication, outputs.evaluated)
    base, licences = publication.base, [licence for _, licence, _ in data.sources]
    dataset = TrainedOn(
        data.name,
        data.version,
        data.artifact,
        data.rows,
        data.rows_sha256,
        data.licence,
        list(data.generators),
        data.repository,
    )
    return ModelFacts(
        name=publication.name, version=publication.version, run=publication.run, weights_sha256=weights_sha256,
        files={}, base=base, dataset=dataset, licence=model_licence(base.licence, licences),
        cautions=model_cautions(base.licence, f"{base.reference} {base.repository}", licences, data.cautions),
        languages=sorted(data.languages, key=lambda language: (-data.languages[language], language)),
        seed=publication.seed, recipe=publication.recipe, training=metrics, template=template, setups=setups,
        scores=taken, outputs=outputs.hashes(), repository=publication.repository or msgspec.UNSET,
        images=True if images else msgspec.UNSET,
    )  # fmt: skip


def _evaluated(publication: ModelPublication, folder: Path) -> tuple[dict[str, BenchmarkSetup], list[Score]]:
    setups: dict[str, BenchmarkSetup] = {}
    taken: list[Score] = []
    for name, one in publication.setups.items():
        if not (folder / f"{name}.json").is_file():
            raise UserError(f"{folder}: has no scores on {name}; run `seqit run evaluate@{publication.run}`")
        summary = artifacts.read_json(folder / f"{name}.json", dict[str, Any])
        statuses = {str(status): int(count) for status, count in summary.get("statuses", {}).items()}
        setups[name] = msgspec.structs.replace(one, answers=int(summary["n"]), statuses=statuses)
        taken += scores(name, one.kind, summary)
    return setups, taken


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): artifacts.sha256(path) for path in files}


def _curve(path: Path) -> Sequence[tuple[int, float]]:
    """(step, loss) of each optimiser step."""
    rows: Sequence[Mapping[str, str]] = list(csv.DictReader(artifacts.read_text(path).splitlines()))
    try:
        return [(int(row["step"]), float(row["loss"])) for row in rows]
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{path}: is no loss curve of `seqit train`; run the training stage again") from None
