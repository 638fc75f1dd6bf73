"""dvc.yaml, params.yaml, the commands and what they import agree."""

import ast
import json
import re
from functools import cache, reduce
from pathlib import Path

import pytest
import yaml

from stages.__main__ import COMMANDS
from stages.core import registry
from stages.params import Params, load
from stages.params.profiles import MARK

ROOT = Path(__file__).resolve().parents[1]
STAGES = ROOT / "stages"
GRAPH = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
BODIES = {name: stage.get("do", stage) for name, stage in GRAPH.items()}

# Loaded by every command and not in its deps.
SHARED = {"__init__", "core", "params"}
BENCHMARKS = ("evaluation/benchmarks", "evaluation/metrics", "verified")
INFERENCE = ("inference", "model_files", "reply_store", "reasoning")
# Not part of the graph: run by hand.
BY_HAND = {"check", "diff", "eval", "label", "new", "plan", "replies", "reproduce", "seeds", "show", "sign", "verify"}


# Modules with several commands: the module names what another of its commands reads.
ONE_COMMAND = {
    "ingest_corpus", "augment_rules", "augment_aligned", "augment_captions", "index_benchmarks",
    "index_benchmarks_corpus",
}  # fmt: skip
ENTRY = '"$DVC_STAGE"'
"""How a command gets the name of its entry."""


def commands_of(body: dict) -> list[str]:
    return body["cmd"] if isinstance(body["cmd"], list) else [body["cmd"]]


def modules_of(body: dict) -> list[str]:
    return [re.match(r"python -m stages\.(\w+)", command)[1] for command in commands_of(body)]


def module_of(body: dict) -> str:
    """The one that makes what the stage is for."""
    return modules_of(body)[0]


def section_of(name: str) -> str:
    """The section of params.yaml whose entries a stage is made for."""
    return GRAPH[name].get("foreach", "${}")[2:-1]


@cache
def imports(path: Path) -> frozenset[Path]:
    """The files of stages/ that a file imports, at the top, inside a function or through a registry."""
    tree = ast.parse(path.read_text())
    found = set(registered(tree)) if "params" not in path.parts else set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("stages"):
            for alias in node.names:
                # `from stages.training import launch` uses a module of the package, not what the package itself offers.
                found.update(files_of(f"{node.module}.{alias.name}") or files_of(node.module))
        elif isinstance(node, ast.Import):
            found.update(f for alias in node.names if alias.name.startswith("stages") for f in files_of(alias.name))
    return frozenset(found)


def registered(tree: ast.Module) -> list[Path]:
    """The implementations in the registries that a module uses, except engines: a stage depends on the chosen one."""
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names = {getattr(node, "id", getattr(node, "attr", "")) for node in ast.walk(tree)}
    if modules.isdisjoint({"stages.core", "stages.core.registry"}):
        return []
    if names.isdisjoint({"registry", "implementation", "Implementations"}):
        return []
    used = names & {"BENCHMARKS", "JUDGES", "CHAINS", "CORPUS_FORMATS"}
    entries = [entry for name in used for entry in getattr(registry, name).values()]
    return [file for entry in entries for file in files_of(entry.implementation.partition(":")[0])]


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
def test_what_a_command_loads_is_in_its_deps(name: str) -> None:
    deps = [ROOT / str(dep) for dep in BODIES[name]["deps"]]
    modules = {STAGES / f"{module}.py" for module in modules_of(BODIES[name])}
    missing = [
        str(file.relative_to(ROOT))
        for file in sorted(modules.union(*map(loaded, modules)))
        if file.relative_to(STAGES).parts[0].removesuffix(".py") not in SHARED
        and not any(dep == file or dep in file.parents for dep in deps)
        and not allowed(name, file)
    ]
    assert missing == []


def allowed(name: str, file: Path) -> bool:
    """A module with two commands: each stage depends on the packages of its own command."""
    unused = {
        "ingest_corpus": BENCHMARKS, "ingest_benchmark": ("corpora",), "index_benchmarks_corpus": BENCHMARKS,
        "fetch_corpus": ("model_files",),
        **dict.fromkeys(("augment_rules", "augment_aligned", "augment_captions"), INFERENCE),
    }.get(name, ())  # fmt: skip
    # Benchmarks load what reads a download; only `ingest` calls it.
    reads = ("readers",) if not name.startswith("ingest") else ()
    return any(file.is_relative_to(STAGES / package) for package in (*unused, *reads))


@pytest.mark.parametrize("name", BODIES)
def test_params_that_a_command_reads_are_in_its_params(name: str) -> None:
    source = "".join((STAGES / f"{module}.py").read_text() for module in modules_of(BODIES[name]))
    read = set(re.findall(r"\b(?:params|load\(\))\.(\w+)", source)) - {"load"}
    known = {key: field.alias or key for key, field in Params.model_fields.items()}
    if BODIES[name]["params"] == [{"params.yaml": None}]:
        return  # the whole file: any section may be absent, and DVC refuses a stage that names one which is
    declared = {str(p).partition(".")[0] for p in BODIES[name]["params"]}
    assert declared <= set(known.values())
    # decontaminate takes the order of benchmarks from `ingest`, which DVC does not compare.
    order = {"ingest"} if name == "decontaminate" else set()
    assert {known[key] for key in read & known.keys()} - declared - order == set() or name in ONE_COMMAND


@pytest.mark.parametrize("name", [name for name in GRAPH if "foreach" in GRAPH[name]])
def test_a_stage_depends_on_its_entry_and_its_commands_get_its_name(name: str) -> None:
    assert f"{section_of(name)}.${{key}}" in BODIES[name]["params"]
    for command in commands_of(BODIES[name]):
        assert {ENTRY, ENTRY[:-1] + '.pairs"'} & set(command.split()), command


@pytest.mark.parametrize("name", BODIES)
def test_an_artifact_is_validated_by_the_stage_that_makes_it(name: str) -> None:
    """Everything that later stages read by its receipt: the receipt is an output of the same stage."""
    outs = set(outs_of(BODIES[name]))
    expected, suites = set(), set()
    for command in commands_of(BODIES[name])[1:]:
        folder, *artifacts, option, suite = command.split()[3:]
        assert option == "--suite"
        suites.add(f"schemas/{suite}.json")
        for artifact in (one.strip('"').replace("$DVC_STAGE", "${key}") for one in artifacts):
            made = f"data/{folder}/{artifact}"
            assert made in outs or f"{made}.jsonl" in outs
            expected.add(f"data/validated/{folder}/{artifact}{'' if made in outs else '.json'}")
    # Rounds are validated by the command itself, each before the next one reads it.
    for folder in re.findall(r'write_receipts\(\[\w+\], "(\w+)"', module_source(module_of(BODIES[name]))):
        assert f"data/{folder}/${{key}}" in outs
        suites.add(f"schemas/{folder}.json")
        expected.add(f"data/validated/{folder}/${{key}}")
    assert {out for out in outs if out.startswith("data/validated/")} == expected
    assert {dep for dep in BODIES[name]["deps"] if str(dep).startswith("schemas/")} == suites
    assert ("validate" in BODIES[name]["params"]) == bool(expected)


def test_every_receipt_that_is_read_is_made() -> None:
    made = {out for body in BODIES.values() for out in outs_of(body)}
    read = {str(dep) for body in BODIES.values() for dep in body["deps"] if str(dep).startswith("data/validated/")}
    folders = {artifact.partition("/")[0] for artifact in load(ROOT / "stages/profiles/full.yaml").artifacts()}
    paths = {folder: f"data/validated/{folder}/${{key}}" for folder in folders}
    assert [folder for folder, path in paths.items() if path not in made and f"{path}.json" not in made] == []
    assert [path for path in read if "${" not in path and not any(out.startswith(path) for out in made)] == []


@pytest.mark.parametrize("name", BODIES)
def test_every_stage_is_described(name: str) -> None:
    assert BODIES[name]["desc"]


def test_every_command_is_a_stage() -> None:
    modules = {module for body in BODIES.values() for module in modules_of(body)}
    assert modules == set(COMMANDS) - BY_HAND
    others = {"__init__", "__main__"}
    assert {path.stem for path in STAGES.glob("*.py")} == (set(COMMANDS) | others) - {"params"}


def test_the_graph_is_small() -> None:
    """Each stage costs time in a run with nothing to do, as DVC parses params.yaml for it. No section: no stage."""
    values = yaml.safe_load((ROOT / "stages/profiles/full.yaml").read_text())
    sections = [section_of(name).split(".") for name in GRAPH]
    entries = [
        reduce(lambda place, key: place.get(key, {}), keys, values) if keys != [""] else [None] for keys in sections
    ]
    assert sum(map(len, entries)) <= 60
    lines = (ROOT / "dvc.yaml").read_text().splitlines()
    assert len(lines) <= 580 and max(map(len, lines)) <= 120


def test_a_stage_is_named_like_its_command() -> None:
    for name, body in BODIES.items():
        assert f"{name}_".startswith(f"{module_of(body)}_")


@pytest.mark.parametrize("name", sorted(set(COMMANDS)))
def test_commands_are_thin(name: str) -> None:
    lines = (STAGES / f"{name}.py").read_text().splitlines()
    assert len(lines) <= 66


def outs_of(body: dict) -> list[str]:
    """The paths of a stage's outputs; one with options is a mapping of its path to them."""
    return [path for out in body.get("outs", []) for path in ([out] if isinstance(out, str) else out)]


def test_metrics_are_small_files_in_git_not_in_the_cache() -> None:
    for body in BODIES.values():
        for out in body.get("outs", []):
            path = next(iter(out)) if isinstance(out, dict) else out
            if path.startswith("data/published_models/"):  # weights, linked to those of models/
                assert out == {path: {"cache": False}}
                continue
            small = path.startswith(("data/metrics/", "data/evaluated/", "data/report/picture", "data/report/figures"))
            assert isinstance(out, dict) == small and (not small or out[path] == {"cache": False}), out


def test_dvc_compares_experiments_by_one_file() -> None:
    metrics = [metric for body in BODIES.values() for metric in body.get("metrics", [])]
    assert metrics == [{"data/report/metrics.json": {"cache": False}}]


def test_every_command_that_calls_a_model_has_its_replies_in_its_metrics() -> None:
    asking = {
        module for module in COMMANDS if re.search(r"inference.connect import (.*, )?connect\n", module_source(module))
    }
    assert {"predict", "augment", "evaluate", "judge_agreement"} <= asking
    for module in asking:
        assert re.search(r"\b(complete|meter)\.(summary|take)\b", module_source(module)), module
    for body in BODIES.values():
        written = " ".join(outs_of(body))
        assert module_of(body) not in asking or "data/metrics/" in written or "data/evaluated/" in written, body


def module_source(module: str) -> str:
    return (STAGES / f"{module}.py").read_text()


def test_what_the_graph_reads_is_what_params_names() -> None:
    params = load(ROOT / "stages/profiles/full.yaml")
    folders = {artifact.partition("/")[0] for artifact in params.artifacts()}
    outs = {out.split("/")[1] for body in BODIES.values() for out in outs_of(body) if out.startswith("data/")}
    assert folders <= outs


@pytest.mark.parametrize("profile", sorted((STAGES / "profiles").glob("*.yaml")), ids=lambda path: path.stem)
def test_profiles_have_the_keys_of_the_full_one(profile: Path) -> None:
    assert set(yaml.safe_load(profile.read_text())) == set(
        yaml.safe_load((ROOT / "stages/profiles/full.yaml").read_text())
    )
    load(profile)


def test_the_committed_params_are_the_embedded_profile() -> None:
    assert MARK in (ROOT / "params.yaml").read_text()
    assert sorted(path.name for path in (STAGES / "profiles").iterdir()) == ["full.yaml", "paper.yaml"]


def test_steps_that_schemas_expect_are_those_that_the_code_writes() -> None:
    """Rows keep the names of steps for good, also where a command gets another name."""
    code = "".join(path.read_text() for path in STAGES.rglob("*.py"))
    written = set(re.findall(r"""(?:stage=|Step\()"(\w+)\"""", code))
    for path in sorted((ROOT / "schemas").glob("*.json")):
        for expectation in json.loads(path.read_text()).get("expectations", []):
            if expectation["kwargs"].get("column") == "step.stage" and "value_set" in expectation["kwargs"]:
                assert set(expectation["kwargs"]["value_set"]) <= written, path.name
