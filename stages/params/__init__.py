"""params.yaml as types: unknown keys are refused, and every mistake is reported with its path."""

import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from stages.core.errors import UserError
from stages.params import cross_checks, name_references
from stages.params.chain_sections import Augment, ChainWording, Wording
from stages.params.data_sections import (
    CountTokensEntry,
    Evolve,
    ExtractInputs,
    Rewrite,
    Sample,
    SplitEntry,
)
from stages.params.decontamination_sections import BenchmarkIndexEntry, Decontaminate
from stages.params.engine_sections import Budget, Costs, Engine, Engines, Fetch, Price, Reasoning, Speed
from stages.params.evaluation_sections import (
    CalibrateEntry,
    Compare,
    Evaluate,
    Judge,
    JudgeAgreement,
    JudgeTasks,
    Predict,
    PredictBenchmark,
    Report,
    WinRateEntry,
)
from stages.params.field_types import ModelName, Name, Section, absent
from stages.params.inheritance import COSTS, completed
from stages.params.mistakes import Mistake, existing, of_types, summary, unknown
from stages.params.model_publishing_sections import PublishModelEntry
from stages.params.plain_values import foreign, unwritable
from stages.params.response_sections import Respond
from stages.params.source_sections import GenerateEntry, Ingest, PublishEntry, RepositoryEntry, Validate
from stages.params.training_sections import Train
from stages.params.verb_sections import CountVerbs

__all__ = ["PARAMS", "Budget", "Engine", "Params", "Price", "Reasoning", "Speed", "entry", "load", "parse"]

PARAMS = Path("params.yaml")
RENAMED = {
    "withhold": "index_benchmarks", "extract": "extract_inputs", "measure": "count_tokens",
    "answer": "predict", "mark": "judge_tasks", "review": "judge_agreement", "estimate": "win_rate",
}  # fmt: skip
"""Sections of earlier versions of params.yaml and what they are called now."""
GONE = {
    "assemble": "name what a run reads as `reads` under train.runs",
    "format": "name what a run reads as `reads` under train.runs",
    "rewrite.rounds": "name each corpus once under rewrite.corpora or rewrite.benchmarks, with `rounds`: how many",
    "respond.rounds": "every round of rewrite.corpora gets responses, or the last under responses: last",
    "predict.runs": "every run of train.runs answers the benchmarks; name other models under predict.models",
}
"""Parts of earlier versions of params.yaml that nothing replaces, and what to do instead."""


class Params(Section):
    """The whole of params.yaml. A section that is absent means none of what it lists."""

    seed: int
    """All randomness comes from it and from the row that it is for."""
    tokenizer: ModelName
    """The model of `fetch` whose tokens lengths and statistics are in."""
    fetch: Fetch = Fetch()
    engines: Engines = Engines()
    costs: Costs = Costs()
    generate: dict[Name, GenerateEntry] = Field(default={})
    ingest: Ingest = Ingest()
    validation: Annotated[Validate, Field(alias="validate")]
    index_benchmarks: dict[Name, BenchmarkIndexEntry] = Field(default={})
    decontaminate: Decontaminate = Decontaminate()
    extract_inputs: ExtractInputs = ExtractInputs()
    rewrite: Rewrite = Rewrite()
    respond: Respond = Respond()
    evolve: Evolve = Evolve()
    wording: Wording = Field(default_factory=ChainWording)
    augment: Augment = Augment()
    count_tokens: dict[Name, CountTokensEntry] = Field(default={})
    count_verbs: CountVerbs = CountVerbs()
    split: dict[Name, SplitEntry] = Field(default={})
    sample: Sample = Sample()
    train: Train = Train()
    predict: Predict = Predict()
    evaluate: Evaluate = absent()
    judge: Judge = absent()
    compare: Compare = Compare()
    judge_tasks: JudgeTasks = JudgeTasks()
    judge_agreement: JudgeAgreement = JudgeAgreement()
    win_rate: dict[Name, WinRateEntry] = Field(default={})
    calibrate: dict[Name, CalibrateEntry] = Field(default={})
    report: Report = Report()
    publish: dict[Name, PublishEntry] = Field(default={})
    publish_models: dict[Name, PublishModelEntry] = Field(default={})
    repositories: dict[Name, RepositoryEntry] = Field(default={})

    @property
    def references(self) -> dict[str, str]:
        """Name -> reference of every model to fetch."""
        return {name: model.reference for name, model in self.fetch.models.items()}

    @property
    def runs(self) -> dict[str, list[str] | None]:
        """Every model under test -> the benchmarks that its entry names, None for all."""
        trained = {name: run.benchmarks for name, run in self.train.runs.items()}
        return trained | {name: model.benchmarks for name, model in self.predict.models.items()}

    def benchmarks_of(self, run: str) -> dict[str, PredictBenchmark]:
        """The benchmarks that a model under test answers, in the order of `predict.benchmarks`."""
        chosen = self.runs.get(run)
        return {
            name: benchmark for name, benchmark in self.predict.benchmarks.items()
            if (chosen is None or name in chosen) and (benchmark.runs is None or run in benchmark.runs)
        }  # fmt: skip

    def artifacts(self) -> set[str]:
        """Every artifact that some stage writes, as FOLDER/NAME."""
        return name_references.artifacts(self)


def load(path: str | Path = PARAMS) -> Params:
    """params.yaml as `Params`. Raises UserError with every mistake, each with its path in the file."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        # YAML 1.2: `dvc exp run -S train.settings.learning_rate=1e-5` writes 1e-05, which YAML 1.1 reads as text.
        values = YAML(typ="safe", pure=True).load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run from the top of the repository") from None
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start})") from None
    except YAMLError as error:
        problem = str(error).partition("To suppress this check")[0].replace('"<unicode string>"', "the file")
        raise UserError(f"{path}: not YAML: {' '.join(problem.split())}") from None
    except RecursionError:
        raise UserError(f"{path}: nested too deeply") from None
    except (ValueError, KeyError) as error:  # a date, or a tagged number, that is none
        raise UserError(f"{path}: not YAML: {error}; put a text that looks like a date or a number in quotes") from None
    return parse(values, str(path))


def parse(values: Any, name: str = "params.yaml") -> Params:
    """Values as read from YAML as `Params`. Raises UserError with every mistake and its path."""
    if values is None:
        raise UserError(f"{name}: empty; `seqit use embedded` writes the default profile")
    try:
        if characters := list(unwritable(values)):
            raise UserError(f"{name}: {summary(characters)}")
        params, mistakes = _checked(values)
    except RecursionError:
        raise UserError(f"{name}: nested too deeply, or an alias is inside of what it stands for") from None
    if mistakes or params is None:
        raise UserError(f"{name}: {summary(mistakes)}")
    for role in type(params.engines).model_fields:
        if engine := getattr(params.engines, role):
            engine.references.update(params.references)
    return params


def entry(entries: dict[str, Any], name: str, section: str) -> Any:
    """`entries[name]`. Raises UserError with the nearest known names."""
    if name not in entries:
        raise UserError(f"params.yaml: {section} {unknown('has no entry', name, entries)}")
    return entries[name]


def _checked(values: Any) -> tuple[Params | None, list[Mistake]]:
    """The values as `Params`, None if they are no table, and every mistake.

    Where values are wrong, the checks between sections are made without the entries that have them.
    """
    mistakes = list(_misplaced(values))
    whole = completed(Params, values)
    params: Params | None = None
    removed: list[list[Any]] = []
    try:
        params = Params.model_validate(whole)
    except ValidationError as error:
        mistakes += [_renamed(one) for one in of_types(error.errors(), Params, values, whole)]
        params, removed = _without_wrong_values(whole)
    known = {one.path for one in mistakes}
    mistakes += [one for one in foreign(values) if one.path not in known]
    if params is not None:
        paths = {one.path for one in mistakes if one.path}
        more = (one for one in cross_checks.mistakes(params, values) if one.path not in paths)
        mistakes += [one for one in more if not _follows(one, removed)]
    return params, mistakes


def _misplaced(values: Any) -> Iterator[Mistake]:
    engines = values.get("engines") if isinstance(values, dict) else None
    for role, engine in engines.items() if isinstance(engines, dict) else ():
        for key in sorted(engine.keys() & set(COSTS)) if isinstance(engine, dict) else ():
            yield Mistake(f"engines.{role}.{key}", f"stands under costs.{role}")


def _renamed(mistake: Mistake) -> Mistake:
    new = RENAMED.get(mistake.path) if mistake.message.startswith("unknown key") else None
    if mistake.path in GONE and mistake.message.startswith("unknown key"):
        return mistake._replace(message=f"this section is gone; {GONE[mistake.path]}")
    return mistake._replace(message=f"this section is called {new} now; rename it") if new else mistake


STAND_INS: dict[str, Any] = {"seed": 0, "tokenizer": "tokenizer", "validate": {"max_quarantined": 1.0}}
"""Values of the scalars that must be there, while other sections are checked without them."""


def _without_wrong_values(values: Any) -> tuple[Params | None, list[list[Any]]]:
    """The file without its wrong values, as far as there is something left, and the places that were removed."""
    rest = deepcopy(values)
    removed: list[list[Any]] = []
    while isinstance(rest, dict):
        try:
            return Params.model_validate(rest), removed
        except ValidationError as error:
            places = ([part for part in one["loc"] if part != "[key]"] for one in error.errors())
            now = [place for place in (_remove(rest, place) for place in places) if place]
            if not now:
                break
            removed += now
    return None, removed


def _remove(values: Any, place: list[Any]) -> list[Any]:
    """Remove the value at a place, or what contains it where there is none; returns the place that was removed."""
    known = place[: existing(values, place)]
    if not known:
        values |= {key: STAND_INS[key] for key in place[:1] if key in STAND_INS}
        return [key for key in place[:1] if key in STAND_INS]
    for key in known[:-1]:
        values = values[key]
    del values[known[-1]]
    return known


def _follows(mistake: Mistake, removed: list[list[Any]]) -> bool:
    """Whether a mistake is there only because something wrong was removed."""
    for place in removed:
        path = ".".join(map(str, place))
        is_group = name_references.contains_entries(name_references.type_at(Params, place))
        if mistake.path == path or mistake.path.startswith(f"{path}.") or path.startswith(f"{mistake.path}."):
            return True
        if place[0] == "wording" and " has no wording; " in mistake.message:
            return True
        if mistake.message.startswith("unknown ") and (is_group or _names(mistake.message, place[-1])):
            return True
    return False


def _names(message: str, entry: Any) -> bool:
    """Whether a message is about an entry or an artifact of it, such as 'split/NAME.turns' or 'rewritten/NAME/1'."""
    unknown_name = message.partition(";")[0]
    return isinstance(entry, str) and re.search(rf"['/]{re.escape(entry)}['./]", unknown_name) is not None
