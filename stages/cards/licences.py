"""Under which licence a mix of rows may be passed on, and what the models that wrote them ask for."""

import re
from collections.abc import Iterable, Mapping

# Conditions by SPDX identifier in small letters, as the Hub spells them. A later condition is stricter.
ORDER = ("attribution", "share-alike", "non-commercial", "no-derivatives")
CONDITIONS: Mapping[str, frozenset[str]] = {
    "cc0-1.0": frozenset(),
    "unlicense": frozenset(),
    "mit": frozenset({"attribution"}),
    "bsd-2-clause": frozenset({"attribution"}),
    "bsd-3-clause": frozenset({"attribution"}),
    "apache-2.0": frozenset({"attribution"}),
    "cc-by-3.0": frozenset({"attribution"}),
    "cc-by-4.0": frozenset({"attribution"}),
    "odc-by": frozenset({"attribution"}),
    "cc-by-sa-3.0": frozenset({"attribution", "share-alike"}),
    "cc-by-sa-4.0": frozenset({"attribution", "share-alike"}),
    "odbl": frozenset({"attribution", "share-alike"}),
    "cc-by-nc-3.0": frozenset({"attribution", "non-commercial"}),
    "cc-by-nc-4.0": frozenset({"attribution", "non-commercial"}),
    "cc-by-nc-sa-4.0": frozenset({"attribution", "share-alike", "non-commercial"}),
    "cc-by-nd-4.0": frozenset({"attribution", "no-derivatives"}),
    "cc-by-nc-nd-4.0": frozenset({"attribution", "non-commercial", "no-derivatives"}),
}

SPELLINGS = {"odc-by-1.0": "odc-by", "odbl-1.0": "odbl", "apache 2.0": "apache-2.0", "cc0": "cc0-1.0"}

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


def spelled(licence: str) -> str:
    """A licence as the Hub spells it; unknown ones stay as they are, in small letters."""
    small = licence.strip().lower()
    return SPELLINGS.get(small, small)


def strictest(licences: Iterable[str]) -> str:
    """The licence of the mix: the strictest of the rows' own; "other" if one isn't known here or there is none."""
    known = sorted({spelled(licence) for licence in licences})
    if not known or any(licence not in CONDITIONS for licence in known):
        return "other"
    return max(known, key=lambda licence: (_rank(licence), licence))


def cautions(licences: Iterable[str], generators: Iterable[str]) -> list[str]:
    """What one must know besides the licence's name: conditions that clash, terms of the generators."""
    unknown = sorted({licence for licence in licences if spelled(licence) not in CONDITIONS})
    found = [f"The licence {name!r} is not known to seqit; read it before you use these rows." for name in unknown]
    found += [text for pattern, text in TERMS if any(re.search(pattern, g, re.IGNORECASE) for g in sorted(generators))]
    return found + _clash(licences)


def _rank(licence: str) -> tuple[int, ...]:
    return tuple(int(condition in CONDITIONS[licence]) for condition in reversed(ORDER))


def _clash(licences: Iterable[str]) -> list[str]:
    conditions = [CONDITIONS.get(spelled(licence), frozenset()) for licence in licences]
    alike = any("share-alike" in c and "non-commercial" not in c for c in conditions)
    if alike and any("non-commercial" in c for c in conditions):
        return [
            "Some rows are share-alike without a non-commercial condition and others are non-commercial: no single "
            "licence satisfies both for one merged work. The column `licence` keeps them apart; filter by it."
        ]
    return []
