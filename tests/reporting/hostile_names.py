"""Findings in which every name and every text is hostile, or very long."""

from collections.abc import Mapping
from typing import Any

import msgspec

from stages.reporting.findings import Findings
from tests.reporting.case_runs import case_sets
from tests.reporting.run import findings

HOSTILE = (
    "</style></svg></script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "\" ' & ]]> <!-- <script> \u202egnp.exe\u2066 \ud800 \x00 \u2028 عربي 🎉"
)
LONG = "a" * 50 + "-" + "b" * 49
NAMES = ("it", "sit", "smollm2", "seed", "heldout", "seqeval", "xquad", "mgsm")
"""Runs, corpora and benchmarks."""
MEASURES = ("following", "quality", "accuracy", "strict", "done")


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """The same value with other names in every text and key, also as parts of a path."""
    if isinstance(value, str):
        return "/".join(names.get(part, part) for part in value.split("/"))
    if isinstance(value, msgspec.Struct):
        fields = {name: renamed(getattr(value, name), names) for name in value.__struct_fields__}
        return type(value)(**fields)
    if isinstance(value, Mapping):
        return {renamed(key, names): renamed(item, names) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return value._replace(**{name: renamed(getattr(value, name), names) for name in value._fields})
    if isinstance(value, list | tuple | frozenset):
        return type(value)(renamed(item, names) for item in value)
    return value


def hostile_findings(text: str = HOSTILE, end: str = HOSTILE) -> Findings:
    """A whole run with `text` in every text, and `end` after every name of a run, corpus, benchmark and measure."""
    made = findings(text, cases=case_sets({"it": [0.0, 1.0, None], "sit": [1.0, 0.0, 0.5]}, text, it="truncated"))
    made = made._replace(settings={**made.settings, f"models{text}": {f"name{text}": f"path:{text}"}})
    names = {name: f"{name}{end}" for name in NAMES}
    changed = renamed(made, names)
    measures = {name: f"{name}{end}" for name in MEASURES}
    parts = ("scores", "differences", "caveats", "flips", "cases")
    return changed._replace(
        benchmarks=made.benchmarks, **{part: renamed(getattr(changed, part), measures) for part in parts}
    )  # fmt: skip
