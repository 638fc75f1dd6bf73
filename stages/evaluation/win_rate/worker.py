"""The process that runs alpaca_eval: reads annotations as JSON from stdin, writes one line of JSON to stdout."""

import json
import sys
from importlib import import_module, metadata
from importlib.util import find_spec
from types import ModuleType


def main() -> None:
    """Read annotations from stdin, write alpaca_eval's own figures to stdout."""
    _without_pkg_resources()
    import pandas

    estimate = import_module("alpaca_eval.metrics.glm_winrate").get_length_controlled_winrate
    frame = pandas.DataFrame(json.load(sys.stdin))
    estimates = estimate(frame, save_weights_dir=None, is_add_glm_preference_inplace=False)
    names = ("length_controlled_winrate", "lc_standard_error", "win_rate")
    print(json.dumps({name: float(estimates[name]) for name in names}))


def _without_pkg_resources() -> None:
    """alpaca_eval 0.6 imports pkg_resources to compare versions; setuptools 82 and later have it no more."""
    if find_spec("pkg_resources"):
        return
    from packaging.version import parse

    stand_in = ModuleType("pkg_resources")
    stand_in.parse_version = parse  # type: ignore[attr-defined]
    stand_in.get_distribution = metadata.distribution  # type: ignore[attr-defined]
    sys.modules["pkg_resources"] = stand_in


if __name__ == "__main__":
    main()
