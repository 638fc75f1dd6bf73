"""What runs again after a change: what decides an output is a dependency, a comment in shared code is none."""

import pytest
import yaml

from tests import shared_meaning, staleness

GRAPH = yaml.safe_load((staleness.ROOT / "dvc.yaml").read_text())["stages"]
SOURCE = '''"""A module."""

LIMIT = 3  # rows


def draw(seed: int) -> str:
    """What is drawn."""
    return f"{seed}#" * LIMIT
'''


@pytest.mark.parametrize("path", shared_meaning.FILES, ids=lambda path: path.parent.name)
def test_the_hashes_of_shared_code_are_current(path: staleness.Path) -> None:
    current = shared_meaning.meaning(shared_meaning.FILES[path])
    assert path.read_text() == current, "stages run again: run `python -m tests.shared_meaning --write`"


def test_a_comment_and_a_docstring_are_no_meaning_and_everything_else_is() -> None:
    code = shared_meaning.code(SOURCE)
    commented = SOURCE.replace("# rows", "# of all").replace("What is drawn", "A text").replace("A module", "It")
    assert shared_meaning.code(commented.replace("\n\n\n", "\n\n")) == code
    for old, new in (("3", "4"), ("{seed}#", "{seed} #"), ("int", "float"), ("draw", "drawn")):
        assert shared_meaning.code(SOURCE.replace(old, new, 1)) != code


def test_every_module_of_core_is_either_meaning_or_said_to_decide_no_output() -> None:
    modules = {path.stem for path in (staleness.ROOT / "stages/core").glob("*.py")}
    decisive = {staleness.Path(path).stem for path in shared_meaning.EVERY_STAGE if "stages/core" in path}
    assert decisive | shared_meaning.OTHERS.keys() == modules
    assert not decisive & shared_meaning.OTHERS.keys()


def test_every_stage_depends_on_the_meaning_of_shared_code_but_for_downloads_and_training() -> None:
    assert GRAPH.keys() - set(staleness.stages_of("stages/meaning.json")) == {"fetch_model", "fetch_corpus", "train"}
    assert "train" in staleness.stages_of("stages/training/meaning.json")


def test_no_code_outside_training_makes_a_model_stale() -> None:
    code = {dep for dep in GRAPH["train"]["do"]["deps"] if dep.startswith("stages/")}
    assert code == {"stages/train.py", "stages/training", "stages/prompts/templates"}


def test_the_page_is_current() -> None:
    assert staleness.PAGE.read_text() == staleness.page(), "run `python -m tests.staleness --write`"
