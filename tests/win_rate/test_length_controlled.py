"""alpaca_eval's own estimator on made-up files of its kind."""

import csv
from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest

from stages.core.errors import UserError
from stages.evaluation.benchmarks.alpaca_eval_annotations import QUESTIONS, Annotation, win_rate
from stages.evaluation.win_rate import FILES, length_controlled


def judged(count: int = QUESTIONS) -> list[Annotation]:
    """Longer answers win more often: what the estimator is to take off."""
    random = Random(1)
    result = []
    for number in range(count):
        longer = random.random() < 0.7
        preference = 1 + min(1.0, max(0.0, random.gauss(0.6 if longer else 0.3, 0.2)))
        result.append(
            Annotation(f"Do {number}.", "a" * 200, "b" * (400 if longer else 100), "rival", "ours", preference, "j")
        )
    return result


def files(folder: Path) -> Path:
    random = Random(2)
    hard = [random.gauss(0, 1) for _ in range(QUESTIONS)]
    with (folder / FILES[0]).open("w") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            ["model", "preference", "index", "std_delta_len", "instruction_difficulty", "not_gamed_baseline"]
        )
        for model, share, length in (("short", 0.2, 1.0), ("long", 0.7, -1.0)):
            for i in range(QUESTIONS):
                preference = min(1.0, max(0.0, random.gauss(share, 0.2)))
                writer.writerow([model, preference, i, random.gauss(length, 0.5), hard[i], False])
    (folder / FILES[1]).write_text("index,instruction_difficulty\n" + "".join(f"{i},{x}\n" for i, x in enumerate(hard)))
    return folder


def test_without_the_files_there_is_a_reason_and_no_number(tmp_path: Path) -> None:
    result = length_controlled(judged(), tmp_path)
    assert set(result) == {"left_out"}
    assert "left out" in result["left_out"] and all(name in result["left_out"] for name in FILES)


@pytest.mark.parametrize("count", [0, 24, QUESTIONS - 1, QUESTIONS + 1])
def test_any_other_number_of_instructions_is_an_error(count: int, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="805"):
        length_controlled(judged(count), tmp_path)


def test_an_unscored_answer_is_an_error(tmp_path: Path) -> None:
    result = judged()
    result[7].preference = None
    with pytest.raises(UserError, match="804 have a preference"):
        length_controlled(result, tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("alpaca_eval") is None, reason="the extra alpaca-eval is not installed")
def test_the_estimator_takes_length_off(tmp_path: Path) -> None:
    result = length_controlled(judged(), files(tmp_path))
    plain = win_rate(judged())["win_rate"]
    assert result["win_rate"] == pytest.approx(plain)
    assert result["length_controlled_winrate"] < plain - 2
    assert result["lc_standard_error"] > 0
    assert length_controlled(judged(), files(tmp_path)) == result


@pytest.mark.slow
@pytest.mark.skipif(find_spec("alpaca_eval") is None, reason="the extra alpaca-eval is not installed")
def test_damaged_files_are_an_error_of_one_line(tmp_path: Path) -> None:
    (files(tmp_path) / FILES[0]).write_text("nothing,of,this\n1,2,3\n")
    with pytest.raises(UserError, match="download them again") as error:
        length_controlled(judged(), tmp_path)
    assert "\n" not in str(error.value)
