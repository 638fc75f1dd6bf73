"""The parameters of `tests/servers/project.py` are valid ones, also while nobody runs `make test-servers`."""

from typing import Any

import yaml

from stages.params import parse
from tests.servers.project import few
from tests.servers.started import ROOT, Server


def test_few_rows_of_every_stage_are_valid_parameters() -> None:
    params: dict[str, Any] = yaml.safe_load((ROOT / "stages/profiles/full.yaml").read_text("utf-8"))
    few(params, Server("some", "http://127.0.0.1:9/v1", "m", "plain"))
    parsed = parse(params)
    assert parsed.rewrite.benchmarks["heldout"].rounds == 1
