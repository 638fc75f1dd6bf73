"""The grammar of --on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.errors import UserError
from stages.core.registry import BENCHMARKS
from stages.model_evaluation.benchmark_choice import BenchmarkChoice, parse_choices, render_choice

CASES: list[tuple[str, list[BenchmarkChoice]]] = [
    ("verified", [BenchmarkChoice("verified")]),
    ("verified:120", [BenchmarkChoice("verified", items=120)]),
    ("verified[1-3,6]:50", [BenchmarkChoice("verified", tasks=(1, 2, 3, 6), items=50)]),
    ("verified[de,2,es]", [BenchmarkChoice("verified", ("de", "es"), (2,))]),
    ("seqeval:10,mgsm", [BenchmarkChoice("seqeval", items=10), BenchmarkChoice("mgsm")]),
    (" gsm8k , xquad[de, es]:50", [BenchmarkChoice("gsm8k"), BenchmarkChoice("xquad", ("de", "es"), items=50)]),
    ("xquad[zh-CN]", [BenchmarkChoice("xquad", ("zh-CN",))]),
    ("xquad=/data/x:5", [BenchmarkChoice("xquad", path="/data/x", items=5)]),
    ("xquad[de]=a b/x=y.json", [BenchmarkChoice("xquad", ("de",), path="a b/x=y.json")]),
    ("sifo=/a:b/c:7", [BenchmarkChoice("sifo", path="/a:b/c", items=7)]),
    ("sifo=/a:b/c", [BenchmarkChoice("sifo", path="/a:b/c")]),
]  # fmt: skip
WRONG = {
    "": "write NAME, NAME:10",
    "seqeval,": "write NAME, NAME:10",
    "xquad[de": "write NAME, NAME:10",
    "seqevl:3": "did you mean 'seqeval'?",
    "seqeval:0": "'0' is no number of items; write 1 or more",
    "seqeval:-3": "'-3' is no number of items",
    "seqeval:": "'' is no number of items",
    "seqeval:ten": "'ten' is no number of items",
    "seqeval:١٠": "is no number of items",
    "seqeval[de]": "seqeval has one language; remove [de]",
    "xquad[german]": "did you mean de?",
    "xquad[]": "is no language",
    "xquad[12]": "only verified takes numbers of tasks",
    "verified[0-3]": "write 1 to 20",
    "verified[6-1]": "write 1 to 20",
    "verified[21]": "write 1 to 20",
    "verified[1-3]=/x": "remove [1,2,3]",
    "xquad[de]=": "no path follows the =",
    "seqeval:1,seqeval:2": "names seqeval twice",
}


@pytest.mark.parametrize(("text", "choices"), CASES)
def test_parsing(text: str, choices: list[BenchmarkChoice]) -> None:
    assert parse_choices(text) == choices


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_one_clear_line(text: str) -> None:
    with pytest.raises(UserError) as error:
        parse_choices(text)
    assert WRONG[text] in str(error.value) and "\n" not in str(error.value)


TAGS = st.lists(st.sampled_from(["de", "es", "zh-CN", "en"]), unique=True, max_size=3).map(tuple)
PATHS = st.text(st.characters(codec="utf-8", exclude_characters=",[]", exclude_categories=("Cc", "Z"))).map(
    "/a/{}".format
)


@given(
    st.sampled_from(["xquad", "mgsm"]), TAGS, st.just("") | PATHS.filter(lambda path: ":" not in path),
    st.none() | st.integers(1, 10**9 - 1),
)  # fmt: skip
def test_a_choice_as_text_is_read_back(name: str, tags: tuple[str, ...], path: str, items: int | None) -> None:
    choice = BenchmarkChoice(name, tags, (), path, items)
    assert parse_choices(render_choice(choice)) == [choice]


@given(st.sets(st.integers(1, 20), min_size=1), TAGS.filter(lambda tags: "zh-CN" not in tags))
def test_numbers_of_tasks_are_read_back(tasks: set[int], tags: tuple[str, ...]) -> None:
    choice = BenchmarkChoice("verified", tags, tuple(sorted(tasks)))
    assert parse_choices(render_choice(choice)) == [choice]


@given(st.text(st.sampled_from("verifdsq[]=:,-/120 dex")))
def test_any_text_is_choices_of_known_benchmarks_or_one_error(text: str) -> None:
    try:
        choices = parse_choices(text)
    except UserError as error:
        assert "--on" in str(error)
    else:
        assert choices and all(choice.name in BENCHMARKS for choice in choices)
