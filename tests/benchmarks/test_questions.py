"""Benchmark files become questions; what does not fit is named by file and row."""

import json
from pathlib import Path

import pytest

from stages.core.errors import UserError
from stages.core.records import Record, Rejected, Source, Step
from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.questions import Question, user_text
from stages.params import load

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
WORDING = load(Path(__file__).resolve().parents[2] / "stages/profiles/full.yaml").wording
SOURCE = Source("path:x", 0, "0" * 64, "CC0-1.0", "en")


def squad(context: str, *qas: tuple[str, str, str]) -> bytes:
    rows = [{"id": i, "question": q, "answers": [{"text": a, "answer_start": 0}]} for i, q, a in qas]
    return json.dumps({"data": [{"title": "t", "paragraphs": [{"context": context, "qas": rows}]}]}).encode()


XQUAD = {
    "xquad.en.json": squad("Ann has 3 cats.", ("1", "How many?", "3"), ("2", "Who?", "Ann")),
    "xquad.de.json": squad("Ann hat 3 Katzen.", ("2", "Wer?", "Anna"), ("1", "Wie viele?", "drei")),
}
EXAMPLE = {"question": "Frage: 1+1?", "answer": "Schritt-für-Schritt-Antwort: Die Antwort ist 2.", "answer_number": 2}
ENGLISH = {"question": "Question: 1+1?", "answer": "Step-by-Step Answer: The answer is 2.", "answer_number": 2}
MGSM = {
    "mgsm_en.tsv": b"How many?\t18\nHow far?\t2,125\n",
    "mgsm_de.tsv": b"Wie viele?\t18\nWie weit?\t2125",
    "exemplars/en.jsonl": json.dumps(ENGLISH).encode(),
    "exemplars/de.jsonl": json.dumps(EXAMPLE).encode(),
}


def read(benchmark: str, files: dict[str, bytes], *languages: str) -> list[Question]:
    rows = list(BENCHMARKS[benchmark].read(files, languages, "CC0-1.0", WORDING))
    assert all(isinstance(question, Question) for question in rows)
    assert len({question.id for question in rows}) == len(rows)
    return rows  # type: ignore[return-value]


def test_xquad_pairs_by_id_and_takes_the_english_answer() -> None:
    first, second = read("xquad", XQUAD, "de")
    assert (first.id, first.gold, first.language, first.item) == ("xquad-de-2", ("Ann",), "de", "2")
    assert first.reference == "Context: Ann has 3 cats.\n\nQuestion: Who?"
    assert "Ann hat 3 Katzen." in user_text(first) and "Wie viele?" in user_text(second)
    assert BENCHMARKS["xquad"].grade is not None
    right = BENCHMARKS["xquad"].grade(second, "Context: Ann has 3 cats. Question: How many? Answer: 3")
    assert right == {"accuracy": 1, "strict": 1, "following": 1}


def test_mgsm_has_worked_examples_for_both_instructions() -> None:
    translated, direct = read("mgsm", MGSM, "de")[1], read("mgsm-en", MGSM, "de")[1]
    assert "Frage: 1+1?\nTranslation: 1+1?\nStep-by-Step Answer: The answer is 2." in translated.instruction
    assert "Translation" not in user_text(direct) and "Step-by-Step Answer: The answer is 2." in direct.instruction
    assert translated.input == "Frage: Wie weit?"
    assert BENCHMARKS["mgsm"].grade is not None
    assert BENCHMARKS["mgsm"].grade(translated, "How far? 2125") == {"accuracy": 1, "strict": 1, "following": 1}
    assert BENCHMARKS["mgsm"].grade(direct, "2125.5") == {"accuracy": 0, "strict": 0}


def test_gsm8k_cleans_its_reasoning() -> None:
    row = {"question": "How many?", "answer": "1+1 = <<1+1=2>>2\n#### 1,002"}
    files = {name: json.dumps(row).encode() for name in ("train.jsonl", "test.jsonl")}
    (question,) = read("gsm8k", files)
    assert question.gold == ("1002",)
    assert "Step-by-Step Answer: 1+1 = 2 The answer is 1002." in question.instruction


def test_commonsenseqa_has_three_versions() -> None:
    choices = {"label": ["A", "B"], "text": ["home", "away"]}
    row = {"id": "x", "question": "Where?", "answerKey": "B", "choices": choices}
    rows = read("commonsenseqa", {"dev.jsonl": json.dumps(row).encode()})
    assert [q.group for q in rows] == ["plain", "repeat", "paraphrase"]
    assert BENCHMARKS["commonsenseqa"].grade is not None
    assert BENCHMARKS["commonsenseqa"].grade(rows[0], "away") == {"accuracy": 1}
    repeated = BENCHMARKS["commonsenseqa"].grade(rows[1], f"{rows[1].input}\n\nThe answer is (B).")
    assert repeated == {"accuracy": 1, "rouge_l": 0.769231, "following": 1, "answered": 1, "both": 1}


def record(name: str, instruction: str, *steps: Step) -> bytes:
    import msgspec

    return msgspec.json.encode(Record(name, "heldout", instruction, "", "", "", SOURCE, steps)) + b"\n"


def test_seqeval_counts_the_tasks_that_were_added() -> None:
    tried = (("prefix", "ok"), ("hold", "ok"), ("suffix", "unparsed"))
    steps = [Step("rewrite", action, status, number) for number, (action, status) in enumerate(tried, 1)]  # type: ignore[arg-type]
    (question,) = read("seqeval", {"seqeval.jsonl": record("heldout-1", "Do this, then that.", *steps)})
    assert (question.tasks, question.group, question.language, question.licence) == (2, "1", "en", "CC0-1.0")
    assert BENCHMARKS["seqeval"].judge


def test_seqeval_as_released_sets_its_broken_rows_aside() -> None:
    texts = ["Do it.", "", "Do  it.", "Say it. #New Instruction#: Do it.", "Pick an option is not all."]
    released = [{"instruction": text, "iteration": 2} for text in texts]
    files = {"seqEval.json": json.dumps(released).encode()}
    rows = list(BENCHMARKS["seqeval"].read(files, [], "n/a", {}))
    assert len({row.id for row in rows}) == 5
    kept = [row for row in rows if isinstance(row, Question)]
    assert [(q.instruction, q.tasks, q.group) for q in kept] == [(texts[0], 3, "2"), (texts[4], 3, "2")]
    assert [row.reason for row in rows if isinstance(row, Rejected)] == ["empty", "duplicate", "leaking"]


@pytest.mark.parametrize(
    ("benchmark", "files", "message"),
    [
        ("xquad", {"xquad.en.json": XQUAD["xquad.en.json"]}, r"xquad\.de\.json: missing"),
        ("xquad", {**XQUAD, "xquad.de.json": b"{"}, r"xquad\.de\.json: Input data was truncated"),
        ("xquad", {**XQUAD, "xquad.de.json": b'{"data": [{"paragraphs": 3}]}'}, r"paragraphs"),
        ("xquad", {**XQUAD, "xquad.de.json": b"\xff"}, r"xquad\.de\.json"),
        ("xquad", {**XQUAD, "xquad.de.json": squad("c", ("9", "q", "a"))}, r"question 9 is not in xquad\.en\.json"),
        ("xquad", {**XQUAD, "xquad.en.json": squad("c", ("1", "q", " "))}, r"question 1 has no answer"),
        ("mgsm", {**MGSM, "mgsm_de.tsv": b"Wie viele?\t18"}, r"mgsm_de\.tsv: 1 rows"),
        ("mgsm", {**MGSM, "mgsm_de.tsv": b"Wie viele?\n"}, r"mgsm_de\.tsv:1: 1 columns"),
        ("mgsm", {**MGSM, "mgsm_de.tsv": b"ok\t1\nWie viele?\tacht\n"}, r"mgsm_de\.tsv:2: the answer 'acht'"),
        ("mgsm", {**MGSM, "mgsm_de.tsv": b"\xff\t1\n"}, r"mgsm_de\.tsv:1: not UTF-8"),
        ("mgsm", {**MGSM, "exemplars/de.jsonl": b'{"question": 1}'}, r"exemplars/de\.jsonl:1"),
        ("mgsm", {**MGSM, "exemplars/de.jsonl": b""}, r"exemplars/de\.jsonl: 0 rows"),
        ("gsm8k", {"test.jsonl": b'{"question": "q", "answer": "a"}'}, r"test\.jsonl: row 0"),
        ("seqeval", {"a.json": b"[]", "b.json": b"[]"}, r"exactly one"),
        ("seqeval", {"a.json": b'[{"instruction": "x"}]'}, r"a\.json: row 0"),
        ("seqeval", {"a.jsonl": b'{"id": 3}'}, r"a\.jsonl:1"),
        ("commonsenseqa", {"dev.jsonl": b"[]"}, r"dev\.jsonl: holds no rows"),
    ],
)
def test_mistakes_name_file_and_row(benchmark: str, files: dict[str, bytes], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        list(BENCHMARKS[benchmark].read(files, ["de"], "n/a", WORDING))
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not SHARED.exists(), reason="no ../shared: the real benchmark files are not here")
@pytest.mark.parametrize(
    ("benchmark", "folder", "languages", "kept", "rejected"),
    [
        ("xquad", "xquad", ["de", "zh", "th"], 3 * 1190, 0),
        ("mgsm", "mgsm", ["en", "te", "sw"], 3 * 250, 0),
        ("gsm8k", "gsm8k", [], 1319, 0),
        ("commonsenseqa", "commonsenseqa", [], 3 * 1221, 0),
        ("seqeval", "seqeval", [], 804, 1),
    ],
)
def test_the_real_files(benchmark: str, folder: str, languages: list[str], kept: int, rejected: int) -> None:
    root = SHARED / folder
    paths = [path for path in root.rglob("*") if path.suffix in (".json", ".jsonl", ".tsv")]
    files = {str(path.relative_to(root)): path.read_bytes() for path in paths}
    rows = list(BENCHMARKS[benchmark].read(files, languages, "n/a", WORDING))
    assert sum(isinstance(row, Question) for row in rows) == kept
    assert len(rows) - kept == rejected
