"""Questions about pictures, plain and with a description first (paper 4.1.2, Table 3): what VQAv2 and GQA share.

The paper's: the two wordings, and that the sequential one describes the image before it answers. Ours: asking every
model in both ways (`group` says which), how the answer is found in what a model says, how a description is known for
one, and captions in the place of a picture for models that can't see. That stand-in shows the mechanics: it asks about
a text, and its scores are not to be compared with those of models that see.
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
Way = Literal["captions", "pixels"]
"""What stands for a picture: its captions as text, or the picture."""
NO_CAPTION = "no-caption"
"""Why a question is rejected where captions stand in for a picture that has none."""
FOLLOWED = 0.3
"""ROUGE-L F above which a description is taken for one of the picture. Of captions that people gave 80 COCO pictures,
82% are above it when held against the others of the same picture, 10% against another picture's; of 30 long
descriptions by GPT-4, 29 and none."""
DESCRIBED = 4
"""Words from which what stands before an answer counts as a description."""
LONGEST = 10
"""Words of a last line that is an answer though nothing announces it; hardly any answer of VQAv2 has more than five."""
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
    """A question of either benchmark."""

    benchmark: str
    id: str
    image: str
    """File name of the picture."""
    question: str
    gold: tuple[str, ...]
    captions: Sequence[str]
    kind: str = ""
    """What sort of answer is wanted, as the benchmark has it."""


def asked(item: Item, licence: str, wording: Wording) -> Iterator[Question | Rejected]:
    """The question in both ways; rejected where it is empty."""
    if not item.question.strip():
        yield Rejected(f"{item.benchmark}-{item.id}", "empty", item.image, msgspec.to_builtins(item))
        return
    said = {"plain": TASK[0].upper() + TASK[1:], "caption": f"{wording['caption']} {TASK}"}
    captions = "\n".join(dict.fromkeys(filter(None, (" ".join(text.split()) for text in item.captions))))
    for group, instruction in said.items():
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
    found: dict[str, list[str]] = {}
    for name in names:
        for row in document(files, name, _Captions).annotations:
            found.setdefault(str(row.image_id), []).append(row.caption)
    return found


def shown(items: Iterable[Question | Rejected], way: Way | None, look: Look) -> Iterator[Question | Rejected]:
    """Questions about pictures with what stands for the picture; all others pass.

    pixels: the picture that `look` finds. captions: the question's input begins with them; rejected as "no-caption"
    where there are none. Raises UserError where neither is said, or is said of other questions; for a missing picture.
    """
    for item in items:
        if isinstance(item, Rejected):
            yield item
        elif not item.images:
            if way:
                raise UserError(f"params.yaml: ingest.benchmarks: {item.benchmark} has no pictures; remove `images`")
            yield item
        elif way == "pixels":
            yield replace(item, images=tuple(look(f"question {item.id}", image.path) for image in item.images))
        elif way == "captions":
            yield _stood_in(item)
        else:
            raise UserError(
                f"params.yaml: ingest.benchmarks: {item.benchmark} is about pictures; say `images: pixels` with their "
                "`folder`, or `images: captions`"
            )


def _stood_in(question: Question) -> Question | Rejected:
    said = question.meta["captions"].replace("\n", " ")
    if not said:
        return Rejected(question.id, NO_CAPTION, question.images[0].path, msgspec.to_builtins(question))
    return replace(question, images=(), input=f"Image: {said}\n\nQuestion: {question.input}")


def grade(question: Question, text: str, right: Callable[[str], float]) -> dict[str, float]:
    """answered, 0 or 1: whether there is an answer in what was said. accuracy by `right`, in [0, 1], left out where
    there is none. official, in [0, 1]: the same with no answer as wrong, as the benchmarks' own evaluation counts.

    Where a description was asked for also described, 0 or 1: whether one stands before the answer; and where the
    picture's captions are known rouge_l, in [0, 1], and following, 0 or 1: whether it is one of that picture.
    """
    before, answer = parted(text)
    values = {"answered": 0.0, "official": 0.0}
    if answer is not None:
        values = {"answered": 1.0, "accuracy": right(answer), "official": right(answer)}
    if question.group == "caption":
        values["described"] = float(len(before.split()) >= DESCRIBED)
    if question.reference:
        values["rouge_l"] = round(_likeness(before, question.reference), 6)
        values["following"] = float(values["rouge_l"] > FOLLOWED)
    return values


def parted(text: str) -> tuple[str, str | None]:
    """(what stands before the answer, the answer); None where there is no telling what the answer is.

    The answer is what follows the last "answer:" or "the answer is", up to the end of the line. Where nothing announces
    one it is the last line, if it is short enough to be no description.
    """
    if stated := list(_STATED.finditer(text)):
        lines = map(_bare, text[stated[-1].end() :].splitlines())
        return text[: stated[-1].start()].strip(), next(filter(None, lines), None)
    *before, last = text.rstrip().splitlines() or [""]
    answer = _bare(last)
    return ("\n".join(before).strip(), answer) if 0 < len(answer.split()) <= LONGEST else (text.strip(), None)


def _bare(text: str) -> str:
    """Without space, quotes, brackets and emphasis around it."""
    kept = [place for place, sign in enumerate(text) if not sign.isspace() and sign not in _AROUND]
    return text[kept[0] : kept[-1] + 1] if kept else ""


def _likeness(text: str, reference: str) -> float:
    """ROUGE-L F with the caption that is most like it, or with all of them together, as a long description is."""
    each = reference.lower().split("\n")
    together = " ".join(f"{caption.rstrip('.')}." for caption in each)
    return max(rouge_l(text.lower(), caption) for caption in (*each, together)) if text else 0.0
