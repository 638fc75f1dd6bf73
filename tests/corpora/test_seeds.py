"""Our own seed data: in the upstream forms, aligned, and right."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stages.core.records import Record, user_text
from stages.corpora.ingest_statistics import IngestStats
from stages.corpora.read_records import Origin, read
from stages.decontamination.benchmark_index import BenchmarkText, build_index, distinct_texts
from stages.decontamination.decontaminate_rows import DecontaminationRules, find_contamination
from stages.evaluation.benchmarks import BENCHMARKS, compared_texts
from stages.evaluation.benchmarks.questions import Question
from stages.params import load as load_params
from stages.readers.source import Choice, Corpus, Download

ROOT = Path(__file__).resolve().parents[2]
SEEDS = ROOT / "data" / "seeds"


def load(name: str) -> Any:
    text = (SEEDS / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()] if name.endswith(".jsonl") else json.loads(text)


def table(name: str) -> list[tuple[str, str]]:
    return [tuple(line.split("\t")) for line in (SEEDS / name).read_text(encoding="utf-8").splitlines()]  # type: ignore


ALPACA = load("alpaca.json")
INPUTS = [row["input"] for row in ALPACA if row["input"]]


def test_the_corpus_is_large_and_short_enough() -> None:
    assert len(ALPACA) >= 256
    assert 0.5 <= len(INPUTS) / len(ALPACA) <= 0.55
    assert all(list(row) == ["instruction", "input", "output"] for row in ALPACA)
    assert len({row["instruction"] for row in ALPACA}) == len(ALPACA)
    assert max(len(text.split()) for row in ALPACA for text in row.values()) <= 60


HOSTILE = ["```", "|---|", "### ", "option is: A", "{{ ", "{% if", "<b>", "\u05d4", "\u0627", "\U0001f389"]


@pytest.mark.parametrize("text", HOSTILE)
def test_the_corpus_holds_what_breaks_careless_code(text: str) -> None:
    assert any(text in value for row in ALPACA for value in row.values())


def test_one_output_is_empty() -> None:
    assert [row["output"] for row in ALPACA].count("") == 1


def test_translations_are_of_inputs_and_none_is_left_in_english() -> None:
    rows = load("parallel.json")
    assert len(rows) >= len(INPUTS) / 2, "a third of any sample of rows needs one"
    assert {row["en"] for row in rows} <= set(INPUTS)
    assert all(list(row) == ["en", "de", "zh", "es", "ru"] for row in rows)
    assert all(re.search("[\u4e00-\u9fff]", row["zh"]) and re.search("[а-яё]", row["ru"]) for row in rows)
    assert all(row["en"] not in (row["zh"], row["ru"]) for row in rows)


def test_markup_and_line_ends_survive_translation() -> None:
    for row in load("parallel.json"):
        for mark in ("\n", "|", "### ", "{{", "{%", "<b>", "🎉"):
            assert {text.count(mark) for text in row.values()} == {row["en"].count(mark)}, (mark, row["en"])


def test_held_out_instructions_are_in_no_other_seed() -> None:
    rows = load("heldout.json")
    assert len(rows) == len({row["instruction"] for row in rows}) >= 100
    assert all(list(row) == ["instruction", "dataset", "output", "generator"] for row in rows)
    assert {row["instruction"] for row in rows}.isdisjoint(row["instruction"] for row in ALPACA)


def requests(name: str, adapter: str) -> list[Record]:
    origin = Origin(name, f"path:data/seeds/{name}.json", "Apache-2.0", "en")
    read_rows = read(adapter, Corpus(str(SEEDS / f"{name}.json"), Choice()).rows(None), origin, {}, IngestStats())
    records = [row for row in read_rows if isinstance(row, Record)]
    assert len(records) == len(load(f"{name}.json"))
    return records


def test_no_row_resembles_another_or_what_models_are_tested_with() -> None:
    corpus, heldout = requests("alpaca", "alpaca"), requests("heldout", "alpaca_eval")
    texts = {name: benchmark_texts(name) for name in ("xquad", "mgsm", "commonsenseqa", "humaneval", "generic")}
    texts["heldout"] = [(record.id, user_text(record)) for record in heldout]
    withheld: dict[str, list[BenchmarkText]] = {name: [] for name in texts}
    for name, text in distinct_texts(texts):
        withheld[name].append(text)
    rules = DecontaminationRules(3, 0.6, frozenset(), 8)
    assert find_contamination(corpus, build_index(withheld, [8], 3), rules).flags == {}
    assert find_contamination(heldout, build_index({}, [8], 3), rules).flags == {}
    assert find_contamination([*corpus, heldout[0], heldout[0]], build_index(withheld, [8], 3), rules).flags


def benchmark_texts(name: str) -> list[tuple[str, str]]:
    wording = load_params(ROOT / "params.yaml").wording
    items = list(BENCHMARKS[name].read(Download(str(SEEDS / name), Choice()), ["en"], "Apache-2.0", wording))
    assert all(isinstance(item, Question) for item in items)
    return list(compared_texts(item for item in items if isinstance(item, Question)))


def questions(language: str) -> list[tuple[str, dict[str, Any]]]:
    data = load(f"xquad/xquad.{language}.json")["data"]
    return [(p["context"], qa) for article in data for p in article["paragraphs"] for qa in p["qas"]]


@pytest.mark.parametrize("language", ["en", "de", "zh", "es", "ru"])
def test_answers_lie_where_the_questions_say(language: str) -> None:
    pairs = questions(language)
    assert [qa["id"] for _, qa in pairs] == [qa["id"] for _, qa in questions("en")]
    assert len({qa["id"] for _, qa in pairs}) == len(pairs) >= 100
    for context, qa in pairs:
        (answer,) = qa["answers"]
        assert context[answer["answer_start"] :].startswith(answer["text"])
        assert context.count(answer["text"]) == 1


NUMBER = re.compile(r"\d+")


@pytest.mark.parametrize("language", ["de", "es"])
def test_problems_have_the_same_numbers_and_answers_in_every_language(language: str) -> None:
    english, other = table("mgsm/mgsm_en.tsv"), table(f"mgsm/mgsm_{language}.tsv")
    assert len(english) == len(set(english)) >= 100
    for (question, answer), (translated, same) in zip(english, other, strict=True):
        assert (answer, sorted(NUMBER.findall(question))) == (same, sorted(NUMBER.findall(translated)))
    for one, two in zip(load("mgsm/exemplars/en.jsonl"), load(f"mgsm/exemplars/{language}.jsonl"), strict=True):
        assert (one["answer_number"], one["equation_solution"]) == (two["answer_number"], two["equation_solution"])
        for part in ("question", "answer"):
            assert sorted(NUMBER.findall(one[part])) == sorted(NUMBER.findall(two[part]))


@pytest.mark.parametrize("name", ["test", "train"])
def test_worked_solutions_add_up(name: str) -> None:
    for row in load(f"generic/gsm8k/{name}.jsonl"):
        steps = re.findall(r"<<([\d+*/-]+)=(\d+)>>(\d+)", row["answer"])
        assert steps and len(steps) == row["answer"].count("<<")
        for sum_, result, shown in steps:
            assert eval(sum_) == int(result) == int(shown)
        assert row["answer"].endswith(f"\n#### {steps[-1][1]}")


def test_solutions_and_exemplars_agree_with_mgsm() -> None:
    same = [(row["question"], row["answer"].rpartition(" ")[2]) for row in load("generic/gsm8k/test.jsonl")]
    assert same == table("mgsm/mgsm_en.tsv")[: len(same)]
    for row in load("mgsm/exemplars/en.jsonl"):
        assert row["answer"].endswith(f"The answer is {row['answer_number']}.")
        for sum_, result in re.findall(r"(\d+ [+*/-] \d+) = (\d+)", row["answer"] + row["equation_solution"]):
            assert eval(sum_) == int(result)


def test_choices_are_distinct_and_the_key_is_one_of_them() -> None:
    rows = load("commonsenseqa/dev.jsonl")
    assert len(rows) == len({row["id"] for row in rows}) >= 100
    for row in rows:
        assert row["choices"]["label"] == list("ABCDE")
        assert len(set(row["choices"]["text"])) == 5
    keys = Counter(row["answerKey"] for row in rows)
    assert min(keys[label] for label in "ABCDE") >= 0.15 * len(rows), "no letter is a good guess"


@pytest.mark.parametrize("row", load("humaneval/HumanEval.jsonl"), ids=lambda row: row["entry_point"])
def test_canonical_solutions_pass_and_wrong_ones_fail(row: dict[str, str]) -> None:
    def check(solution: str) -> None:
        names: dict[str, Any] = {}
        exec(row["prompt"] + solution + "\n" + row["test"], names)
        names["check"](names[row["entry_point"]])

    check(row["canonical_solution"])
    with pytest.raises(AssertionError):
        check("    return 'wrong'\n")


def test_questions_answers_and_captions_are_of_the_same_images() -> None:
    question_rows, known = load("vqa/questions.json")["questions"], load("vqa/annotations.json")["annotations"]
    captions = load("captions.json")
    assert [row["question_id"] for row in question_rows] == [row["question_id"] for row in known]
    assert len(question_rows) == 12
    assert {row["image_id"] for row in question_rows} == {row["image_id"] for row in captions["annotations"]}
