"""Values that an entry of params.yaml leaves out and takes from elsewhere.

An entry takes from the `settings` of its section, a role of `engines` from the generator. A table that both have, such
as `sampling`, is taken key by key.
"""

from collections.abc import Mapping
from typing import Any

from stages.params.field_types import Section
from stages.params.mistakes import SHARED
from stages.params.name_references import groups, type_at

GENERATOR = "generator"
"""The role that other roles take their engine and its costs from."""
COSTS = ("price", "speed", "budget")


def completed(root: type[Section], values: Any) -> Any:
    """Values as read from params.yaml with those that entries take from elsewhere; `values` is not changed.

    root: the type of the whole file. What is malformed stays as it is, for the types to refuse.
    """
    if not isinstance(values, Mapping):
        return values
    whole = {key: _with_settings(type_at(root, [str(key)]), section) for key, section in values.items()}
    if isinstance(engines := whole.get("engines"), Mapping):
        whole["engines"] = _with_costs(_with_generator(engines), engines, whole.get("costs"))
    return whole


def _with_settings(kind: Any, section: Any) -> Any:
    """A section whose entries have the shared values that they leave out."""
    if not (isinstance(kind, type) and issubclass(kind, Section) and isinstance(section, Mapping)):
        return section
    if not isinstance(shared := section.get(SHARED), Mapping):
        return section
    completed_groups = {
        group: _each_with(section[group], {key: value for key, value in shared.items() if key in entry.model_fields})
        for group, entry in groups(kind, of=Section).items()
        if group in section
    }
    return {**section, **completed_groups}


def _each_with(entries: Any, shared: Mapping[str, Any]) -> Any:
    if not isinstance(entries, Mapping):
        return entries
    return {name: merged(shared, one) if isinstance(one, Mapping) else one for name, one in entries.items()}


def merged(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`own` with what it leaves out of `shared`, tables key by key."""
    both = {
        key: merged(shared[key], own[key])
        for key in shared.keys() & own.keys()
        if isinstance(shared[key], Mapping) and isinstance(own[key], Mapping)
    }
    return {**shared, **own, **both}


def _with_generator(engines: Mapping[Any, Any]) -> dict[Any, Any]:
    """Each role with the generator's engine, options and reasoning, unless it names an engine of its own."""
    generator = engines.get(GENERATOR)
    if not isinstance(generator, Mapping):
        return dict(engines)
    shared = {key: generator[key] for key in ("engine", "options", "reasoning") if key in generator}
    return {role: merged(shared, engine) if _takes(engine) else engine for role, engine in engines.items()}


def _takes(engine: Any) -> bool:
    return isinstance(engine, Mapping) and "engine" not in engine


def _with_costs(whole: Mapping[Any, Any], written: Mapping[Any, Any], costs: Any) -> dict[Any, Any]:
    """Each role with its costs, which stand apart in the file since no output depends on them.

    A role with the generator's engine and no costs of its own has the generator's.
    """
    table = costs if isinstance(costs, Mapping) else {}
    result = dict(whole)
    for role, engine in whole.items():
        own = table.get(role, table.get(GENERATOR) if _takes(written[role]) else None)
        if isinstance(engine, Mapping) and isinstance(own, Mapping):
            result[role] = {**engine, **{key: value for key, value in own.items() if key in COSTS}}
    return result
