"""`check_responses` and `judge_responses` with the scripted engine, their validation, and published pairs."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from msgspec.structs import replace

from stages.core import artifacts
from stages.core.errors import UserError
from stages.core.records import Record, ResponseCheck, Step
from stages.params import load
from tests.test_losses import call, params, record, workplace, write  # noqa: F401 (a fixture)

UPPER = (ResponseCheck("case.upper"),)
FILTER = {
    "checks": {"mine": {"reads": "responded/seed/2", "samples": 3}},
    "judge": {"judged": {"reads": "responded/seed/2", "samples": 2, "min_quality": 4}},
}
PUBLISHED = {"pairs": {"reads": "filtered/mine.pairs", "version": "1.0.0", "form": "preference"}}
RULES = [
    {"anywhere": "double square brackets", "match": "sea of marks", "reply": "[[No, 2]]"},
    {"anywhere": "double square brackets", "reply": "[[Yes, 5]]"},
    {"match": "NEVER", "reply": "still small"},
    {"reply": "IT IS LARGE."},
]


def prepared(workplace: Path, **changes: Any) -> None:  # noqa: F811
    values = params(workplace)
    values["respond"]["filter"] = FILTER
    values["publish"], values["publish_models"], values["repositories"] = PUBLISHED, {}, {}
    values["judge"] |= {"reading": "stated", "prompt": "stages/prompts/judge.txt", "max_tokens": 16}
    values |= changes
    (workplace / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    (workplace / "rules.yaml").write_text(yaml.safe_dump(RULES))
    made = Step("respond", "respond", "ok", round=2, replies=("0" * 64,), text_hashes=("0" * 32,), generator="m")
    rows = [
        replace(record("a", "Name a sea.", "small", steps=(made,)), checks=UPPER),
        replace(record("b", "NEVER do.", "small", steps=(made,)), checks=UPPER),
        record("c", "Name a lake.", "sea of marks", steps=(made,)),
    ]
    write(workplace, "responded/seed/2", *rows)


def validated(workplace: Path, name: str) -> None:  # noqa: F811
    for artifact, suite in ((name, "filtered"), (f"{name}.pairs", "pairs")):
        result = call(workplace, "validate", "filtered", artifact, "--suite", suite)
        assert result.exit_code == 0, result.output


def test_checks_pairs_and_their_publication(workplace: Path) -> None:  # noqa: F811
    prepared(workplace)
    result = call(workplace, "check_responses", "mine")
    assert result.exit_code == 0, result.output
    assert "mine: 3 rows: 2 accepted, 1 rejected (check 1); see data/filtered/mine.rejected.jsonl" in result.stderr
    rows = list(artifacts.read(workplace / "data/filtered/mine.jsonl", Record))
    assert [row.response for row in rows] == ["IT IS LARGE.", "sea of marks"]
    counts = json.loads((workplace / "data/metrics/filter/mine.json").read_text())
    assert counts["rows"] == 2 and counts["rejected_by_reason"] == {"check": 1}
    assert counts["requested"] == counts["replies"] == 3
    validated(workplace, "mine")
    result = call(workplace, "publish", "pairs")
    assert result.exit_code == 0, result.output
    (pair,) = pq.read_table(workplace / "data/published/pairs/data/train.parquet").to_pylist()
    assert pair["prompt"] == [{"role": "user", "content": "Name a sea."}]
    assert pair["chosen"] == [{"role": "assistant", "content": "IT IS LARGE."}]
    assert pair["rejected"] == [{"role": "assistant", "content": "small"}] and pair["reason"] == "check"
    card = (workplace / "data/published/pairs/README.md").read_text()
    assert "Preference pairs" in card and "`chosen`" in card and "`output`" not in card


def test_the_same_again_asks_nothing_and_writes_the_same_bytes(workplace: Path) -> None:  # noqa: F811
    prepared(workplace)
    names = ("mine.jsonl", "mine.rejected.jsonl", "mine.pairs.jsonl")
    outcomes = []
    for _ in range(2):
        assert call(workplace, "check_responses", "mine").exit_code == 0
        with sqlite3.connect(workplace / "replies.sqlite") as store:
            stored = store.execute("SELECT count(*) FROM reply").fetchone()
        outcomes.append([stored, *((workplace / "data/filtered" / name).read_bytes() for name in names)])
    assert outcomes[0] == outcomes[1] and outcomes[0][0] == (3,)


def test_the_judge_gates_and_its_replies_are_recorded(workplace: Path) -> None:  # noqa: F811
    prepared(workplace)
    result = call(workplace, "judge_responses", "judged")
    assert result.exit_code == 0, result.output
    rows = {row.id: row for row in artifacts.read(workplace / "data/filtered/judged.jsonl", Record)}
    assert set(rows) == {"a", "b", "c"} and rows["c"].response == "IT IS LARGE."
    assert [step.stage for step in rows["c"].steps] == ["respond", "respond", "filter"]
    assert len(rows["c"].steps[-1].replies) == 2 and rows["c"].steps[-1].prompt
    counts = json.loads((workplace / "data/metrics/filter/judged.json").read_text())
    assert counts["judge"]["replies"] == 4 and counts["pairs"] == 1 and counts["replies"] == 1
    validated(workplace, "judged")


def test_an_artifact_of_pairs_may_be_empty_and_is_no_data_set(workplace: Path) -> None:  # noqa: F811
    prepared(workplace, respond=params(workplace)["respond"] | {
        "filter": {"checks": {"mine": {"reads": "responded/seed/2", "samples": 1}}, "judge": {}}
    })  # fmt: skip
    assert call(workplace, "check_responses", "mine").exit_code == 0
    validated(workplace, "mine")
    result = call(workplace, "publish", "pairs")
    assert result.exit_code == 2 and "filtered/mine.pairs: holds no preference pair" in result.stderr


def test_a_published_row_names_the_model_of_its_response_and_not_the_judge(workplace: Path) -> None:  # noqa: F811
    published = {"judged": {"reads": "filtered/judged", "version": "1.0.0"}}
    prepared(workplace, publish=published)
    assert call(workplace, "judge_responses", "judged").exit_code == 0
    validated(workplace, "judged")
    assert call(workplace, "publish", "judged").exit_code == 0
    folder = workplace / "data/published/judged"
    rows = {row["id"]: row for row in pq.read_table(folder / "data/train.parquet").to_pylist()}
    assert rows["a"]["reply"] == "0" * 64 and rows["a"]["generator"] == "m"
    assert rows["c"]["reply"] not in ("0" * 64, rows["c"]["steps"][-1]["replies"][0])
    facts = json.loads((folder / "provenance.json").read_text())
    assert facts["generators"] == {"m": 3, "scripted": 1}, "the judge wrote nothing"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"judge": {"reading": "none"}}, "judge.reading: none gives no verdict"),
        ({"judge": {"reading": "scores"}}, "judge.reading: scores gives no quality, which min_quality needs"),
    ],
)
def test_a_judge_that_gives_no_such_verdict_is_refused(
    workplace: Path, changes: dict[str, Any], message: str  # noqa: F811
) -> None:  # fmt: skip
    prepared(workplace)
    values = yaml.safe_load((workplace / "params.yaml").read_text())
    values["judge"] |= changes["judge"]
    (workplace / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    result = call(workplace, "judge_responses", "judged")
    assert result.exit_code == 2 and message in result.stderr and not (workplace / "data/filtered").exists()


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("respond.filter.checks.mine.reads", "ingested/seed", "has no responses of a round"),
        ("respond.filter.checks.mine.samples", 0, "respond.filter.checks.mine.samples"),
        ("respond.settings.sampling.temperature", 0.0, "3 samples at temperature 0 are one"),
        ("respond.filter.judge", {"mine": FILTER["judge"]["judged"]}, "'mine' names two entries"),
        ("publish.pairs.form", "rows", "preference is the form of filtered/NAME.pairs"),
        ("publish.pairs.reads", "filtered/mine", "preference is the form of filtered/NAME.pairs"),
        ("train.runs.it.reads", "filtered/mine.pairs", "which only `publish` reads"),
        ("train.runs.it.reads", "filtered/other", "unknown 'filtered/other'"),
    ],
)
def test_mistakes_in_a_filter_are_told(workplace: Path, path: str, value: Any, message: str) -> None:  # noqa: F811
    prepared(workplace)
    load(workplace / "params.yaml")
    values = yaml.safe_load((workplace / "params.yaml").read_text())
    *parents, last = path.split(".")
    place = values
    for key in parents:
        place = place[key]
    place[last] = value
    (workplace / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        load(workplace / "params.yaml")
