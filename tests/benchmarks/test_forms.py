"""Each benchmark in the form in which its makers have it and in the Hub's Parquet: the same questions, each once."""

import io
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from stages.core.errors import UserError
from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.questions import Question
from stages.params import load
from stages.readers.layout import Choice
from stages.readers.source import Download
from tests.benchmarks.test_questions import ENGLISH, EXAMPLE, MGSM, XQUAD

ROOT = Path(__file__).resolve().parents[2]
SEEDS = ROOT / "data" / "seeds"
WORDING = load(ROOT / "stages/profiles/full.yaml").wording


def parquet(*rows: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), stream)
    return stream.getvalue()


def lines(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def read(benchmark: str, files: dict[str, bytes], *languages: str) -> list[Question]:
    rows = list(BENCHMARKS[benchmark].read(files, languages, "MIT", WORDING))
    assert len({question.id for question in rows}) == len(rows)
    assert all(isinstance(question, Question) for question in rows)
    return rows  # type: ignore[return-value]


CSQA = {"id": "v", "question": "Q?", "question_concept": "c", "choices": {"label": ["A", "B"], "text": ["one", "two"]}}
STEM = {
    "stem": "Q?",
    "question_concept": "c",
    "choices": [{"label": "A", "text": "one"}, {"label": "B", "text": "two"}],
}
HUMANEVAL = json.loads((SEEDS / "humaneval" / "HumanEval.jsonl").read_text().splitlines()[0])
ALPACA = {"instruction": "Do.", "output": "Done.", "generator": "g", "dataset": "helpful_base"}
GSM = [{"question": f"How many, {n}?", "answer": f"1+1=2\n#### {n}"} for n in range(3)]
SEQEVAL = [{"instruction": "Do it, then that.", "iteration": 2}]
VQA = {"question": "Who?", "question_id": 7, "image_id": 42, "answer_type": "other", "image": {"bytes": b"\xff" * 9}}
VQA_ANSWERS = [{"answer": "a man", "answer_confidence": "yes", "answer_id": n} for n in range(3)]
GQA = {"question": "Who?", "imageId": "n1", "answer": "man", "types": {"structural": "query", "semantic": "obj"}}
QUESTIONS = {"questions": [{"question": "Who?", "question_id": 7, "image_id": 42}], "data_subtype": "val2014"}
ANNOTATIONS = {"annotations": [{"question_id": 7, "answers": VQA_ANSWERS, "answer_type": "other"}]}

FORMS: dict[str, dict[str, dict[str, bytes]]] = {
    "commonsenseqa": {
        "the Hub's lines": {"dev.jsonl": lines({**CSQA, "answerKey": "A"})},
        "the makers'": {
            "dev_rand_split.jsonl": lines({"answerKey": "A", "id": "v", "question": STEM}),
            "train_rand_split.jsonl": lines({"answerKey": "B", "id": "t", "question": STEM}),
            "test_rand_split_no_answers.jsonl": lines({"id": "x", "question": STEM}),
        },
        "the Hub's Parquet": {
            "README.md": b"---\nlicense: mit\n---\n",
            "data/test-00000-of-00001.parquet": parquet({**CSQA, "id": "x", "answerKey": ""}),
            "data/train-00000-of-00001.parquet": parquet({**CSQA, "id": "t", "answerKey": "B"}),
            "data/validation-00000-of-00001.parquet": parquet({**CSQA, "answerKey": "A"}),
        },
    },
    "humaneval": {
        "the makers'": {"HumanEval.jsonl": lines(HUMANEVAL)},
        "the makers' folder": {
            "HumanEval.jsonl": lines(HUMANEVAL), "example_problem.jsonl": lines({"task_id": "x"}),
            "example_samples.jsonl": b"{}",
        },
        "the Hub's Parquet": {"openai_humaneval/test-00000-of-00001.parquet": parquet(HUMANEVAL)},
    },
    "alpaca_eval": {
        "the makers'": {"alpaca_eval.json": json.dumps([ALPACA]).encode()},
        "the Hub's folder": {
            "alpaca_eval.json": json.dumps([ALPACA]).encode(),
            "alpaca_eval_gpt4_baseline.json": json.dumps([{**ALPACA, "output": "x"}]).encode(),
            "alpaca_farm_human_annotations.json": b"[]",
        },
        "the Hub's Parquet": {"alpaca_eval/eval-00000-of-00001.parquet": parquet(ALPACA)},
    },
    "gsm8k": {
        "the makers'": {
            "test.jsonl": lines(*GSM), "train.jsonl": lines(*GSM),
            "test_socratic.jsonl": lines(*GSM), "train_socratic.jsonl": lines(*GSM),
        },
        "the Hub's Parquet": {
            f"{config}/{split}-00000-of-00001.parquet": parquet(*GSM)
            for config in ("main", "socratic") for split in ("test", "train")
        },
    },
    "seqeval": {
        "as released": {"seqEval.json": json.dumps(SEQEVAL).encode()},
        "lines": {"seqEval.jsonl": lines(*SEQEVAL)},
        "Parquet": {"data/test-00000-of-00001.parquet": parquet(*SEQEVAL)},
    },
    "gqa": {
        "the makers'": {"testdev_balanced_questions.json": json.dumps({"20": GQA}).encode()},
        "the makers' folder": {
            "testdev_balanced_questions.json": json.dumps({"20": GQA}).encode(),
            "testdev_all_questions.json": b"{}", "val_balanced_questions.json": b"{}",
        },
        "the Hub's Parquet": {
            "testdev_balanced_images/testdev-00000-of-00001.parquet": parquet({"id": "n1", "image": {"bytes": b"x"}}),
            "testdev_balanced_instructions/testdev-00000-of-00001.parquet": parquet({**GQA, "id": "20"}),
        },
    },
    "vqav2": {
        "the makers'": {
            "v2_OpenEnded_mscoco_val2014_questions.json": json.dumps(QUESTIONS).encode(),
            "v2_mscoco_val2014_annotations.json": json.dumps(ANNOTATIONS).encode(),
        },
        "the Hub's Parquet": {
            "data/testdev-00000-of-00001.parquet": parquet({**VQA, "answers": None}),
            "data/validation-00000-of-00001.parquet": parquet({**VQA, "answers": VQA_ANSWERS}),
        },
    },
    "arc": {
        "the Hub's Parquet": {
            f"{config}/{split}-00000-of-00001.parquet": parquet({**CSQA, "id": config + split, "answerKey": "A"})
            for config in ("ARC-Challenge", "ARC-Easy") for split in ("test", "train")
        },
        "the makers'": {
            f"{config}/{config}-{split}.{ending}": lines(
                {"id": config + split.lower(), "question": STEM, "answerKey": "A"}
            ) if ending == "jsonl" else b"questionID\nx\n"
            for config in ("ARC-Challenge", "ARC-Easy") for split in ("Test", "Train", "Dev")
            for ending in ("csv", "jsonl")
        },
        "one folder": {
            f"{config}-{split}.jsonl": lines({"id": config + split.lower(), "question": STEM, "answerKey": "A"})
            for config in ("ARC-Challenge", "ARC-Easy") for split in ("Test", "Train", "Dev")
        },
    },
}  # fmt: skip


@pytest.mark.parametrize(("benchmark", "form"), [(name, form) for name, forms in FORMS.items() for form in forms])
def test_every_form_gives_the_same_questions(benchmark: str, form: str) -> None:
    rows = read(benchmark, FORMS[benchmark][form])
    assert rows == read(benchmark, next(iter(FORMS[benchmark].values())))
    assert rows and all("Easy" not in question.id for question in rows)


def test_gsm8k_of_the_harness_reads_no_question_twice() -> None:
    for files in FORMS["gsm8k"].values():
        rows = read("gsm8k-harness", files)
        assert [question.gold for question in rows] == [("0",), ("1",), ("2",)]
        assert len(json.loads(rows[0].meta["shots"])) == 3


def mmlu(subject: str, text: str) -> dict[str, Any]:
    return {"question": text, "subject": subject, "choices": ["a", "b", "c", "d"], "answer": 1}


SUBJECTS = ("anatomy", "virology")


def test_mmlu_is_all_of_it_once() -> None:
    each = {
        f"{subject}/{split}-00000-of-00001.parquet": parquet(mmlu(subject, f"{subject} {split}?"))
        for subject in SUBJECTS for split in ("dev", "test", "validation")
    }  # fmt: skip
    everything = {
        f"all/{split}-00000-of-00001.parquet": parquet(*(mmlu(subject, f"{subject} {split}?") for subject in SUBJECTS))
        for split in ("auxiliary_train", "dev", "test", "validation")
    }
    expected = read("mmlu", {name: data for name, data in everything.items() if "aux" not in name})
    assert [question.item for question in expected] == ["anatomy-0000", "virology-0000"]
    assert all("test?" in question.instruction for question in expected)
    assert read("mmlu", each) == read("mmlu", everything) == read("mmlu", each | everything) == expected


def test_xquad_from_the_hub() -> None:
    def rows(name: str) -> list[dict[str, Any]]:
        paragraph = json.loads(XQUAD[name])["data"][0]["paragraphs"][0]
        return [
            {**squad_question, "context": paragraph["context"], "answers": {
                "text": [answer["text"] for answer in squad_question["answers"]], "answer_start": [0]}}
            for squad_question in paragraph["qas"]
        ]  # fmt: skip

    files = {
        f"xquad.{code}/validation-00000-of-00001.parquet": parquet(*rows(f"xquad.{code}.json")) for code in ("de", "en")
    }
    assert read("xquad", files, "de") == read("xquad", XQUAD, "de")
    with pytest.raises(UserError, match=r"xquad\.es\.json: missing"):
        read("xquad", files, "es")


NEEDLE = "raise SystemExit('it was run')\n"
EXEMPLARS = NEEDLE + "EXEMPLAR_NUMBER_ANSWERS = [2]\nMGSM_EXEMPLARS = " + repr(
    {"en": {"1": {"q": ENGLISH["question"], "a": ENGLISH["answer"]}},
     "de": {"1": {"q": EXAMPLE["question"], "a": EXAMPLE["answer"]}}}
)  # fmt: skip
TESTS = {"en": [("How many?", 18), ("How far?", 2125)], "de": [("Wie viele?", 18), ("Wie weit?", 2125)]}


def test_mgsm_from_its_makers_and_from_the_hub() -> None:
    makers = {name: data for name, data in MGSM.items() if name.endswith("tsv")} | {"exemplars.py": EXEMPLARS.encode()}
    hub = {
        f"{code}/{split}-00000-of-00001.parquet": parquet(*rows)
        for code, example in (("en", ENGLISH), ("de", EXAMPLE))
        for split, rows in {
            "train": [{**example, "equation_solution": "x"}],
            "test": [{"question": text, "answer": None, "answer_number": gold} for text, gold in TESTS[code]],
        }.items()
    }
    for benchmark in ("mgsm", "mgsm-en"):
        expected = read(benchmark, MGSM, "de")
        assert read(benchmark, makers, "de") == expected
        from_hub = read(benchmark, hub, "de")
        assert [(q.id, q.instruction, q.input) for q in from_hub] == [(q.id, q.instruction, q.input) for q in expected]
        assert [question.gold for question in from_hub] == [("18",), ("2125",)]
    with pytest.raises(UserError, match=r"exemplars\.py: has no worked examples of fr"):
        read("mgsm", {**makers, "mgsm_fr.tsv": makers["mgsm_de.tsv"]}, "fr")


REFUSED: list[tuple[str, dict[str, bytes], str]] = [
    ("arc", {f"ARC-Easy/{s}-00000-of-00001.parquet": b"" for s in ("test", "train")}, "ARC-Easy"),
    ("humaneval", {"a.jsonl": lines(HUMANEVAL), "b.jsonl": lines(HUMANEVAL)}, "exactly one file of the split test"),
    (
        "commonsenseqa",
        {"dev.jsonl": lines({**CSQA, "answerKey": "A"}), "val.jsonl": b""},
        "several splits for validation",
    ),
    ("commonsenseqa", {"README.md": b"", "dataset_infos.json": b"{}"}, "no file of the split validation"),
    ("vqav2", {"data/test-00000-of-00001.parquet": parquet({**VQA, "answers": [{"answer": ""}]})}, "has no answer"),
]


@pytest.mark.parametrize(("benchmark", "files", "message"), REFUSED)
def test_what_is_not_plain_is_refused(benchmark: str, files: dict[str, bytes], message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        read(benchmark, files)
    assert "\n" not in str(error.value)


def folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def test_an_entry_names_another_split_and_its_files(tmp_path: Path) -> None:
    path = str(folder(tmp_path, FORMS["commonsenseqa"]["the Hub's Parquet"]))
    rows = list(BENCHMARKS["commonsenseqa"].read(Download(path, Choice("train")), [], "MIT", WORDING))
    assert {question.item for question in rows if isinstance(question, Question)} == {"t"}
    rows = list(BENCHMARKS["commonsenseqa"].read(Download(path, Choice(files=("data/val*",))), [], "MIT", WORDING))
    assert {question.item for question in rows if isinstance(question, Question)} == {"v"}
    with pytest.raises(UserError, match="has no split 'dev2'"):
        list(BENCHMARKS["commonsenseqa"].read(Download(path, Choice("dev2")), [], "MIT", WORDING))


def test_worked_examples_are_of_their_own_split_for_every_choice_of_split(tmp_path: Path) -> None:
    files = {
        f"main/{s}-00000-of-00001.parquet": parquet(*GSM[n : n + 1]) for n, s in enumerate(("test", "train", "dev"))
    }
    download = Download(str(folder(tmp_path, files)), Choice("dev"))
    (question,) = BENCHMARKS["gsm8k"].read(download, [], "MIT", WORDING)
    assert isinstance(question, Question)
    assert question.input == "Question: How many, 2?" and "How many, 1?" in question.instruction


def test_a_benchmark_of_many_parts_takes_no_split(tmp_path: Path) -> None:
    download = Download(str(folder(tmp_path, XQUAD)), Choice("test"))
    with pytest.raises(UserError, match="`split` and `config` have no effect"):
        list(BENCHMARKS["xquad"].read(download, ["de"], "MIT", WORDING))
