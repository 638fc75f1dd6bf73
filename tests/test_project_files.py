"""CONTRIBUTING, CHANGELOG, CITATION, pre-commit and the workflow file name what exists."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MAKEFILE = (ROOT / "Makefile").read_text()


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def test_the_makefile_names_targets_and_tests_that_exist() -> None:
    phony = re.findall(r"^\.PHONY: (.*)", MAKEFILE, re.MULTILINE)
    assert {name for names in phony for name in names.split()} <= targets()
    assert [path for path in re.findall(r"tests/[\w./]*\w", MAKEFILE) if not (ROOT / path).exists()] == []
    modules = re.findall(r"-m (tests[\w.]+)", MAKEFILE)
    assert [name for name in modules if not (ROOT / f"{name.replace('.', '/')}.py").exists()] == []


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_to_files(name: str) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", (ROOT / name).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_contributing_names_targets_tests_and_packages_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert set(re.findall(r"\bmake ([a-z-]+)", text)) <= targets()
    assert [path for path in re.findall(r"`(tests/[\w./]+)`", text) if not (ROOT / path).exists()] == []
    layers = text.partition("|---|---|")[2].partition("\n\n")[0]
    tokens = {package for name in re.findall(r"`([\w./{},]+)`", layers) for package in expanded(name)}
    packages = {path.parent.relative_to(ROOT / "stages").as_posix() for path in ROOT.glob("stages/*/__init__.py")}
    assert packages - {"evaluation"} <= tokens
    assert [token for token in tokens if "*" not in token and not (ROOT / "stages" / token).exists()] == []


def expanded(name: str) -> list[str]:
    """Braces as a shell expands them: a/{b,c} is a/b and a/c."""
    head, brace, rest = name.partition("{")
    inside, _, tail = rest.partition("}")
    return [f"{head}{part}{tail}" for part in inside.split(",")] if brace else [name]


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation.keys() >= {"cff-version", "message", "title", "authors", "version", "license"}
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])
    assert f"## {PROJECT['version']}\n" in (ROOT / "CHANGELOG.md").read_text()


def test_hooks_run_what_make_lint_runs() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    assert all(repository["repo"] == "local" for repository in config["repos"])
    programs = {Path(hook["entry"].split()[0]).name for hook in hooks}
    assert set(re.findall(r"\$\(BIN\)/(ruff|mypy|lint-imports)", MAKEFILE)) <= programs


def test_the_workflow_runs_every_supported_python() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    pythons = workflow["jobs"]["core"]["strategy"]["matrix"]["python"]
    classifiers = [text.rpartition(" ")[2] for text in PROJECT["classifiers"] if "Python :: 3." in text]
    assert pythons == classifiers
    steps = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    assert {name for run in steps for name in re.findall(r"make ([a-z-]+)", run)} <= targets()
    assert ".ci/run" in steps
