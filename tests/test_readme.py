"""The README tells the truth about stages, commands and files."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages.__main__ import COMMANDS
from stages.params import load, parse

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = "\n".join(re.findall(r"```bash\n(.*?)```", README, re.S))


def test_the_stage_table_lists_every_stage_in_order() -> None:
    told = re.findall(r"^\| `(\w+)` \|", README, re.M)
    assert told == [name for name in COMMANDS if name not in ("plan", "replies", "show")]


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`?make ([a-z-]+)", README):
        assert re.search(rf"^{target}:", makefile, re.M), target


@pytest.mark.parametrize("key", sorted(set(re.findall(r"-S ([\w.-]+)=", README + (ROOT / "params.yaml").read_text()))))
def test_every_parameter_named_exists(key: str) -> None:
    place = yaml.safe_load((ROOT / "params.yaml").read_text())
    for part in key.split("."):
        assert part in place, key
        place = place[part]


def test_every_profile_named_exists() -> None:
    for profile in re.findall(r"stages use (\w+)", README):
        load(ROOT / "stages" / "profiles" / f"{profile}.yaml")


def test_every_command_of_ours_exists() -> None:
    for command in re.findall(r"python -m stages[ .](\w+)", README):
        assert command in {*COMMANDS, "use", "repro", "plan"}


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:stages|tests|schemas|data/seeds)/[\w./-]+)`", README))))
def test_every_file_named_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_no_placeholder_is_left() -> None:
    assert re.findall(r"^[A-Z_]{6,}$", README, re.M) == []


def test_pictures_are_committed_and_small() -> None:
    for picture in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (ROOT / picture).stat().st_size < 500_000


def merged(values: Any, more: Any) -> Any:
    """`values` with what `more` says, however deep."""
    if not isinstance(values, dict) or not isinstance(more, dict):
        return more
    return values | {key: merged(values.get(key), part) for key, part in more.items()}


def test_examples_fit_params() -> None:
    """All of them at once: entries of sections that are there, made of each other in their order."""
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    examples = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", README, re.S)]
    assert len(examples) > 3
    for example in examples:
        assert example.keys() <= values.keys()
        values = merged(values, example)
    parse(values)
