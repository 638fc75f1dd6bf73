"""The JSON Schema of params.yaml, with which editors complete it; `python -m stages.params.json_schema` writes it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.core.registry import BENCHMARKS, CHAINS, CORPUS_FORMATS, ENGINES, JUDGES
from stages.params import Params
from stages.params.engine_sections import Engine
from stages.params.field_docs import attribute_docstrings
from stages.params.field_types import Section
from stages.params.inheritance import COSTS
from stages.params.mistakes import SHARED
from stages.params.name_references import groups, type_at

PATH = Path(__file__).parents[2] / "schemas" / "params.schema.json"
NAMES = {
    ("Corpus", "adapter"): CORPUS_FORMATS, ("Benchmark", "benchmark"): BENCHMARKS, ("Chain", "chain"): CHAINS,
    ("Engine", "engine"): ENGINES, ("Judge", "reading"): JUDGES, ("AgreementSettings", "reading"): JUDGES,
}  # fmt: skip
"""(type, field) -> the registry that has its values."""


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the file, as it is written: what an entry may inherit is optional."""
    document = Params.model_json_schema()
    kinds = document["$defs"]
    for section in _subclasses(Section):
        definition = document if section is Params else kinds.get(section.__name__, {})
        _describe(definition.get("properties", {}), section)
    for (kind, field), registry in NAMES.items():
        kinds[kind]["properties"][field]["enum"] = list(registry)
    for field in COSTS:
        del kinds[Engine.__name__]["properties"][field]
    kinds[Engine.__name__].pop("required")
    for entry, shared in _inherited():
        _make_optional(kinds, entry, shared)
    _drop_titles_and_absent(document)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "params.yaml of seqit", **document}


def _subclasses(section: type[Section]) -> Iterator[type[Section]]:
    for one in section.__subclasses__():
        yield one
        yield from _subclasses(one)


def _describe(properties: dict[str, Any], section: type[Section]) -> None:
    """Add the texts below the fields of a section; one that is given to `Field` stays."""
    for name, text in attribute_docstrings(section).items():
        field = section.model_fields.get(name)
        if field and (known := properties.get(field.alias or name)) is not None:
            known.setdefault("description", text)


def _inherited() -> Iterator[tuple[type[Section], set[str]]]:
    """Types of entries, and the fields that they take from the settings of their section."""
    for name in Params.model_fields:
        section = type_at(Params, [name])
        shared = type_at(section, [SHARED]) if isinstance(section, type) and issubclass(section, Section) else None
        if shared is not None:
            for entry in groups(section, of=Section).values():
                yield entry, entry.model_fields.keys() & shared.model_fields.keys()


def _make_optional(kinds: dict[str, Any], entry: type[Section], fields: set[str]) -> None:
    """Let an entry leave these fields out, and parts of those that are tables."""
    definition = kinds[entry.__name__]
    definition["required"] = [field for field in definition.get("required", []) if field not in fields]
    for field in fields:
        name = definition["properties"][field].get("$ref", "").rpartition("/")[2]
        if name and not name.startswith("Partial"):
            kinds[f"Partial{name}"] = {key: value for key, value in kinds[name].items() if key != "required"}
            definition["properties"][field]["$ref"] = f"#/$defs/Partial{name}"


def _drop_titles_and_absent(node: Any) -> None:
    """Remove titles that repeat a field's name, and null as the default of what may not be null."""
    if isinstance(node, dict):
        for field in node.get("properties", {}).values():
            field.pop("title", None)
            if field.get("default", "") is None and "anyOf" not in field:
                del field["default"]
    for below in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _drop_titles_and_absent(below)


def text() -> str:
    """The schema as it is written to schemas/params.schema.json."""
    return json.dumps(schema(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
