"""The facts of a repository with several configs, and those of all its configs taken together."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from stages.core.records import digest
from stages.publishing.facts import Facts
from stages.publishing.licences import cautions, strictest


class RepositoryFacts(msgspec.Struct, frozen=True):
    """What is known of a repository; written into it as provenance.json."""

    name: str
    version: str
    default: str
    """The config that is loaded where none is named."""
    rows: int
    """Of all configs."""
    rows_sha256: str
    """SHA-256 of the JSON object {config: its rows_sha256}, keys sorted, no spaces."""
    licence: str
    cautions: list[str]
    configs: dict[str, Facts]
    """Config -> the facts of the published set that it is; its rows are those of the config joined with those of the
    config `provenance`."""
    repository: str | msgspec.UnsetType = msgspec.UNSET
    """ORG/NAME on the Hub; else no field."""


def repository_facts(
    name: str, version: str, default: str, configs: Mapping[str, Facts], repository: str | None
) -> RepositoryFacts:
    """The facts of a repository with these configs."""
    together = all_configs(name, version, configs)
    return RepositoryFacts(
        name, version, default, together.rows, together.rows_sha256, together.licence, together.cautions, dict(configs),
        repository or msgspec.UNSET,
    )  # fmt: skip


def rows_sha256(configs: Mapping[str, Facts]) -> str:
    """The hash of all rows of a repository, from those of its configs."""
    return digest({name: facts.rows_sha256 for name, facts in configs.items()})


def all_configs(name: str, version: str, configs: Mapping[str, Facts]) -> Facts:
    """The facts of all configs as if they were one set: counts are sums."""
    every = list(configs.values())
    sources = _summed(one.sources for one in every)
    generators = _sums(one.generators for one in every)
    licences = [str(licence) for _, licence, _ in sources]
    outputs = _sums(one.outputs for one in every if isinstance(one.outputs, dict))
    return Facts(
        name=name, version=version, artifact=", ".join(dict.fromkeys(one.artifact for one in every)),
        split="train" if any(one.split == "train" for one in every) else "test",
        rows=sum(one.rows for one in every), rows_sha256=rows_sha256(configs), licence=strictest(licences),
        cautions=cautions(licences, generators), sources=[(str(a), str(b), int(n)) for a, b, n in sources],
        languages=_sums(one.languages for one in every), generators=generators,
        steps=_summed(one.steps for one in every),
        prompts=_summed(one.prompts for one in every), samplings=_summed(one.samplings for one in every),
        outputs=outputs or msgspec.UNSET,
    )  # fmt: skip


def _sums(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items()))


def _summed(lists: Iterable[Sequence[Sequence[Any]]]) -> list[Any]:
    """Lists of (*key, count) as one."""
    total: Counter[tuple[str | int, ...]] = Counter()
    for entries in lists:
        for *key, count in entries:
            total[tuple(key)] += int(count)
    return [(*key, count) for key, count in sorted(total.items())]
