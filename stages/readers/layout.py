"""Select the files of a download by config and split, from its README, its folders and its file names."""

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from stages.core.compression import plain
from stages.core.errors import UserError
from stages.readers.formats import KINDS, kind
from stages.readers.hub_configs import configs

METADATA = frozenset(
    [
        "dataset_info.json",
        "dataset_infos.json",
        "dataset_dict.json",
        "state.json",
        "dataset-metadata.json",
        "croissant.json",
        "reference.json",
        "package.json",
        "config.json",
    ]
)
"""Metadata files, which hold no rows."""
FAMILIES = {
    "train": "train", "training": "train", "dev": "validation", "develop": "validation", "development": "validation",
    "val": "validation", "valid": "validation", "validation": "validation", "test": "test", "testing": "test",
}  # fmt: skip
"""Name of a split -> its standard name."""
EVALUATION = {"eval": "test", "evaluation": "test"}
"""The same, where it is the whole name or stands beside a file of the train split ("alpaca_eval.json" is no split)."""
HELD_OUT = ("test", "validation")
"""Splits that are read for training only if params.yaml names them."""
_SHARD = re.compile(r"(?P<split>.+?)-(?P<number>\d{3,})-of-(?P<total>\d{3,})(?:-[0-9a-f]+)?")
"""How the Hub names the shards of a split: train-00000-of-00002, test_sft-00000-of-00001-b42a775f407cee45."""
_CACHED = re.compile(r"(cache-|tmp)\w*\.arrow")
"""What `datasets` leaves beside a data set on disk: results of `map`, which hold its rows once more."""
_SHOWN = 8
"""Names in a message."""


class Choice(NamedTuple):
    """The selection of files in an entry of params.yaml."""

    split: str = ""
    config: str = ""
    files: tuple[str, ...] = ()
    """Names or globs."""


class Wanted(NamedTuple):
    """The default selection, where params.yaml has none."""

    split: str
    configs: tuple[str, ...] = ()
    """Names of configs, of which the first that is there is taken."""
    lone: bool = False
    """Whether it may be another split if that is the only one, as for a benchmark that has but one."""
    exact: bool = False
    """Whether only a split of that very name will do, as for worked examples."""
    together: bool = False
    """Whether several configs are read together, where each is a part of the whole."""


class Placed(NamedTuple):
    """A file of data and what it belongs to."""

    name: str
    config: str
    split: str
    """Its name in the download; "" if unknown."""


class Selected(NamedTuple):
    """The files to read, and a line for people on those that are not, "" for none."""

    names: list[str]
    note: str


def select(source: str, names: Iterable[str], wanted: Wanted, choice: Choice, readme: str = "") -> Selected:
    """The files of one split and one config, in the order of their names. `readme`: the text of README.md.

    A file's split is that of the README's `configs`, else of its name (Hub shards, "dev.jsonl", "x_test.csv"),
    else a folder's. Folders that each hold splits are configs. Files without a split are taken together, as shards.
    Raises UserError, with the choices, if the selection is ambiguous.
    """
    data = matching(source, [name for name in sorted(names) if is_data(name)], choice.files)
    if choice.files and not any(map(_is_glob, choice.files)) and not (choice.split or choice.config):
        return Selected(data, "")
    placed = place(data, readme)
    of_config = _of_config(source, placed, wanted, choice, readme)
    chosen = _of_split(source, of_config, wanted, choice)
    _not_twice(source, chosen)
    read = list(dict.fromkeys(file.name for file in chosen))
    unplaced = [Placed(name, "", "") for name in data if name not in {file.name for file in placed}]
    return Selected(read, _note(source, chosen, [file for file in placed if file.name not in set(read)] + unplaced))


def is_data(name: str) -> bool:
    """Whether a file below a source is one of rows: of a known kind, not hidden, and not about the data."""
    parts = PurePosixPath(name).parts
    hidden = any(part.startswith((".", "__")) for part in parts)
    cached = _CACHED.fullmatch(parts[-1])
    return kind(plain(name)) in KINDS and parts[-1] not in METADATA and not hidden and not cached


def matching(source: str, names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The names that match any of the globs, all without globs. Raises UserError for a glob that matches none."""
    for pattern in patterns:
        if not any(matches(name, pattern) for name in names):
            raise UserError(f"{source}: no file of data matches {pattern!r} of `files:`; it has {_listed(names)}")
    return [name for name in names if not patterns or any(matches(name, pattern) for pattern in patterns)]


def matches(name: str, pattern: str) -> bool:
    """Whether a file's name is the pattern, or fits it as a glob: * within a folder, ** across folders."""
    if pattern in (name, plain(name)):
        return True
    from fsspec.utils import glob_translate  # here, as it imports asyncio and ssl and few corpora have a pattern

    return re.match(glob_translate(pattern), name) is not None


def family(split: str) -> str:
    """The split that a name stands for: "dev" and "validation" are validation, "train_sft" is train."""
    words = re.findall(r"[a-z]+", split.lower())
    known = FAMILIES | (EVALUATION if len(words) == 1 else {})
    return next((known[word] for word in [*words[:1], *words[-1:]] if word in known), split.lower())


def place(names: Sequence[str], readme: str = "") -> list[Placed]:
    """Each file with its config and split; more than once where the README's configs share it."""
    by_card = [
        Placed(name, config.name, split or _split_and_config(name, False)[0])
        for config in configs(readme)
        for split, globs in config.splits
        for name in names
        if any(matches(name, glob) for glob in globs)
    ]
    return by_card or _by_names(names)


def _by_names(names: Sequence[str]) -> list[Placed]:
    trained = any(family(_split_and_config(name, False)[0]) == "train" for name in names)
    placed = [Placed(name, config, split) for name in names for split, config in [_split_and_config(name, trained)]]
    if any(file.split for file in placed) or not _namesakes(names):
        return [file if file.split else file._replace(config="") for file in placed]
    return placed


def _namesakes(names: Sequence[str]) -> bool:
    """Whether folders hold files of the same name, as configs do; parts numbered by file or folder are shards."""
    paths = [PurePosixPath(name) for name in names]
    seen = {(re.sub(r"\d+", "", str(path.parent)), path.name) for path in paths if not re.search(r"\d", path.stem)}
    return len({base for _, base in seen}) < len(seen)


def _split_and_config(name: str, trained: bool) -> tuple[str, str]:
    """(split, config) by a file's name and its folders. trained: whether there are files of a train split beside it."""
    *folders, base = PurePosixPath(name).parts
    kept = [folder for folder in folders if folder.lower() != "data"]
    stem = plain(base).rpartition(".")[0]
    if split := _of_stem(stem, trained, "data" in map(str.lower, folders[-1:])):
        return split, "/".join(folder for folder in kept if folder.lower() not in FAMILIES | EVALUATION)
    for place in reversed(range(len(kept))):
        if family(kept[place]) in FAMILIES.values():
            return kept[place], "/".join(kept[:place])
    return "", "/".join(kept)


def _of_stem(stem: str, trained: bool, in_data: bool) -> str:
    """The split in a file's name: all before a shard's number, else the one word that names a split."""
    shard = _SHARD.fullmatch(stem)
    if shard and (in_data or family(shard["split"]) in FAMILIES.values()):
        return shard["split"]
    words = re.findall(r"[a-z]+", stem.lower())
    known = FAMILIES | (EVALUATION if trained or len(words) == 1 else {})
    splits = [word for word in words if word in known]
    return splits[0] if len({known[word] for word in splits}) == 1 else ""


def _of_config(source: str, placed: list[Placed], wanted: Wanted, choice: Choice, readme: str) -> list[Placed]:
    names = list(dict.fromkeys(file.config for file in placed if file.split or file.config))
    if choice.config:
        matching_files = [file for file in placed if choice.config.lower() in _called(file.config)]
        if not matching_files:
            raise UserError(f"{source}: has no config {choice.config!r}; it has {_listed(names)}")
        return matching_files
    if len(names) < 2 or choice.files:
        return placed
    declared = [config.name for config in configs(readme) if config.default]
    for preferred in (*wanted.configs, *declared, "default"):
        if matching_files := [file for file in placed if preferred.lower() in _called(file.config)]:
            return matching_files
    if wanted.together:
        return placed
    raise UserError(f"{source}: holds several configs; write `config:` or `files:` in params.yaml, of {_listed(names)}")


def _called(config: str) -> set[str]:
    """How a config may be called: by its path, or the last part of it."""
    return {config.lower(), config.lower().rpartition("/")[2]}


def _of_split(source: str, placed: list[Placed], wanted: Wanted, choice: Choice) -> list[Placed]:
    if choice.split:
        return _named(source, placed, choice.split)
    splits = sorted({file.split for file in placed if file.split})
    matching_files = [file for file in placed if file.split.lower() == wanted.split]
    if not wanted.exact:
        matching_files = matching_files or [file for file in placed if family(file.split) == family(wanted.split)]
        matching_files = matching_files or [file for file in placed if not file.split]
        lone = len(splits) == 1 and (wanted.lone or family(splits[0]) not in HELD_OUT)
        matching_files = matching_files or (placed if lone else [])
    names = sorted({file.split for file in matching_files})
    if placed and not matching_files:
        raise UserError(
            f"{source}: no file of the split {wanted.split}; if another is meant, write `split:` in params.yaml, "
            f"of {_listed(splits)}"
        )
    if len(names) > 1:
        raise UserError(
            f"{source}: has several splits for {wanted.split}; write `split:` in params.yaml, of {_listed(names)}"
        )
    return matching_files


def _named(source: str, placed: list[Placed], names: str) -> list[Placed]:
    """The files of the splits that params.yaml names: one, several as "train+test", or "all"."""
    if names == "all":
        return placed
    splits = sorted({file.split for file in placed if file.split})
    chosen: set[str] = set()
    for name in map(str.strip, names.split("+")):
        known = name.lower() in FAMILIES | EVALUATION
        alike = {split for split in splits if known and family(split) == family(name)}
        part = {split for split in splits if split.lower() == name.lower()} or alike
        if not part:
            raise UserError(f"{source}: has no split {name!r}; it has {_listed(splits)}")
        chosen |= part
    return [file for file in placed if file.split in chosen]


def _not_twice(source: str, chosen: Sequence[Placed]) -> None:
    """Raise UserError where rows would be read twice: a file in two formats, or shards of two downloads."""
    parts: dict[tuple[str, str], str] = {}
    groups: dict[str, str] = {}
    for name in dict.fromkeys(file.name for file in chosen):
        group, number, alike = _shard(name)
        other, first = parts.setdefault((group, number), name), groups.setdefault(group, name)
        if other != name or _shard(first)[2] != alike:
            other = other if other != name else first
            raise UserError(f"{source}: {other} and {name} hold the same rows; name the one to read under `files:`")


def _shard(name: str) -> tuple[str, str, str]:
    """(what a file is a part of, which part, what all parts have alike: their format and number)."""
    stem, _, ending = plain(name).rpartition(".")
    folder, _, base = stem.rpartition("/")
    if shard := _SHARD.fullmatch(base):
        return f"{folder}/{shard['split']}", shard["number"], f"{ending} of {shard['total']}"
    return stem, "", ending


def _note(source: str, chosen: Sequence[Placed], left: Sequence[Placed]) -> str:
    read, others = (" and ".join(sorted({_label(file) for file in files})) for files in (chosen, left))
    if not left and len({re.sub(r"\d+", "", _label(file)) for file in chosen}) < 2:
        return ""
    rest = f", left out: {len(left)} ({others:.200})" if left else " together"
    return f"{source}: files read: {len(chosen)} ({read:.200}){rest}"


def _label(file: Placed) -> str:
    return " ".join(filter(None, [file.config, file.split])) or file.name


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) if name else "'' (the top folder)" for name in names[:_SHOWN]) or "none"
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


def _is_glob(pattern: str) -> bool:
    return any(sign in pattern for sign in "*?[")
