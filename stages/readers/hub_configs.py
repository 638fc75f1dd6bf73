"""The configs that a download's README.md declares in its front matter, as the Hub's data set viewer reads them."""

import re
from typing import Any, NamedTuple

import yaml


class Config(NamedTuple):
    """A config and its files."""

    name: str
    default: bool
    splits: list[tuple[str, list[str]]]
    """(split, globs of its files); "" where the split is in the files' names."""


class _Front(yaml.SafeLoader):
    """Every scalar but null as text: a config of Norwegian is called no, which YAML 1.1 takes for false."""


_Front.yaml_implicit_resolvers = {
    sign: [(tag, pattern) for tag, pattern in known if tag.endswith(":null")]
    for sign, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def configs(card: str) -> list[Config]:
    """The configs in the order of the README; [] where it declares none, or its front matter is no YAML."""
    front = re.match(r"---\s*\n(.*?)\n---", card.lstrip("\ufeff"), re.S)
    try:
        values = yaml.load(front[1], _Front) if front else None
    except yaml.YAMLError:
        return []
    listed = values.get("configs") if isinstance(values, dict) else None
    entries = [entry for entry in (listed if isinstance(listed, list) else []) if isinstance(entry, dict)]
    return [Config(str(e.get("config_name", "default")), _true(e), _splits(e)) for e in entries]


def _true(entry: dict[str, Any]) -> bool:
    return str(entry.get("default")).lower() == "true"


def _splits(entry: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """data_files is a glob, several, or some for each split; data_dir is the folder that they lie in."""
    files, folder = entry.get("data_files"), str(entry.get("data_dir") or "").strip("./")
    prefix = f"{folder}/" if folder else ""
    if files is None:
        return [("", [f"{prefix}**"])]
    if isinstance(files, dict):
        return [(str(split), _globs(globs, prefix)) for split, globs in files.items()]
    if isinstance(files, list) and any(isinstance(part, dict) for part in files):
        parts = [part for part in files if isinstance(part, dict)]
        return [(str(part.get("split", "train")), _globs(part.get("path"), prefix)) for part in parts]
    return [("train", _globs(files, prefix))]


def _globs(value: Any, prefix: str) -> list[str]:
    return [prefix + str(glob).removeprefix("./") for glob in (value if isinstance(value, list) else [value]) if glob]
