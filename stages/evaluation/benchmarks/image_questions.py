"""Questions about pictures, plain and with a description first (paper 4.1.2, Table 3): what VQAv2 and GQA share.

From the paper: both instructions, and that the sequential one describes the image before it answers. Ours: every model
gets both versions (`group` names the version), the rules that extract the answer and recognise a description, and
captions in place of a picture for models without image input. With captions the questions are about a text, so their
scores must not be compared with those of models that see the picture.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

import msgspec
from msgspec.structs import replace

from stages.core.completions import Image, Look
from stages.core.errors import UserError
from stages.core.records import Rejected
from stages.evaluation.benchmarks.questions import Files, Question, Wording
from stages.evaluation.benchmarks.readers import document
from stages.evaluation.metrics.rouge import rouge_l

TASK = "answer the input question based on the image"
"""The paper's words, as the training rows of the caption chain have them."""
ImageForm = Literal["captions", "pixels"]
"""What a question shows: the captions of its picture as text, or the picture."""
NO_CAPTION = "no-caption"
"""Why a question is rejected: its picture has no captions to show in place of it."""
CAPTIONS_SHOWN = "captions stand in for the picture, so repeating them counts as describing it"
FOLLOWED = 0.3
"""ROUGE-L F above which a description is one of the picture. Of human captions of 80 COCO pictures, 82% are above it
against the other captions of the same picture, and 10% against those of another; of 30 long descriptions by GPT-4, 29
and none."""
DESCRIBED = 4
"""Number of words before an answer that make a description."""
LONGEST = 10
"""Words of a last line that is an answer without a marker; hardly any answer of VQAv2 has more than five."""
METRICS = {
    "accuracy": "the answer is right by the benchmark's own comparison; left out where no answer is stated",
    "official": "accuracy, with an answer that is not stated counted as wrong",
    "answered": "an answer is stated",
    "described": "a description comes before the answer, where one was requested",
    "rouge_l": "ROUGE-L F of the description against the picture's captions",
    "following": "the description is one of that picture",
}
"""Metric -> its meaning, for both benchmarks."""
_STATED = re.compile(r"\banswer\b[^.:：\n]{0,60}?(?:\bis\b\s*[:：]?|[:：])", re.IGNORECASE)
_AROUND = frozenset("*_`\"'“”‘’()[]")


class _Caption(msgspec.Struct):
    image_id: int | str
    caption: str


class _Captions(msgspec.Struct):
    annotations: list[_Caption]


class Item(msgspec.Struct, frozen=True):
    """A question of one of the benchmarks, before it becomes both versions."""

    benchmark: str
    id: str
    image: str
    """File name of the picture."""
    question: str
    gold: tuple[str, ...]
    captions: Sequence[str]
    kind: str = ""
    """The benchmark's own type of the question or answer."""


def both_versions(item: Item, licence: str, wording: Wording) -> Iterator[Question | Rejected]:
    """The plain question and the one with a description first; rejected where it is empty."""
    if not item.question.strip():
        yield Rejected(f"{item.benchmark}-{item.id}", "empty", item.image, msgspec.to_builtins(item))
        return
    instructions = {"plain": TASK[0].upper() + TASK[1:], "caption": f"{wording['caption']} {TASK}"}
    captions = "\n".join(dict.fromkeys(filter(None, (" ".join(text.split()) for text in item.captions))))
    for group, instruction in instructions.items():
        yield Question(
            id=f"{item.benchmark}-{group}-{item.id}",
            benchmark=item.benchmark,
            language="en",
            licence=licence,
            item=item.id,
            instruction=instruction,
            input=item.question,
            gold=item.gold,
            reference=captions if group == "caption" else "",
            group=group,
            tasks=2 if group == "caption" else 1,
            meta={"captions": captions, "kind": item.kind},
            images=(Image("", item.image),),
        )


def no_texts(question: Question) -> Iterator[str]:
    """Nothing: a question about a picture ("What colour is it?") is no leak without the picture."""
    yield from ()


def captions(files: Files) -> dict[str, list[str]]:
    """Image id -> its captions, from a file in COCO's form (captions_val2014.json) if there is one."""
    names = [name for name in files if re.search(r"(^|/)captions[^/]*\.json$", name)]
    texts: dict[str, list[str]] = {}
    for name in names:
        for row in document(files, name, _Captions).annotations:
            texts.setdefault(str(row.image_id), []).append(row.caption)
    return texts


def with_images(
    items: Iterable[Question | Rejected], form: ImageForm | None, look: Look
) -> Iterator[Question | Rejected]:
    """Questions about pictures with the picture in the given form; all others pass.

    pixels: the picture that `look` returns. captions: the question's input starts with them; rejected as "no-caption"
    where there are none. Raises UserError where a question about a picture has no form, where another one has, and for
    a missing picture.
    """
    for item in items:
        if isinstance(item, Rejected):
            yield item
        elif not item.images:
            if form:
                raise UserError(f"params.yaml: ingest.benchmarks: {item.benchmark} has no pictures; remove `images`")
            yield item
        elif form == "pixels":
            yield replace(item, images=tuple(look(f"question {item.id}", image.path) for image in item.images))
        elif form == "captions":
            yield _with_captions(item)
        else:
            raise UserError(
                f"params.yaml: ingest.benchmarks: {item.benchmark} has pictures; write `images: pixels` with their "
                "`folder`, or `images: captions`"
            )


def _with_captions(question: Question) -> Question | Rejected:
    captions = question.meta["captions"].replace("\n", " ")
    if not captions:
        return Rejected(question.id, NO_CAPTION, question.images[0].path, msgspec.to_builtins(question))
    return replace(question, images=(), input=f"Image: {captions}\n\nQuestion: {question.input}")


def grade(question: Question, text: str, right: Callable[[str], float]) -> dict[str, float]:
    """Metric -> value, see `METRICS`. right: answer -> accuracy in [0, 1].

    described is left out where no description was requested; rouge_l and following also where the picture's captions
    are not known.
    """
    before, answer = split_answer(text)
    values = {"answered": 0.0, "official": 0.0}
    if answer is not None:
        values = {"answered": 1.0, "accuracy": right(answer), "official": right(answer)}
    if question.group == "caption":
        values["described"] = float(len(before.split()) >= DESCRIBED)
    if question.reference:
        values["rouge_l"] = round(_rouge_l(before, question.reference), 6)
        values["following"] = float(values["rouge_l"] > FOLLOWED)
    return values


def left_out(question: Question) -> dict[str, str]:
    """following and rouge_l, where the question shows the captions that a description is compared with."""
    shown = bool(question.reference) and not question.images
    return dict.fromkeys(("following", "rouge_l"), CAPTIONS_SHOWN) if shown else {}


def split_answer(text: str) -> tuple[str, str | None]:
    """(the text before the answer, the answer); (text, None) where no answer is stated.

    The answer is the line after the last "answer:" or "the answer is". Without such a marker it is the last line, if
    that is too short for a description.
    """
    if stated := list(_STATED.finditer(text)):
        lines = map(_strip, text[stated[-1].end() :].splitlines())
        return text[: stated[-1].start()].strip(), next(filter(None, lines), None)
    *before, last = text.rstrip().splitlines() or [""]
    answer = _strip(last)
    return ("\n".join(before).strip(), answer) if 0 < len(answer.split()) <= LONGEST else (text.strip(), None)


def _strip(text: str) -> str:
    """The text without white space, quotes, brackets and emphasis around it."""
    kept = [place for place, sign in enumerate(text) if not sign.isspace() and sign not in _AROUND]
    return text[kept[0] : kept[-1] + 1] if kept else ""


def _rouge_l(text: str, reference: str) -> float:
    """The highest ROUGE-L F against one caption, or against all of them together."""
    each = reference.lower().split("\n")
    together = " ".join(f"{caption.rstrip('.')}." for caption in each)
    return max(rouge_l(text.lower(), caption) for caption in (*each, together)) if text else 0.0
