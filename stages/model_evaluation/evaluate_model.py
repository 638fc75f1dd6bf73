"""One evaluation from its request to the table on the terminal."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from stages.core import artifacts
from stages.core.cli import remark, together
from stages.core.errors import UserError
from stages.core.records import digest
from stages.model_evaluation.benchmark_choice import BenchmarkChoice, parse_choices, render_choice
from stages.model_evaluation.experiment import Values, experiment, judged_names, rendered, tokens_of
from stages.model_evaluation.judge_test import fault_of_judge
from stages.model_evaluation.model_choice import SERVER, ModelChoice, choose_model
from stages.model_evaluation.run_stages import MARK, evaluation_folder, provide_models, run_stages
from stages.model_evaluation.score_table import print_tables
from stages.params import PARAMS, parse
from stages.params.engine_checks import KEY_NAME
from stages.reporting.model_section import truncation_warnings

DEFAULT_ON = "verified:120"
FOLDER = Path("evaluations")
LONGEST_NAME = 100
MACHINE = ("threads", "version")
"""Options of engines that follow from the machine and the installed packages."""
NEEDS_A_JUDGE = "name one with --judge endpoint:https://HOST/v1#MODEL; without it, answers are shown and not scored"


class Request(NamedTuple):
    """The options of the command, "" and None where they are left out."""

    model: str
    on: str = DEFAULT_ON
    judge: str = ""
    engine: str = ""
    max_tokens: int | None = None
    key_env: str = ""
    judge_key_env: str = ""
    options: tuple[str, ...] = ()
    """KEY=VALUE, options of the model's engine."""
    out: Path | None = None


def evaluate_model(request: Request, command: str) -> str:
    """Evaluate a model in a folder of its own, and print a table of its scores; returns a warning, "" for none.

    command: as the user wrote it, for params.yaml. Raises UserError before anything is asked for what is wrong with
    the request; then, and where a stage fails, no folder is written.
    """
    choices = parse_choices(request.on)
    model = choose_model(request.model, "MODEL", request.engine, _options(request.options, request.key_env))
    judge = choose_model(request.judge, "--judge", "", _options((), request.judge_key_env)) if request.judge else None
    _check_key("--key-env", request.key_env, model)
    _check_key("--judge-key-env", request.judge_key_env, judge)
    values = experiment(model, judge, choices, request.max_tokens)
    title = f"{MARK}: its parameters, for every stage (docs/reference/params.md).\n{command}".removeprefix("# ")
    parse(yaml.safe_load(rendered(values, title)))
    target = request.out or _free_folder(FOLDER / model.name / _name(choices, judge, request.max_tokens), values)
    with evaluation_folder(target):
        artifacts.write_text(PARAMS, rendered(values, title))
        provide_models({name: one["reference"] for name, one in values["fetch"]["models"].items()})
        needed = _judge_warning(values, judge, judged_names(choices))
        artifacts.write_text(PARAMS, rendered(values, title))
        remark(needed)
        warnings = [*run_stages(values, model.name)]
        summaries = {name: _summary(model.name, name) for name in values["ingest"]["benchmarks"]}
    limits = {name: tokens_of(values, name) for name in summaries}
    print_tables(summaries, sys.stdout)
    print(f"page: {target / 'data/report/index.html'}")
    return together(*dict.fromkeys(warnings), *truncation_warnings(summaries, limits, "--max-tokens"), needed)


def _free_folder(named: Path, values: Values) -> Path:
    """`named`, or one with a hash at its end where that holds an evaluation of another model, judge or engine."""
    params = named / PARAMS
    if not params.is_file():
        return named
    own, there = (_identity(one) for one in (values, _values(params)))
    if own == there:
        return named
    other = named.with_name(f"{named.name}-{digest(own, 8)}")
    of = there[0] or "another model"
    what = f"{of}, with other options of its engine or another judge" if of == own[0] else of
    remark(f"{named} is of {what}; this evaluation is written to {other}")
    return other


def _identity(values: Values) -> list[Any]:
    """What tells evaluations of one name apart: the references of model and judge, and their engines with options.

    Without what seqit takes from the machine or the installed packages.
    """
    models, roles = (values.get(section) or {} for section in ("fetch", "engines"))
    references = [one.get("reference") for one in (models.get("models") or {}).values()]
    engines = [roles.get(role) or {} for role in ("generator", "judge")]
    ways = [
        [one.get("engine"), {key: value for key, value in (one.get("options") or {}).items() if key not in MACHINE}]
        for one in engines
    ]
    return [*(references or [None]), ways]


def _values(params: Path) -> Values:
    """The values of an evaluation's params.yaml; {} where it can't be read, which is no evaluation of this model."""
    try:
        values = yaml.safe_load(artifacts.read_text(params))
    except (UserError, yaml.YAMLError):
        return {}
    return values if isinstance(values, dict) else {}


def _judge_warning(values: Values, judge: ModelChoice | None, judged: list[str]) -> str:
    """Why the benchmarks `judged` stay without a score, "" where they do not.

    An unusable judge is taken out of `values`.
    """
    names = " and ".join(judged)
    if not judged:
        return f"none of the benchmarks needs a judge, so {judge.name} gets no request" if judge else ""
    verb = "need" if len(judged) > 1 else "needs"
    if judge is None:
        return f"{names} {verb} a judge: {NEEDS_A_JUDGE}"
    if fault := fault_of_judge():
        values["judge"] = values["judge"] | {"reading": "none"}
        return f"{names} {verb} a judge, and {judge.name} {fault}: {NEEDS_A_JUDGE}"
    return ""


def _check_key(option: str, variable: str, model: ModelChoice | None) -> None:
    """Raise UserError, naming the option and never the key, for a variable that is of no use or holds no key."""
    if not variable:
        return
    if not re.fullmatch("[A-Z_][A-Z0-9_]*", variable):
        raise UserError(f"{option}: {KEY_NAME}")
    if model is None or model.engine != SERVER:
        why = f"{model.name} runs here and needs no key" if model else "no judge is named"
        raise UserError(f"{option}: {why}; leave the option out")
    if not os.environ.get(variable, "").strip():
        raise UserError(f"{option} {variable}: this environment variable is not set; set it to the API key")


def _options(pairs: tuple[str, ...], key_env: str) -> dict[str, Any]:
    """Options of an engine, each value read as YAML. Raises UserError for what is no KEY=VALUE."""
    options: dict[str, Any] = {"key_env": key_env} if key_env else {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise UserError(f"--option {pair!r}: write KEY=VALUE, as --option dtype=float32")
        try:
            options[key] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise UserError(f"--option {pair!r}: {text!r} is no value of YAML; put it in quotes") from None
    return options


def _name(choices: list[BenchmarkChoice], judge: ModelChoice | None, max_tokens: int | None) -> str:
    """The folder's name: another evaluation of the same model has another."""
    parts = [*map(render_choice, choices), *([f"judge {judge.name}"] if judge else [])]
    parts += [f"tokens {max_tokens}"] if max_tokens else []
    name = re.sub(r"[^a-z0-9]+", "-", " ".join(parts).lower()).strip("-")
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}-{digest(parts, 8)}"


def _summary(run: str, benchmark: str) -> Mapping[str, Any]:
    return artifacts.read_json(f"data/evaluated/{run}/{benchmark}.json", dict[str, Any])
