"""MMLU 5-shot, ARC-challenge 25-shot and GSM8K 8-shot, run by lm-evaluation-harness (paper 4.2, B.6).

Each is read from its own files, as upstream or the Hub has them; `suite` reads a folder with a folder for each, so that
a model is loaded once for all three. Prompts are lm-eval's own (stages/evaluation/lm_eval); its samples are graded
here, so that a rule can change without a new run. The worked examples are the first rows of their split.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from stages.core.errors import UserError
from stages.core.records import Rejected
from stages.evaluation.benchmarks import number_rules
from stages.evaluation.benchmarks.declaration import Benchmark, Reader
from stages.evaluation.benchmarks.gsm8k import solved
from stages.evaluation.benchmarks.lm_eval_rows import arc_rows, gsm8k_rows, mmlu_rows
from stages.evaluation.benchmarks.questions import Files, Question, Wording

SHOTS = {"mmlu": 5, "arc": 25, "gsm8k": 8}
"""Worked examples, as the paper has them."""


def mmlu(files: Files, languages: Sequence[str], licence: str, wording: Wording) -> Iterator[Question]:
    """Subject by subject, in file order. Raises UserError for files or rows that do not fit."""
    examples = mmlu_rows(files, "dev")
    for subject, rows in mmlu_rows(files, "test").items():
        if subject not in examples:
            raise UserError(f"mmlu: the dev split has no rows of {subject}; add them, or remove its test rows")
        shots = [row.doc() for row in examples[subject][: SHOTS["mmlu"]]]
        for number, row in enumerate(rows):
            yield _question(
                "mmlu", f"{subject}-{number:04}", licence, row.question_text(), "ABCD"[row.answer], row.doc(), shots,
                task=f"mmlu_{subject}", group=f"mmlu/{subject}",
            )  # fmt: skip


def arc(files: Files, languages: Sequence[str], licence: str, wording: Wording) -> Iterator[Question]:
    """The rows of the test split in order. Raises UserError for files or rows that do not fit."""
    shots = [row.doc() for row in arc_rows(files, "train")[: SHOTS["arc"]]]
    for row in arc_rows(files, "test"):
        right = row.choices.text[row.choices.label.index(row.answerKey)]
        yield _question(
            "arc", row.id, licence, row.question_text(), right, row.doc(), shots, task="arc_challenge", group="arc"
        )


def gsm8k(files: Files, languages: Sequence[str], licence: str, wording: Wording) -> Iterator[Question]:
    """The rows of the test split in order. Raises UserError naming a row for an answer without "#### number"."""
    shots = [row.doc() for row in gsm8k_rows(files, "train")[: SHOTS["gsm8k"]]]
    for number, row in enumerate(gsm8k_rows(files, "test")):
        gold = solved(row, f"gsm8k: test row {number}")[1]
        yield _question(
            "gsm8k-harness", f"{number:04}", licence, row.question, gold, row.doc(), shots, task="gsm8k", group="gsm8k"
        )


PARTS: dict[str, Reader] = {"mmlu": mmlu, "arc": arc, "gsm8k": gsm8k}


def suite(files: Files, languages: Sequence[str], licence: str, wording: Wording) -> Iterator[Question | Rejected]:
    """All of a folder with the folders mmlu, arc and gsm8k, or some of them. Raises UserError as its parts do."""
    parts = {name.partition("/")[0] for name in files if "/" in name} & set(PARTS)
    if not parts:
        raise UserError(f"{', '.join(sorted(files)) or 'no file'}: a folder with {', '.join(PARTS)} in it is needed")
    for part in PARTS:
        if part in parts:
            own = {name.partition("/")[2]: data for name, data in files.items() if name.startswith(f"{part}/")}
            yield from PARTS[part](own, languages, licence, wording)


def _question(
    benchmark: str, item: str, licence: str, question_text: str, gold: str, doc: Mapping[str, Any],
    shots: Sequence[Mapping[str, Any]], task: str, group: str,
) -> Question:  # fmt: skip
    return Question(
        id=f"{benchmark}-{item}",
        benchmark=benchmark,
        language="en",
        licence=licence,
        item=item,
        instruction=question_text,
        gold=(gold,),
        group=group,
        meta={"task": task, "doc": json.dumps(doc, ensure_ascii=False), "shots": json.dumps(shots, ensure_ascii=False)},
    )


def grade_mmlu(question: Question, scores: Mapping[str, float]) -> dict[str, float]:
    """mmlu: whether the likeliest choice is right (lm-eval's acc), 0 or 1."""
    return {"mmlu": _likeliest(question, scores, lambda text: 1)}


def grade_arc(question: Question, scores: Mapping[str, float]) -> dict[str, float]:
    """arc: whether the likeliest choice for its length in characters is right (lm-eval's acc_norm); arc_acc: acc."""
    return {"arc": _likeliest(question, scores, len), "arc_acc": _likeliest(question, scores, lambda text: 1)}


def _likeliest(question: Question, scores: Mapping[str, float], length: Callable[[str], int]) -> float:
    best = max(scores, key=lambda text: scores[text] / max(1, length(text)))
    return float(best == question.gold[0])


def grade_gsm8k(question: Question, text: str) -> dict[str, float]:
    """gsm8k (the paper's rule: the last number) and gsm8k_strict (by value), each 0 or 1."""
    return {
        "gsm8k": float(number_rules.paper_rule(text, question.gold[0])),
        "gsm8k_strict": float(number_rules.strict_rule(text, question.gold[0])),
    }


def _texts(question: Question) -> Iterator[str]:
    """The question in lm-eval's document, which holds the choices in another field."""
    yield str(json.loads(question.meta["doc"])["question"])


MMLU = Benchmark(
    title="MMLU, 5-shot, by lm-evaluation-harness (paper 4.2, B.6)",
    questions=mmlu,
    metrics={"mmlu": "the likeliest choice is right (lm-eval's acc)"},
    main_measure="mmlu",
    published={"mmlu": {"IT": 56.3, "WizardLM": 58.4, "SIT": 59.5}},  # Table 5; Llama-3-8B tuned on Alpaca
    grade_choices=grade_mmlu,
    texts=_texts,
    lm_eval=True,
)
ARC = Benchmark(
    title="ARC-challenge, 25-shot, by lm-evaluation-harness (paper 4.2, B.6)",
    questions=arc,
    metrics={
        "arc": "the likeliest choice for its length is right (lm-eval's acc_norm)",
        "arc_acc": "the likeliest choice is right (lm-eval's acc)",
    },
    main_measure="arc",
    published={"arc": {"IT": 49.7, "WizardLM": 51.8, "SIT": 52.8}},
    grade_choices=grade_arc,
    texts=_texts,
    lm_eval=True,
)
GSM8K = Benchmark(
    title="GSM8K, 8-shot, by lm-evaluation-harness (paper 4.2, B.6)",
    questions=gsm8k,
    metrics={"gsm8k": "the paper's exact match of the last number", "gsm8k_strict": "the last number by its value"},
    main_measure="gsm8k",
    published={"gsm8k": {"IT": 17.7, "WizardLM": 32.9, "SIT": 34.5}},
    grade=grade_gsm8k,
    texts=_texts,
    lm_eval=True,
)
SUITE = Benchmark(
    title="MMLU, ARC-challenge and GSM8K in one folder (paper 4.2, B.6)",
    questions=suite,
    metrics={**MMLU.metrics, **ARC.metrics, **GSM8K.metrics},
    main_measure="arc",
    published={**MMLU.published, **ARC.published, **GSM8K.published},
    suite=True,
    one_split=False,
)
