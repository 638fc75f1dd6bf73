"""Wall time of planned stages: measured here, computed from the speed of a model, or unknown."""

import pytest

from stages.execution.stage_times import StageTime
from stages.planning.forecast import Forecast, StageRequests
from stages.planning.wall_time import KindTime, duration, time_lines, wall_times


def requests(new: int, hours: float | None, checked: float = 0.0) -> StageRequests:
    return StageRequests(
        model="m", endpoint="", cached=0, new=new, guessed=0, tokens_in=0, tokens_out=0, tokens_out_at_most=0,
        hours=hours, cost=None, cost_at_most=None, currency=None, measured=True, counted=True,
        checked_rate=checked,
    )  # fmt: skip


def forecast(stage: str, *asks: StageRequests, unknown: str = "") -> Forecast:
    return Forecast(stage, ["x"], True, list(asks), unknown)


TIMES = {name: StageTime(10, 90) for name in ("train@it", "respond@mine", "predict@it", "evaluate@it")}


@pytest.mark.parametrize(
    ("planned", "seconds"),
    [
        (forecast("train@it"), 10), (forecast("train@sit"), None), (forecast("respond@mine", requests(0, None)), 10),
        (forecast("respond@mine", requests(5, None)), 90), (forecast("respond@mine", requests(5, 0.5)), 1800),
        (forecast("respond@new", requests(5, 0.5)), 1800), (forecast("respond@new", requests(5, None)), None),
        (forecast("evaluate@it", requests(5, 0.5), requests(5, None)), 90),
        (forecast("predict@it", unknown="waits"), 90),
        (forecast("respond@mine", requests(5, 0.5, 38)), 90), (forecast("respond@new", requests(5, 0.5, 38)), 1800),
        (forecast("evaluate@new", requests(5, 0.5, 38), requests(5, None)), None),
    ],
)  # fmt: skip
def test_the_time_of_a_stage(planned: Forecast, seconds: float | None) -> None:
    (time,) = wall_times([planned], TIMES)
    assert (time.seconds, time.unknown, time.stages) == (seconds or 0, int(seconds is None), 1)


def test_times_are_summed_up_by_kind() -> None:
    times = wall_times([forecast("train@it"), forecast("report"), forecast("train@sit")], TIMES)
    assert times == [KindTime("train", 2, 10, 1), KindTime("report", 1, 0, 1)]
    assert time_lines(times) == ["time: about 10 s and what is unknown: train 10 s; unknown: train (1 of 2), report"]
    assert time_lines([KindTime("train", 1, 600, 0)]) == ["time: about 10 min: train 10 min"]
    assert time_lines([KindTime("train", 1, 0, 1)]) == ["time: unknown, since none of these stages has run here"]
    assert time_lines([]) == []


@pytest.mark.parametrize(("seconds", "text"), [(12, "12 s"), (61, "1 min"), (7100, "118 min"), (11100, "3:05 h")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
