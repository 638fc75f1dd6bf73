"""Questions about images and captions of images, in the forms of VQA and COCO; images by reference, never the pixels.

VQAv2 and OK-VQA (visualqa.org): {"questions": [{image_id, question, question_id}]} and, in another file,
{"annotations": [{question_id, multiple_choice_answer, answers: [{answer}]}]}. Captions: COCO's {"annotations":
[{image_id, caption}]}, result files [{image_id, caption}], PICa's tab-separated image id and [{"caption": …}], LLaVA's
{image, captions: […]}. An image is named by its COCO number, "000000391895.jpg", so that questions and captions meet.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from stages.core.errors import UserError
from stages.corpora.row_types import Content, Read, Refusal, no_fields, text, value_of
from stages.readers.formats import Raw

INSTRUCTION = "Describe the image."
"""The instruction of a record that is a caption."""


def questions(rows: Iterable[Raw], fields: Mapping[str, str]) -> Iterator[Read]:
    """Every question, with its annotated answer; "" as response where the source has no annotations at all.

    Raises UserError naming a file that holds neither questions nor annotations.
    """
    no_fields(fields)
    documents = list(rows)
    for raw in documents:
        if not {"questions", "annotations"} & raw.row.keys():
            raise UserError(f"{raw.where}: holds neither 'questions' nor 'annotations'; is this a file of VQA's form?")
    answers = {_key(annotation, "question_id"): _answer(annotation) for annotation in _items(documents, "annotations")}
    for raw in _items(documents, "questions"):
        answer = answers.get(_key(raw, "question_id"), None if answers else "")
        content = Content(text(raw, "question"), response=answer or "", image=image(raw, "image_id"))
        yield raw, Refusal("no-answer") if answer is None else content


def captions(rows: Iterable[Raw], fields: Mapping[str, str]) -> Iterator[Read]:
    """One record a caption."""
    no_fields(fields)
    for raw in rows:
        for item in _items([raw], "annotations") if "annotations" in raw.row else [raw]:
            yield from ((item, content) for content in _captions(item))


def image(raw: Raw, field: str) -> str:
    """The name of an image from its number, or from a file name that ends with it; other names stay as they are."""
    value = _key(raw, field)
    number = re.fullmatch(r"(?:COCO_\w+_)?([0-9]{1,12})(?:\.jpg)?", value)
    return f"{int(number[1]):012d}.jpg" if number else value


def _key(raw: Raw, field: str) -> str:
    value = value_of(raw, field)
    if not isinstance(value, int | str):
        raise UserError(
            f"{raw.where}: field {field!r} holds {value!r:.40} and neither a number nor text; correct the row"
        )
    return str(value)


def _items(documents: Iterable[Raw], key: str) -> Iterator[Raw]:
    """The objects in the lists that documents hold under a key, each as a row of its own."""
    for raw in documents:
        items = raw.row.get(key, [])
        if not isinstance(items, list):
            raise UserError(f"{raw.where}: {key!r} is not a list; correct the file")
        for number, item in enumerate(items):
            if not isinstance(item, dict):
                raise UserError(f"{raw.where}: {key}[{number}] is not an object but {item!r:.40}; correct or remove it")
            yield Raw(item, number, raw.file, f"{raw.where}, {key}[{number}]")


def _answer(raw: Raw) -> str:
    """The annotated answer: the one the set names, else the most frequent, of equals the first in the alphabet."""
    if "multiple_choice_answer" in raw.row:
        return text(raw, "multiple_choice_answer")
    counts = Counter(text(answer, "answer") for answer in _items([raw], "answers"))
    return min(counts, key=lambda answer: (-counts[answer], answer), default="")


def _captions(raw: Raw) -> Iterator[Content]:
    if "1" in raw.row:
        name, captions = image(raw, "0"), [text(item, "caption") for item in _items([_decoded(raw)], "1")]
    elif "captions" in raw.row:
        name, captions = image(raw, "image"), list(_texts(raw, "captions"))
    else:
        name, captions = image(raw, "image_id"), [text(raw, "caption")]
    for number, caption in enumerate(captions, 1):
        yield Content(INSTRUCTION, response=caption, image=name, part=str(number) if len(captions) > 1 else "")


def _texts(raw: Raw, field: str) -> Iterator[str]:
    values = value_of(raw, field)
    if not isinstance(values, list):
        raise UserError(f"{raw.where}: {field!r} is not a list; correct the row")
    for number, value in enumerate(values):
        yield text(raw._replace(row={f"{field}[{number}]": value}), f"{field}[{number}]")


def _decoded(raw: Raw) -> Raw:
    """A row of PICa's with the JSON in its second column decoded."""
    try:
        return raw._replace(row=raw.row | {"1": msgspec.json.decode(text(raw, "1"))})
    except msgspec.DecodeError as error:
        raise UserError(f"{raw.where}: column 1: {error}; correct the row") from None
