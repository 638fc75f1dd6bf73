"""Runs of `train` that differ from another one in the training seed alone, added to the text of params.yaml."""

import io
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from stages.core.errors import UserError
from stages.params import parse

SECTION, GROUP = "train", "runs"


def with_seeds(text: str, run: str, seeds: Sequence[int]) -> tuple[str, list[str]]:
    """The text of params.yaml with a run RUN-SEED behind `run` for each seed, and the names of those that it lacked.

    Everything else keeps its bytes, comments included. Raises UserError for a run that params.yaml does not have, for
    a name that another run has, and for a file whose runs do not stand one below the other.
    """
    values = _read(text)
    runs = parse(values).train.runs
    written = values[SECTION][GROUP] if run in runs else {}
    if run not in written:
        raise UserError(f"params.yaml: train.runs has no {run!r}; it has {', '.join(runs) or 'none'}")
    wanted = {f"{run}-{seed}": {**deepcopy(written[run]), "seed": seed} for seed in dict.fromkeys(seeds)}
    for name in wanted.keys() & written.keys():
        if written[name] != wanted[name]:
            raise UserError(f"params.yaml: train.runs.{name} is another run already; rename it, or take another seed")
    added = {name: entry for name, entry in wanted.items() if name not in written}
    made = _inserted(text, run, added)
    if _read_or_none(made) != {**values, SECTION: {**values[SECTION], GROUP: {**written, **added}}}:
        raise UserError(f"params.yaml: train.runs.{run}: write each run on lines of its own, none within braces")
    parse(_read(made))
    return made, list(added)


def _inserted(text: str, run: str, entries: Mapping[str, Any]) -> str:
    """The text with the entries behind the lines of `run`."""
    lines = text.splitlines(keepends=True)
    places = _round_trip(text)[SECTION][GROUP].lc
    first, indent = places.key(run)
    last = first
    for number in range(first + 1, len(lines)):
        content = lines[number].strip()
        if content and not content.startswith("#"):
            if len(lines[number]) - len(lines[number].lstrip()) <= indent:
                break
            last = number
    return "".join([*lines[: last + 1], *_lines(entries, indent), *lines[last + 1 :]])


def _lines(entries: Mapping[str, Any], indent: int) -> list[str]:
    stream, yaml = io.StringIO(), _yaml()
    if entries:
        yaml.dump(dict(entries), stream)
    return [f"{' ' * indent}{line}" for line in stream.getvalue().splitlines(keepends=True)]


def _read(text: str) -> Any:
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load(text)


def _read_or_none(text: str) -> Any:
    from ruamel.yaml.error import YAMLError

    try:
        return _read(text)
    except YAMLError:
        return None


def _round_trip(text: str) -> Any:
    return _yaml().load(text)


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.default_flow_style = False
    return yaml
