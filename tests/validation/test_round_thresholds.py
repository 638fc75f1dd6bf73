"""A round that changes nothing, or loses a third of its rows, fails its validation unless params.yaml allows it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from stages.core import artifacts
from stages.core.errors import UserError
from stages.params.source_sections import Validate
from stages.validation.receipts import refuse_losses
from stages.validation.row_validation import validate_rows
from stages.validation.suites import Suite
from tests.validation.test_row_validation import lines, record

ROOT = Path(__file__).resolve().parents[2]
REWRITTEN = artifacts.read_json(ROOT / "schemas/rewritten.json", Suite)
THRESHOLDS = Validate(max_quarantined=0.1).thresholds
ENDS = {
    "changed": ("suffix", "ok", ""), "held": ("hold", "ok", ""), "frozen": ("hold", "frozen", ""),
    "unparsed": ("", "unparsed", "no option named"), "failed": ("", "failed", "HTTP 422: no"),
}  # fmt: skip


def rows(**counts: int) -> list[dict[str, Any]]:
    """So many rows of each kind of `ENDS`, after a round."""
    made = []
    for kind in (kind for kind, number in counts.items() for _ in range(number)):
        action, status, reason = ENDS[kind]
        step = {"stage": "rewrite", "action": action, "status": status, "round": 1, "reason": reason}
        made.append(record(len(made), instruction=f"Say {len(made)}.", steps=[step]))
    return made


def validated(found: list[dict[str, Any]], **changes: float | None) -> None:
    suite = REWRITTEN.resolved(THRESHOLDS | changes, "schemas/rewritten.json")
    validate_rows(lines(*found), suite, "data/x.jsonl", "schemas/rewritten.json", 0.1)


FAULTS = [
    (rows(held=10), "a new instruction to 0% of the rows .* less than validate.min_changed", {"min_changed": None}),
    (rows(changed=20, failed=10), "33% of the rows .* more than validate.max_failed", {"max_failed": None}),
    (rows(changed=4, unparsed=8), "67% of the rows .* validate.max_failed: null allows it", {"max_failed": None}),
    (rows(changed=30), "100% of the actions .* validate.max_same", {"max_same": None}),
    (rows(frozen=90, held=10), "less than validate.min_changed", {"min_changed": None}),
]


@pytest.mark.parametrize(("found", "message", "allowed"), FAULTS)
def test_a_useless_round_is_refused_with_what_to_change(
    found: list[dict[str, Any]], message: str, allowed: dict[str, None]
) -> None:
    with pytest.raises(UserError, match=message):
        validated(found)
    validated(found, **allowed)


@pytest.mark.parametrize(
    "found",
    [rows(held=9), rows(frozen=40), rows(frozen=40, failed=5), rows(changed=5, held=20, failed=5), rows(unparsed=3)],
    ids=str,
)
def test_small_and_sound_rounds_pass(found: list[dict[str, Any]]) -> None:
    validated(found)


def test_a_round_that_loses_rows_which_an_earlier_one_changed_is_valid() -> None:
    """The second trial: 14 of 30 rows lost in round 2, and 28 of 30 are sequences."""
    found = rows(changed=28, unparsed=2)
    for number, row in enumerate(found):
        action, status = ("", "unparsed") if number < 14 else ("prefix", "ok")
        row["steps"].append({"stage": "rewrite", "action": action, "status": status, "round": 2})
    validated(found, max_same=None)
    for row in found[:14]:
        row["steps"][0] |= {"action": "", "status": "rejected"}
    with pytest.raises(UserError, match=r"47% .* came to nothing in every round so far"):
        validated(found, max_same=None)


def test_suites_name_parameters_that_params_yaml_has() -> None:
    files = [path for path in (ROOT / "schemas").glob("*.json") if path.name != "params.schema.json"]
    suites = {path.name: artifacts.read_json(path, Suite) for path in files}
    named = {name for suite in suites.values() for one in suite.expectations for name in one.parameters.values()}
    assert named == THRESHOLDS.keys() == Validate.model_fields.keys() - {"max_quarantined"}
    for suite in suites.values():
        for one in suite.resolved(THRESHOLDS, "x").expectations:
            assert one.failure("1%") and "$" not in f"{one.kwargs}"
    with pytest.raises(UserError, match="unknown parameter 'max_failed'; known are none_such"):
        msgspec.structs.replace(REWRITTEN).resolved({"none_such": 1.0}, "x")


@pytest.mark.parametrize(
    ("total", "lost", "limit", "refused"),
    [(30, 10, 0.33, True), (30, 9, 0.33, False), (9, 9, 0.33, False), (30, 30, None, False), (0, 0, 0.0, False)],
)
def test_too_many_rows_without_a_response(total: int, lost: int, limit: float | None, refused: bool) -> None:
    reasons = {"truncated": lost - 2, "refused": 2} if lost else {}
    if not refused:
        return refuse_losses("responded/mine/1", total, reasons, limit, "raise max_tokens")
    with pytest.raises(UserError) as error:
        refuse_losses("responded/mine/1", total, reasons, limit, "raise max_tokens")
    expected = "data/responded/mine/1.rejected.jsonl: 10 of 30 rows were rejected (truncated 8, refused 2), more than"
    assert str(error.value).startswith(expected) and "; raise max_tokens; validate.max_failed: null" in str(error.value)
