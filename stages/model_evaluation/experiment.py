"""The params.yaml of an evaluation: what the options choose, and the defaults of seqit for everything else."""

import os
from collections.abc import Mapping, Sequence
from copy import deepcopy
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from stages.core import artifacts
from stages.core.errors import UserError
from stages.core.registry import BENCHMARKS
from stages.model_evaluation.benchmark_choice import GENERATED, BenchmarkChoice
from stages.model_evaluation.model_choice import ModelChoice

DEFAULTS = Path(__file__).with_name("defaults.yaml")
NO_LICENCE = "unknown"
"""The licence of files that are the user's own; questions are not published."""
JUDGED = "judge_agreement"
"""The section of params.yaml that only names benchmarks which a judge scores (`Registered.sections`)."""
Values = dict[str, Any]


def default_values() -> Values:
    """The values of defaults.yaml."""
    values: Values = yaml.safe_load(artifacts.read_text(DEFAULTS))
    return values


def judged_names(choices: Sequence[BenchmarkChoice]) -> list[str]:
    """The benchmarks that only a judge scores."""
    return [choice.name for choice in choices if JUDGED in BENCHMARKS[choice.name].sections]


def experiment(
    model: ModelChoice, judge: ModelChoice | None, choices: Sequence[BenchmarkChoice], max_tokens: int | None
) -> Values:
    """The values of params.yaml. judge: None for none. max_tokens: None for the default of each benchmark.

    Raises UserError for a benchmark of which seqit has no files, where no path is given.
    """
    defaults = default_values()
    shown = _renamed(judge, model) if judge else None
    values: Values = {
        "seed": defaults["seed"],
        "tokenizer": model.name,
        "fetch": {"models": {one.name: {"reference": one.reference} for one in (model, shown) if one}},
        "engines": _engines(model, shown, defaults["engines"]),
        "generate": {c.name: _generated(c, defaults) for c in choices if c.name == GENERATED and not c.path},
        "ingest": {"benchmarks": {choice.name: _ingested(choice, defaults) for choice in choices}},
        "wording": defaults["wording"],
        "validate": defaults["validate"],
        "predict": _predicted(model, choices, defaults["predict"], max_tokens),
        "evaluate": defaults["evaluate"],
        "judge": defaults["judge"] | ({} if judge else {"reading": "none"}),
    }
    return {name: value for name, value in values.items() if value != {}}


def rendered(values: Values, title: str) -> str:
    """params.yaml as text; `title`, one or more lines, is its comment at the top."""
    comment = "".join(f"# {line}\n" for line in title.splitlines())
    return comment + yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)


def _renamed(judge: ModelChoice, model: ModelChoice) -> ModelChoice:
    return judge._replace(name=f"{judge.name}-judge") if judge.name == model.name else judge


def _engines(model: ModelChoice, judge: ModelChoice | None, defaults: Values) -> Values:
    """Roles that name no engine have that of the model; without a judge its role names the model, and asks nothing."""
    roles: Values = {"generator": {"model": model.name, **_engine(model, defaults)}, "tuned": {}}
    roles["judge"] = {"model": judge.name, **_engine(judge, defaults)} if judge else {"model": model.name}
    return roles


def _engine(model: ModelChoice, defaults: Values) -> Values:
    options = defaults[model.engine] | dict(model.options)
    if options.get("threads", 0) is None:
        options["threads"] = len(os.sched_getaffinity(0))
    if options.get("version", "") is None:
        options["version"] = _vllm_version()
    return {"engine": model.engine, "options": options}


def _vllm_version() -> str:
    try:
        return version("vllm")
    except PackageNotFoundError:
        raise UserError("--engine: vLLM is not installed here; see docs/how-to/engines.md") from None


def _generated(choice: BenchmarkChoice, defaults: Values) -> Values:
    entry: Values = defaults["generate"][choice.name] | {"count": choice.items or defaults["count"]}
    entry |= {"tasks": [*choice.tasks]} if choice.tasks else {}
    return entry | ({"languages": [*choice.languages]} if choice.languages else {})


def _ingested(choice: BenchmarkChoice, defaults: Values) -> Values:
    own = defaults["ingest"]["benchmarks"].get(choice.name)
    if own is None and not choice.path:
        raise UserError(f"--on {choice.name}: seqit has no files of it; write {choice.name}=/its/files")
    entry: Values = {"benchmark": choice.name, **deepcopy(own or {})}
    if choice.path:
        path = Path(choice.path).expanduser()
        if not path.exists():
            items = f"; {choice.name}:{choice.path} asks for so many items" if choice.path.isdecimal() else ""
            raise UserError(f"--on {choice.name}={choice.path}: no such file or folder; correct the path{items}")
        entry |= {"source": str(path.resolve()), "licence": NO_LICENCE}
    if choice.languages and choice.name != GENERATED:
        entry["languages"] = [*choice.languages]
    if choice.items and (choice.path or choice.name != GENERATED):
        entry["sample"] = choice.items
    return entry


def _predicted(
    model: ModelChoice, choices: Sequence[BenchmarkChoice], defaults: Values, max_tokens: int | None
) -> Values:
    settings, entries = deepcopy(defaults["settings"]), {}
    for choice in choices:
        entry = deepcopy(defaults["benchmarks"].get(choice.name, {}))
        if max_tokens is not None and "sampling" in entry:
            entry["sampling"]["max_tokens"] = max_tokens
        entries[choice.name] = entry
    if max_tokens is not None:
        settings["sampling"]["max_tokens"] = max_tokens
    return {"models": {model.name: {}}, "settings": settings, "benchmarks": entries}


def tokens_of(values: Mapping[str, Any], benchmark: str) -> int:
    """max_tokens of a benchmark in the values of params.yaml."""
    entry = values["predict"]["benchmarks"][benchmark].get("sampling", {})
    tokens: int = entry.get("max_tokens", values["predict"]["settings"]["sampling"]["max_tokens"])
    return tokens
