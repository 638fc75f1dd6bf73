"""The shape of published sets: messages as training has them, names that trainers do not misread, Parquet, the card."""

import io
import json
import re
import typing
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.artifacts import Receipt
from stages.core.atomic_write import replacing_folder
from stages.core.errors import UserError
from stages.core.records import Record, Turn
from stages.publishing import parquet
from stages.publishing.chat_messages import conversation
from stages.publishing.column_meanings import meanings
from stages.publishing.dataset import Publication, write_dataset
from stages.publishing.preference_rows import PreferenceRow
from stages.publishing.published_rows import EARLIER_NAMES, TRAINING_TYPES, Query, Row, row, row_type
from stages.publishing.reward_prompts import GrpoRow, RlvrRow
from stages.training.training_rows import assemble
from tests.publishing.written import publication
from tests.reporting.examples import asked, record, step, trained

READ_BY_TRAINERS = frozenset(
    re.findall(
        r"\w+",
        "messages conversations prompt completion chosen rejected text label labels image images tools environment "
        "chat_template chat_template_kwargs input_ids attention_mask token_type_ids position_ids completion_mask "
        "assistant_masks seq_lengths margin reference ref_logps ref_chosen_logps ref_rejected_logps prompt_ids "
        "chosen_ids rejected_ids completion_ids prompts completions trainer_state log_extra log_metric environments "
        "pixel_values system",
    )
)
"""Names with a meaning in TRL 1.9 (trainers SFT, DPO, KTO, reward, GRPO, RLOO, TPO), and `system` in Axolotl."""
MEANT: dict[type[msgspec.Struct], set[str]] = {
    **{type: {"messages"} for type in (*TRAINING_TYPES.values(), Query, RlvrRow)},
    GrpoRow: {"prompt"}, PreferenceRow: {"prompt", "chosen", "rejected"},
}  # fmt: skip
"""Published type -> the names of these that it has, in the meaning that trainers give them."""
TEXT = st.text(max_size=12) | st.sampled_from(["", " ", "\n", " Rhine\n", "\x1c", "\u2003a"])


@pytest.mark.parametrize("type", MEANT, ids=lambda type: type.__name__)
def test_no_column_has_a_name_that_trainers_read_as_something_else(type: Any) -> None:
    assert READ_BY_TRAINERS & set(type.__struct_fields__) == MEANT[type]
    for name in MEANT[type]:
        message = typing.get_type_hints(type)[name]
        assert set(typing.get_args(message)[0].__struct_fields__) == {"role", "content"}


def test_names_of_earlier_versions_lead_to_columns_of_this_one() -> None:
    now = set(TRAINING_TYPES[True, True].__struct_fields__)
    assert set(EARLIER_NAMES.values()) <= now and not EARLIER_NAMES.keys() & now


@given(TEXT, TEXT, TEXT, TEXT, st.lists(st.tuples(TEXT, TEXT), max_size=2))
@settings(max_examples=300, deadline=None)
def test_messages_are_those_that_training_renders(
    instruction: str, input: str, response: str, system: str, history: list[tuple[str, str]]
) -> None:
    changes = {"instruction": instruction, "input": input, "response": response, "system": system}
    turns = tuple(Turn(*turn) for turn in history)
    source = record(0, **changes, history=turns)
    ((kind, made),) = assemble([source])
    if kind == "rows":
        expected = [(message.role, message.content) for message in made.messages]
        assert [(message.role, message.content) for message in conversation(source)] == expected


def test_a_row_has_messages_beside_its_flat_fields() -> None:
    changes = {"input": "Lakes", "system": "Be brief.", "response": " Como\n", "history": (Turn("Hi", "Ho"),)}
    published = row(record(0, **changes), Row)
    assert [(message.role, message.content) for message in published.messages] == [
        ("system", "Be brief."), ("user", "Hi"), ("assistant", "Ho"), ("user", "Name 0 rivers.\n\nLakes"),
        ("assistant", "Como"),
    ]  # fmt: skip
    assert (published.system_prompt, published.input, published.output) == ("Be brief.", "Lakes", " Como\n")
    assert [message.role for message in row(asked(1)[0], Query).messages] == ["user"]


def test_a_column_that_no_row_fills_is_left_out() -> None:
    plain = trained(2)
    image = msgspec.structs.replace(plain[0], image="/home/ada/lake.png")
    assert "image_file" not in row_type(plain).__struct_fields__
    type = row_type([plain[1], image])
    assert [row(each, type).image_file for each in (plain[1], image)] == ["", "lake.png"]  # type: ignore[attr-defined]
    assert row_type([image, msgspec.structs.replace(plain[1], reasoning="Wet.")]) is TRAINING_TYPES[True, True]


@pytest.mark.parametrize("type", MEANT, ids=lambda type: type.__name__)
def test_the_card_says_what_every_column_means(type: Any) -> None:
    form = {GrpoRow: "grpo", RlvrRow: "rlvr", PreferenceRow: "preference"}.get(type, "")
    said = meanings(type.__struct_fields__, form, "test" if type is Query else "train")
    assert sorted(name for names, _ in said for name in names) == sorted(type.__struct_fields__)


def many(count: int) -> list[Record]:
    return [record(i, step("respond", "respond"), response=f"{i * 7919} " * 20) for i in range(count)]


def published(records: list[Record]) -> list[Row]:
    return [row(each, Row) for each in records]


def test_row_groups_are_small_and_an_inserted_row_changes_one() -> None:
    rows = published(many(12_000))
    groups = [[each["id"] for each in group] for group in parquet.row_groups(rows)]
    assert [name for group in groups for name in group] == [each.id for each in rows]
    assert len(groups) > 3 and max(map(len, groups)) <= parquet.LARGEST_GROUP
    inserted = rows[:5_000] + published(many(12_001))[-1:] + rows[5_000:]
    changed = [[each["id"] for each in group] for group in parquet.row_groups(inserted)]
    assert sum(group not in groups for group in changed) <= 2


def test_pages_have_an_index_and_groups_are_in_the_file(tmp_path: Path) -> None:
    rows = published(many(3_000))
    written = parquet.write(tmp_path, "train", rows, Row)
    file = pq.ParquetFile(tmp_path / written.files[0])
    sizes = [file.metadata.row_group(n).num_rows for n in range(file.metadata.num_row_groups)]
    assert written.files == ("data/train.parquet",) and sizes == [len(g) for g in parquet.row_groups(rows)]
    column = file.metadata.row_group(0).column(0)
    assert column.has_column_index and column.has_offset_index
    assert written.file_bytes == (tmp_path / written.files[0]).stat().st_size
    assert file.read().to_pylist() == [msgspec.to_builtins(each) for each in rows]


def test_a_large_set_is_several_shards_that_datasets_reads_in_order(tmp_path: Path) -> None:
    rows = published(many(6_000))
    written = parquet.write(tmp_path, "train", rows, Row, shard_bytes=1)
    count = len(list(parquet.row_groups(rows)))
    assert written.files == tuple(f"data/train-{n:05}-of-{count:05}.parquet" for n in range(count))
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [name[5:] for name in written.files]
    ids = [each["id"] for name in written.files for each in pq.read_table(tmp_path / name).to_pylist()]
    assert ids == [each.id for each in rows]


def test_a_set_without_rows_has_its_columns(tmp_path: Path) -> None:
    written = parquet.write(tmp_path, "train", iter(()), Row)
    assert pq.read_table(tmp_path / written.files[0]).column_names == list(Row.__struct_fields__)


def test_rows_are_written_as_they_come(tmp_path: Path) -> None:
    rows, sizes = published(many(2 * parquet.LARGEST_GROUP + 2)), []

    def watched() -> typing.Iterator[Row]:
        for each in rows:
            yield each
            sizes.append(sum(path.stat().st_size for path in (tmp_path / "data").iterdir()))

    parquet.write(tmp_path, "train", watched(), Row)
    assert sizes[-2] > sizes[0], "groups are in the file before the last row is made"


RECEIPT = Receipt("responded/seed/2", "0" * 64, "responded", 4, {"a": ["text", "length"], "b": ["length"]}, 12)


def made(records: list[Record], **more: Any) -> tuple[dict[str, Any], str, dict[str, Any]]:
    files = publication("set", "0.1.0", "responded/seed/2", lambda: records, **more)
    card = files["README.md"].decode()
    return yaml.safe_load(card.split("---\n")[1]), card, json.loads(files["provenance.json"])


def test_the_front_matter_has_the_hubs_fields() -> None:
    front, card, facts = made(trained(3))
    assert "arxiv:2403.07794" in front["tags"] and "https://arxiv.org/abs/2403.07794" in card
    assert front["annotations_creators"] == ["machine-generated"]
    assert front["source_datasets"] == ["extended"]
    info = front["dataset_info"]
    assert [feature["name"] for feature in info["features"]] == facts["columns"]
    assert info["splits"][0]["num_examples"] == 3 and info["dataset_size"] > info["download_size"] // 10 > 0
    assert "@inproceedings" in card


def test_sources_of_the_hub_and_makers_of_outputs_are_named() -> None:
    own = msgspec.structs.replace(record(0), source=msgspec.structs.replace(record(0).source, reference="hub:a/b@c"))
    front, _, facts = made([own, *trained(1)])
    assert front["source_datasets"] == ["a/b"]
    assert front["annotations_creators"] == ["machine-generated", "found"]
    assert facts["outputs"] == {"generated": 1, "source": 1}
    assert made([own])[0]["language_creators"] == ["found"]
    assert "annotations_creators" not in made(asked(1))[0]


def test_the_example_names_the_repository_and_the_tag() -> None:
    assert 'load_dataset("data/published/set", split="train")' in made(trained(1))[1]
    assert 'load_dataset("lab/rows", revision="v0.1.0", split="train")' in made(trained(1), repository="lab/rows")[1]


def test_the_card_tells_what_validation_found_and_what_rows_lack() -> None:
    _, card, facts = made([*trained(3), record(9, step("respond", "respond"), response=" ")], receipt=RECEIPT)
    quality = card.partition("## Data quality\n")[2].partition("\n## ")[0]
    assert "12 expectations (suite `responded`) on the 4 rows of the artifact: 2 failed one or more" in quality
    assert "| `length` | 2 |\n| `text` | 1 |" in quality
    assert "1 of the 4 rows here have no output" in quality
    assert facts["validation"]["quarantined"] == 2
    assert "## Data quality" not in made(asked(1))[1]


def test_a_set_that_cannot_be_written_leaves_the_earlier_one(tmp_path: Path) -> None:
    def broken() -> typing.Iterator[Record]:
        yield from trained(1)
        raise UserError("row 2 is broken")

    what = Publication("set", "0.1.0", "responded/seed/2")
    for records in (lambda: trained(2), broken):
        with suppress(UserError), replacing_folder(tmp_path / "set") as folder:
            write_dataset(folder, what, records)
    assert json.loads((tmp_path / "set/provenance.json").read_bytes())["rows"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_the_same_rows_make_the_same_files() -> None:
    records = many(2_500)
    one, two = (publication("set", "0.1.0", "responded/seed/2", lambda: records) for _ in range(2))
    assert one == two and pq.read_table(io.BytesIO(one["data/train.parquet"])).num_rows == 2_500
