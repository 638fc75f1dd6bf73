"""The metadata of a data set's card, in the types of huggingface_hub.

Fields and their values: https://github.com/huggingface/hub-docs/blob/main/datasetcard.md
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from stages.core.languages import base
from stages.publishing.facts import Facts
from stages.publishing.licences import named
from stages.publishing.parquet import Written

SIZES = (
    (1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"), (1_000_000_000, "100M<n<1B"),
)  # fmt: skip
PAPER = "2403.07794"
"""The paper's number at arXiv."""
ON_THE_HUB = re.compile(r"hub:([\w.-]+/[\w.-]+)(@|$)")


def front_matter(facts: Facts, written: Written, features: Sequence[Mapping[str, Any]], licences: str) -> str:
    """The YAML at the head of a card, without the lines around it. licences: the file that a licence "other" names."""
    config = {"config_name": "default", "data_files": [{"split": facts.split, "path": _path(facts, written)}]}
    return of_configs(facts, [config], _info(facts, written, features), licences)


def of_configs(facts: Facts, configs: Sequence[Mapping[str, Any]], info: Any, licences: str) -> str:
    """The same of several configs. info: `dataset_info` of one config, or a list of those of all."""
    from huggingface_hub import DatasetCardData

    data = DatasetCardData(
        pretty_name=facts.name, license=facts.licence, **_licence(facts, licences), **_languages(facts),
        size_categories=[next((name for limit, name in SIZES if facts.rows < limit), "n>1T")],
        task_categories=["text-generation"], **_creators(facts), source_datasets=_sources(facts),
        tags=["instruction-tuning", "sequential-instructions", "synthetic", "seqit", f"arxiv:{PAPER}"],
        dataset_info=info, configs=list(configs),
    )  # fmt: skip
    return str(data.to_yaml(line_break="\n"))


def _licence(facts: Facts, licences: str) -> dict[str, str]:
    if facts.licence != "other":
        return {}
    return {"license_name": named(licence for _, licence, _ in facts.sources), "license_link": licences}


def _languages(facts: Facts) -> dict[str, list[str]]:
    languages = sorted({base(language) for language in facts.languages} - {""})
    several = len(languages) > 1 or "multi" in facts.languages
    named_languages = {"language": languages} if languages else {}
    return {**named_languages, "multilinguality": ["multilingual" if several else "monolingual"]}


def _creators(facts: Facts) -> dict[str, list[str]]:
    """Who made instructions and responses: a model, or whoever wrote the source."""
    machine, original = "machine-generated", "found"
    texts = {"language_creators": [*([machine] if facts.generators else []), original]}
    if not facts.outputs:
        return texts
    makers = {"generated": machine, "source": original}
    return {**texts, "annotations_creators": [makers[key] for key in makers if facts.outputs.get(key)]}


def _sources(facts: Facts) -> list[str]:
    """The Hub's names of the sources that come from there; "extended" where none does: some source always is."""
    matches = (ON_THE_HUB.match(reference) for reference, _, _ in facts.sources)
    return sorted({match[1] for match in matches if match}) or ["extended"]


def _info(facts: Facts, written: Written, features: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    split = {"name": facts.split, "num_bytes": written.table_bytes, "num_examples": facts.rows}
    return {
        "features": list(features), "splits": [split], "download_size": written.file_bytes,
        "dataset_size": written.table_bytes,
    }  # fmt: skip


def _path(facts: Facts, written: Written) -> str:
    return written.files[0] if len(written.files) == 1 else f"data/{facts.split}-*.parquet"
