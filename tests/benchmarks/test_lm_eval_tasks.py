"""MMLU, ARC and GSM8K: files in every shape become the same questions; what was weighed is graded."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from stages.core.errors import UserError
from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.questions import Answer, Question
from stages.evaluation.benchmarks.scoring import Graders, score_answers
from tests.benchmarks.test_scoring import idle, nobody

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"


def parquet(rows: list[dict[str, Any]]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    written = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows), written)
    return written.getvalue()


def lines(rows: list[dict[str, Any]]) -> bytes:
    return b"\n".join(json.dumps(row).encode() for row in rows)


SAID = [('What, "then"?', ["a", "b, c", "d\ne", "1"], 2), ("Who?", ["x", "y", "z", "w"], 0)]
HUB = [{"question": q, "subject": "anatomy", "choices": c, "answer": a} for q, c, a in SAID]
CSV = b'"What, ""then""?",a,"b, c","d\ne",1,C\nWho?,x,y,z,w,A\n'
HEADED = b'question,choice0,choice1,choice2,choice3,answer\n"What, ""then""?",a,"b, c","d\ne",1,2\r\nWho?,x,y,z,w,0\n'
MMLU = {
    "csv": {"dev/anatomy_dev.csv": CSV, "test/anatomy_test.csv": CSV},
    "csv with a header": {"dev/anatomy_dev.csv": HEADED, "test/anatomy_test.csv": HEADED},
    "the Hub's": {"all/dev-00000-of-00001.parquet": parquet(HUB), "all/test-00000-of-00001.parquet": parquet(HUB)},
    "lines": {"dev.jsonl": lines(HUB), "test.jsonl": lines(HUB)},
}
ARC_HUB = [{"id": "n", "question": "Why?", "choices": {"text": ["so", "no"], "label": ["1", "2"]}, "answerKey": "2"}]
AI2_CHOICES = [{"text": "so", "label": "1"}, {"text": "no", "label": "2"}]
ARC_AI2 = [{"id": "n", "question": {"stem": "Why?", "choices": AI2_CHOICES}, "answerKey": "2"}]
ADAPTED = (
    "Please choose the correct answer to the question: Why?\n\nAnswer1: so Answer2: no\n\nAnswer format: one of the two"
)
ARC_ADAPTED = [{"instruction": ADAPTED, "input": "", "output": "the correct answer is answer2", "answer": "answer2"}]
ARC = {
    "the Hub's": {f"ARC-Challenge/{s}-00000-of-00001.parquet": parquet(ARC_HUB) for s in ("train", "test")},
    "AI2's": {f"ARC-Challenge-{s}.jsonl": lines(ARC_AI2) for s in ("Train", "Test")},
    "LLM-Adapters'": {f"{s}.json": json.dumps(ARC_ADAPTED).encode() for s in ("train", "test")},
}
GSM8K = {
    "lines": {f"{s}.jsonl": lines([{"question": "How?", "answer": "1+1=2\n#### 1,002"}]) for s in ("train", "test")},
    "the Hub's": {
        f"main/{s}-00000-of-00001.parquet": parquet([{"question": "How?", "answer": "1+1=2\n#### 1,002"}])
        for s in ("train", "test")
    },
}


def read(benchmark: str, files: dict[str, bytes]) -> list[Question]:
    rows = list(BENCHMARKS[benchmark].read(files, [], "MIT", {}))
    assert len({question.id for question in rows}) == len(rows)
    return rows  # type: ignore[return-value]


@pytest.mark.parametrize("shape", MMLU)
def test_mmlu(shape: str) -> None:
    first, second = read("mmlu", MMLU[shape])
    assert (first.gold, first.group, second.gold) == (("C",), "mmlu/anatomy", ("A",))
    assert first.instruction == 'What, "then"?\nA. a\nB. b, c\nC. d\ne\nD. 1'
    assert json.loads(first.meta["doc"]) == HUB[0] and json.loads(first.meta["shots"]) == HUB
    assert first.meta["task"] == "mmlu_anatomy"


@pytest.mark.parametrize("shape", ARC)
def test_arc(shape: str) -> None:
    (question,) = read("arc", ARC[shape])
    assert question.gold == ("no",) and question.meta["task"] == "arc_challenge"
    assert json.loads(question.meta["doc"])["choices"]["text"] == ["so", "no"]
    assert [shot["question"] for shot in json.loads(question.meta["shots"])] == ["Why?"]


@pytest.mark.parametrize("shape", GSM8K)
def test_gsm8k(shape: str) -> None:
    (question,) = read("gsm8k-harness", GSM8K[shape])
    assert (question.gold, question.meta["task"]) == (("1002",), "gsm8k")


def test_a_suite_is_its_parts() -> None:
    files = {
        **{f"mmlu/{k}": v for k, v in MMLU["csv"].items()}, **{f"gsm8k/{k}": v for k, v in GSM8K["lines"].items()},
    }  # fmt: skip
    assert read("generic", files) == [*read("mmlu", MMLU["csv"]), *read("gsm8k-harness", GSM8K["lines"])]


def test_our_own_files() -> None:
    folder = ROOT / "data" / "seeds" / "generic"
    files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    rows = read("generic", files)
    assert {q.benchmark: len(json.loads(q.meta["shots"])) for q in rows} == {"mmlu": 5, "arc": 25, "gsm8k-harness": 8}
    golds = [q.gold[0] for q in rows if q.benchmark == "mmlu"]
    assert {letter: golds.count(letter) for letter in "ABCD"} == dict.fromkeys("ABCD", 2)


def weighed(question: Question, weights: dict[str, float]) -> dict[str, float]:
    answer = Answer(f"{question.id}/0", question.id, "it", "x", "ok", 0, "r", "m", 1, 1, scores=weights)
    (score,) = score_answers({question.id: question}, [answer], Graders(nobody, idle))
    return score.values


def item(benchmark: str, gold: str) -> Question:
    return Question("q", benchmark, "en", "MIT", "q", "Why?", gold=(gold,))


@pytest.mark.parametrize(
    ("benchmark", "gold", "weights", "expected"),
    [
        ("mmlu", "B", {"A": -1.0, "B": -0.5, "C": -3.0, "D": -2.0}, {"mmlu": 1}),
        ("mmlu", "A", {"A": -1.0, "B": -0.5, "C": -3.0, "D": -2.0}, {"mmlu": 0}),
        ("mmlu", "A", {"A": -1.0, "B": -1.0, "C": -1.0, "D": -1.0}, {"mmlu": 1}),   # the first of equals
        ("arc", "a long one", {"a long one": -5.0, "short": -4.0}, {"arc": 1, "arc_acc": 0}),
        ("arc", "short", {"a long one": -5.0, "short": -4.0}, {"arc": 0, "arc_acc": 1}),
        ("arc", "short", {"a long one": -9.0, "short": -1.0}, {"arc": 1, "arc_acc": 1}),
    ],
)  # fmt: skip
def test_choice_scores_are_graded(benchmark: str, gold: str, weights: dict[str, float], expected: Any) -> None:
    assert weighed(item(benchmark, gold), weights) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9 times 2 is 18.\n#### 18", (1, 1)), ("#### 18.0", (0, 1)), ("18 or 19", (0, 0)), ("", (0, 0)),
        ("The answer is $18.", (1, 1)), ("1.8", (1, 0)),
    ],
)  # fmt: skip
def test_gsm8k_is_graded_by_its_last_number(text: str, expected: tuple[int, int]) -> None:
    grade = BENCHMARKS["gsm8k-harness"].grade
    assert grade is not None
    assert tuple(grade(item("gsm8k-harness", "18"), text).values()) == expected


@pytest.mark.parametrize(
    ("benchmark", "files", "message"),
    [
        ("mmlu", {"test/anatomy_test.csv": CSV}, "no file of the split dev"),
        ("mmlu", {**MMLU["csv"], "test/virology_test.csv": CSV}, "no rows of virology"),
        ("mmlu", {**MMLU["csv"], "test/anatomy_test.csv": b"q,a,b,c,A\n"}, r"anatomy_test\.csv: row 1"),
        ("mmlu", {**MMLU["csv"], "test/anatomy_test.csv": b"q,a,b,c,d,E\n"}, r"anatomy_test\.csv: row 1"),
        ("mmlu", {**MMLU["csv"], "test/anatomy_test.csv": b"\xff"}, r"anatomy_test\.csv"),
        ("mmlu", {"dev.jsonl": lines(HUB), "test.jsonl": lines([{**HUB[0], "answer": 4}])}, r"test\.jsonl: row 0"),
        ("mmlu", {"dev.jsonl": lines(HUB), "test.jsonl": lines([{**HUB[0], "subject": "."}])}, r"test\.jsonl: row 0"),
        ("mmlu", {"all/dev-0.parquet": b"PAR1", "all/test-0.parquet": b""}, r"not a Parquet file"),
        ("arc", {**ARC["AI2's"], "ARC-Challenge-Test.jsonl": b'{"id": "x"}'}, r"row 0: is no row of ARC"),
        ("arc", {"train.jsonl": b"", "test.jsonl": lines([{**ARC_HUB[0], "answerKey": "7"}])}, r"none of its choices"),
        ("arc", {"train.jsonl": b"", "test.jsonl": lines([{"instruction": "x", "answer": "y"}])}, r"has no choices"),
        ("gsm8k-harness", {"train.jsonl": b"", "test.jsonl": lines([{"question": "x", "answer": "y"}])}, r"test row 0"),
        ("generic", {"x.json": b""}, r"a folder with mmlu, arc, gsm8k"),
    ],
)
def test_files_that_do_not_fit(benchmark: str, files: dict[str, bytes], message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        read(benchmark, files)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(not SHARED.exists(), reason="no ../shared: the real benchmark files are not here")
@pytest.mark.parametrize(
    ("benchmark", "folder", "count"),
    [("mmlu", "mmlu", 14042), ("arc", "arc_challenge", 1172), ("gsm8k-harness", "gsm8k", 1319)],
)
def test_the_real_files(benchmark: str, folder: str, count: int) -> None:
    root = SHARED / folder
    files = {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    rows = read(benchmark, files)
    assert len(rows) == count
    assert {len(json.loads(q.meta["shots"])) for q in rows} == {{"mmlu": 5, "arc": 25, "gsm8k-harness": 8}[benchmark]}
