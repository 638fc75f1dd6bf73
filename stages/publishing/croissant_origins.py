"""Where a data set comes from, in PROV-O, and what the RAI extension of Croissant asks of its making."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from stages.publishing.facts import Facts, prompt_files
from stages.publishing.resource_names import hub_address, model, uri

T = TypeVar("T")
JsonLd = dict[str, Any]
USES = {
    "": "Supervised fine-tuning of language models on instructions of several tasks",
    "test": "Testing how language models follow instructions of several tasks; a judge scores the answers",
    "preference": "Training language models on preferences between two responses",
    "grpo": "Reinforcement learning of language models with verifiable rewards",
    "rlvr": "Reinforcement learning of language models with verifiable rewards",
}
"""Form of a set, or "test" for a benchmark -> what it is made for."""
PRIVACY = "seqit looks for no personal or sensitive information, neither in the sources nor in what models write."


def purpose(facts: Facts) -> str:
    """The key of USES for a set."""
    return facts.form or ("test" if facts.split == "test" else "")


def provenance(parts: Sequence[Facts]) -> JsonLd:
    """Sources, prompt files and models of a data set. Terms and examples: section "Provenance" of Croissant 1.1."""
    prompts = [f"{name}/{hashed}" for facts in parts for name, hashed in prompt_files(facts)]
    activity = {
        "@type": "prov:Activity", "prov:label": "Seq-Instruct (Hu et al. 2025) by seqit",
        "prov:used": [_node("prov:Entity", uri("prompt", name), f"prompt file {name}") for name in _distinct(prompts)],
        "prov:wasAssociatedWith": [_model(name) for name in _models(parts)],
    }  # fmt: skip
    return {
        "prov:wasDerivedFrom": [_source(reference) for reference in _references(parts)],
        "prov:wasGeneratedBy": {key: value for key, value in activity.items() if value},
    }


def _source(reference: str) -> JsonLd:
    return _node("prov:Entity", hub_address(reference, models=False) or uri("source", reference), reference)


def _model(identity: str) -> JsonLd:
    return _node("prov:SoftwareAgent", model(identity).uri, identity)


def _node(kind: str, id: str, label: str) -> JsonLd:
    return {"@type": kind, "@id": id, "prov:label": label}


def responsible_ai(parts: Sequence[Facts]) -> JsonLd:
    """What is known of the fields of RAI; those of which nothing is known are left out."""
    models, references = _models(parts), _references(parts)
    written = "; ".join(f"{name} made {count:,} steps" for name, count in _sums(f.generators.items() for f in parts))
    steps = [f"{stage}, round {round}: {action or 'no action'}, {status}, {count:,} rows"
             for facts in parts for stage, round, action, status, count in facts.steps]  # fmt: skip
    values: dict[str, str | list[str]] = {
        "dataCollection": f"Rows of {'; '.join(references)}"
        + (f", changed and answered by models: {written}" if models else ""),
        "dataCollectionType": [
            "Secondary Data analysis",
            *(["Synthetic: written by language models"] if models else []),
        ],
        "dataCollectionMissingData": _missing(parts),
        "dataPreprocessingProtocol": _distinct(steps),
        "dataAnnotationProtocol": _distinct(
            f"{stage}: sampling {sampling}" for facts in parts for stage, sampling, _ in facts.samplings
        ),
        "machineAnnotationTools": models,
        "dataUseCases": sorted({USES[purpose(facts)] for facts in parts}),
        "dataLimitations": _distinct(text for facts in parts for text in facts.cautions),
        "personalSensitiveInformation": PRIVACY,
    }
    return {f"rai:{name}": value for name, value in values.items() if value}


def _missing(parts: Sequence[Facts]) -> str:
    empty = sum((facts.outputs or {}).get("empty", 0) for facts in parts)
    quarantined = sum(facts.validation.quarantined for facts in parts if facts.validation)
    return f"{empty:,} rows without an output; {quarantined:,} rows left out, since they failed validation"


def _models(parts: Sequence[Facts]) -> list[str]:
    return sorted({name for facts in parts for name in facts.generators})


def _references(parts: Sequence[Facts]) -> list[str]:
    return sorted({reference for facts in parts for reference, _, _ in facts.sources})


def _sums(counts: Iterable[Iterable[tuple[str, int]]]) -> list[tuple[str, int]]:
    sums: Counter[str] = Counter()
    for one in counts:
        sums.update(dict(one))
    return sorted(sums.items())


def _distinct(values: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(values))
