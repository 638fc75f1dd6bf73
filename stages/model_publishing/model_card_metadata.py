"""The metadata of a model's card, in the types of huggingface_hub.

Fields and their values: https://github.com/huggingface/hub-docs/blob/main/modelcard.md
"""

from collections.abc import Mapping, Sequence
from typing import Any

from stages.core.languages import MULTI, base
from stages.model_publishing.hub_results import Leaderboard, model_index
from stages.model_publishing.model_facts import ModelFacts
from stages.publishing.card_metadata import PAPER
from stages.publishing.licences import named


def front_matter(
    facts: ModelFacts, leaderboards: Mapping[str, Leaderboard], row_licences: Sequence[str], licence_file: str
) -> str:
    """The YAML at the head of a card, without the lines around it. licence_file: what a licence "other" names."""
    from huggingface_hub import ModelCardData

    results = model_index(facts, leaderboards)
    data = ModelCardData(
        language=sorted({base(language) for language in facts.languages} - {"", MULTI}) or None, license=facts.licence,
        **_licence(facts, row_licences, licence_file), library_name="transformers",
        pipeline_tag="image-text-to-text" if facts.images is True else "text-generation", **_origins(facts),
        tags=["sequential-instructions", "instruction-tuning", "supervised-fine-tuning", "seqit", f"arxiv:{PAPER}"],
        model_name=facts.name, eval_results=results or None,
    )  # fmt: skip
    if not results:
        data.model_name = None  # only a model-index has it
    return str(data.to_yaml(line_break="\n"))


def _licence(facts: ModelFacts, row_licences: Sequence[str], file: str) -> dict[str, str]:
    if facts.licence != "other":
        return {}
    return {"license_name": named([facts.base.licence, *row_licences]), "license_link": file}


def _origins(facts: ModelFacts) -> dict[str, Any]:
    """Base model and data set, where the Hub has them."""
    origins: dict[str, Any] = {}
    if isinstance(facts.base.repository, str):
        origins |= {"base_model": facts.base.repository, "base_model_relation": "finetune"}
    if isinstance(facts.dataset.repository, str):
        origins |= {"datasets": [facts.dataset.repository]}
    return origins
