"""MetaMathQA: {query, response, original_question, type} (huggingface.co/datasets/meta-math/MetaMathQA)."""

from stages.corpora.row_types import Content, per_row, text
from stages.readers.formats import Raw


def content(raw: Raw) -> Content:
    """The (rephrased, augmented) query and its worked answer."""
    return Content(text(raw, "query"), response=text(raw, "response", numbers=True))


contents = per_row(content)
