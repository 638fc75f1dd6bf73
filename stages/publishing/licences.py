"""The licence under which a mixture of rows may be published, and the terms of the models that wrote them."""

import re
from collections.abc import Iterable, Mapping

from stages.publishing.licence_spellings import HUB, spelled
from stages.publishing.markdown import code

ORDER = ("attribution", "share-alike", "non-commercial", "no-derivatives")
"""Conditions; a later one is stricter."""
PERMISSIVE = re.findall(
    r"\S+",
    "afl-3.0 apache-2.0 artistic-2.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0 cdla-permissive-1.0 "
    "cdla-permissive-2.0 ecl-2.0 etalab-2.0 isc mit ms-pl ncsa odc-by postgresql zlib",
)
COPYLEFT = re.findall(
    r"\S+",
    "agpl-3.0 cdla-sharing-1.0 epl-1.0 epl-2.0 eupl-1.1 eupl-1.2 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 "
    "mpl-2.0 odbl osl-3.0",
)
CREATIVE_COMMONS = {"by": "attribution", "sa": "share-alike", "nc": "non-commercial", "nd": "no-derivatives"}
CONDITIONS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("cc0-1.0", "pddl", "unlicense", "wtfpl"), frozenset()),
    **dict.fromkeys(PERMISSIVE, frozenset({"attribution"})),
    **dict.fromkeys(COPYLEFT, frozenset({"attribution", "share-alike"})),
    **{
        name: frozenset(CREATIVE_COMMONS[part] for part in name.split("-")[1:-1])
        for name in HUB
        if name.startswith("cc-by-")
    },
}
"""The conditions of a licence, by the Hub's identifier. No licence is computed for a mixture with others."""

# What the licence or the terms of a model say about data that it wrote. Matched against the model's identity.
TERMS: tuple[tuple[str, str], ...] = (
    (
        r"llama[-_ ]?(2|3)(?!\.\d)(?![\d.])",
        "Meta's Llama 2 and Llama 3 licence (1.b.v) forbids using these models' outputs to improve any other large "
        "language model: train on these rows only models of the Llama family.",
    ),
    (
        r"llama[-_ ]?3\.\d",
        "Meta's Llama 3.x licence lets outputs train other models if their names begin with 'Llama' and their pages "
        "say 'Built with Llama'.",
    ),
    (r"command[-_ ]?r|c4ai|cohere", "Command R models are CC BY-NC 4.0: their outputs are for non-commercial use."),
    (r"\bgpt-|openai", "OpenAI's terms forbid using outputs to develop models that compete with OpenAI's."),
)  # fmt: skip


def strictest(licences: Iterable[str]) -> str:
    """The licence of the mix as the Hub calls it: the strictest of the rows' own.

    "other" where none fits: for no licence, for one that the Hub does not know, for several of which one's conditions
    are not known here, or of which two want what is made of them under themselves.
    """
    known = sorted({spelled(licence) for licence in licences})
    if len(known) == 1 and known[0] in HUB:
        return known[0]
    if not known or any(licence not in CONDITIONS for licence in known) or len(_alike(known)) > 1:
        return "other"
    return max(known, key=lambda licence: (_rank(licence), licence))


def named(licences: Iterable[str]) -> str:
    """What the Hub wants as the name of a licence that is "other": the only one's, else "see-sources"."""
    known = {spelled(licence) for licence in licences}
    slug = re.sub(r"[^a-z0-9.]+", "-", min(known)).strip("-.")[:64] if len(known) == 1 else ""
    return slug or "see-sources"


def cautions(licences: Iterable[str], generators: Iterable[str]) -> list[str]:
    """Notes beside the licence's name, as Markdown: conditions that clash, terms of the generators."""
    unknown = sorted({licence for licence in licences if spelled(licence) not in {*CONDITIONS, *HUB}})
    notes = [_caution(name) for name in unknown]
    notes += [text for pattern, text in TERMS if any(re.search(pattern, g, re.IGNORECASE) for g in sorted(generators))]
    return notes + _clash({spelled(licence) for licence in licences})


def _caution(licence: str) -> str:
    if licence == "unknown":
        return (
            "No licence of the source is named. Its publisher names it with `--licence` of `seqit new`, or as "
            "`ingest.corpora.NAME.licence` in params.yaml."
        )
    return f"The licence {code(licence)} is not known to seqit; read it before you use these rows."


def _alike(licences: Iterable[str]) -> set[str]:
    """The licences that want what is made of their works under themselves, without their versions."""
    alike = (name for name in licences if "share-alike" in CONDITIONS.get(name, ()))
    return {re.sub(r"-\d[\d.]*$", "", name) for name in alike if "non-commercial" not in CONDITIONS[name]}


def _rank(licence: str) -> tuple[int, ...]:
    return tuple(int(condition in CONDITIONS[licence]) for condition in reversed(ORDER))


def _clash(licences: Iterable[str]) -> list[str]:
    known = sorted(licences)
    apart = "The column `licence` keeps them apart; filter by it."
    alike = _alike(known)
    if alike and any("non-commercial" in CONDITIONS.get(licence, ()) for licence in known):
        return [
            "Some rows are share-alike without a non-commercial condition and others are non-commercial: no single "
            f"licence satisfies both for one merged work. {apart}"
        ]
    if len(alike) > 1:
        names = " and ".join(sorted(alike))
        return [f"Some rows are under {names}, each of which wants a merged work under itself. {apart}"]
    return []
