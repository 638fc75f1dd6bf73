"""Prompts with verifiable rewards: the columns that TRL and open-instruct read, and no row without checks."""

import io
import json
from collections.abc import Iterable
from typing import Any

import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from stages.core.errors import UserError
from stages.core.records import Record, ResponseCheck, Turn
from stages.verified.rewards import satisfied_share
from tests.publishing.written import publication
from tests.seqinstruct.models import record

CHECKS = (ResponseCheck("case.upper"), ResponseCheck("words.at_most", {"n": 3}))
ROWS = [
    replace(record("Name a lake.", input="Lakes", system="Be brief."), checks=CHECKS, history=(Turn("Hi", "Ho"),)),
    record("Name a river.", response="Rhine"),
    replace(record("Show a lake."), checks=CHECKS, image="lake.png"),
]


def published(form: Any, rows: Iterable[Record] = ROWS) -> tuple[list[dict[str, Any]], str, dict[str, Any]]:
    rows = list(rows)
    files = publication("lakes", "1.0.0", "responded/lakes/1", lambda: rows, form)
    table = pq.read_table(io.BytesIO(files["data/train.parquet"]))
    return table.to_pylist(), files["README.md"].decode(), json.loads(files["provenance.json"])


def test_rows_for_trl_have_a_prompt_and_checks_that_the_reward_function_takes() -> None:
    rows, card, facts = published("grpo")
    assert len(rows) == 1
    assert set(rows[0]) == {"id", "prompt", "checks", "language", "licence", "source_sha256"}
    assert [(m["role"], m["content"]) for m in rows[0]["prompt"]] == [
        ("system", "Be brief."), ("user", "Hi"), ("assistant", "Ho"), ("user", "Name a lake.\n\nLakes"),
    ]  # fmt: skip
    completions = [[{"role": "assistant", "content": "COMO"}], [{"role": "assistant", "content": "Como"}]]
    assert satisfied_share(completions, [rows[0]["checks"]] * 2) == [1.0, 0.5]
    assert (facts["form"], facts["rows"]) == ("grpo", 1)
    assert "verifiable rewards" in card
    assert "`checks`" in card
    assert "`ground_truth`" not in card


def test_rows_for_open_instruct_name_the_verifier() -> None:
    rows, card, _ = published("rlvr")
    assert rows[0]["dataset"] == "seqit"
    assert rows[0]["messages"][-1] == {"role": "user", "content": "Name a lake.\n\nLakes"}
    assert [check["name"] for check in json.loads(rows[0]["ground_truth"])] == ["case.upper", "words.at_most"]
    assert "`ground_truth`" in card


def test_the_hash_is_that_of_the_prompts() -> None:
    hashes = [published(form)[2]["rows_sha256"] for form in ("grpo", "rlvr", "rows")]
    assert len(set(hashes)) == 3
    other = replace(ROWS[0], checks=CHECKS[:1])
    assert published("grpo", [other])[2]["rows_sha256"] != hashes[0]


def test_rows_without_checks_are_refused() -> None:
    with pytest.raises(UserError, match="no row has checks"):
        published("grpo", ROWS[1:])
