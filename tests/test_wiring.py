"""dvc.yaml, params.yaml, the doors and what they import say the same."""

import ast
import re
from functools import cache, reduce
from pathlib import Path

import pytest
import yaml

from stages.__main__ import DOORS
from stages.params import Params, load

ROOT = Path(__file__).resolve().parents[1]
STAGES = ROOT / "stages"
GRAPH = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
BODIES = {name: stage.get("do", stage) for name, stage in GRAPH.items()}

# Loaded by every door and not in its deps: the nouns. A change to one of them that changes what a stage writes shows in
# a room or a door as well; naming them everywhere would re-run a week of generation for a docstring.
NOUNS = {"__init__", "errors", "records", "messages", "jsonl", "atomic", "pictures", "params", "cli", "calibration",
         "compression", "encodings"}  # fmt: skip
# Modules on top that decide what a stage writes, so they are in its deps.
RULES = {"reasoning"}
# Not part of the graph: run by hand.
BY_HAND = {"plan", "replies", "show"}


# Doors with several commands: the door names what another of its commands reads.
ONE_COMMAND = {"ingest_corpus", "augment_rules", "augment_aligned", "augment_captions"}


def door_of(body: dict) -> str:
    return re.match(r"python -m stages\.(\w+)", body["cmd"])[1]


@cache
def imports(path: Path) -> frozenset[Path]:
    """The files of stages/ that a file imports, at the top or inside a function."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("stages"):
            for alias in node.names:
                # `from stages.engines import axolotl` uses a module of the package, not what the package itself offers.
                found.update(files_of(f"{node.module}.{alias.name}") or files_of(node.module))
        elif isinstance(node, ast.Import):
            found.update(f for alias in node.names if alias.name.startswith("stages") for f in files_of(alias.name))
    return frozenset(found)


def files_of(module: str) -> list[Path]:
    base = ROOT / Path(*module.split("."))
    return [p for p in (base.with_suffix(".py"), base / "__init__.py") if p.exists()]


@cache
def loaded(path: Path) -> frozenset[Path]:
    seen: set[Path] = set()
    todo = [path]
    while todo:
        for file in imports(todo.pop()) - seen:
            seen.add(file)
            todo.append(file)
    return frozenset(seen)


@pytest.mark.parametrize("name", BODIES)
def test_what_a_door_loads_is_in_its_deps(name: str) -> None:
    deps = [ROOT / str(dep) for dep in BODIES[name]["deps"]]
    missing = [
        str(file.relative_to(ROOT))
        for file in sorted({STAGES / f"{door_of(BODIES[name])}.py"} | loaded(STAGES / f"{door_of(BODIES[name])}.py"))
        if file.relative_to(STAGES).parts[0].removesuffix(".py") not in NOUNS
        and not any(dep == file or dep in file.parents for dep in deps)
        and not allowed(name, file)
    ]
    assert missing == []


def allowed(name: str, file: Path) -> bool:
    """One door with two commands: each stage depends on the rooms of its own command."""
    other = {
        "ingest_corpus": "benchmarks", "ingest_benchmark": "corpora", "fetch_corpus": "engines",
        "withhold_corpus": "benchmarks",
        **dict.fromkeys(("augment_rules", "augment_aligned", "augment_captions"), "engines"),
    }  # fmt: skip
    # What a model wrote is read by the commands alone that reach one.
    read = other.get(name) == "engines" and file == STAGES / "reasoning.py"
    # What only benchmarks use is read by the commands alone that read or score one.
    read = read or (other.get(name) == "benchmarks" and file.relative_to(STAGES).parts[0] in ("statistics", "verified"))
    # Benchmarks load what reads a download; only `ingest` calls it.
    read = read or (file.is_relative_to(STAGES / "readers") and not name.startswith("ingest"))
    return read or (name in other and file.is_relative_to(STAGES / other[name]))


@pytest.mark.parametrize("name", BODIES)
def test_params_that_a_door_reads_are_in_its_params(name: str) -> None:
    source = (STAGES / f"{door_of(BODIES[name])}.py").read_text()
    read = {part.replace("validation", "validate") for part in re.findall(r"\bparams\.(\w+)", source)} - {"load"}
    known = {field.alias or key for key, field in Params.model_fields.items()}
    declared = {str(p).partition(".")[0] for p in BODIES[name].get("params", [])}
    command = name.partition("_")[0]
    assert declared <= known
    assert (read & known) - declared - in_command(BODIES[name]) - {command} == set() or name in ONE_COMMAND


def in_command(body: dict) -> set[str]:
    """Sections of params.yaml that stand in a stage's command, or in the path of a dependency."""
    texts = [body["cmd"], *map(str, body["deps"])]
    return {section for text in texts for section in re.findall(r"\$\{(\w+)", text)} - {"item", "key"}


@pytest.mark.parametrize("name", [name for name in GRAPH if "foreach" in GRAPH[name] and "validate" not in name])
def test_a_change_of_an_entry_changes_its_stage(name: str) -> None:
    section, body = GRAPH[name]["foreach"][2:-1], BODIES[name]
    in_params = f"{section}.${{key}}" in body.get("params", [])
    in_command = "${item}" in body["cmd"].partition(" && : ")[2]
    entries = reduce(lambda found, key: found[key], section.split("."), PARAMS).values()
    # Where an entry says only what is read, the dependencies say all of it.
    in_deps = {key for entry in entries for key in entry} == {"reads"} and "${item.reads}" in str(body["deps"])
    assert in_params or in_command or in_deps


@pytest.mark.parametrize("name", BODIES)
def test_every_stage_is_described(name: str) -> None:
    assert BODIES[name]["desc"]


def test_every_door_is_a_stage_and_a_command() -> None:
    doors = {door_of(body) for body in BODIES.values()}
    assert doors == set(DOORS) - BY_HAND
    others = NOUNS | RULES | {"__main__", "graph"}
    assert {path.stem for path in STAGES.glob("*.py")} == (set(DOORS) | others) - {"params"}


def test_a_stage_is_named_like_its_door() -> None:
    for name, body in BODIES.items():
        assert name.partition("_")[0] == door_of(body)


@pytest.mark.parametrize("name", sorted(set(DOORS)))
def test_doors_are_thin(name: str) -> None:
    lines = (STAGES / f"{name}.py").read_text().splitlines()
    assert len(lines) <= 60


def test_metrics_are_small_files_in_git_not_in_the_cache() -> None:
    for body in BODIES.values():
        for metric in body.get("metrics", []):
            assert all(options == {"cache": False} for options in metric.values())


def test_every_door_that_asks_a_model_has_its_replies_in_its_metrics() -> None:
    asking = {door for door in DOORS if re.search(r"engines import (.*, )?connect\n", door_source(door))}
    assert {"answer", "augment", "evaluate", "review"} <= asking
    for door in asking:
        assert re.search(r"\b(complete|meter)\.(summary|take)\b", door_source(door)), door
    for name, body in BODIES.items():
        assert door_of(body) not in asking or body["metrics"], name


def door_source(door: str) -> str:
    return (STAGES / f"{door}.py").read_text()


def test_what_the_graph_reads_is_what_params_names() -> None:
    params = load(ROOT / "params.yaml")
    folders = {artifact.partition("/")[0] for artifact in params.artifacts()}
    outs = {str(out).split("/")[1] for body in BODIES.values() for out in body.get("outs", []) if "data/" in str(out)}
    assert folders <= outs


@pytest.mark.parametrize("profile", sorted((STAGES / "profiles").glob("*.yaml")), ids=lambda path: path.stem)
def test_profiles_have_the_keys_of_the_committed_one(profile: Path) -> None:
    assert set(yaml.safe_load(profile.read_text())) == set(yaml.safe_load((ROOT / "params.yaml").read_text()))
    load(profile)


def test_the_committed_params_are_the_embedded_profile() -> None:
    assert (ROOT / "params.yaml").read_bytes() == (STAGES / "profiles" / "embedded.yaml").read_bytes()
