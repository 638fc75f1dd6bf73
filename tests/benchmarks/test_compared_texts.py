"""What a question asks, without what stands around it."""

import pytest

from stages.evaluation.benchmarks import compared_texts
from stages.evaluation.benchmarks.questions import Question

CHOICES = {"A": "bank", "B": "a park"}
CASES = [
    ("seqeval", "Do this, then that.", "with it", "", {}, ["Do this, then that.\n\nwith it"]),
    ("commonsenseqa", "Choose.", "Where to?\n(A) bank\n(B) a park", "Where to?", CHOICES, ["Where to?"]),
    ("gsm8k", "1+1?\nAnswer: 2\n\nSolve.", "Question: How many?", "", {}, ["Question: How many?", "How many?"]),
    (
        "mgsm", "Solve.", "Frage: Wie viele?", "How many?", {},
        ["Frage: Wie viele?", "Wie viele?", "How many?"],
    ),
    (
        "xquad", "Answer.", "Context: Eins.\n\nZwei.\n\nQuestion: Wer?", "Context: One.\n\nTwo.\n\nQuestion: Who?", {},
        ["Eins.\n\nZwei.", "Wer?", "One.\n\nTwo.", "Who?"],
    ),
    ("mmlu", "Where to?\nA. bank\nB. a park", "", "", {"doc": '{"question": "Where to?"}'}, ["Where to?"]),
    ("another", "Say: what is it?", "", "", {}, ["Say: what is it?", "what is it?"]),
]  # fmt: skip


@pytest.mark.parametrize(("benchmark", "instruction", "input_text", "reference", "meta", "expected"), CASES)
def test_compared_texts_of_a_question(
    benchmark: str, instruction: str, input_text: str, reference: str, meta: dict[str, str], expected: list[str]
) -> None:
    question = Question(
        "q", benchmark, "de", "MIT", "1", instruction, input_text, gold=("A",), reference=reference, meta=meta
    )  # fmt: skip
    assert [text for text in dict.fromkeys(text for _, text in compared_texts([question])) if text] == expected
