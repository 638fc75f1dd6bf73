"""Which files of a download are read: downloads as they lie on disks, and what is refused."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.errors import UserError
from stages.readers.layout import Choice, Wanted, family, is_data, place, select
from stages.readers.source import Corpus

CORPUS = Wanted("train")
GSM8K = """---
configs:
- config_name: main
  data_files:
  - split: train
    path: main/train-*
  - split: test
    path: main/test-*
- config_name: socratic
  data_files:
  - split: train
    path: socratic/train-*
---
# GSM8K
"""
ULTRACHAT = [
    "README.md",
    *(f"data/{split}-00000-of-00001-a0.parquet" for split in ("test_gen", "test_sft", "train_gen", "train_sft")),
]
MMLU = [
    f"{c}/{s}-00000-of-00001.parquet"
    for c in ("all", "anatomy")
    for s in ("auxiliary_train", "dev", "test", "validation")
]

TAKEN: list[tuple[str, list[str], Choice, str, list[str]]] = [
    (
        "Hub shards",
        ["data/test-00000-of-00001.parquet", "data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"],
        Choice(),
        "",
        ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"],
    ),
    (
        "shards with a hash",
        ["data/train-00000-of-00001-a09b74b3ef9c3b56.parquet", "dataset_infos.json", "README.md"],
        Choice(),
        "",
        ["data/train-00000-of-00001-a09b74b3ef9c3b56.parquet"],
    ),
    ("two files", ["test.json", "train.json"], Choice(), "", ["train.json"]),
    ("dev beside train", ["dev.jsonl", "train.jsonl.gz"], Choice(), "", ["train.jsonl.gz"]),
    ("eval beside train", ["x_eval.csv", "x_train.csv"], Choice(), "", ["x_train.csv"]),
    ("alpaca_eval is no split", ["alpaca_eval.json"], Choice(), "", ["alpaca_eval.json"]),
    (
        "many sets, one split",
        ["aqua_train.tsv", "creak_train.tsv"],
        Choice(),
        "",
        ["aqua_train.tsv", "creak_train.tsv"],
    ),
    ("COCO's years", ["captions_train2014.json", "captions_val2014.json"], Choice(), "", ["captions_train2014.json"]),
    (
        "split folders",
        ["test/0000.parquet", "train/0000.parquet", "train/0001.parquet"],
        Choice(),
        "",
        ["train/0000.parquet", "train/0001.parquet"],
    ),
    (
        "shards below a split",
        ["train/a/1.jsonl", "train/b/1.jsonl", "validation/a/1.jsonl"],
        Choice(),
        "",
        ["train/a/1.jsonl", "train/b/1.jsonl"],
    ),
    (
        "the Hub's conversion",
        ["default/test/0000.parquet", "default/train/0000.parquet"],
        Choice(),
        "",
        ["default/train/0000.parquet"],
    ),
    (
        "save_to_disk",
        [
            "dataset_dict.json",
            "test/data-00000-of-00001.arrow",
            "test/state.json",
            "train/data-00000-of-00001.arrow",
            "train/dataset_info.json",
            "train/state.json",
        ],
        Choice(),
        "",
        ["train/data-00000-of-00001.arrow"],
    ),
    (
        "save_to_disk of one split",
        [
            "cache-1b2c3d.arrow",
            "data-00000-of-00002.arrow",
            "data-00001-of-00002.arrow",
            "dataset_info.json",
            "state.json",
        ],
        Choice(),
        "",
        ["data-00000-of-00002.arrow", "data-00001-of-00002.arrow"],
    ),
    ("no split at all", ["b/x.jsonl", "c.json"], Choice(), "", ["b/x.jsonl", "c.json"]),
    (
        "numbered folders",
        ["2023-01/rows.jsonl", "2023-02/rows.jsonl"],
        Choice(),
        "",
        ["2023-01/rows.jsonl", "2023-02/rows.jsonl"],
    ),
    (
        "numbered files",
        ["part-0.jsonl", "part-1.jsonl", "sub/part-2.jsonl"],
        Choice(),
        "",
        ["part-0.jsonl", "part-1.jsonl", "sub/part-2.jsonl"],
    ),
    ("train and a rest", ["alpaca_data.json", "alpaca_test.json"], Choice(), "", ["alpaca_data.json"]),
    (
        "hidden and metadata",
        [".cache/huggingface/x.json", "__MACOSX/rows.jsonl", "rows.jsonl", "sub/.rows.jsonl"],
        Choice(),
        "",
        ["rows.jsonl"],
    ),
    ("a split by name", ["dev.json", "test.json", "train.json"], Choice(split="validation"), "", ["dev.json"]),
    (
        "splits together",
        ["dev.json", "test.json", "train.json"],
        Choice(split="train+dev"),
        "",
        ["dev.json", "train.json"],
    ),
    (
        "all splits",
        ["dev.json", "test.json", "train.json"],
        Choice(split="all"),
        "",
        ["dev.json", "test.json", "train.json"],
    ),
    ("UltraChat's", ULTRACHAT, Choice(split="train_sft"), "", ["data/train_sft-00000-of-00001-a0.parquet"]),
    ("files", ["a.json", "b.json", "test.json"], Choice(files=("a.json", "test.json")), "", ["a.json", "test.json"]),
    (
        "a glob still takes one split",
        ["data/test-00000-of-00001.parquet", "data/train-00000-of-00001.parquet"],
        Choice(files=("data/*.parquet",)),
        "",
        ["data/train-00000-of-00001.parquet"],
    ),
    (
        "a glob over configs",
        ["de/train.jsonl", "en/train.jsonl", "en/test.jsonl"],
        Choice(files=("*/train.jsonl",)),
        "",
        ["de/train.jsonl", "en/train.jsonl"],
    ),
    ("a glob across folders", ["a/b/c.jsonl", "d.csv"], Choice(files=("**/*.jsonl",)), "", ["a/b/c.jsonl"]),
    ("a config", ["main/train.jsonl", "socratic/train.jsonl"], Choice(config="Socratic"), "", ["socratic/train.jsonl"]),
    ("a config of languages", ["de/data.jsonl", "en/data.jsonl"], Choice(config="de"), "", ["de/data.jsonl"]),
    (
        "a README's config",
        ["main/test-0.parquet", "main/train-0.parquet", "socratic/train-0.parquet"],
        Choice(config="main"),
        GSM8K,
        ["main/train-0.parquet"],
    ),
    (
        "a README's default",
        ["a.csv", "b.csv"],
        Choice(),
        "---\nconfigs:\n- {config_name: x, data_files: a.csv}\n"
        "- {config_name: y, default: true, data_files: [b.csv]}\n---\n",
        ["b.csv"],
    ),
    (
        "a README's mapping",
        ["x1.csv", "x2.csv"],
        Choice(),
        "---\nconfigs:\n- config_name: default\n  data_files: {train: ./x2.csv, test: x1.csv}\n---\n",
        ["x2.csv"],
    ),
    (
        "a README's data_dir",
        ["v1/train.csv", "v2/train.csv"],
        Choice(config="two"),
        "---\nconfigs:\n- {config_name: one, data_dir: v1}\n- {config_name: two, data_dir: v2}\n---\n",
        ["v2/train.csv"],
    ),
    ("a README of other files", ["train.csv", "test.csv"], Choice(), GSM8K, ["train.csv"]),
    ("a README that is broken", ["train.csv", "test.csv"], Choice(), "---\nconfigs: [\n---\n", ["train.csv"]),
    (
        "a config that YAML takes for false",
        ["en.jsonl", "no.jsonl"],
        Choice(config="no"),
        "---\nconfigs:\n- config_name: en\n  data_files: en.jsonl\n- config_name: no\n  data_files: no.jsonl\n---\n",
        ["no.jsonl"],
    ),
    (
        "a config that YAML takes for a number, the default",
        ["a.jsonl", "b.jsonl"],
        Choice(),
        "---\nconfigs:\n- config_name: 010\n  data_files: a.jsonl\n- config_name: 1e3\n  data_files: b.jsonl\n"
        "  data_dir: null\n  default: true\n---\n",
        ["b.jsonl"],
    ),
    ("a README without configs", ["train.csv", "test.csv"], Choice(), "---\nlicense: mit\n---\n", ["train.csv"]),
]

REFUSED: list[tuple[list[str], Choice, str, str]] = [
    (["data/test-00000-of-00001.parquet"], Choice(), "", r"no file of the split train; .*`split:`.* of 'test'"),
    (["dev.json", "test.json"], Choice(), "", r"`split:` in params.yaml, of 'dev', 'test'"),
    (["dev.json", "train.json"], Choice(split="test"), "", r"has no split 'test'; it has 'dev', 'train'"),
    (ULTRACHAT, Choice(), "", r"several splits for train; write `split:` in params.yaml, of 'train_gen', 'train_sft'"),
    (
        ["main/train.jsonl", "socratic/train.jsonl"],
        Choice(),
        "",
        r"several configs; write `config:` or `files:`.*'main', 'socratic'",
    ),
    (["main/train-0.parquet", "socratic/train-0.parquet"], Choice(), GSM8K, r"several configs.*'main', 'socratic'"),
    (["de/data.jsonl", "en/data.jsonl"], Choice(), "", r"several configs.*'de', 'en'"),
    (["a/train.json"], Choice(config="b"), "", r"has no config 'b'; it has 'a'"),
    (["a.json"], Choice(files=("*.csv",)), "", r"no file of data matches '\*\.csv' of `files:`; it has 'a\.json'"),
    (["train.csv", "train.parquet"], Choice(), "", r"train\.csv and train\.parquet hold the same rows"),
    (["train.jsonl", "train.jsonl.gz"], Choice(), "", r"train\.jsonl and train\.jsonl\.gz hold the same rows"),
    (["train-00000-of-00001.parquet", "train-00000-of-00002.parquet"], Choice(), "", r"hold the same rows"),
    (["train-00000-of-00001-ab.parquet", "train-00000-of-00001-cd.parquet"], Choice(), "", r"hold the same rows"),
]


@pytest.mark.parametrize(
    ("names", "choice", "readme", "expected"), [case[1:] for case in TAKEN], ids=[c[0] for c in TAKEN]
)
def test_one_split_of_one_config_is_read(names: list[str], choice: Choice, readme: str, expected: list[str]) -> None:
    selected = select("x", names, CORPUS, choice, readme)
    assert selected.names == expected
    others = {name for name in names if is_data(name)} - set(expected)
    assert choice.files or not others or ", left out: " in selected.note
    assert "\n" not in selected.note


def test_what_is_read_together_or_left_out_is_said() -> None:
    def note(*names: str, readme: str = "") -> str:
        return select("x", list(names), CORPUS, Choice(), readme).note

    assert (
        note("train-00000-of-00002.parquet", "train-00001-of-00002.parquet") == note("part-0.json", "part-1.json") == ""
    )
    assert note("aqua_train.tsv", "creak_train.tsv") == note("rows.json") == ""
    assert note("identity.json", "alpaca_demo.json") == "x: files read: 2 (alpaca_demo.json and identity.json) together"
    assert note("train.json", "dev.json") == "x: files read: 1 (train), left out: 1 (dev)"
    readme = "---\nconfigs:\n- {config_name: default, data_files: a.csv}\n---\n"
    assert note("a.csv", "old/b.csv", readme=readme) == "x: files read: 1 (default train), left out: 1 (old/b.csv)"


@pytest.mark.parametrize(("names", "choice", "readme", "message"), REFUSED)
def test_what_is_not_plain_is_refused_with_the_choices(
    names: list[str], choice: Choice, readme: str, message: str
) -> None:
    with pytest.raises(UserError, match=message) as error:
        select("x", names, CORPUS, choice, readme)
    assert "\n" not in str(error.value)


def test_a_benchmark_may_have_but_one_split_and_prefers_its_config() -> None:
    assert select("x", ["dev.json"], Wanted("test", lone=True), Choice()).names == ["dev.json"]
    arc = [f"{c}/{s}-00000-of-00001.parquet" for c in ("ARC-Challenge", "ARC-Easy") for s in ("test", "train")]
    assert select("x", arc, Wanted("test", ("ARC-Challenge",)), Choice()).names == arc[:1]
    assert select("x", MMLU, Wanted("dev", ("all",), exact=True), Choice()).names == [MMLU[1]]
    assert select("x", MMLU[4:], Wanted("test", ("all",), together=True), Choice()).names == [MMLU[6]]
    with pytest.raises(UserError, match="no file of the split train"):
        select("x", ["questions.json", "test.json"], Wanted("train", exact=True), Choice())


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("dev", "validation"),
        ("VAL", "validation"),
        ("train_sft", "train"),
        ("auxiliary_train", "train"),
        ("eval", "test"),
        ("alpaca_eval", "alpaca_eval"),
        ("testdev", "testdev"),
        ("", ""),
        ("pretrain", "pretrain"),
        ("latest", "latest"),
    ],
)
def test_the_families_of_splits(split: str, expected: str) -> None:
    assert family(split) == expected


WORDS = st.sampled_from(["train", "test", "dev", "data", "en", "de", "part", "alpaca", "validation", "0", "x1"])
NAMES = st.lists(
    st.builds(
        lambda folders, stem, ending: "/".join([*folders, f"{stem}.{ending}"]),
        st.lists(WORDS, max_size=3),
        st.lists(WORDS, min_size=1, max_size=2).map("_".join),
        st.sampled_from(["jsonl", "json", "csv", "parquet", "jsonl.gz"]),
    ),
    min_size=1,
    max_size=8,
    unique=True,
)


@given(NAMES)
def test_no_held_out_split_is_ever_read_unasked(names: list[str]) -> None:
    """Whatever the layout: either one line, or files of which none is of a test or validation split, each once."""
    try:
        chosen = select("x", names, CORPUS, Choice()).names
    except UserError as error:
        assert "\n" not in str(error)
        return
    assert len(set(chosen)) == len(chosen) and set(chosen) <= set(names)
    splits = {file.name: family(file.split) for file in place(sorted(names))}
    assert not {splits[name] for name in chosen} & {"test", "validation"}


@given(NAMES, st.randoms())
def test_the_order_of_the_listing_changes_nothing(names: list[str], random: "object") -> None:
    def outcome(listing: list[str]) -> object:
        try:
            return select("x", listing, CORPUS, Choice())
        except UserError as error:
            return str(error)

    shuffled = list(names)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert outcome(shuffled) == outcome(names)


def test_a_pipe_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rows.jsonl")
    with pytest.raises(UserError, match=r"rows\.jsonl: is a pipe or a device"):
        Corpus(str(tmp_path / "rows.jsonl"))
