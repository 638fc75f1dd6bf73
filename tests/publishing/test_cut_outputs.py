"""Rows whose output the token limit cut say so, and the card's own example leaves all of them out."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stages.core.completions import Reply
from stages.core.records import Record, Step
from stages.publishing.dataset import Publication, write_dataset
from stages.publishing.published_rows import Row, row
from stages.seqinstruct.responses import ResponseConfig, respond_round
from tests.reporting.examples import record, step, trained
from tests.seqinstruct.test_responses import SAMPLING, model

HELD = (Step("rewrite", "hold", "ok", round=1), Step("rewrite", "hold", "frozen", round=2))


def responded(rows: list[Record], earlier: list[Record], number: int, status: str) -> list[Record]:
    config = ResponseConfig(1, number, SAMPLING, 1, ("ok", "truncated"))
    complete = model(lambda _: Reply("An unfinished", status, 1, 8))  # type: ignore[arg-type]
    return [made for _, made in respond_round(rows, earlier, complete, config) if isinstance(made, Record)]


@pytest.mark.parametrize("status", ["ok", "truncated"])
def test_a_response_that_is_kept_for_further_rounds_goes_on_saying_how_it_ended(status: str) -> None:
    kept = responded([record(0, *HELD[:1])], [], 1, status)
    for number in (2, 3):
        frozen = record(0, *HELD, *([Step("rewrite", "hold", "frozen", round=3)] if number == 3 else []))
        kept = responded([frozen], kept, number, "ok")
        assert kept[0].steps[-1].status == "frozen"
        assert row(kept[0], Row).output_status == status


def mixed() -> list[Record]:
    """Rows of every kind: the source's own output, whole ones, cut ones, and cut ones that were kept."""
    cut = {"response": "An unfinished"}
    return [
        record(10), *trained(3), record(11, step("respond", "respond", "truncated"), **cut),
        record(12, *HELD, step("respond", "respond", "frozen", reason="truncated"), **cut),
        record(13, *HELD, step("respond", "respond", "frozen")),
        record(14, step("rewrite", "suffix", round=1), step("respond", "respond", "truncated", 1), **cut),
        record(15, step("respond", "keep", generator="", replies=())),
    ]  # fmt: skip


def test_the_example_of_the_card_leaves_out_every_cut_output(tmp_path: Path) -> None:
    folder = tmp_path / "data/published/set"
    folder.mkdir(parents=True)
    write_dataset(folder, Publication("set", "0.1.0", "responded/seed/2"), mixed)
    card = (folder / "README.md").read_text()
    assert "The token limit cut 3 of the 9 outputs" in card
    code = "\n".join(re.findall(r"```python\n(.*?)```", card, re.DOTALL))
    said = subprocess.run(
        [sys.executable, "-c", f"{code}\nprint(len(rows), *sorted(set(whole['output'])), len(whole))"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**os.environ, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert said.stdout.strip() == "9 Rhine 6"


def test_a_card_without_cut_outputs_names_no_filter(tmp_path: Path) -> None:
    write_dataset(tmp_path, Publication("set", "0.1.0", "responded/seed/2"), trained)
    assert 'output_status"]' not in (tmp_path / "README.md").read_text()
