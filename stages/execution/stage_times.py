"""How long each stage took when it last ran here, kept in the state folder for `seqit plan`."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from stages.core.atomic_write import replacing
from stages.core.state_folder import cache

FILE = "stage_times.json"


class StageTime(msgspec.Struct, frozen=True):
    """Seconds that a stage took, its validation included."""

    last: float
    longest: float
    """Of all runs here: a run whose replies are all cached takes seconds."""

    def expected(self, sends_requests: bool) -> float:
        """Seconds that the next run may take."""
        return self.longest if sends_requests else self.last


def times_path() -> Path:
    """The file that holds the times."""
    return cache() / FILE


def read_times(file: Path) -> dict[str, StageTime]:
    """Stage -> its times; empty where nothing is recorded or the file can't be read, since no result depends on it."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, StageTime])
    except (OSError, msgspec.DecodeError):
        return {}


def record_times(file: Path, seconds: Mapping[str, float]) -> None:
    """Add the seconds that stages took in this run; other stages keep theirs."""
    times = read_times(file)
    for stage, taken in seconds.items():
        longest = max(taken, times[stage].longest) if stage in times else taken
        times[stage] = StageTime(round(taken, 1), round(longest, 1))
    if seconds:
        with replacing(file) as stream:
            stream.write(msgspec.json.format(msgspec.json.encode(times, order="sorted"), indent=1) + b"\n")
