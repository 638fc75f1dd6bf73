"""What a command imports before it does anything: counted by modules, since seconds depend on the machine."""

import subprocess
import sys

import pytest

from stages.__main__ import COMMANDS

HEAVY = (
    "torch", "transformers", "datasets", "great_expectations", "pandas", "polars", "scipy", "sklearn", "pyarrow",
    "numpy", "openvino_genai", "openvino", "dvc", "huggingface_hub.hf_api", "aiohttp", "lm_eval", "fsspec",
)  # fmt: skip
"""Each takes 0.1 to 7 s; a command imports it when it comes to need it."""


def heavy_modules_of(module: str) -> list[str]:
    code = f"import sys, {module}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("module", ["__main__", "core.cli", "params", *sorted(COMMANDS)])
def test_a_command_is_imported_without_heavy_packages(module: str) -> None:
    assert heavy_modules_of(f"stages.{module}") == []


def test_help_imports_no_params_and_no_command() -> None:
    code = "import sys, stages.__main__; print(*(name for name in sys.modules if name.startswith('stages.')))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {name for name in found if name.startswith(("stages.params", "stages.inference.connect"))}
