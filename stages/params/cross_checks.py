"""What of params.yaml does not fit together, though each value is legal by itself."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stages.core.registry import BENCHMARKS, Registered, unknown_name

if TYPE_CHECKING:
    from stages.params import Params


def misfits(params: "Params") -> Iterator[str]:
    """Every mistake, each beginning with its path in the file."""
    yield from _benchmarks(params)
    yield from _idle(params)
    yield from _judged(params)
    yield from _pass_at(params)
    yield from _actions(params)
    yield from _wording(params)


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
    for run in params.predict.runs:
        if params.predict.benchmarks and not params.predict.of(run):
            yield f"predict.runs.{run}: answers no benchmark; remove it, or let predict.benchmarks name it in `runs`"


def _judged(params: "Params") -> Iterator[str]:
    sections: dict[str, dict[str, Any]] = {
        "compare.runs": params.compare.runs, "compare.references": params.compare.references,
        "judge_tasks.runs": params.judge_tasks.runs, "judge_agreement.runs": params.judge_agreement.runs,
    }  # fmt: skip
    for section, entries in sections.items():
        command = section.partition(".")[0]
        suitable = [name for name in params.predict.benchmarks if command in _registered(params, name).sections]
        for name, entry in entries.items():
            if entry.benchmark not in suitable:
                yield (
                    f"{section}.{name}.benchmark: {entry.benchmark} can't be an entry of `{command}`; of "
                    f"predict.benchmarks these can: {', '.join(suitable) or 'none'}"
                )
            for field in ("run", "baseline", "treatment"):
                run = getattr(entry, field, None)
                if run is not None and entry.benchmark not in params.predict.of(run):
                    settled = f"predict.runs.{run} and predict.benchmarks.{entry.benchmark}"
                    yield f"{section}.{name}.{field}: {run} does not answer {entry.benchmark}; see {settled}"


def _registered(params: "Params", name: str) -> Registered:
    """What is registered for an entry of ingest.benchmarks; nothing for an unknown benchmark, which is a mistake of
    its own."""
    return BENCHMARKS.get(params.ingest.benchmarks[name].benchmark, Registered(""))


def _pass_at(params: "Params") -> Iterator[str]:
    samples = {
        name: entry.samples
        for name, entry in params.predict.benchmarks.items()
        if "pass_at" in _registered(params, name).settings
    }
    for place, k in enumerate(params.evaluate.pass_at):
        if samples and k > max(samples.values()):
            name = max(samples, key=lambda name: samples[name])
            most = f"predict.benchmarks.{name}.samples ({samples[name]})"
            yield f"evaluate.pass_at.{place}: {k} is more than {most}; lower it, or answer more often"


def _actions(params: "Params") -> Iterator[str]:
    for name, entry in params.rewrite.rounds.items():
        where = f"rewrite.rounds.{name}.actions"
        if entry.policy == "fixed" and len(entry.actions) > 1:
            yield f"{where}: policy fixed takes one action, not {len(entry.actions)}"


def _wording(params: "Params") -> Iterator[str]:
    for part, entries in params.augment:
        for name, entry in entries.items():
            for place, link in enumerate(entry.chains):
                if link.prefix is None and link.chain not in params.wording:
                    where = f"augment.{part}.{name}.chains.{place}"
                    yield f"{where}: chain {link.chain} has no wording; add wording.{link.chain}, or a prefix here"
