"""GQA, Table 3's out-of-domain benchmark (paper 4.1.2; Hudson & Manning, 2019, https://cs.stanford.edu/people/dorarad/gqa).

Reads testdev_balanced_questions.json, an object of question id -> {question, imageId, answer, …}, or the Hub's Parquet
of it, whose rows have the `id` beside (config testdev_balanced_instructions); pictures are <imageId>.jpg. A file
captions*.json in COCO's form may lie beside it: GQA itself has no captions. The accuracy is exact match, as GQA's own,
after VQA's normalisation of both sides.
"""

from collections.abc import Iterator, Sequence

import msgspec

from stages.core.errors import UserError
from stages.core.records import Rejected
from stages.evaluation.benchmarks import image_questions
from stages.evaluation.benchmarks.declaration import Benchmark
from stages.evaluation.benchmarks.image_questions import Item, captions
from stages.evaluation.benchmarks.questions import Files, Question, Wording
from stages.evaluation.benchmarks.readers import document, only, picked, tabular
from stages.evaluation.benchmarks.vqa_rule import normalised
from stages.readers.layout import Wanted

BALANCED = "testdev_balanced_questions.json"
"""The file with the questions, where other files of GQA lie beside it."""


class _Types(msgspec.Struct, frozen=True):
    structural: str = ""


class _Row(msgspec.Struct):
    question: str
    imageId: str
    answer: str
    types: _Types = _Types()
    id: str = ""


def questions(files: Files, languages: Sequence[str], licence: str, wording: Wording) -> Iterator[Question | Rejected]:
    """Two questions a row, in file order. Raises UserError naming a question without an answer."""
    texts = captions(files)
    for name, key, row in _rows(files):
        if not normalised(row.answer):
            raise UserError(f"{name}: question {key} has no answer; correct or remove it")
        item = Item(
            benchmark="gqa",
            id=key,
            image=f"{row.imageId}.jpg",
            question=row.question,
            gold=(row.answer,),
            captions=texts.get(row.imageId, ()),
            kind=row.types.structural,
        )
        yield from image_questions.both_versions(item, licence, wording)


def _rows(files: Files) -> Iterator[tuple[str, str, _Row]]:
    """(file, id, question) of each question."""
    if tabular(files):
        wanted = Wanted("testdev", ("testdev_balanced_instructions",), lone=True)
        yield from ((where, row.id, row) for where, row in picked(files, wanted, _Row))
    else:
        name = only(files, *([BALANCED] if any(name.endswith(BALANCED) for name in files) else ["questions.json"]))
        yield from ((name, key, row) for key, row in document(files, name, dict[str, _Row]).items())


def grade(question: Question, text: str) -> dict[str, float]:
    """accuracy, 0 or 1, by exact match, and the metrics of `image_questions.grade`."""
    right = {normalised(answer) for answer in question.gold}
    return image_questions.grade(question, text, lambda answer: float(normalised(answer) in right))


BENCHMARK = Benchmark(
    title="GQA, plain and with a description first (paper 4.1.2, Table 3; Hudson & Manning, 2019)",
    questions=questions,
    metrics=image_questions.METRICS,
    published={"official": {"prompt": 46.8, "IT": 47.0, "SIT": 48.9}},  # Table 3; InstructBLIP-Vicuna-7B
    grade=grade,
    left_out=image_questions.left_out,
    texts=image_questions.no_texts,
)
