"""Questions about pictures: what is asked and shown, how an answer is found and compared."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.chains.augmented_sets import augmented_sets
from stages.chains.chain_types import Resources
from stages.core import artifacts, image_files
from stages.core.completions import Image, Reply, Sampling
from stages.core.errors import UserError
from stages.core.records import Record, Rejected, Source
from stages.evaluation.benchmarks import BENCHMARKS, compared_texts
from stages.evaluation.benchmarks.image_questions import split_answer, with_images
from stages.evaluation.benchmarks.predictions import GenerationConfig, generate_answers
from stages.evaluation.benchmarks.questions import Question, user_text
from stages.evaluation.benchmarks.vqa_rule import normalised
from stages.params import load

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
WORDING = load(ROOT / "stages/profiles/full.yaml").wording


def files(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (ROOT / "data" / "seeds" / folder).iterdir()}


def read(benchmark: str, contents: dict[str, bytes]) -> list[Question]:
    rows = list(BENCHMARKS[benchmark].read(contents, [], "MIT", WORDING))
    assert all(isinstance(row, Question) for row in rows)
    return rows  # type: ignore[return-value]


def vqa(*answers: str, subset: str = "val2014", caption: str = "A cat sits on a mat.", **more: Any) -> dict[str, bytes]:
    question_row = {"image_id": 42, "question": "Which animal?", "question_id": 7} | more
    answer_row = {"question_id": 7, "answers": [{"answer": text} for text in answers], "answer_type": "other"}
    contents = {
        "v2_OpenEnded_mscoco_val2014_questions.json": {"data_subtype": subset, "questions": [question_row]},
        "v2_mscoco_val2014_annotations.json": {"annotations": [answer_row]},
        "captions_val2014.json": {"annotations": [{"image_id": 42, "caption": caption}]},
    }
    return {name: json.dumps(value).encode() for name, value in contents.items()}


GQA = {"question": "Is it red?", "imageId": "n161313", "answer": "no", "types": {"structural": "verify"}, "groups": {}}


def gqa(**changes: Any) -> dict[str, bytes]:
    return {"testdev_balanced_questions.json": json.dumps({"201307251": GQA | changes}).encode()}


# ---------------------------------------------------------------- what is asked


def test_vqav2_has_both_versions_with_the_file_of_coco() -> None:
    plain, caption = read("vqav2", vqa("cat", "a cat", "kitten"))
    assert plain.instruction == "Answer the input question based on the image"
    assert caption.instruction == "First describe the image, then answer the input question based on the image"
    assert [q.images for q in (plain, caption)] == [(Image("", "COCO_val2014_000000000042.jpg"),)] * 2
    assert (plain.item, plain.group, plain.tasks, plain.reference) == ("7", "plain", 1, "")
    assert (caption.item, caption.group, caption.tasks) == ("7", "caption", 2)
    assert caption.reference == "A cat sits on a mat."
    assert plain.gold == ("cat", "a cat", "kitten")


def test_gqa_has_its_own_files_and_needs_no_captions() -> None:
    plain, caption = read("gqa", gqa())
    assert plain.images == (Image("", "n161313.jpg"),)
    assert (plain.gold, plain.meta["kind"], caption.reference) == (("no",), "verify", "")
    assert BENCHMARKS["gqa"].grade is not None
    assert BENCHMARKS["gqa"].grade(caption, "A small green boat.\nNo.") == {
        "answered": 1, "accuracy": 1, "official": 1, "described": 1,
    }  # fmt: skip


def test_questions_use_the_wording_of_training() -> None:
    row = Record("a", "vqa", "Which animal?", "", "cat", "", Source("x", 0, "0", "MIT", "en"), image="42.jpg")
    made = dict(
        augmented_sets([row], [{"chain": "caption"}], Resources(0, WORDING, captions={"42.jpg": ["A cat."]})).rows()
    )
    plain, caption = read("vqav2", vqa("cat"))
    assert [(r.instruction, r.input) for r in (made[".plain"], made[""])] == [
        (q.instruction, q.input) for q in (plain, caption)
    ]


def test_our_own_contentshave_ten_answers_each_and_captions_for_all() -> None:
    for name in ("vqav2", "gqa"):
        questions = read(name, files(name))
        assert len(questions) == 24
        assert all(question.meta["captions"] for question in questions)
        assert all(len(question.gold) == (10 if name == "vqav2" else 1) for question in questions)
    trained = {image["id"] for image in json.loads((ROOT / "data/seeds/captions.json").read_text())["images"]}
    images = json.loads(files("vqav2")["captions_seqit.json"])["images"]
    assert trained.isdisjoint(image["id"] for image in images)


def test_a_question_about_a_picture_is_withheld_from_nothing() -> None:
    assert [*compared_texts(read("vqav2", vqa("cat")))] == []


def test_an_empty_question_is_rejected() -> None:
    (row,) = BENCHMARKS["vqav2"].read(vqa("cat", question=" "), [], "MIT", WORDING)
    assert isinstance(row, Rejected) and row.reason == "empty"


@pytest.mark.parametrize(
    ("benchmark", "contents", "message"),
    [
        ("vqav2", {k: v for k, v in vqa("a").items() if "annot" not in k}, r"\*annotations\.json: exactly one"),
        ("vqav2", vqa("a") | {"more_questions.json": b"{}"}, r"\*questions\.json: exactly one"),
        ("vqav2", vqa(), "has no answer to question 7"),
        ("vqav2", vqa("a", question_id=8), "has no answer to question 8"),
        ("vqav2", vqa(" "), "has no answer to question 7"),
        ("vqav2", vqa("a", image_id="x"), r"questions\.json: Expected `int`.*questions\[0\]\.image_id"),
        ("vqav2", vqa("a") | {"captions_val2014.json": b"[]"}, r"captions_val2014\.json"),
        ("gqa", gqa(answer=" the "), "question 201307251 has no answer"),
        ("gqa", gqa(imageId=3), r"testdev_balanced_questions\.json"),
        ("gqa", {}, r"exactly one such file is needed, not none among no file"),
    ],
)
def test_mistakes_name_file_and_row(benchmark: str, contents: dict[str, bytes], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        list(BENCHMARKS[benchmark].read(contents, [], "MIT", WORDING))
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------- what is shown


def test_captions_stand_in_for_a_picture() -> None:
    (question, _) = with_images(read("vqav2", vqa("cat")), "captions", image_files.album(None))
    assert isinstance(question, Question)
    assert question.images == ()
    assert user_text(question) == (
        "Answer the input question based on the image\n\nImage: A cat sits on a mat.\n\nQuestion: Which animal?"
    )


def test_a_picture_without_captions_can_not_be_stood_in_for() -> None:
    rows = list(with_images(read("gqa", gqa()), "captions", image_files.album(None)))
    assert [row.reason for row in rows if isinstance(row, Rejected)] == ["no-caption"] * 2


@pytest.mark.parametrize("name", ["COCO_val2014_000000000042.jpg", "000000000042.jpg"])
def test_pixels_are_named_with_their_hash_under_either_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"pixels")
    for question in with_images(read("vqav2", vqa("cat")), "pixels", image_files.album(tmp_path)):
        assert isinstance(question, Question)
        assert question.images == (Image(artifacts.sha256(tmp_path / name), (tmp_path / name).as_posix()),)
        assert question.input == "Which animal?"


def test_the_error_for_a_missing_picture_names_its_question(tmp_path: Path) -> None:
    message = r"COCO_val2014_000000000042\.jpg: no such picture, but question vqav2-plain-7 is about it"
    with pytest.raises(UserError, match=message):
        list(with_images(read("vqav2", vqa("cat")), "pixels", image_files.album(tmp_path)))


def test_a_question_with_two_rows_of_answers_is_an_error() -> None:
    contents = vqa("cat")
    (sheet,) = (name for name in contents if "annotations" in name)
    rows = json.loads(contents[sheet])
    rows["annotations"] *= 2
    with pytest.raises(UserError, match="answers question 7 twice"):
        read("vqav2", contents | {sheet: json.dumps(rows).encode()})


def test_a_missing_folder_of_pictures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere: is no folder of pictures"):
        image_files.album(tmp_path / "nowhere")


def test_images_is_required_for_pictures_and_refused_elsewhere() -> None:
    with pytest.raises(UserError, match="vqav2 has pictures; write `images: pixels`"):
        list(with_images(read("vqav2", vqa("cat")), None, image_files.album(None)))
    text = Question("x", "gsm8k", "en", "MIT", "1", "Add.")
    assert list(with_images([text], None, image_files.album(None))) == [text]
    with pytest.raises(UserError, match="gsm8k has no pictures"):
        list(with_images([text], "captions", image_files.album(None)))


def test_a_prompt_shows_what_its_question_shows() -> None:
    picture = Image("ab", "x.jpg")
    prompts = []

    def complete(requests):  # type: ignore[no-untyped-def]
        for prompt in requests:
            prompts.append(prompt)
            yield Reply("no", "ok", 1, 1)

    question = Question("x", "gqa", "en", "MIT", "1", "Look.", images=(picture,))
    list(generate_answers(complete, [question], GenerationConfig("it", Sampling(0, 1, 0, 8), 1)))
    assert prompts[0].messages[0].images == (picture,)


# ---------------------------------------------------------------- how an answer is found


@pytest.mark.parametrize(
    ("text", "before", "answer"),
    [
        ("A cat sits on a mat.\ncat", "A cat sits on a mat.", "cat"),
        ("A cat.\n\nAnswer: cat.", "A cat.", "cat."),
        ("A cat.\n**Answer:** *a cat*", "A cat.\n**", "a cat"),
        ("Answer: dog\nNo.\nAnswer: cat", "Answer: dog\nNo.", "cat"),
        ("The answer to the question is cat", "The", "cat"),
        ("answer is: “cat”\nbecause it is one", "", "cat"),
        ("Answer:\n\n cat\n", "", "cat"),
        ("cat", "", "cat"),
        ("A cat that sits on a mat in front of a very old house", None, None),
        ("", "", None),
        (" \n\n", "", None),
        ("A cat.\nAnswer:", "A cat.", None),
        ("...\n***", "...\n***", None),
        ("回答\nanswer：猫", "回答", "猫"),
    ],
)
def test_the_last_explicit_answer_wins(text: str, before: str | None, answer: str | None) -> None:
    assert split_answer(text) == (text if before is None else before, answer)


@pytest.mark.parametrize("part", [" ", "*", "\u2003*", "answer ", "answer is ", "answer:\n", "a, ", "1,", "."])
def test_hostile_replies_take_no_time(part: str) -> None:
    text = f"{part * 30_000}x"
    before, answer = split_answer(text)
    assert len(before) + len(answer or "") <= len(text)
    assert len(normalised(text)) <= 2 * len(text)


@given(st.text())
def test_any_text_is_parted(text: str) -> None:
    before, answer = split_answer(text)
    assert len(before) <= len(text)
    assert answer is None or (answer.strip() == answer != "" and answer in text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A cat sits on the mat.\ncat", {"answered": 1, "accuracy": 1, "official": 1, "described": 1, "following": 1}),
        ("cat", {"answered": 1, "accuracy": 1, "official": 1, "described": 0, "following": 0}),
        ("Two planes fly over the sea.\ncat",
         {"answered": 1, "accuracy": 1, "official": 1, "described": 1, "following": 0}),
        ("A cat sits on a mat in front of a very old house", {"answered": 0, "official": 0, "described": 1}),
        ("", {"answered": 0, "official": 0, "described": 0, "following": 0, "rouge_l": 0}),
    ],
)  # fmt: skip
def test_what_a_sequential_answer_is_worth(text: str, expected: dict[str, float]) -> None:
    grade = BENCHMARKS["vqav2"].grade
    assert grade is not None
    values = grade(read("vqav2", vqa(*["cat"] * 10))[1], text)
    assert {name: values[name] for name in expected} == expected
    assert ("accuracy" in values) == bool(values["answered"])


def test_a_plain_question_needs_no_description() -> None:
    grade = BENCHMARKS["vqav2"].grade
    assert grade is not None
    assert grade(read("vqav2", vqa(*["cat"] * 10))[0], "A cat.") == {"answered": 1, "accuracy": 1, "official": 1}


@pytest.mark.skipif(not SHARED.exists(), reason="no ../shared: real captions are not here")
def test_captions_of_the_same_picture_follow_and_those_of_another_do_not() -> None:
    lines = (SHARED / "coco_caption" / "caps_boxes_coco2014_val_80.jsonl").read_text().splitlines()
    captions_by_image = [json.loads(line)["captions"] for line in lines]
    grade = BENCHMARKS["vqav2"].grade
    assert grade is not None

    def following(text: str, others: list[str]) -> float:
        question = read("vqav2", vqa("cat", caption="\n"))[1]
        return grade(Question(**{f: getattr(question, f) for f in question.__struct_fields__}
                              | {"reference": "\n".join(others)}), f"{text}\ncat")["following"]  # fmt: skip

    same = [following(captions[0], captions[1:]) for captions in captions_by_image]
    other = [following(captions[0], captions_by_image[place - 1]) for place, captions in enumerate(captions_by_image)]
    assert sum(same) / len(same) > 0.75
    assert sum(other) / len(other) < 0.2


# ---------------------------------------------------------------- how answers are compared
