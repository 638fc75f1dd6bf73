"""Each round of a corpus is validated before the next one reads it."""

import json
import sqlite3
from pathlib import Path

import pytest
import yaml

from tests.test_losses import call, record, write
from tests.test_losses import workplace as workplace  # a fixture

LONG = "word " * 9_000
"""More characters than schemas/rewritten.json lets an instruction have."""


def rows(workplace: Path, name: str) -> list[str]:
    return [json.loads(line)["id"] for line in (workplace / "data" / f"{name}.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("limit", [1.0, 0.1])
def test_a_row_that_is_set_aside_is_in_no_later_round_and_too_many_end_the_stage(workplace: Path, limit: float) -> None:
    values = yaml.safe_load((workplace / "params.yaml").read_text())
    values["validate"]["max_quarantined"] = limit
    (workplace / "params.yaml").write_text(yaml.safe_dump(values))
    write(workplace, "decontaminated/seed", record("a"), record("b", LONG))
    result = call(workplace, "rewrite", "seed")
    assert rows(workplace, "rewritten/seed/1") == ["a", "b"]
    second = workplace / "data/rewritten/seed/2.jsonl"
    if limit == 1.0:
        assert result.exit_code == 0, result.output
        assert rows(workplace, "rewritten/seed/2") == ["a"]
    else:
        assert result.exit_code == 2 and "data/rewritten/seed/1.jsonl: 1 of 2 rows would be set aside" in result.stderr
        assert not second.exists() and not (workplace / "data/validated/rewritten/seed/1.json").exists()


def test_responses_to_the_last_round_alone_are_those_under_every_and_ask_nothing_that_every_has_not(
    workplace: Path,
) -> None:
    values = yaml.safe_load((workplace / "params.yaml").read_text())
    values = {key: values[key] for key in ("seed", "tokenizer", "fetch", "validate")} | {
        "respond": {"settings": values["respond"]["settings"]},
        "engines": {"generator": values["engines"]["generator"]},
        "rewrite": {key: values["rewrite"][key] for key in ("settings", "corpora")},
        "ingest": {"corpora": values["ingest"]["corpora"]},
        "decontaminate": values["decontaminate"],
    }
    entry = values["rewrite"]["corpora"]["seed"]
    write(workplace, "decontaminated/seed", *(record(f"r{n}", f"Name river {n}.") for n in range(8)))
    replies, rows_written = [], {}
    for responses in ("last", "every"):
        entry["responses"] = responses
        (workplace / "params.yaml").write_text(yaml.safe_dump(values))
        for words in (("rewrite", "seed"), ("respond", "seed")):
            result = call(workplace, *words)
            assert result.exit_code == 0, result.output
            with sqlite3.connect(workplace / "replies.sqlite") as store:
                replies.append(store.execute("SELECT count(*) FROM reply").fetchone()[0])
        folder = workplace / "data/responded/seed"
        numbers = {path.name.partition(".")[0] for path in folder.iterdir()}
        receipts = {path.stem for path in (workplace / "data/validated/responded/seed").iterdir()}
        metrics = {path.stem for path in (workplace / "data/metrics/respond/seed").iterdir()}
        expected = {"2"} if responses == "last" else {"0", "1", "2"}
        assert numbers == receipts == metrics == expected
        rows_written[responses] = (folder / "2.jsonl").read_bytes()
    assert rows_written["last"] == rows_written["every"]
    rewriting, last, again, every = replies
    assert (last - rewriting, again, every - last) == (8, last, 16)


def test_constraints_reach_responses_the_benchmark_and_published_prompts(workplace: Path) -> None:
    values = yaml.safe_load((workplace / "params.yaml").read_text())
    values["rewrite"]["settings"]["constraint_share"] = 1.0
    source = "data/rewritten/seed/2.jsonl"
    values["ingest"]["benchmarks"]["constrained"] = {"benchmark": "constraints", "source": source, "licence": "MIT"}
    values["publish"] = {"prompts": {"reads": "rewritten/seed/1", "version": "1.0.0", "form": "grpo"}}
    values["publish_models"], values["repositories"] = {}, {}
    (workplace / "params.yaml").write_text(yaml.safe_dump(values))
    write(workplace, "decontaminated/seed", record("a", "Describe a lake."), record("b", "Describe a river"))
    for words in (
        ("rewrite", "seed"),
        ("respond", "seed"),
        ("ingest", "benchmark", "constrained"),
        ("publish", "prompts"),
    ):
        result = call(workplace, *words)
        assert result.exit_code == 0, result.output
    metrics = json.loads((workplace / "data/metrics/rewrite/seed/1.json").read_text())
    assert (metrics["counts"], metrics["tasks"]) == ({"constrain": 2}, 2.0)
    checks = [json.loads((workplace / f"data/metrics/respond/seed/{n}.json").read_text()).get("checks") for n in (0, 1)]
    assert checks[0] is None
    assert checks[1]["rows"] == 2
    assert rows(workplace, "ingested/benchmarks/constrained") == ["constraints-a", "constraints-b"]
    assert "verifiable rewards" in (workplace / "data/published/prompts/README.md").read_text()
