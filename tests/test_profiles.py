"""A profile takes the place of params.yaml, and what was there is never lost."""

import subprocess
from pathlib import Path

import pytest

from stages.core.errors import UserError
from stages.params import load
from stages.params.profiles import MARK, PROFILES, _committed, use


def test_what_was_there_is_kept_and_never_written_over(tmp_path: Path) -> None:
    target, before = tmp_path / "params.yaml", tmp_path / "params.yaml.before"
    kept = []
    for mine in ("one", "two", "two", "one"):
        target.write_text(mine)
        kept.append(use("paper", target))
        assert target.read_bytes() == (PROFILES / "paper.yaml").read_bytes()
    second = before.with_name("params.yaml.before-2")
    assert kept == [before, second, second, before]
    assert (before.read_text(), second.read_text()) == ("one", "two")


def test_a_profile_as_it_came_needs_no_copy(tmp_path: Path) -> None:
    target = tmp_path / "params.yaml"
    for profile in ("paper", "embedded", "paper"):
        assert use(profile, target) is None
        assert load(target)
    assert list(tmp_path.iterdir()) == [target]


def test_the_embedded_profile_of_a_checkout_is_the_committed_params(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    identity = ("-c", "user.name=me", "-c", "user.email=me@example.org", "-c", "commit.gpgsign=false")
    git("init", "-q")
    assert _committed(tmp_path) == ""
    for text in (f"one{MARK} a", f"two{MARK} b", "mine"):
        (tmp_path / "params.yaml").write_text(text)
        git("add", "params.yaml")
        git("commit", "-qm", text[:3])
    (tmp_path / "params.yaml").write_text(f"three{MARK} not committed")
    assert _committed(tmp_path) == f"two{MARK} b"


def test_an_unknown_profile_changes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "params.yaml"
    target.write_text("mine")
    with pytest.raises(UserError, match=r"'\.\./x': no such profile; known are embedded, full, paper"):
        use("../x", target)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("params.yaml", "mine")]


def test_the_three_seeds_are_the_default_run_but_for_its_runs() -> None:
    """docs/three-seeds.md says so."""
    root = Path(__file__).resolve().parents[1]
    default, seeds = (load(root / name) for name in ("params.yaml", "docs/three-seeds/params.yaml"))
    assert default.model_dump(exclude={"train": {"runs"}}) == seeds.model_dump(exclude={"train": {"runs"}})
    assert {name: run for name, run in seeds.train.runs.items() if run.seed is None} == default.train.runs
    groups = {name.partition("-2")[0].partition("-3")[0] for name in seeds.train.runs}
    assert groups == default.train.runs.keys() and len(seeds.train.runs) == 3 * len(groups)
