"""What of params.yaml does not fit together, though each value is legal by itself."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from stages.params import Params


class Kind(NamedTuple):
    """What a benchmark of ours allows."""

    languages: bool = False
    """It is asked in the languages that `ingest.benchmarks` lists; the others have one."""
    compare: bool = True
    """Its answers are texts, of which one can be better than another."""
    mark: bool = False
    """Its questions say which tasks there are, and nothing else that reads like tasks."""
    review: bool = False
    """A judge scores it, so a second one can."""
    programs: bool = False
    """Its answers are programs, of which `evaluate.pass_at` speaks."""
    pictures: bool = False
    """Its questions are about pictures, so `images` says what is shown."""


KINDS = {
    "xquad": Kind(languages=True, mark=True),
    "mgsm": Kind(languages=True),
    "mgsm-en": Kind(languages=True),
    "seqeval": Kind(mark=True, review=True),
    "sifo": Kind(mark=True),
    "verified": Kind(mark=True),
    "alpaca_eval": Kind(mark=True, review=True),
    "gsm8k": Kind(),
    "commonsenseqa": Kind(mark=True),
    "mmlu": Kind(compare=False),
    "arc": Kind(compare=False),
    "gsm8k-harness": Kind(),
    "generic": Kind(compare=False),
    "humaneval": Kind(programs=True),
    "vqav2": Kind(pictures=True),
    "gqa": Kind(pictures=True),
}
"""As in stages.evaluation.benchmarks.BENCHMARKS, which lies above (a test compares); others may be anything."""


def misfits(params: "Params") -> Iterator[str]:
    """Every mistake, each beginning with its path in the file."""
    yield from _languages(params)
    yield from _pictures(params)
    yield from _idle(params)
    yield from _judged(params)
    yield from _pass_at(params)
    yield from _actions(params)


def _languages(params: "Params") -> Iterator[str]:
    for name, entry in params.ingest.benchmarks.items():
        where, kind = f"ingest.benchmarks.{name}.languages", KINDS.get(entry.benchmark)
        if kind and kind.languages and not entry.languages:
            yield f"{where}: {entry.benchmark} is asked in languages; name at least one that its files have, such as de"
        elif kind and not kind.languages and entry.languages:
            yield f"{where}: {entry.benchmark} has but one language; write []"


def _pictures(params: "Params") -> Iterator[str]:
    for name, entry in params.ingest.benchmarks.items():
        where, kind = f"ingest.benchmarks.{name}.images", KINDS.get(entry.benchmark)
        if kind and kind.pictures and not entry.images:
            yield f"{where}: {entry.benchmark} is about pictures; say pixels, with their folder, or captions"
        elif kind and not kind.pictures and entry.images:
            yield f"{where}: {entry.benchmark} has no pictures; remove it"


def _idle(params: "Params") -> Iterator[str]:
    for run in params.answer.runs:
        if params.answer.benchmarks and not params.answer.of(run):
            yield f"answer.runs.{run}: answers no benchmark; remove it, or let answer.benchmarks name it in `runs`"


def _judged(params: "Params") -> Iterator[str]:
    entries: dict[str, tuple[str, dict[str, Any]]] = {
        "compare.runs": ("compare", params.compare.runs), "compare.references": ("compare", params.compare.references),
        "mark.runs": ("mark", params.mark.runs), "review.runs": ("review", params.review.runs),
    }  # fmt: skip
    for section, (door, found) in entries.items():
        fit = ", ".join(name for name in params.answer.benchmarks if getattr(_kind(params, name), door)) or "none"
        for name, entry in found.items():
            if not getattr(_kind(params, entry.benchmark), door):
                where = f"{section}.{name}.benchmark"
                yield f"{where}: {entry.benchmark} is none that `{door}` suits; of answer.benchmarks it suits {fit}"
            for field in ("run", "baseline", "treatment"):
                run = getattr(entry, field, None)
                if run is not None and entry.benchmark not in params.answer.of(run):
                    settled = f"answer.runs.{run} and answer.benchmarks.{entry.benchmark}"
                    yield f"{section}.{name}.{field}: {run} does not answer {entry.benchmark}; see {settled}"


def _kind(params: "Params", benchmark: str) -> Kind:
    """Of an entry of ingest.benchmarks."""
    return KINDS.get(params.ingest.benchmarks[benchmark].benchmark, Kind(True, True, True, True, True))


def _pass_at(params: "Params") -> Iterator[str]:
    asked = {name: entry.samples for name, entry in params.answer.benchmarks.items() if _kind(params, name).programs}
    for place, k in enumerate(params.evaluate.pass_at):
        if asked and k > max(asked.values()):
            name = max(asked, key=lambda name: asked[name])
            most = f"answer.benchmarks.{name}.samples ({asked[name]})"
            yield f"evaluate.pass_at.{place}: {k} is more than {most}; lower it, or answer more often"


def _actions(params: "Params") -> Iterator[str]:
    for name, entry in params.rewrite.rounds.items():
        where = f"rewrite.rounds.{name}.actions"
        if entry.policy == "fixed" and len(entry.actions) > 1:
            yield f"{where}: policy fixed takes one action, not {len(entry.actions)}"
