"""IFEval: rows of the Hub's form, lm-eval's checkers with fixed seeds, no download, and the mean over instructions."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stages.core.errors import UserError
from stages.evaluation.benchmarks import BENCHMARKS, ifeval_checkers
from stages.evaluation.benchmarks.ifeval_checkers import Instruction, check, mistake
from stages.evaluation.benchmarks.questions import Question, Score
from stages.evaluation.benchmarks.score_statistics import metric_means

ROOT = Path(__file__).resolve().parents[2]
OURS = ROOT / "data" / "seeds" / "ifeval" / "prompts.jsonl"
WORDS = {"relation": "at least", "num_words": 3}
ROW = {
    "key": 7, "prompt": "Say hello.", "kwargs": [{}, WORDS],
    "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
}  # fmt: skip


def read(*rows: dict[str, Any], name: str = "input_data.jsonl") -> list[Question]:
    text = "\n".join(map(json.dumps, rows))
    return list(BENCHMARKS["ifeval"].read({name: text.encode()}, [], "Apache-2.0", {}))  # type: ignore[arg-type]


def grade(question: Question, text: str) -> tuple[float, ...]:
    """prompt_strict, prompt_loose, instruction_strict, instruction_loose."""
    rule = BENCHMARKS["ifeval"].grade
    assert rule is not None
    return tuple(rule(question, text).values())


def test_our_prompts_have_every_type_at_least_three_times() -> None:
    questions = list(BENCHMARKS["ifeval"].read({"prompts.jsonl": OURS.read_bytes()}, [], "Apache-2.0", {}))
    counts = dict.fromkeys(ifeval_checkers.types(), 0)
    for question in questions:
        assert isinstance(question, Question)
        for instruction in json.loads(question.meta["instructions"]):
            counts[instruction[0]] += 1
    assert len(questions) >= 60 and len(counts) == 25 and min(counts.values()) >= 3, counts


def test_nulls_of_the_hub_are_no_arguments() -> None:
    nulls = dict.fromkeys(["num_highlights", "relation", "num_words", "keywords", "letter"])
    assert read({**ROW, "kwargs": [nulls, {**nulls, **WORDS}]})[0].meta == read(ROW)[0].meta
    assert read({**ROW, "kwargs": [None, WORDS]})[0].tasks == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"instruction_id_list": ["no_colon", "punctuation:no_comma"]}, "no checker for 'no_colon'"),
        ({"kwargs": [{}]}, "one entry for each"),
        ({"kwargs": [{}, {"relation": "at least"}]}, "number_words needs num_words"),
        ({"kwargs": [{}, {"relation": "at least", "num_words": 0}]}, "number_words needs num_words"),
        ({"kwargs": [{}, {"relation": "at least", "num_words": -1}]}, "one of relation, num_words is out of range"),
        ({"kwargs": [{}, {"relation": "exactly", "num_words": 3}]}, "does not take these arguments"),
        ({"kwargs": [{"num_words": 3}, WORDS]}, "no_comma does not take these arguments"),
        ({"instruction_id_list": [], "kwargs": []}, "must not be empty"),
        ({"prompt": " "}, "must not be empty"),
    ],
)  # fmt: skip
def test_a_row_that_would_be_checked_at_random_is_an_error(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=rf"input_data.jsonl:2: .*{message}"):
        read(ROW, ROW | {"key": 8} | change)


@pytest.mark.parametrize(
    ("type", "arguments"),
    [
        ("language:response_language", {"language": "tlh"}),
        ("keywords:letter_frequency", {"letter": "ab", "let_frequency": 2, "let_relation": "at least"}),
        ("length_constraints:nth_paragraph_first_word", {"num_paragraphs": 2, "nth_paragraph": 3, "first_word": "a"}),
        ("combination:repeat_prompt", {}),
        ("keywords:existence", {}),
    ],
)
def test_arguments_that_lm_eval_would_replace_are_mistakes(type: str, arguments: dict[str, Any]) -> None:
    assert mistake(Instruction(type, arguments))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello dear friend", (1, 1, 1, 1)),
        ("hello, dear friend", (0, 0, 0.5, 0.5)),
        ("Sure, here it is:\nhello dear friend", (0, 1, 0.5, 1)),
        ("hello", (0, 0, 0.5, 0.5)),
        ("", (0, 0, 0, 0)),
        (" \n", (0, 0, 0, 0)),
    ],
)
def test_strict_and_loose(text: str, expected: tuple[float, ...]) -> None:
    assert grade(read(ROW)[0], text) == expected


def test_a_sign_is_counted_though_lm_eval_counts_letters_only() -> None:
    hashes = [Instruction("keywords:letter_frequency", {"letter": "#", "let_frequency": 2, "let_relation": "at least"})]
    assert not mistake(hashes[0])
    assert check("", hashes, "#one #two").strict == (True,)
    assert check("", hashes, "#one zzzz").strict == (False,)


def test_over_prompts_the_mean_is_over_instructions() -> None:
    def score(item: str, tasks: int, share: float) -> Score:
        values = {"instruction_strict": share, "prompt_strict": float(share == 1)}
        return Score(f"{item}/0", item, item, "run", "en", "", tasks, "ok", values)

    means = metric_means([score("a", 1, 1.0), score("b", 3, 1 / 3)])
    assert (means["instruction_strict"].n, means["instruction_strict"].mean) == (4, 0.5)
    assert (means["prompt_strict"].n, means["prompt_strict"].mean) == (2, 0.5)


def test_another_process_needs_no_network_and_comes_to_the_same_verdicts(tmp_path: Path) -> None:
    """Short texts in doubt between languages: with langdetect's own seed their verdict changes from run to run."""
    texts = [f"{word} {other} hotel taxi" for word in ("no", "die", "si", "et") for other in ("la", "was", "in", "a")]
    german = [Instruction("language:response_language", {"language": "de"})]
    sentences = [Instruction("length_constraints:number_sentences", {"relation": "at least", "num_sentences": 2})]
    code = (
        "import json, sys\nfrom stages.evaluation.benchmarks.ifeval_checkers import Instruction, check\n"
        "texts, kinds = json.load(sys.stdin)\n"
        "print(json.dumps([check('', [Instruction(*kind)], text).strict for kind in kinds for text in texts]))"
    )
    with socket.create_server(("127.0.0.1", 0)) as proxy:  # whatever is requested is requested here
        proxy.settimeout(0)
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
        variables = {**os.environ, **dict.fromkeys(names, address), "HOME": str(tmp_path), "NLTK_DATA": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=variables, text=True, capture_output=True,
            input=json.dumps([[*texts, "Mr. Smith came.", "He came. She left."], [*german, *sentences]]),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        with pytest.raises(BlockingIOError):
            proxy.accept()
    both = [*texts, "Mr. Smith came.", "He came. She left."]
    expected = [[*check("", [kind], text).strict] for kind in (german[0], sentences[0]) for text in both]
    assert json.loads(done.stdout) == expected
    assert expected[-2:] == [[False], [True]]
