"""Checks the engines of params.yaml by a small request to each: those of all roles, or of the stages that would run."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from stages.core.cli import remark
from stages.core.completions import Message, Prompt, Sampling
from stages.core.errors import UserError
from stages.core.state_folder import store_path
from stages.inference.backends import BACKENDS
from stages.inference.connect import MODELS, recall_path
from stages.inference.engine_interface import Backend, EngineCheck, Recall
from stages.params import PARAMS, Engine, Params
from stages.params.missing_paths import missing_paths
from stages.params.mistakes import summary
from stages.planning import command_models, dvc_graph, overlay
from stages.reply_store.identity import Reference, reference_of

PROMPT = Prompt((Message("user", "Count from 1 to 50."),), Sampling(0.0, 1.0, 0, 16), seed=0, purpose="check/count")
"""The request to an engine that loads its model."""
SAMPLED: dict[str, tuple[str, ...]] = {
    "generator": ("extract_inputs", "rewrite", "respond", "evolve", "split"), "tuned": ("predict",),
}  # fmt: skip
"""Role -> sections of params.yaml with a `sampling` that its requests have."""


ELSEWHERE = frozenset({"--cwd", "-c", "--allow-missing", "--pull", "--dry"})
"""Options of `dvc repro` under which files of this folder may be missing."""


class Subject(NamedTuple):
    """An engine with a model, and the roles of `engines` that have both."""

    roles: tuple[str, ...]
    engine: Engine
    model: str

    @property
    def title(self) -> str:
        """Roles, model and engine, for people."""
        return f"{', '.join(self.roles)}: {self.model or 'no model named'} by {self.engine.engine}"


class Checked(msgspec.Struct, frozen=True):
    """A check as `seqit check --json` prints it."""

    roles: tuple[str, ...]
    model: str
    engine: str
    check: EngineCheck


def subjects(params: Params) -> list[Subject]:
    """Every distinct engine and model of params.yaml, in the order of its roles."""
    pairs = [
        (role, model)
        for role in type(params.engines).model_fields
        for model in (params.runs if role == "tuned" else [""])
    ]
    return _distinct(params, pairs)


def _distinct(params: Params, pairs: Iterable[tuple[str, str]]) -> list[Subject]:
    """pairs: (role, model that is used where the role names none)."""
    roles: dict[bytes, Subject] = {}
    for role, model in pairs:
        engine: Engine | None = getattr(params.engines, role)
        if engine is None:
            continue
        name = engine.model or model
        key = msgspec.json.encode([engine.engine, engine.options, name], order="deterministic")
        known = roles.get(key, Subject((), engine, name))
        roles[key] = known._replace(roles=tuple(dict.fromkeys((*known.roles, role))))
    return list(roles.values())


def steps_to_run(steps: Iterable[dvc_graph.Step], root: Path, force: bool = False) -> Iterator[dvc_graph.Step]:
    """The stages that DVC would run, with all that depend on them. force: all of them."""
    planned: dict[str, dvc_graph.PlannedFile] = {}
    for step in steps:
        if force or dvc_graph.reasons(step, planned, lambda path: overlay.md5(root / path)):
            planned |= {path: dvc_graph.PlannedFile("", False) for path in step.outs}
            yield step


def subjects_of(steps: Iterable[dvc_graph.Step], params: Params) -> list[Subject]:
    """The engines and models that stages send requests to."""
    pairs = [
        (role, step.name.partition("@")[2]) for step in steps for role in command_models.MODELS.get(step.module, ())
    ]
    return _distinct(params, pairs)


def is_endpoint(subject: Subject) -> bool:
    """Whether the engine sends requests to a server."""
    return BACKENDS[subject.engine.engine].check is not None


def is_automatic(subject: Subject) -> bool:
    """Whether the dialect of the engine's server is to be learnt."""
    return is_endpoint(subject) and subject.engine.options.get("dialect", "auto") == "auto"


def recall(again: bool = False, probes: bool = True) -> Recall:
    """Where findings about servers are recorded for this checkout."""
    return Recall(recall_path(store_path()).absolute(), probes, again)


def check(subject: Subject, params: Params, recall: Recall, models: Path = MODELS) -> EngineCheck:
    """What a small request shows. What does not work is a problem of the check, not an error."""
    backend, directory = BACKENDS[subject.engine.engine], models / subject.model
    reference = _reference(subject, directory)
    if backend.check is None:
        return _check_loaded(backend, subject, directory, reference, params)
    result = backend.check(reference, subject.engine.options, recall)
    sections = [name for role in subject.roles for name in SAMPLED.get(role, ()) if _has_top_k(getattr(params, name))]
    if sections and not result.takes_top_k:
        result.problems.append(
            f"`sampling` has a top_k under {', '.join(dict.fromkeys(sections))}, which the dialect has no field for; "
            "write top_k: 0 there, or `omit: [top_k]` or `dialect: auto` in the engine's options"
        )
    calibrated = [f"{path}.policy" for path in _calibrated(params)] if "generator" in subject.roles else []
    if calibrated and "server" in result.facts and not result.problems and not result.reports_scores:
        result.problems.append(
            f"{', '.join(calibrated)}: calibrated needs the log-probabilities of choices, which the server does not "
            "report under this dialect; write uniform or model there"
        )
    return result


def _calibrated(params: Params) -> Iterator[str]:
    """Paths of the entries of `rewrite` whose policy asks for scores of choices."""
    for part, group in (("corpora", params.rewrite.corpora), ("benchmarks", params.rewrite.benchmarks)):
        yield from (f"rewrite.{part}.{name}" for name, one in group.items() if one.policy == "calibrated")


def _reference(subject: Subject, directory: Path) -> Reference | None:
    """The model's reference: of an endpoint as params.yaml has it, since nothing needs to be fetched."""
    written = subject.engine.references.get(subject.model, "")
    return Reference(written, written) if written.startswith("endpoint:") else reference_of(directory)


def _has_top_k(section: Any) -> bool:
    """Whether some sampling in a section has a top_k above 0."""
    values = section if isinstance(section, dict) else dict(section) if hasattr(section, "model_fields") else {}
    return any((key == "top_k" and bool(value)) or _has_top_k(value) for key, value in values.items())


def _check_loaded(
    backend: Backend, subject: Subject, directory: Path, reference: Reference | None, params: Params
) -> EngineCheck:  # fmt: skip
    """Load a model and let it write a few tokens."""
    trained = subject.model in params.train.runs
    if reference is None and subject.engine.engine != "scripted":
        stage = f"{'train' if trained else 'fetch_model'}@{subject.model}"
        return EngineCheck({"model": f"not there yet; the stage {stage} makes it"})
    try:
        backend.capabilities(directory, subject.engine.options)
        with backend.open_engine(directory, subject.engine.options) as engine:
            engine.use_history(lambda: True)
            started = time.monotonic()
            ((_, reply),) = [pair for group in engine.answer([PROMPT]) for pair in group]
            seconds = time.monotonic() - started
    except UserError as error:
        return EngineCheck({"model": "does not work"}, [str(error)])
    problems = [f"the request failed: {reply.error}"] if reply.status == "failed" else []
    rate = f"{reply.tokens_out / max(seconds, 1e-6):.0f} tokens/s (one request alone; batches are faster)"
    return EngineCheck({"model": str(directory), "speed": rate}, problems)


def failures(checks: Sequence[tuple[Subject, EngineCheck]]) -> list[str]:
    """One line for each problem, with the role that has it."""
    return [f"engines.{subject.roles[0]}: {text}" for subject, result in checks for text in result.problems]


def check_before(
    root: Path, params: Params, targets: list[str], force: bool, recall: Recall, notify: Callable[[str], None]
) -> None:  # fmt: skip
    """Check the servers that the stages of a run send requests to, unless all are recorded as working.

    notify: called with a line for each server that was sent something. Raises UserError for the first that does not
    work, before anything runs.
    """
    quiet = recall._replace(probes=False)
    if not any(check(one, params, quiet).problems for one in subjects(params) if is_endpoint(one)):
        return
    steps = steps_to_run(dvc_graph.steps(root, (root / PARAMS).read_text("utf-8"), targets), root, force)
    checks = [(one, check(one, params, recall)) for one in subjects_of(steps, params) if is_endpoint(one)]
    for subject, result in checks:
        notify(probe_line(subject, result))
    if problems := failures(checks):
        raise UserError(f"{problems[0]}; `seqit check` says more, --no-check runs all the same")


def check_files(arguments: Sequence[str], params: Params) -> None:
    """Raise UserError for files that params.yaml names and that are not there, before a `dvc repro` of all stages.

    A run of single stages, or one whose options let files be missing, is left to DVC: it may read none of them.
    """
    if ELSEWHERE & {*arguments} or any(word[:1] != "-" for word in arguments):
        return
    if missing := missing_paths(params):
        raise UserError(f"{PARAMS}: {summary(missing)}")


def check_run(arguments: Sequence[str], params: Params) -> None:
    """`check_before` for the arguments of a `dvc repro` in the present folder; one elsewhere or of no effect is left.

    Raises UserError as `check_before`.
    """
    if {"--dry", "--cwd", "-c"} & {*arguments}:
        return
    targets, force = [word for word in arguments if word[:1] != "-"], bool({"-f", "--force"} & {*arguments})
    check_before(Path.cwd(), params, targets, force, recall(), remark)


def probe_line(subject: Subject, result: EngineCheck) -> str:
    """How many requests were sent to check an engine, and what it is; "" for none."""
    plural = "s" * (result.requests != 1)
    dialect = f": dialect {result.facts.get('dialect', '')}" if "dialect" in result.facts else ""
    return f"{subject.title}, {result.requests} probe request{plural}{dialect}" if result.requests else ""
