"""Installs torch in the build that fits this machine: the CPU build where there is no GPU."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from configparser import ConfigParser, Error
from pathlib import Path

from stages.core.errors import UserError

CPU_WHEELS = "torch-*+cpu-cp{}{}-*.whl"
NEXT = {
    "--find-links": "PyTorch's own index",
    "--torch-backend": "the package index, whose build has CUDA and is downloaded with 2.7 GB",
}


def install(python: Path, requirements: Sequence[str]) -> bool:
    """Install `requirements`, torch among them, into the environment of `python`; returns whether that succeeded.

    Tried in this order: without a GPU, a folder of local wheels that pip is configured with and that has a CPU build
    for this Python; the index of PyTorch that uv chooses by the GPU; the package index, whose torch is the CUDA build.
    Raises UserError where uv is missing.
    """
    command = [uv_command(), "pip", "install", "--quiet", "--system-certs", "--python", str(python), *requirements]
    for options in (choices := list(torch_options())):
        last = options is choices[-1]
        # Errors of a try that another one follows are not shown.
        if not subprocess.run([*command, *options], stderr=None if last else subprocess.DEVNULL).returncode:
            return True
        if not last:
            print(f"seqit: no torch by {' '.join(options)}; trying {NEXT[options[0]]}", file=sys.stderr)
    return False


def uv_command() -> str:
    """The path of uv in this environment, or on the PATH. Raises UserError where there is none."""
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.is_file() else shutil.which("uv")
    if uv is None:
        raise UserError("uv: not installed, which makes environments with torch; `pip install uv`")
    return uv


def torch_options() -> Iterator[list[str]]:
    """The options of uv for each try, best first."""
    if not has_gpu() and (folder := cpu_wheels(wheel_folders(os.environ))):
        yield ["--find-links", str(folder)]
    if "UV_TORCH_BACKEND" not in os.environ:
        yield ["--torch-backend", "auto" if has_gpu() else "cpu"]
    yield []


def has_gpu() -> bool:
    """Whether a driver of NVIDIA or AMD is installed."""
    return any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/kfd")) or bool(shutil.which("nvidia-smi"))


def cpu_wheels(folders: Sequence[Path]) -> Path | None:
    """The first of `folders` with a CPU build of torch for this Python; None for none."""
    pattern = CPU_WHEELS.format(*sys.version_info[:2])
    return next((folder for folder in folders if any(folder.glob(pattern))), None)


def wheel_folders(environment: Mapping[str, str]) -> list[Path]:
    """The local folders in which pip and uv look for wheels (find-links), those of environment variables first."""
    texts = [environment.get(name, "") for name in ("UV_FIND_LINKS", "PIP_FIND_LINKS")]
    home = Path(environment.get("HOME", "/nonexistent"))
    files = [Path("/etc/pip.conf"), home / ".pip/pip.conf", home / ".config/pip/pip.conf", Path(sys.prefix, "pip.conf")]
    if "PIP_CONFIG_FILE" in environment:
        files = [Path(environment["PIP_CONFIG_FILE"])]
    config = ConfigParser(interpolation=None)
    try:
        config.read(files, "utf-8")
    except (Error, UnicodeDecodeError):
        config.clear()
    texts += [config.get(section, "find-links", fallback="") for section in ("install", "global")]
    names = [name.removeprefix("file://") for text in texts for name in text.replace(",", " ").split()]
    return [folder for name in names if (folder := Path(name)).is_dir()]


def main() -> None:
    """`python -m stages.training.torch_build PYTHON ARGUMENTS…`, with the arguments of `uv pip install`."""
    if not install(Path(sys.argv[1]), sys.argv[2:]):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
