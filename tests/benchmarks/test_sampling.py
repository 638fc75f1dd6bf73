"""Samples of a benchmark are of items, with all their versions, and nest."""

from hypothesis import given
from hypothesis import strategies as st

from stages.core.records import Rejected
from stages.evaluation.benchmarks.questions import Question
from stages.evaluation.benchmarks.sampling import QuestionStats, sample_questions, select_items, swap_answers

REJECTED = Rejected(id="x-0", reason="empty", detail="", row={})


def question(item: int, language: str) -> Question:
    name = f"xquad-{language}-{item}"
    input_text = "c" if language == "zh" else ""
    return Question(name, "xquad", language, "l", str(item), "a b", input_text)


ITEMS = st.lists(st.integers(0, 30), unique=True).map(
    lambda numbers: [question(number, language) for language in ("de", "zh") for number in numbers]
)


@given(ITEMS, st.integers(0, 9), st.integers(0, 9))
def test_samples_nest_and_stay_aligned_and_in_order(items: list[Question], small: int, more: int) -> None:
    less, large = (list(select_items(items, size, 1)) for size in (small, small + more))
    assert less == [q for q in large if q in less]
    assert large == [q for q in items if q in large]
    by_language = [[q.item for q in large if isinstance(q, Question) and q.language == code] for code in ("de", "zh")]
    assert by_language[0] == by_language[1]
    assert len(by_language[0]) == min(small + more, len(items) // 2)


@given(ITEMS)
def test_without_a_size_everything_passes(items: list[Question]) -> None:
    assert list(select_items([REJECTED, *items], None, 1)) == [REJECTED, *items]


def test_a_sample_of_questions_has_no_rejected() -> None:
    items = [question(number, "de") for number in range(4)]
    assert sample_questions(items, None, 1) == items
    assert sample_questions(items, 2, 1) == list(select_items([REJECTED, *items], 2, 1))[1:]


def test_each_question_gets_the_answer_to_another() -> None:
    items = [question(number, "de") for number in range(3)]
    pairs = list(zip(items, "abc", strict=True))
    assert swap_answers(pairs) == list(zip(items, "bca", strict=True))
    assert swap_answers(pairs[:1]) == swap_answers([]) == []


def test_what_is_counted() -> None:
    statistics = QuestionStats()
    split = [name for name, _ in statistics.split([question(1, "de"), REJECTED, question(1, "zh")])]
    assert split == ["kept", "rejected", "kept"]
    assert statistics.metrics() == {
        "kept": 2, "languages": {"de": 1, "zh": 1}, "rejected": {"empty": 1}, "mean_words": 2.5,
    }  # fmt: skip
