"""The licence of a trained model: that of its base and of the rows, and what the base's terms ask of it."""

import re
from collections.abc import Sequence

from stages.publishing.licence_spellings import HUB, spelled
from stages.publishing.licences import CONDITIONS, cautions, strictest
from stages.publishing.markdown import code

# What the licence of a base model asks of models that are made of it. Matched against its reference and its licence.
TERMS: tuple[tuple[str, str], ...] = (
    (
        r"llama[-_ ]?(?:3|4)|llama[-_ ]?3\.\d",
        "Meta's Llama 3 and 4 licences (1.b.i) want the name of a model made of theirs to begin with 'Llama', its page "
        "to say 'Built with Llama', and a copy of the licence beside it.",
    ),
    (
        r"llama[-_ ]?2(?![\d.])",
        "Meta's Llama 2 licence (1.b) wants a copy of it, and of the notice that it names, beside a model made of "
        "Llama 2.",
    ),
    (r"\bgemma", "Google's terms for Gemma want their restrictions of use handed on with a model made of Gemma."),
)  # fmt: skip


def model_licence(base: str, rows: Sequence[str]) -> str:
    """The licence as the Hub calls it, "other" where none fits.

    The base's own where the rows ask for no more than attribution; else the strictest of all (`strictest`).
    """
    data = strictest(rows)
    if spelled(base) in HUB and CONDITIONS.get(data, {"unknown"}) <= {"attribution"}:
        return spelled(base)
    return strictest([base, *rows])


def model_cautions(base: str, reference: str, rows: Sequence[str], of_rows: Sequence[str]) -> list[str]:
    """Notes beside the licence, as Markdown: what is not known of the base's, its terms, what clashes with the rows'.

    of_rows: the notes of the data set, which come last.
    """
    notes = []
    if base == "unknown":
        notes.append(
            "No licence of the base model is named. Its publisher names it as `publish_models.NAME.base_licence` in "
            "params.yaml."
        )
    elif spelled(base) not in HUB:
        notes.append(f"The licence {code(base)} of the base model is not known to seqit; read it before use.")
    terms = [text for pattern, text in TERMS if re.search(pattern, f"{reference} {base}", re.IGNORECASE)]
    clash = [note for note in cautions([spelled(base), *rows], []) if note.startswith("Some rows")]
    both = "The licences of base model and rows clash, so that no single one satisfies both for one work."
    clashes = [both for note in clash if note not in of_rows]
    return [*notes, *terms, *clashes, *(f"Of the rows that it was trained on: {note}" for note in of_rows)]
