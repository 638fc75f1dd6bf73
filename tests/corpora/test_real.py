"""The adapters on the real corpora beside the repository: every row arrives, with the counts their sources state."""

from pathlib import Path

import pytest

from stages.core import artifacts
from stages.core.records import Record, Rejected
from stages.corpora.ingest_statistics import IngestStats
from stages.corpora.read_records import Origin, read, sample
from stages.readers.formats import rows

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"

# source, adapter, fields, records read, rejected, with input, with response
SETS: list[tuple[str, str, dict[str, str], int, dict[str, int], int, int]] = [
    # 155 of the 20,679 inputs that the file has say "<noinput>".
    ("alpaca/alpaca_data.json", "alpaca", {}, 52_002, {}, 20_524, 51_974),
    ("alpaca_eval/alpaca-7b/model_outputs.json", "alpaca_eval", {}, 805, {}, 0, 0),
    (
        "alpaca_zh/alpaca_en_zh_aligned.json", "parallel", {}, 12_778, {"no-input": 7_636, "no-translation": 1},
        5_141, 5_141,
    ),
    (
        "alpaca_zh/alpaca_en_zh_aligned.json", "own",
        {"instruction": "zh.instruction", "input": "zh.input", "response": "zh.output"}, 12_778, {}, 5_141, 12_773,
    ),
    ("flan_cot", "flan_cot", {}, 33_443, {}, 0, 33_443),
    ("okvqa_coco/OpenEnded_mscoco_train2014_questions.json", "vqa", {}, 9_009, {}, 0, 0),
    ("okvqa_coco/OpenEnded_mscoco_val2014_questions.json", "vqa", {}, 5_046, {}, 0, 0),
    ("okvqa_coco/VinVL_base_val2014.tsv", "captions", {}, 40_504, {}, 0, 40_504),
    ("coco_caption/captions_val2014_fakecap_results.json", "captions", {}, 1_000, {}, 0, 1_000),
    ("coco_caption/caps_boxes_coco2014_val_80.jsonl", "captions", {}, 401, {}, 0, 401),
    ("self_instruct/user_oriented_instructions.jsonl", "own", {"instruction": "instruction"}, 252, {}, 0, 0),
    # Row 547 of the released SeqEval is empty.
    ("seqeval/seqEval.json", "own", {"instruction": "instruction"}, 805, {"no-instruction": 1}, 0, 0),
]  # fmt: skip


def ingested(source: str, adapter: str, fields: dict[str, str]) -> list[Record | Rejected]:
    path = SHARED / source
    if not path.exists():
        pytest.skip(f"{path} is not here")
    origin = Origin("real", artifacts.origin(path), "see SOURCE.txt", "en")
    return list(read(adapter, rows(str(path), artifacts.files(path)), origin, fields))


@pytest.mark.parametrize(("source", "adapter", "fields", "count", "rejected", "inputs", "responses"), SETS)
def test_every_row_arrives(
    source: str, adapter: str, fields: dict[str, str], count: int, rejected: dict[str, int], inputs: int, responses: int
) -> None:
    items = ingested(source, adapter, fields)
    stats = IngestStats()
    list(stats.split(items))
    metrics = stats.metrics()
    assert (metrics["read"], metrics["rejected"]) == (count, rejected)
    assert (metrics["with"]["input"], metrics["with"]["response"]) == (inputs, responses)
    assert len({item.id for item in items}) == count


def test_a_sample_of_alpaca_lies_inside_a_larger_one() -> None:
    items = ingested("alpaca/alpaca_data.json", "alpaca", {})
    small, large = (list(sample(items, size, 20250429, IngestStats())) for size in (1_000, 10_000))
    assert (len(small), len(large)) == (1_000, 10_000)
    inside = {item.id for item in small}
    assert [item for item in large if item.id in inside] == small
    assert abs(sum(bool(r.input) for r in large if isinstance(r, Record)) / 10_000 - 0.398) < 0.02
