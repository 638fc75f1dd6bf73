"""CommonsenseQA with intermediate dummy tasks: plain, repeat and paraphrase (paper A.1, A.2; Talmor et al., 2019).

Every row becomes three zero-shot questions; `group` names the version. The paper takes the first 100 validation rows.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from stages.evaluation.benchmarks.declaration import Benchmark
from stages.evaluation.benchmarks.lm_eval_rows import MultipleChoice, multiple_choice
from stages.evaluation.benchmarks.multiple_choice import parse_choice
from stages.evaluation.benchmarks.questions import Files, Question, Wording
from stages.evaluation.benchmarks.readers import picked
from stages.evaluation.metrics.rouge import rouge_l
from stages.readers.layout import Wanted

TASK = "choose the correct answer to the question from the choices."
CHAINS = ("repeat", "paraphrase")
"""Intermediate tasks, worded as in training; a model was trained on one of them, or on neither (paper A.2)."""
FOLLOWED = 0.5
"""ROUGE-L F of the answer against the input above which the intermediate task was attempted."""


def questions(files: Files, languages: Sequence[str], licence: str, wording: Wording) -> Iterator[Question]:
    """Three questions a row. Raises UserError naming a row whose answer is none of its choices."""
    for where, raw in picked(files, Wanted("validation", lone=True), dict[str, Any]):
        row = multiple_choice(raw, where)
        yield _question(row, "plain", TASK[0].upper() + TASK[1:], licence)
        yield from (_question(row, chain, f"{wording[chain]} {TASK}", licence) for chain in CHAINS)


def _question(row: MultipleChoice, prompt: str, instruction: str, licence: str) -> Question:
    choices = dict(zip(row.choices.label, row.choices.text, strict=True))
    text = row.question_text()
    return Question(
        id=f"commonsenseqa-{prompt}-{row.id}",
        benchmark="commonsenseqa",
        language="en",
        licence=licence,
        item=row.id,
        instruction=instruction,
        input=text,
        gold=(row.answerKey,),
        reference="" if prompt == "plain" else text,
        group=prompt,
        tasks=1 if prompt == "plain" else 2,
        meta=choices,
    )


def grade(question: Question, text: str) -> dict[str, float]:
    """accuracy, 0 or 1, left out where no choice is stated; with an intermediate task also the measures of Table 1,
    which people counted in the paper:

    rouge_l in [0, 1] (R-L); following (R), answered (A) and both (R+A), 0 or 1: the task was attempted, and a choice
    was stated, right or wrong. A text that repeats the question word for word has not paraphrased it.
    """
    label = parse_choice(text, question.input, question.meta)
    # By its text: in a few rows two choices have the same text.
    right = label is not None and question.meta[label] == question.meta[question.gold[0]]
    values = {} if label is None else {"accuracy": float(right)}
    if question.reference:
        values["rouge_l"] = round(rouge_l(text.lower(), question.reference.lower()), 6)
        attempted = values["rouge_l"] > FOLLOWED and not (question.group == "paraphrase" and _repeats(question, text))
        values["following"] = float(attempted)
        values["answered"] = float(label is not None)
        values["both"] = values["following"] * values["answered"]
    return values


def _repeats(question: Question, text: str) -> bool:
    """Whether `text` contains the question as it stands, apart from case and spaces."""
    (text_of_question,) = _texts(question)
    return _folded(text_of_question) in _folded(text)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _texts(question: Question) -> Iterator[str]:
    """The question without its choices, which are the last lines of the input, one for each entry of `meta`."""
    lines = question.input.split("\n")
    yield "\n".join(lines[: len(lines) - len(question.meta)])


BENCHMARK = Benchmark(
    title="CommonsenseQA: plain, repeat and paraphrase (paper A.1, A.2; Talmor et al., 2019)",
    questions=questions,
    metrics={
        "accuracy": "the stated choice is right",
        "rouge_l": "ROUGE-L F of the answer against the input",
        "following": "the intermediate task was attempted",
        "answered": "a choice was stated, right or wrong",
        "both": "following and answered",
        "bertscore": "BERTScore F1 of the answer against the input",
    },
    grade=grade,
    texts=_texts,
    bertscore=True,
)
