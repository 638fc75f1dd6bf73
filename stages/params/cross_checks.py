"""Mistakes in params.yaml between values that are legal one by one: unknown names, missing sections, bad pairs."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from stages.core.registry import BENCHMARKS, CHAINS, Registered, unknown_name
from stages.params import engine_checks
from stages.params.field_types import PAIRS
from stages.params.mistakes import Mistake, existing, needed, unknown
from stages.params.name_references import artifacts, cycle, entries, mentions

if TYPE_CHECKING:
    from stages.params import Params


HINTS = {
    "engines.tuned": " ({} takes everything from engines.generator)",
    "wording": " ({} takes the paper's words)",
}
"""Part of params.yaml that is missing -> what to write for it."""


def mistakes(params: "Params", written: Mapping[str, Any]) -> Iterator[Mistake]:
    """Every mistake, in the order of the checks. written: the values as the file has them, without inherited ones."""
    yield from _repeated_names(params)
    yield from _unknown_names(params)
    yield from _missing_sections(params, written)
    yield from engine_checks.mistakes(params, written)
    if circle := cycle(params):
        yield Mistake("", f"read each other in a circle: {' < '.join(circle)}; break it")
    checks = (
        _benchmarks, _idle, _judged, _pass_at, _actions, _responses, _wording, _chains, _report, _filters, _preferences,
        _models, _repositories,
    )  # fmt: skip
    for check in checks:
        for text in check(params):
            path, _, message = text.partition(": ")
            yield Mistake(path, message)


def _repeated_names(params: "Params") -> Iterator[Mistake]:
    if both := sorted(params.fetch.models.keys() & params.train.runs.keys()):
        yield Mistake("", f"a model of fetch and a run of train are both named {both[0]!r}; rename one")
    if both := sorted(params.index_benchmarks.keys() & params.ingest.benchmarks.keys()):
        yield Mistake("", f"a benchmark and an entry of index_benchmarks are both named {both[0]!r}; rename one")


def _unknown_names(params: "Params") -> Iterator[Mistake]:
    """References to what no section defines."""
    known = {
        "artifact": artifacts(params),
        "counted": {entry.reads for entry in params.count_tokens.values()},
        "model": set(params.fetch.models),
        "benchmark": set(params.ingest.benchmarks),
        "predicted": set(params.predict.benchmarks),
        "run": set(params.runs),
        "trained": set(params.train.runs),
        "published": set(params.publish),
    }
    unanswered = _unanswered(params)
    for path, kind, name in mentions(params):
        if name in unanswered:
            yield Mistake(path, unanswered[name])
        elif kind == "counted" and name in known["artifact"] - known["counted"]:
            yield Mistake(path, f"{name} is not counted; add it under count_tokens")
        elif kind != "counted" and name not in known[kind]:
            yield Mistake(path, unknown("unknown", name, known[kind]))


def _unanswered(params: "Params") -> dict[str, str]:
    """Responses to earlier rounds that `responses: last` leaves out -> what to write."""
    return {
        f"responded/{name}/{number}": f"responded/{name}/{number} is not made: rewrite.corpora.{name} has responses: "
        f"last; name responded/{name}/{entry.rounds}, or write responses: every there"
        for name, entry in params.rewrite.corpora.items() for number in range(entry.answered.start)
    }  # fmt: skip


def _missing_sections(params: "Params", written: Mapping[str, Any]) -> Iterator[Mistake]:
    """Parts of the file that the stages of entries read and that are absent: DVC can't run such a stage."""
    users: dict[str, list[str]] = {}
    for one in entries(params):
        for path in one.entry.needs:
            users.setdefault(path, []).append(one.path)
    for path, names in users.items():
        keys = path.split(".")
        if existing(written, keys) < len(keys) or _value(written, keys) is None:
            hint = HINTS.get(path, "")
            yield Mistake(path, f"{needed(names)}{hint}")


def _value(values: Any, keys: list[str]) -> Any:
    for key in keys:
        values = values[key]
    return values


def _benchmarks(params: "Params") -> Iterator[str]:
    for name, entry in params.ingest.benchmarks.items():
        where, registered = f"ingest.benchmarks.{name}", BENCHMARKS.get(entry.benchmark)
        if registered is None:
            yield f"{where}.benchmark: {unknown_name('benchmark', entry.benchmark, BENCHMARKS)}"
        else:
            yield from _languages(f"{where}.languages", entry, "languages" in registered.settings)
            yield from _images(f"{where}.images", entry, "images" in registered.settings)


def _languages(where: str, entry: Any, several: bool) -> Iterator[str]:
    if several and not entry.languages:
        yield f"{where}: {entry.benchmark} has several; name at least one that its files have, such as de"
    elif entry.languages and not several:
        yield f"{where}: {entry.benchmark} has one language; write []"


def _images(where: str, entry: Any, shown: bool) -> Iterator[str]:
    if shown and not entry.images:
        yield f"{where}: the questions of {entry.benchmark} show pictures; write pixels, with their folder, or captions"
    elif entry.images and not shown:
        yield f"{where}: {entry.benchmark} has no pictures; remove it"


def _idle(params: "Params") -> Iterator[str]:
    for run in params.runs:
        named = set(params.runs[run] or ())  # an unknown one is a mistake of its own
        known = params.predict.benchmarks.keys()
        if known and named <= known and not params.benchmarks_of(run):
            where = f"train.runs.{run}" if run in params.train.runs else f"predict.models.{run}"
            yield f"{where}: answers no benchmark; remove it, or let predict.benchmarks name it in `runs`"


def _judged(params: "Params") -> Iterator[str]:
    sections: dict[str, dict[str, Any]] = {
        "compare.runs": params.compare.runs, "compare.references": params.compare.references,
        "judge_tasks.runs": params.judge_tasks.runs, "judge_agreement.runs": params.judge_agreement.runs,
        "calibrate": params.calibrate,
    }  # fmt: skip
    for section, comparisons in sections.items():
        command = section.partition(".")[0]
        kind = "judge_agreement" if command == "calibrate" else command  # of what a judge scores
        suitable = [name for name in params.predict.benchmarks if kind in _registered(params, name).sections]
        for name, entry in comparisons.items():
            ingested = params.predict.benchmarks.keys() & params.ingest.benchmarks.keys()
            if entry.benchmark in ingested and entry.benchmark not in suitable:
                yield (
                    f"{section}.{name}.benchmark: {entry.benchmark} can't be an entry of `{command}`; of "
                    f"predict.benchmarks these can: {', '.join(suitable) or 'none'}"
                )
            named = {field: getattr(entry, field, "") for field in ("run", "baseline", "treatment")}
            for field, run in [*named.items(), *(("runs", run) for run in getattr(entry, "runs", None) or ())]:
                known = run in params.runs and entry.benchmark in params.predict.benchmarks
                if known and entry.benchmark not in params.benchmarks_of(run):
                    settled = f"the entry of {run} and predict.benchmarks.{entry.benchmark}"
                    yield f"{section}.{name}.{field}: {run} does not answer {entry.benchmark}; see {settled}"


def _registered(params: "Params", name: str) -> Registered:
    """What is registered for an entry of ingest.benchmarks; nothing for an unknown benchmark, which is a mistake of
    its own."""
    entry = params.ingest.benchmarks.get(name)
    return BENCHMARKS.get(entry.benchmark if entry else "", Registered(""))


def _pass_at(params: "Params") -> Iterator[str]:
    samples = {
        name: entry.samples
        for name, entry in params.predict.benchmarks.items()
        if "pass_at" in _registered(params, name).settings
    }
    for place, k in enumerate(params.evaluate.pass_at if params.evaluate else ()):
        if samples and k > max(samples.values()):
            name = max(samples, key=lambda name: samples[name])
            most = f"predict.benchmarks.{name}.samples ({samples[name]})"
            yield f"evaluate.pass_at.{place}: {k} is more than {most}; lower it, or answer more often"


def _actions(params: "Params") -> Iterator[str]:
    for name, entry in params.rewrite.entries.items():
        path = f"{'corpora' if name in params.rewrite.corpora else 'benchmarks'}.{name}"
        for field in ("actions", "later_actions") if entry.rounds > 1 else ("actions",):
            if entry.policy == "fixed" and field == "actions" and not entry.actions:
                yield f"rewrite.{path}.actions: policy fixed takes one action; name it"
            elif entry.policy == "fixed" and len(getattr(entry, field) or ()) > 1:
                yield f"rewrite.{path}.{field}: policy fixed takes one action, not {len(getattr(entry, field))}"


def _responses(params: "Params") -> Iterator[str]:
    for name, entry in params.rewrite.corpora.items():
        if entry.round_0 and 0 not in entry.answered:
            yield (
                f"rewrite.corpora.{name}.round_0: under responses: last, round 0 has no responses; remove it, or write "
                "responses: every"
            )


def _wording(params: "Params") -> Iterator[str]:
    for part, chained in params.augment:
        for name, entry in chained.items():
            for place, link in enumerate(entry.chains):
                if link.prefix is None and link.chain not in params.wording:
                    where = f"augment.{part}.{name}.chains.{place}"
                    yield f"{where}: chain {link.chain} has no wording; add wording.{link.chain}, or a prefix here"


def _chains(params: "Params") -> Iterator[str]:
    for part, chained in params.augment:
        for name, entry in chained.items():
            for place, link in enumerate(entry.chains):
                if (parts := CHAINS[link.chain].sections) and part not in parts:
                    where = f"augment.{part}.{name}.chains.{place}"
                    needed_parts = " or ".join(f"augment.{one}" for one in parts)
                    yield f"{where}: chain {link.chain} can't be here; write it under {needed_parts}"


def _report(params: "Params") -> Iterator[str]:
    for field in ("before", "after"):
        artifact = getattr(params.report, field)
        if artifact is not None and not artifact.startswith("responded/"):
            yield f"report.{field}: {artifact} has no responses to show; name responded/CORPUS/ROUND"


def _filters(params: "Params") -> Iterator[str]:
    settings = params.respond.settings
    for part, entries_of in params.respond.filter:
        for name, entry in entries_of.items():
            if entry.samples > 1 and settings and settings.sampling.temperature == 0:
                where = f"respond.filter.{part}.{name}.samples"
                yield f"{where}: {entry.samples} samples at temperature 0 are one; raise it, or set samples to 1"


def _preferences(params: "Params") -> Iterator[str]:
    """Only `publish` reads pairs, and in their own form alone."""
    for path, kind, name in mentions(params):
        if kind in ("artifact", "counted") and name.endswith(PAIRS) and not path.startswith("publish."):
            yield f"{path}: {name} holds preference pairs, which only `publish` reads; leave {PAIRS} out"
    for name, entry in params.publish.items():
        if entry.reads.endswith(PAIRS) != (entry.form == "preference"):
            yield f"publish.{name}.form: preference is the form of filtered/NAME{PAIRS}, and of nothing else"


def _models(params: "Params") -> Iterator[str]:
    """What a model was trained on is what its card says."""
    known = artifacts(params)
    for name, entry in params.publish_models.items():
        run, published = params.train.runs.get(entry.run), params.publish.get(entry.dataset)
        if not run or not published or not {run.reads, published.reads} <= known:
            continue  # a mistake of its own
        if published.reads != run.reads or published.form != "rows":
            yield (
                f"publish_models.{name}.dataset: {entry.dataset} does not have the rows that {entry.run} reads; name "
                f"an entry of publish in form rows with reads: {run.reads}"
            )


def _repositories(params: "Params") -> Iterator[str]:
    """One name is taken by what a repository has beside its configs."""
    for name, entry in params.repositories.items():
        if "provenance" in entry.configs:
            yield (
                f"repositories.{name}.configs.{entry.configs.index('provenance')}: provenance is the config with the "
                "origin of all rows; rename this entry of publish"
            )
