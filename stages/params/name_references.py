"""References between entries of params.yaml and the artifacts that they make, read from the types of its sections."""

import graphlib
import types
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from stages.params.field_types import Entry, Reference, Section


class Mention(NamedTuple):
    """A value that names an entry of another section."""

    path: str
    kind: str
    """As in `Reference`."""
    name: str


class NamedEntry(NamedTuple):
    """An entry and where it is: `group` is the path of its dictionary, such as "augment.rules"."""

    group: str
    name: str
    entry: Entry

    @property
    def path(self) -> str:
        """The path of the entry in params.yaml."""
        return f"{self.group}.{self.name}"


def mentions(section: Section, path: str = "") -> Iterator[Mention]:
    """Every reference in a section, with its path in params.yaml."""
    for key, annotation, value in fields(section):
        yield from _mentions(value, annotation, f"{path}.{key}" if path else key)


def entries(section: Section, path: str = "") -> Iterator[NamedEntry]:
    """Every named entry of a section and its parts, in the order of the types."""
    for key, _, value in fields(section):
        below = f"{path}.{key}" if path else key
        if isinstance(value, Section):
            yield from entries(value, below)
        elif isinstance(value, dict):
            yield from (NamedEntry(below, name, one) for name, one in value.items() if isinstance(one, Entry))


def artifacts(section: Section) -> set[str]:
    """Every artifact that the stages of a section's entries write, as FOLDER/NAME."""
    return {artifact for one in entries(section) for artifact in one.entry.artifacts(one.name)}


def cycle(section: Section) -> list[str]:
    """Artifacts that are made of each other, the first again at the end; [] where there are none."""
    sources: dict[str, set[str]] = {}
    for one in entries(section):
        read = {mention.name for mention in mentions(one.entry) if mention.kind == "artifact"}
        made = one.entry.artifacts(one.name)
        sources |= {artifact: read for artifact in made}
    try:
        graphlib.TopologicalSorter(sources).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def fields(section: Section) -> Iterator[tuple[str, Any, Any]]:
    """(key in params.yaml, annotation, value) of each field."""
    hints = annotations(type(section))
    for name, field in type(section).model_fields.items():
        yield field.alias or name, hints[name], getattr(section, name)


@cache
def annotations(section: type[Section]) -> dict[str, Any]:
    """Field -> its annotation with all metadata."""
    return get_type_hints(section, include_extras=True)


def groups(section: type[Section], of: type[Section] = Entry) -> dict[str, type[Section]]:
    """Field of a section -> the type of its values, for every field that is a dictionary of entries, or of `of`."""
    values = {name: get_args(hint)[1] for name, hint in annotations(section).items() if get_origin(hint) is dict}
    return {name: kind for name, kind in values.items() if isinstance(kind, type) and issubclass(kind, of)}


def empty_groups(section: type[Section]) -> dict[str, Any]:
    """Every dictionary of entries of a section and its parts, empty: {"train": {"runs": {}}}."""
    empty: dict[str, Any] = {}
    for name, field in section.model_fields.items():
        kind = type_at(section, [name])
        if name in groups(section):
            empty[field.alias or name] = {}
        elif isinstance(kind, type) and issubclass(kind, Section) and not issubclass(kind, Entry):
            empty |= {field.alias or name: inner} if (inner := empty_groups(kind)) else {}
    return empty


def contains_entries(kind: Any) -> bool:
    """Whether a type is a dictionary of entries, or a section with one."""
    if isinstance(kind, type) and issubclass(kind, Section) and not issubclass(kind, Entry):
        return any(contains_entries(_bare(annotation)) for annotation in annotations(kind).values())
    return get_origin(kind) is dict


def type_at(section: type[Section], place: Sequence[str | int]) -> Any:
    """The annotation of what is at a place of a section, without metadata and None; None where nothing is known."""
    annotation: Any = section
    for key in place:
        base = _bare(annotation)
        if isinstance(base, type) and issubclass(base, Section):
            named = {field.alias or name: name for name, field in base.model_fields.items()}
            annotation = annotations(base).get(named.get(str(key), ""))
        else:
            annotation = get_args(base)[-1] if get_origin(base) in (dict, list) else None
    return _bare(annotation)


def _bare(annotation: Any) -> Any:
    """An annotation without metadata; of alternatives the first that is not None."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return _bare(next(option for option in get_args(annotation) if option is not type(None)))
    return annotation


def _mentions(value: Any, annotation: Any, path: str) -> Iterator[Mention]:
    if value is None:
        return
    base, *metadata = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
    if isinstance(value, str):
        yield from (Mention(path, mark.kind, value) for mark in metadata if isinstance(mark, Reference))
    if get_origin(base) in (Union, types.UnionType):
        for option in get_args(base):
            if option is not type(None):
                yield from _mentions(value, option, path)
    elif isinstance(value, Section):
        yield from mentions(value, path)
    elif isinstance(value, dict) and get_origin(base) is dict:
        key_type, value_type = get_args(base)
        for key, below in value.items():
            yield from _mentions(key, key_type, f"{path}.{key}")
            yield from _mentions(below, value_type, f"{path}.{key}")
    elif isinstance(value, list) and get_args(base):
        for item in value:
            yield from _mentions(item, get_args(base)[0], path)
