"""params.yaml as types: no defaults in code, unknown keys refused, every mistake named by its path."""

import graphlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from stages.core.errors import UserError
from stages.params import cross_checks
from stages.params.chain_sections import Wording
from stages.params.data_sections import (
    Augment,
    CountTokens,
    Evolve,
    ExtractInputs,
    Format,
    Respond,
    Rewrite,
    Sample,
    Split,
)
from stages.params.decontamination_sections import Decontaminate, IndexedCorpus
from stages.params.field_types import NAME_ERROR, Name, Section
from stages.params.generate_section import Generated
from stages.params.model_sections import (
    Compare,
    Evaluate,
    Judge,
    JudgeAgreement,
    JudgeTasks,
    Predict,
    Published,
    Report,
    Train,
    WinRate,
)
from stages.params.source_sections import (
    Budget,
    Costs,
    Engine,
    Engines,
    Fetch,
    Ingest,
    Price,
    Reasoning,
    Speed,
    Validate,
)

__all__ = ["PARAMS", "Budget", "Engine", "Params", "Price", "Reasoning", "Speed", "entry", "load", "parse"]

PARAMS = Path("params.yaml")
RENAMED = {
    "withhold": "index_benchmarks", "extract": "extract_inputs", "measure": "count_tokens", "assemble": "format",
    "answer": "predict", "mark": "judge_tasks", "review": "judge_agreement", "estimate": "win_rate",
}  # fmt: skip
"""Sections of earlier versions of params.yaml and what they are called now."""
TOLD = 8
"""Mistakes told at once."""
FOLDERS = {
    "decontaminate": "decontaminated", "extract_inputs": "extracted", "rewrite": "rewritten", "respond": "responded",
    "evolve": "evolved", "augment": "augmented", "split": "split", "sample": "sampled", "format": "formatted",
}  # fmt: skip
"""Where what a section's entries make lies, under data/."""


class Params(Section):
    """The whole of params.yaml."""

    seed: int
    tokenizer: Name
    fetch: Fetch
    engines: Engines
    costs: Costs
    generate: dict[Name, Generated]
    ingest: Ingest
    validation: Annotated[Validate, Field(alias="validate")]
    index_benchmarks: dict[Name, IndexedCorpus]
    decontaminate: Decontaminate
    extract_inputs: ExtractInputs
    rewrite: Rewrite
    respond: Respond
    evolve: Evolve
    wording: Wording
    augment: Augment
    count_tokens: dict[Name, CountTokens]
    split: dict[Name, Split]
    sample: Sample
    format: dict[Name, Format]
    train: Train
    predict: Predict
    evaluate: Evaluate
    judge: Judge
    compare: Compare
    judge_tasks: JudgeTasks
    judge_agreement: JudgeAgreement
    win_rate: dict[Name, WinRate]
    report: Report
    publish: dict[Name, Published]

    @model_validator(mode="before")
    @classmethod
    def _costs_to_engines(cls, values: Any) -> Any:
        """Each engine with its costs, which stand apart in the file since nothing is run again when they change."""
        engines, costs = (values.get(key) if isinstance(values, dict) else None for key in ("engines", "costs"))
        if not isinstance(engines, dict) or not isinstance(costs, dict):
            return values
        for part, engine in engines.items():
            if isinstance(engine, dict) and (misplaced := sorted(engine.keys() & {"price", "speed", "budget"})):
                raise ValueError(f"engines.{part}.{misplaced[0]}: stands under costs.{part}")
        joined = {
            part: engine | costs[part] if isinstance(engine, dict) and isinstance(costs.get(part), dict) else engine
            for part, engine in engines.items()
        }
        return values | {"engines": joined}

    @model_validator(mode="after")
    def _names_known(self) -> "Params":
        if both := sorted(self.fetch.models.keys() & self.train.runs.keys()):
            raise ValueError(f"a model of fetch and a run of train are both named {both[0]!r}; rename one")
        if both := sorted(self.index_benchmarks.keys() & self.ingest.benchmarks.keys()):
            raise ValueError(f"a benchmark and an entry of index_benchmarks are both named {both[0]!r}; rename one")
        for where, name, known in self._references():
            if name not in known:
                raise ValueError(f"{where}: unknown {name!r}; known are {', '.join(sorted(known)) or 'none'}")
        if found := list(cross_checks.misfits(self)):
            raise ValueError("; ".join(found))
        self._no_circle()
        for _, engine in self._engines():
            engine.references.update(self.references)
        return self

    @property
    def references(self) -> dict[str, str]:
        """Name -> reference of every model to fetch."""
        return {name: model.reference for name, model in self.fetch.models.items()}

    def _no_circle(self) -> None:
        """Raise ValueError where artifacts are made of each other."""
        needs: dict[str, set[str]] = {}
        for where, artifact in self._reads():
            section, _, rest = where.partition(".")
            if section in FOLDERS:
                name = rest.rpartition(".")[0].removeprefix("corpora.").removeprefix("rounds.")
                name = name.partition(".")[2] if section in ("augment", "sample") else name
                needs.setdefault(f"{FOLDERS[section]}/{name}", set()).add(artifact)
        needs |= {f"{made}{part}": {made} for made in list(needs) for part in (".plain", ".like", ".turns")}
        try:
            graphlib.TopologicalSorter(needs).prepare()
        except graphlib.CycleError as error:
            raise ValueError(f"read each other in a circle: {' < '.join(error.args[1])}; break it") from None

    def _references(self) -> list[tuple[str, str, set[str]]]:
        """Every place that names something defined elsewhere: (where, name, what is defined)."""
        models, runs = set(self.fetch.models), set(self.train.runs)
        corpora = {*self.ingest.corpora, *self.sample.combination}
        made, measured = self.artifacts(), {entry.reads for entry in self.count_tokens.values()}
        return [
            ("tokenizer", self.tokenizer, models),
            *((f"engines.{k}.model", e.model, models) for k, e in self._engines() if e.model is not None),
            *((f"rewrite.rounds.{k}.corpus", r.corpus, corpora) for k, r in self.rewrite.rounds.items()),
            *((f"respond.rounds.{k}.corpus", r.corpus, corpora) for k, r in self.respond.rounds.items()),
            *((f"train.runs.{k}.model", r.model, models) for k, r in self.train.runs.items()),
            *((f"predict.runs.{k}", k, models | runs) for k in self.predict.runs),
            *((f"predict.benchmarks.{k}", k, set(self.ingest.benchmarks)) for k in self.predict.benchmarks),
            *(
                (f"predict.runs.{k}.benchmarks", b, set(self.predict.benchmarks))
                for k, run in self.predict.runs.items()
                for b in run.benchmarks or ()
            ),
            *(
                (f"predict.benchmarks.{k}.runs", r, set(self.predict.runs))
                for k, asked in self.predict.benchmarks.items()
                for r in asked.runs or ()
            ),
            *((where, name, set(known)) for where, name, known in self._judged()),
            ("report.baseline", self.report.baseline, set(self.predict.runs)),
            ("report.treatment", self.report.treatment, set(self.predict.runs)),
            ("report.before", self.report.before, made),
            ("report.after", self.report.after, made),
            *((where, artifact, made) for where, artifact in self._reads()),
            *((f"{where}, not counted under count_tokens", artifact, measured) for where, artifact in self._compared()),
        ]

    def _engines(self) -> list[tuple[str, Engine]]:
        return [(name, getattr(self.engines, name)) for name in type(self.engines).model_fields]

    def _judged(self) -> list[tuple[str, str, Iterable[str]]]:
        """Every run and benchmark that a judge is to look at: (where, name, what is answered)."""
        entries: dict[str, dict[str, Any]] = {
            "compare.runs": self.compare.runs, "compare.references": self.compare.references,
            "judge_tasks.runs": self.judge_tasks.runs, "judge_agreement.runs": self.judge_agreement.runs,
        }  # fmt: skip
        return [
            (f"{section}.{name}.{field}", value, self.predict.benchmarks if field == "benchmark" else self.predict.runs)
            for section, found in entries.items()
            for name, entry in found.items()
            for field in ("benchmark", "run", "baseline", "treatment")
            if (value := getattr(entry, field, None)) is not None
        ]

    def artifacts(self) -> set[str]:
        """Every artifact that some stage makes, as "<folder>/<name>"."""
        return {
            *(f"ingested/{n}" for n in self.ingest.corpora),
            *(f"decontaminated/{n}" for n in self.decontaminate.corpora),
            *(f"extracted/{n}" for n in self.extract_inputs.corpora),
            *(f"rewritten/{n}" for n in self.rewrite.rounds),
            *(f"responded/{n}" for n in self.respond.rounds),
            *(f"evolved/{n}" for n in self.evolve.corpora),
            *(f"augmented/{n}{part}" for _, entries in self.augment for n in entries for part in ("", ".plain")),
            *(f"sampled/{n}" for _, entries in self.sample for n in entries),
            *(f"sampled/{n}.like" for n in self.sample.pairs),
            *(f"split/{n}{part}" for n in self.split for part in ("", ".turns")),
            *(f"formatted/{n}" for n in self.format),
        }

    def _compared(self) -> list[tuple[str, str]]:
        """Every (path in params.yaml, artifact) whose rows are compared by their lengths."""
        entries = {"budget": self.sample.budget, "pairs": self.sample.pairs}
        return [
            (f"sample.{part}.{name}.{field}", getattr(entry, field))
            for part, found in entries.items()
            for name, entry in found.items()  # type: ignore[attr-defined]
            for field in ("reads", "like")
        ]

    def _reads(self) -> list[tuple[str, str]]:
        """Every (path in params.yaml, artifact) that a stage reads."""
        sections: list[tuple[str, dict[str, Any]]] = [
            ("index_benchmarks", self.index_benchmarks), ("decontaminate.corpora", self.decontaminate.corpora),
            ("extract_inputs.corpora", self.extract_inputs.corpora),
            ("rewrite.rounds", self.rewrite.rounds), ("respond.rounds", self.respond.rounds),
            ("evolve.corpora", self.evolve.corpora), ("count_tokens", self.count_tokens), ("split", self.split),
            ("format", self.format), ("train.runs", self.train.runs), ("publish", self.publish),
            *((f"augment.{part}", entries) for part, entries in self.augment),
            *((f"sample.{part}", entries) for part, entries in self.sample),
        ]  # fmt: skip
        fields = (
            "reads", "earlier", "parallel", "captions", "like", "one", "two", "three", "four", "first", "second", "set",
        )  # fmt: skip
        return [
            (f"{section}.{name}.{field}", value)
            for section, entries in sections
            for name, entry in entries.items()
            for field in fields
            if (value := getattr(entry, field, None)) is not None
        ]


def load(path: str | Path = PARAMS) -> Params:
    """params.yaml as `Params`. Raises UserError with every mistake, each with its path in the file."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        # YAML 1.2: `dvc exp run -S train.settings.learning_rate=1e-5` writes 1e-05, which YAML 1.1 reads as text.
        values = YAML(typ="safe", pure=True).load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run from the top of the repository") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start})") from None
    except YAMLError as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    return parse(values, str(path))


def parse(values: Any, name: str = "params.yaml") -> Params:
    """Values as read from YAML as `Params`. Raises UserError naming every mistake by its path."""
    if found := [f"{where}: holds {what}; remove it" for where, what in _unwritable(values)]:
        raise UserError(f"{name}: {_told(found)}")
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{name}: {_told(list(_mistakes(error.errors())))}") from None


def _unwritable(values: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Where there is a character that can't be in a path or a file, as NUL or half of a surrogate pair."""
    if isinstance(values, str):
        if "\0" in values:
            yield where, "a NUL character"
        elif not values.isascii() and any("\ud800" <= character <= "\udfff" for character in values):
            yield where, "half of a surrogate pair"
    elif isinstance(values, dict | list):
        items = values.items() if isinstance(values, dict) else enumerate(values)
        for key, value in items:
            below = f"{where}.{key}" if where else str(key)
            yield from _unwritable(key, f"the key {below}")
            yield from _unwritable(value, below)


def entry(entries: dict[str, Any], name: str, section: str) -> Any:
    """`entries[name]`. Raises UserError listing the known names."""
    if name not in entries:
        raise UserError(f"params.yaml: {section} has no entry {name!r}; known are {', '.join(entries) or 'none'}")
    return entries[name]


def _told(mistakes: list[str]) -> str:
    """As many as a person reads."""
    more = [f"and {len(mistakes) - TOLD} more"] if len(mistakes) > TOLD else []
    return "; ".join([*mistakes[:TOLD], *more])


def _mistakes(errors: Iterable[Any]) -> Iterator[str]:
    """Each mistake once, with its first place in the file and how many more there are of it."""
    places: dict[tuple[str, str], list[str]] = {}
    for error in errors:
        where = ".".join(str(part) for part in error["loc"] if part != "[key]")
        message = _message(error)
        # The same wrong value at several places is one mistake; a missing or unknown key is one at each place.
        by_value = error["type"] not in ("extra_forbidden", "missing") and not isinstance(error["input"], dict | list)
        places.setdefault((message, "" if by_value else where), []).append(where)
    for (message, _), (first, *others) in places.items():
        also = (
            f" (also at {', '.join(others[:3])}{f' and {len(others) - 3} more' if others[3:] else ''})"
            if others
            else ""
        )
        yield f"{first}: {message}{also}" if first else message


def _message(error: Any) -> str:
    if error["type"] == "extra_forbidden" and len(error["loc"]) == 1 and error["loc"][0] in RENAMED:
        return f"this section is called {RENAMED[error['loc'][0]]} now; rename it"
    if error["type"] == "extra_forbidden":
        return "unknown key; remove it or check its spelling"
    is_shown = error["type"] != NAME_ERROR and not isinstance(error["input"], dict | list)
    given = f" (given: {error['input']!r:.100})" if is_shown else ""
    return f"{error['msg'].removeprefix('Value error, ')}{given}"
