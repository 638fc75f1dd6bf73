"""Chains on real rows beside the repository: aligned Alpaca, OK-VQA's questions, COCO's captions."""

from pathlib import Path

import msgspec
import pytest

from stages.chains.caption import captions_by_image
from stages.chains.chain_types import Link, Resources
from stages.chains.links import chained_rows, final_answer, plain_rows
from stages.chains.translate import translations_by_text
from stages.core import artifacts
from stages.core.records import Record
from stages.corpora.read_records import Origin, read
from stages.readers.formats import rows
from stages.validation.columns import table

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def records(source: str, adapter: str, fields: dict[str, str] | None = None, language: str = "en") -> list[Record]:
    path = SHARED / source
    if not path.exists():
        pytest.skip(f"{path} is not here")
    origin = Origin("real", artifacts.origin(path), "see SOURCE.txt", language)
    items = read(adapter, rows(str(path), artifacts.files(path)), origin, fields or {})
    return [record for record in items if isinstance(record, Record)]


ALIGNED = "alpaca_zh/alpaca_en_zh_aligned.json"
ENGLISH = {"instruction": "en.instruction", "input": "en.input", "response": "en.output"}
LINK = Link("translate", "First translate the input into English, then", ("zh",), 1 / 3, ("Translation:", "Answer:"))


def test_aligned_alpaca_as_a_translate_set() -> None:
    before = records(ALIGNED, "own", ENGLISH)
    known = translations_by_text(records(ALIGNED, "parallel"))
    after = list(chained_rows(before, [LINK], Resources(seed=20250429, translations=known)))
    assert [r.id for r in after] == [r.id for r in before] and len({r.id for r in after}) == 12_778
    done = [(old, new) for old, new in zip(before, after, strict=True) if new != old]
    assert len(done) == round(5_142 / 3) == 1_714
    for old, new in done:
        assert new.instruction == f"First translate the input into English, then {old.instruction}"
        assert new.response == f"Translation:\n{old.input}\n\nAnswer:\n{old.response}"
        assert new.input == known[old.input.strip()]["zh"] != old.input
        assert final_answer(new.response, new.input, [LINK]) == old.response
        assert new.steps[-1].action == "translate:zh"


def test_what_is_said_to_be_chinese_is_chinese() -> None:
    before = records(ALIGNED, "own", ENGLISH)
    known = translations_by_text(records(ALIGNED, "parallel"))
    after = chained_rows(before, [LINK], Resources(seed=20250429, translations=known))
    lines = [(number, msgspec.json.encode(row)) for number, row in enumerate(after, 1)]
    wrong = table(lines, ["input.untranslated"], "f", "s")["input.untranslated"]
    # Formulas, code and lists of names that translators left in Latin letters: validation sets these rows aside.
    assert wrong.count() == 1_714 and wrong.sum() < 0.05 * 1_714


def test_real_questions_with_real_captions() -> None:
    questions = records("okvqa_coco/OpenEnded_mscoco_val2014_questions.json", "vqa")
    # OK-VQA's answers are not here; what matters is that whatever was answered is what the baseline is trained on.
    answered_questions = [msgspec.structs.replace(q, response=f"answer {n}") for n, q in enumerate(questions)]
    texts = captions_by_image(records("okvqa_coco/VinVL_base_val2014.tsv", "captions"))
    link = Link("caption", "First describe the image, then")
    base, after = (
        list(plain_rows(answered_questions, [link])),
        list(chained_rows(answered_questions, [link], Resources(seed=1, captions=texts))),
    )
    assert len(after) == len(base) == 5_046
    assert all(new.steps[-1].action == "caption" for new in after)
    for old, new in zip(base, after, strict=True):
        assert old.response == final_answer(new.response, new.input, [link])
        assert new.response.split("\n")[0] in {" ".join(text.split()) for text in texts[new.image]}
        assert new.input == old.input and new.image == old.image


def test_human_captions_are_drawn_for_the_question() -> None:
    texts = captions_by_image(records("coco_caption/caps_boxes_coco2014_val_80.jsonl", "captions"))
    assert len(texts) == 80 and {len(several) for several in texts.values()} <= {5, 6}
    source = records("coco_caption/caps_boxes_coco2014_val_80.jsonl", "captions")[0].source
    rows = [
        Record(f"q-{n}-{image}", "q", "What is this?", "", "a thing", "", source, image=image)
        for image in texts for n in range(20)
    ]  # fmt: skip
    after = list(
        chained_rows(rows, [Link("caption", "First describe the image, then")], Resources(seed=1, captions=texts))
    )
    used = {(row.image, row.response.partition("\n")[0]) for row in after}
    assert len(used) > 350
