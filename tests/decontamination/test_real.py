"""The overlaps that real corpora and benchmarks are known to have (beside the repository)."""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from stages.core import artifacts
from stages.core.records import Record, user_text
from stages.corpora.read_records import Origin, read
from stages.decontamination.benchmark_index import BenchmarkText, build_index, distinct_texts
from stages.decontamination.decontaminate_rows import DecontaminationResult, DecontaminationRules, find_contamination
from stages.evaluation.benchmarks import BENCHMARKS, compared_texts
from stages.evaluation.benchmarks.questions import Question
from stages.readers.formats import rows

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
ALPACA_EVAL = "alpaca_eval/gpt4_1106_preview/model_outputs.json"
pytestmark = pytest.mark.skipif(not SHARED.exists(), reason=f"{SHARED} is not here")
WORDING = dict.fromkeys(("repeat", "paraphrase", "translate", "caption"), "First do this, then")


@cache
def corpus(source: str, adapter: str) -> list[Record]:
    path = SHARED / source
    if not path.exists():
        pytest.skip(f"{path} is not here")
    items = read(
        adapter, rows(str(path), artifacts.files(path)), Origin("real", "path:real", "see SOURCE.txt", "en"), {}
    )
    return [record for record in items if isinstance(record, Record)]


def requests_of(records: Iterable[Record]) -> list[BenchmarkText]:
    return [row for _, row in distinct_texts({"": ((record.id, user_text(record)) for record in records)})]


def questions(benchmark: str, source: str, *languages: str) -> list[BenchmarkText]:
    files = artifacts.contents(SHARED / source)
    contamination = BENCHMARKS[benchmark].read(files, languages, "see SOURCE.txt", WORDING)
    return [row for _, row in distinct_texts({"": compared_texts(q for q in contamination if isinstance(q, Question))})]


def compared_with(records: list[Record], *remove: str, **benchmarks: list[BenchmarkText]) -> DecontaminationResult:
    return find_contamination(
        records, build_index(benchmarks, [8, 13], 3), DecontaminationRules(3, 0.7, frozenset(remove), 13)
    )


def plain(texts: list[str]) -> list[Record]:
    (any_row, *_) = corpus(ALPACA_EVAL, "alpaca_eval")
    from msgspec.structs import replace

    return [replace(any_row, id=str(n), instruction=text, input="", response="") for n, text in enumerate(texts)]


@pytest.mark.slow
def test_alpaca_holds_prompts_of_alpaca_eval_and_of_seqeval() -> None:
    alpaca, heldout = corpus("alpaca/alpaca_data.json", "alpaca"), corpus(ALPACA_EVAL, "alpaca_eval")
    released = questions("seqeval", "seqeval/seqEval.json")
    contamination = compared_with(alpaca, "overlap-exact", heldout=requests_of(heldout), seqeval=released)
    overlap = contamination.metrics()["overlap"]
    assert overlap["heldout"]["items"] == 805 and overlap["seqeval"]["items"] == 804
    assert overlap["heldout"]["exact"]["items"] == overlap["heldout"]["exact"]["rows"] == 1
    # 8 prompts of 8 words and more, and three short ones that are in a row as a whole.
    assert overlap["heldout"]["8-gram"]["items"] == 11 and overlap["seqeval"]["8-gram"]["items"] == 12
    assert (contamination.metrics()["duplicates"], contamination.metrics()["near_duplicates"]) == (0, 0)


def test_all_user_oriented_prompts_of_self_instruct_are_prompts_of_alpaca_eval() -> None:
    questions_read = [json.loads(line) for line in (SHARED / "self_instruct/user_oriented_instructions.jsonl").open()]
    prompts = plain([f"{row['instruction']}\n\n{row['instances'][0]['input']}" for row in questions_read])
    benchmark = requests_of(corpus(ALPACA_EVAL, "alpaca_eval"))
    assert compared_with(prompts, bench=benchmark).metrics()["overlap"]["bench"]["exact"]["rows"] == len(prompts) == 252


def test_flan_cot_holds_validation_questions_of_commonsenseqa() -> None:
    flan = [row for row in corpus("flan_cot", "flan_cot") if row.source.reference.endswith("#ecqa_train.tsv")]
    benchmark = questions("commonsenseqa", "commonsenseqa/dev_rand_split.jsonl")
    contamination = compared_with(flan, "overlap-ngram", bench=benchmark)
    assert contamination.metrics()["overlap"]["bench"]["13-gram"]["items"] == 794
    left = " ".join(row.instruction.lower() for name, row in contamination.split(flan) if name == "kept")
    whole = [row.text.lower() for row in benchmark if len(row.text.split()) > 12]
    assert len(whole) > 500 and not [text for text in whole if text in left]


def test_the_questions_of_mgsm_are_the_first_of_gsm8k() -> None:
    questions_read = [json.loads(line)["question"] for line in (SHARED / "gsm8k/test.jsonl").open()]
    contamination = compared_with(plain(questions_read), bench=questions("mgsm", "mgsm", "de", "zh"))
    exact = {flag.id for flags in contamination.flags.values() for flag in flags if flag.kind == "overlap-exact"}
    assert exact == {str(number) for number in range(250)}
    overlap = contamination.metrics()["overlap"]["bench"]
    assert overlap["items"] == overlap["exact"]["items"] == 250
    # No other question of GSM8K's test set shares 13 words with one of them.
    assert overlap["13-gram"]["rows"] == 250


def test_worked_examples_are_training_rows_and_not_withheld() -> None:
    questions_read = [json.loads(line)["question"] for line in (SHARED / "gsm8k/train.jsonl").open()]
    contamination = compared_with(plain(questions_read), bench=questions("mgsm", "mgsm", "de", "zh"))
    assert contamination.metrics()["overlap"]["bench"]["13-gram"]["rows"] < 10


def test_texts_without_spaces_meet_too() -> None:
    benchmark = questions("xquad", "xquad", "zh")
    squad = json.loads((SHARED / "xquad/xquad.zh.json").read_text())["data"]
    contexts = [paragraph["context"] for article in squad for paragraph in article["paragraphs"]][:40]
    contamination = compared_with(plain([f"请回答问题：{text[5:]}" for text in contexts]), bench=benchmark)
    assert contamination.metrics()["overlap"]["bench"]["13-gram"]["rows"] == 40
    unrelated = corpus("alpaca_zh/alpaca_en_zh_aligned.json", "parallel")[:2000]
    chinese = plain([row.response for row in unrelated])
    assert compared_with(chinese, bench=benchmark).metrics()["overlap"]["bench"]["8-gram"]["rows"] <= 5
