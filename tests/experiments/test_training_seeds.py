"""Runs with other training seeds, added to the text of params.yaml."""

import json
from pathlib import Path

import pytest

from stages.core.errors import UserError
from stages.experiments.training_seeds import with_seeds
from stages.params import parse

ROOT = Path(__file__).parents[2]
IT = "    it: {reads: sampled/it, model: smollm2}\n"
TEXT = (ROOT / "params.yaml").read_text()


def read(text: str):  # type: ignore[no-untyped-def]
    from ruamel.yaml import YAML

    return parse(YAML(typ="safe", pure=True).load(text)).train.runs


def test_the_lines_of_the_new_runs_are_all_that_changes() -> None:
    made, added = with_seeds(TEXT, "sit-budget", [3, 2, 3])
    assert added == ["sit-budget-3", "sit-budget-2"]
    new = [line for line in made.splitlines() if line not in TEXT.splitlines()]
    assert new == ["    sit-budget-3:", "      seed: 3", "    sit-budget-2:", "      seed: 2"]
    kept = iter(made.splitlines())
    assert all(line in kept for line in TEXT.splitlines()), "in the same order"


@pytest.mark.parametrize("run", ["it", "sit", "sit-budget"])
def test_a_run_differs_from_the_first_in_its_seed_alone(run: str) -> None:
    runs = read(with_seeds(TEXT, run, [7])[0])
    assert runs[f"{run}-7"] == runs[run].model_copy(update={"seed": 7})
    assert list(runs)[list(runs).index(run) + 1] == f"{run}-7"


def test_runs_that_are_there_stay(capsys: pytest.CaptureFixture[str]) -> None:
    once, _ = with_seeds(TEXT, "it", [2, 3])
    assert with_seeds(once, "it", [3, 2]) == (once, [])
    more, added = with_seeds(once, "it", [2, 4])
    assert added == ["it-4"] and set(read(more)) == {*read(once), "it-4"}


@pytest.mark.parametrize(
    ("text", "run", "complaint"),
    [
        (TEXT, "nope", "train.runs has no 'nope'; it has it, sit, sit-budget"),
        (
            TEXT.replace(IT, f"{IT}    it-2: {{reads: sampled/sit, model: smollm2}}\n"),
            "it",
            "it-2 is another run already",
        ),
    ],
)
def test_what_cannot_be_added_is_refused(text: str, run: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        with_seeds(text, run, [2])


def test_runs_within_braces_are_refused() -> None:
    head, _, rest = TEXT.partition(IT)
    runs = {name: {"reads": f"sampled/{name}", "model": "smollm2"} for name in ("it", "sit", "sit-budget")}
    text = f"{head[: head.rindex('  runs:')]}  runs: {json.dumps(runs)}\n{rest[rest.index('# ----') :]}"
    with pytest.raises(UserError, match="on lines of its own"):
        with_seeds(text, "it", [2])
