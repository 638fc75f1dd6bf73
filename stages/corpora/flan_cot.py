"""Chain-of-thought rows of the Flan collection, in two forms.

As Google publishes them, tab-separated: question, answer, rationale, with line ends written as \\n
(github.com/google-research/FLAN). As OpenOrca has them, answered by a model: {id, system_prompt, question, response},
of which the rows whose id begins with "cot." are FlanCoT (huggingface.co/datasets/Open-Orca/OpenOrca). Both are one
flat question; telling instruction and input apart is a step of its own (paper B.4).
"""

from stages.corpora.row_types import Content, Refusal, per_row, text
from stages.readers.formats import Raw


def content(raw: Raw) -> Content | Refusal:
    """Either form: the columns of the first are named "0", "1", "2"."""
    return _published(raw) if "0" in raw.row else _openorca(raw)


def _published(raw: Raw) -> Content:
    question, answer, rationale = (text(raw, column).replace("\\n", "\n").strip() for column in "012")
    return Content(question, response=f"{rationale}\nThe answer is {answer}.")


def _openorca(raw: Raw) -> Content | Refusal:
    if "id" in raw.row and not text(raw, "id").startswith("cot."):
        return Refusal("other-subset", text(raw, "id"))
    return Content(text(raw, "question"), response=text(raw, "response"), system=text(raw, "system_prompt"))


contents = per_row(content)
