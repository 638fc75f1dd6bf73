"""VQAv2, Table 3's in-domain benchmark (paper 4.1.2; Goyal et al., 2017, https://visualqa.org/download.html).

Reads, from one folder, v2_OpenEnded_mscoco_<subset>_questions.json, v2_mscoco_<subset>_annotations.json with ten
people's answers to each question, and captions_<subset>.json of COCO if it is there; or instead of the two the Hub's
Parquet (lmms-lab/VQAv2), whose rows have both, and whose pictures are read as files all the same. The paper's numbers
are of the test split, whose answers only the makers' server has; the paper profile takes val2014. The accuracy is VQA's
own.
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
from stages.evaluation.benchmarks.vqa_rule import accuracy
from stages.readers.layout import Wanted


class _QuestionRow(msgspec.Struct):
    image_id: int
    question: str
    question_id: int


class _Questions(msgspec.Struct):
    questions: list[_QuestionRow]
    data_subtype: str = ""


class _AnswerRow(msgspec.Struct):
    answer: str


class _Annotation(msgspec.Struct):
    question_id: int
    answers: list[_AnswerRow]
    answer_type: str = ""


class _Row(_QuestionRow):
    """A question as the Hub has it."""

    answers: list[_AnswerRow] = []
    answer_type: str = ""


class _Annotations(msgspec.Struct):
    annotations: list[_Annotation]


def questions(files: Files, languages: Sequence[str], licence: str, wording: Wording) -> Iterator[Question | Rejected]:
    """Two questions a row, in file order. Raises UserError naming a question without an answer, or answered twice."""
    texts = captions(files)
    for row, image in _tabular(files) if tabular(files) else _paired(files):
        item = Item(
            benchmark="vqav2",
            id=str(row.question_id),
            image=image,
            question=row.question,
            gold=tuple(answer.answer for answer in row.answers),
            captions=texts.get(str(row.image_id), ()),
            kind=row.answer_type,
        )
        yield from image_questions.both_versions(item, licence, wording)


def _paired(files: Files) -> Iterator[tuple[_Row, str]]:
    """(question with its answers, file name of its picture) from the makers' two files."""
    name, sheet = only(files, "questions.json"), only(files, "annotations.json")
    answers_of = _answers_by_question(document(files, sheet, _Annotations).annotations, sheet)
    contents = document(files, name, _Questions)
    for row in contents.questions:
        if row.question_id not in answers_of:
            raise UserError(f"{sheet}: has no answer to question {row.question_id} of {name}; remove it there")
        answers = answers_of[row.question_id]
        yield (
            _Row(row.image_id, row.question, row.question_id, answers.answers, answers.answer_type),
            _file(row.image_id, contents.data_subtype),
        )


def _tabular(files: Files) -> Iterator[tuple[_Row, str]]:
    """The same from the Hub's rows. Raises UserError naming a row without an answer."""
    for where, row in picked(files, Wanted("validation", lone=True), _Row):
        if not any(answer.answer.strip() for answer in row.answers):
            raise UserError(
                f"{where}: question {row.question_id} has no answer; take a split with answers, or remove it"
            )
        yield row, _file(row.image_id, "val2014")


def _answers_by_question(rows: Sequence[_Annotation], sheet: str) -> dict[int, _Annotation]:
    """Question id -> its answers, of those that have one that is not empty."""
    by_question: dict[int, _Annotation] = {}
    for row in rows:
        if row.question_id in by_question:
            raise UserError(f"{sheet}: answers question {row.question_id} twice; remove one of them")
        by_question[row.question_id] = row
    return {key: row for key, row in by_question.items() if any(answer.answer.strip() for answer in row.answers)}


def grade(question: Question, text: str) -> dict[str, float]:
    """accuracy by VQA's rule, and the metrics of `image_questions`; `gold` has each answer as often as it was given."""
    return image_questions.grade(question, text, lambda answer: accuracy(answer, question.gold))


def _file(image: int, subset: str) -> str:
    """COCO's name for a picture: 42 of val2014 is COCO_val2014_000000000042.jpg."""
    return f"COCO_{subset}_{image:012d}.jpg" if subset else f"{image:012d}.jpg"


BENCHMARK = Benchmark(
    title="VQAv2, plain and with a description first (paper 4.1.2, Table 3; Goyal et al., 2017)",
    questions=questions,
    metrics=image_questions.METRICS,
    published={"official": {"prompt": 60.7, "IT": 61.3, "SIT": 63.4}},  # Table 3; InstructBLIP-Vicuna-7B
    grade=grade,
    left_out=image_questions.left_out,
    texts=image_questions.no_texts,
)
