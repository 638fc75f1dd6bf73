"""The stages that a person may mean who names an entry of params.yaml in place of a stage."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stages.core.errors import UserError
from stages.params import Params

GRAPH = Path("dvc.yaml")


def check_targets(arguments: Sequence[str], params: Params) -> None:
    """Raise UserError where a target is the name of an entry, with the stages that have it."""
    if {"--cwd", "-c"} & {*arguments}:
        return
    for word in arguments:
        stages = stages_of(word, params) if re.fullmatch(r"[a-z0-9_-]+", word) and word[:1] != "-" else []
        if stages:
            raise UserError(
                f"{word}: is no stage but an entry of params.yaml; its stages are {', '.join(stages)}; `seqit run` "
                "without a name runs all stages"
            )


def stages_of(name: str, params: Params) -> list[str]:
    """The stages of dvc.yaml that run once an entry and have one called `name`; [] where `name` is itself a stage.

    Reads dvc.yaml in the working folder; [] where there is none.
    """
    from ruamel.yaml import YAML

    stages = YAML(typ="safe", pure=True).load(GRAPH.read_text("utf-8"))["stages"] if GRAPH.is_file() else {}
    if name in stages:
        return []
    values = params.model_dump(mode="json", by_alias=True)
    return [f"{stage}@{name}" for stage, one in stages.items() if name in _entries(one.get("foreach"), values)]


def _entries(foreach: Any, values: Any) -> Any:
    """What a stage's `foreach: ${rewrite.corpora}` goes over, () for none."""
    if not isinstance(foreach, str):
        return foreach or ()
    for key in foreach.strip("${} ").split("."):
        values = values.get(key) if isinstance(values, dict) else None
    return values or ()
