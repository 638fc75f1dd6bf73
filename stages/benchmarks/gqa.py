"""GQA, Table 3's out-of-domain benchmark (paper 4.1.2; Hudson & Manning, 2019, https://cs.stanford.edu/people/dorarad/gqa).

Reads testdev_balanced_questions.json, an object of question id -> {question, imageId, answer, …}; pictures are
<imageId>.jpg. A file captions*.json in COCO's form may lie beside it: GQA itself has no captions. The accuracy is exact
match, as GQA's own, after VQA's normalisation of both sides.
"""

from collections.abc import Iterator, Sequence

import msgspec

from stages.benchmarks import pictures
from stages.benchmarks.decoding import document, only
from stages.benchmarks.pictures import Item, captions
from stages.benchmarks.questions import Files, Question, Wording
from stages.benchmarks.vqa_rule import normalised
from stages.errors import UserError
from stages.records import Rejected


class _Types(msgspec.Struct, frozen=True):
    structural: str = ""


class _Asked(msgspec.Struct):
    question: str
    imageId: str
    answer: str
    types: _Types = _Types()


def questions(files: Files, languages: Sequence[str], licence: str, wording: Wording) -> Iterator[Question | Rejected]:
    """Two questions a row, in file order. Raises UserError naming a question without an answer."""
    name = only(files, "questions.json")
    texts = captions(files)
    for key, row in document(files, name, dict[str, _Asked]).items():
        if not normalised(row.answer):
            raise UserError(f"{name}: question {key} has no answer; mend or remove it")
        item = Item(
            benchmark="gqa",
            id=key,
            image=f"{row.imageId}.jpg",
            question=row.question,
            gold=(row.answer,),
            captions=texts.get(row.imageId, ()),
            kind=row.types.structural,
        )
        yield from pictures.asked(item, licence, wording)


def grade(question: Question, text: str) -> dict[str, float]:
    """accuracy, 0 or 1, by exact match, and what `pictures.grade` says."""
    right = {normalised(answer) for answer in question.gold}
    return pictures.grade(question, text, lambda answer: float(normalised(answer) in right))
