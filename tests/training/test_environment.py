"""Where Axolotl runs: an environment that is named, one that is made, and the message where neither can be."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.core.errors import UserError
from stages.training import environment
from stages.training.environment import MARK, training_python, versions
from stages.training.torch_build import cpu_wheels, has_gpu, torch_options, wheel_folders

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def project(tmp_path: Path) -> Iterator[Path]:
    """An empty folder to be in, and variables that may be changed."""
    before, variables = Path.cwd(), dict(os.environ)
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)
    os.environ.clear()
    os.environ.update(variables)


def fake(folder: Path, prints: str) -> Path:
    """An environment whose Python prints one line."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text(f"#!/bin/sh\necho '{prints}'\n")
    (folder / "bin" / "python").chmod(0o755)
    return folder


def test_nothing_named_is_the_environment_that_seqit_is_in() -> None:
    assert training_python(None) == Path(sys.executable)


def test_a_folder_or_a_python_of_the_users_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = fake(tmp_path / "cluster", '{"axolotl": "0.21.0", "torch": "2.14.1+cu130"}')
    for named in ("cluster", str(folder), str(folder / "bin" / "python")):
        python = training_python(named)
        assert python == folder / "bin" / "python"
        assert versions(python, ("axolotl", "torch")) == {"axolotl": "0.21.0", "torch": "2.14.1+cu130"}
    assert [path.name for path in folder.iterdir()] == ["bin"]


@pytest.mark.parametrize("name", ["absolute", "folder", "file"])
def test_where_there_is_no_python_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    named = {"absolute": "/nonexistent/axolotl", "folder": "folder", "file": f"{tmp_path}/python"}[name]
    with pytest.raises(UserError, match=r"^params\.yaml: train\.environment: .*holds no bin/python") as message:
        training_python(named)
    assert "\n" not in str(message.value)


@pytest.mark.parametrize(
    ("prints", "complaint"),
    [
        ('{"torch": "2.13.0"}', r"has no axolotl, which training needs; `make env-train`"),
        ("{}", "has no axolotl and no torch, which training needs"),
        ("Segmentation fault", "does not run as a Python"),
        ("", "does not run as a Python"),
    ],
)
def test_an_environment_without_axolotl_says_what_makes_one(tmp_path: Path, prints: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        versions(training_python(str(fake(tmp_path / "other", prints))), ("axolotl", "torch"))


def test_versions_are_those_of_the_environment_and_not_of_the_folder_one_is_in(tmp_path: Path) -> None:
    (tmp_path / "pytest-99.dist-info").mkdir()
    (tmp_path / "pytest-99.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: pytest\nVersion: 99\n")
    assert versions(Path(sys.executable), ("pytest",)) == {"pytest": pytest.__version__}


OFFLINE = {"UV_OFFLINE": "1", "UV_NO_CONFIG": "1", "PIP_CONFIG_FILE": "/dev/null"}
MAKE = "import sys; from stages.__main__ import main; sys.argv = ['seqit', 'env-train']; main()"


def test_what_can_not_be_downloaded_is_one_line_and_tried_again(tmp_path: Path) -> None:
    variables = {name: value for name, value in os.environ.items() if not name.endswith("FIND_LINKS")}
    variables |= {**OFFLINE, "UV_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", MAKE], env=variables, capture_output=True, text=True)
        assert done.returncode == 2 and "Traceback" not in done.stderr
        assert ".venv-train: Axolotl can't be installed" in done.stderr.splitlines()[-1]
        assert (tmp_path / ".venv-train" / MARK).read_text() == ""


def test_an_environment_that_is_up_to_date_is_left_alone(tmp_path: Path) -> None:
    folder = fake(tmp_path / ".venv-train", "{}")
    (folder / MARK).write_text(environment._wanted())
    assert training_python(".venv-train") == folder / "bin" / "python"
    assert not list(tmp_path.glob("*.lock"))


# ---------------------------------------------------------------- the build of torch


def test_local_wheels_are_found_where_pip_finds_them(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("uv", "one", "two", "home", "file")}
    for folder in folders.values():
        folder.mkdir()
    (tmp_path / "home" / ".config" / "pip").mkdir(parents=True)
    config = tmp_path / "home" / ".config" / "pip" / "pip.conf"
    config.write_text(
        f"[global]\nextra-index-url = x%y\nfind-links =\n    {folders['file']}\n    {tmp_path}/not-there\n"
    )
    pip = f"{folders['one']} file://{folders['two']}"
    variables = {"UV_FIND_LINKS": str(folders["uv"]), "PIP_FIND_LINKS": pip, "HOME": str(folders["home"])}
    result = wheel_folders(variables)
    assert result[:3] == [folders["uv"], folders["one"], folders["two"]] and folders["file"] in result
    assert wheel_folders(variables | {"PIP_CONFIG_FILE": str(config)})[-1] == folders["file"]
    assert folders["file"] not in wheel_folders(variables | {"PIP_CONFIG_FILE": "/dev/null"})
    config.write_bytes(b"\xff[")
    assert wheel_folders(variables)[:3] == result[:3]


@pytest.mark.parametrize(
    ("wheel", "fits"),
    [
        ("torch-2.13.0+cpu-cp{}-cp{}-manylinux_2_28_x86_64.whl", True),
        ("torch-2.13.0-cp{}-cp{}-manylinux_2_28_x86_64.whl", False),  # CUDA's
        ("torch-2.13.0+cpu-cp39-cp39-manylinux_2_28_x86_64.whl", False),
        ("torchvision-0.28.0+cpu-cp{}-cp{}-linux_x86_64.whl", False),
    ],
)
def test_a_cpu_build_for_this_python_is_taken_from_local_wheels(tmp_path: Path, wheel: str, fits: bool) -> None:
    tag = f"{sys.version_info[0]}{sys.version_info[1]}"
    (tmp_path / wheel.replace("{}", tag)).touch()
    assert cpu_wheels([tmp_path / "none", tmp_path]) == (tmp_path if fits else None)


def test_the_package_index_comes_last(tmp_path: Path) -> None:
    tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    (tmp_path / f"torch-2.13.0+cpu-{tag}-{tag}-linux_x86_64.whl").touch()
    os.environ |= {"UV_FIND_LINKS": str(tmp_path)}
    os.environ.pop("UV_TORCH_BACKEND", None)
    options = list(torch_options())
    backend = ["--torch-backend", "auto" if has_gpu() else "cpu"]
    assert options == [*([] if has_gpu() else [["--find-links", str(tmp_path)]]), backend, []]
    os.environ["UV_TORCH_BACKEND"] = "cu130"  # the user's word goes before
    assert backend not in torch_options()


def test_only_training_makes_the_environment() -> None:
    """A profile without training never downloads Axolotl: no other command comes to the code that makes it."""
    root = Path(__file__).resolve().parents[2]
    makers = {
        path.relative_to(root).as_posix()
        for path in (root / "stages").rglob("*.py")
        if "stages.training.environment" in path.read_text() and path.name != "environment.py"
    }
    training = {"stages/training/axolotl_run.py", "stages/training/qformer_run.py"}
    assert makers == {"stages/__main__.py", *training}
    users = {
        path.stem for path in (root / "stages").glob("*.py")
        if re.search(r"training import .*\baxolotl_run\b|stages\.training\.axolotl_run", path.read_text())
    }  # fmt: skip
    assert users == {"train"}
