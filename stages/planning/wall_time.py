"""Wall time of the stages that a plan would run: from past runs here, or from the speed at which requests are sent."""

from collections.abc import Mapping, Sequence

import msgspec

from stages.execution.stage_times import StageTime
from stages.planning.forecast import Forecast, StageRequests


class KindTime(msgspec.Struct, frozen=True):
    """The time of all planned stages of one kind."""

    kind: str
    """Such as "train"; its stages are train@it, train@sit."""
    stages: int
    seconds: float
    """Of those whose time is known."""
    unknown: int
    """Stages that have not run here and whose servers' speed is neither under `costs` nor recorded."""


def wall_times(planned: Sequence[Forecast], times: Mapping[str, StageTime]) -> list[KindTime]:
    """The times by kind of stage, in the order of the plan. times: stage -> how long it took here."""
    kinds: dict[str, list[float | None]] = {}
    for forecast in planned:
        seconds = _seconds(forecast, times.get(forecast.stage))
        kinds.setdefault(forecast.stage.partition("@")[0], []).append(seconds)
    return [
        KindTime(kind, len(each), round(sum(filter(None, each)), 1), each.count(None)) for kind, each in kinds.items()
    ]


def _seconds(forecast: Forecast, taken: StageTime | None) -> float | None:
    """Seconds of one stage; None where nothing is known of it."""
    sending = [one for one in forecast.asks if one.new or one.guessed]
    if sending and all(one.hours is not None and not one.checked_rate for one in sending):
        return _sum(sending)
    if taken is None and sending and all(one.hours is not None for one in sending):
        return _sum(sending)
    return taken.expected(sends_requests=bool(sending or forecast.unknown)) if taken else None


def _sum(sending: Sequence[StageRequests]) -> float:
    return 3600 * sum(one.hours or 0.0 for one in sending)


def time_lines(times: Sequence[KindTime]) -> list[str]:
    """The lines of a plan about time: by kind, and in all."""
    total, unknown = sum(one.seconds for one in times), sum(one.unknown for one in times)
    known = [f"{one.kind} {duration(one.seconds)}" for one in times if one.unknown < one.stages]
    if not times:
        return []
    missing = f"; unknown: {', '.join(_counted(one) for one in times if one.unknown)}" if unknown else ""
    if not known:
        return ["time: unknown, since none of these stages has run here"]
    return [f"time: about {duration(total)}{' and what is unknown' if unknown else ''}: {', '.join(known)}{missing}"]


def _counted(one: KindTime) -> str:
    return one.kind if one.stages == 1 else f"{one.kind} ({one.unknown} of {one.stages})"


def duration(seconds: float) -> str:
    """ "45 s", "12 min", "3:05 h"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60}:{minutes % 60:02} h"
