"""The Python environment of Axolotl: where it is, how it is made, which versions it has.

Axolotl pins nearly all of its dependencies, so it has an environment of its own and runs as a subprocess.
"""

import fcntl
import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from stages.core.errors import UserError
from stages.training.torch_build import install, uv_command

REQUIREMENTS = ("axolotl==0.19.0", "torch==2.13.0")
CONSTRAINTS = Path(__file__).with_name("constraints.txt")
"""All dependencies of Axolotl, for Python 3.11 to 3.13 on Linux, with hashes (none for torch, which has many
builds)."""
MARK = "seqit-environment"
"""A file in an environment that seqit makes: the hash of its requirements, empty until they are installed."""
MADE_BY = "`make env-train` makes it (in a project without a Makefile `seqit env-train`)"
_VERSIONS = """
import json, sys
from importlib.metadata import PackageNotFoundError, version
versions = {}
for name in sys.argv[1:]:
    try:
        versions[name] = version(name)
    except PackageNotFoundError:
        pass
print(json.dumps(versions))
"""


def training_python(environment: str | None) -> Path:
    """The Python of `train.environment`; a relative folder that is not there is made first.

    environment: a folder, a Python, or None for the environment of seqit itself. A folder that seqit made and whose
    requirements have changed since is updated; others are never changed. Raises UserError where there is no Python,
    and where the environment can't be made.
    """
    if environment is None:
        return Path(sys.executable)
    place = Path(environment)
    if not place.is_absolute() and (not place.exists() or (place / MARK).is_file()):
        make(place)
    python = place / "bin" / "python" if place.is_dir() else place
    if not python.is_file():
        raise UserError(
            f"params.yaml: train.environment: {environment}: holds no bin/python; name an environment that has "
            "Axolotl, or .venv-train, which seqit makes"
        )
    return python.absolute()


def versions(python: Path, names: tuple[str, ...]) -> dict[str, str]:
    """The versions of the packages `names` that `python` would import. Raises UserError where one is missing."""
    try:
        # From another folder: -c puts the current one first, whose folders could hide the packages.
        done = subprocess.run(
            [str(python), "-c", _VERSIONS, *names],
            capture_output=True,
            text=True,
            errors="replace",
            check=True,
            cwd="/",
        )
        known: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.CalledProcessError, ValueError, IndexError) as error:
        raise UserError(f"{python}: does not run as a Python ({type(error).__name__}); {MADE_BY}") from None
    if missing := [name for name in names if name not in known]:
        raise UserError(f"{python}: has no {' and no '.join(missing)}, which training needs; {MADE_BY}")
    return known


def make(folder: Path) -> None:
    """Make the environment, or update it; nothing is done if it is up to date. Raises UserError if that fails."""
    wanted = _wanted()
    if _up_to_date(folder, wanted):
        return
    with open(folder.with_name(f"{folder.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _up_to_date(folder, wanted):
            _install(folder, wanted)


def _wanted() -> str:
    return sha256("\n".join([*REQUIREMENTS, CONSTRAINTS.read_text("utf-8")]).encode()).hexdigest()


def _up_to_date(folder: Path, wanted: str) -> bool:
    mark = folder / MARK
    return mark.is_file() and mark.read_text("utf-8") == wanted


def _install(folder: Path, wanted: str) -> None:
    print(f"seqit train: making {folder}, the environment of Axolotl (about 3 GB; CUDA's 4 more)", file=sys.stderr)
    python = folder / "bin" / "python"
    if not python.is_file():
        done = subprocess.run([uv_command(), "venv", "--quiet", "--python", sys.executable, str(folder)])
        if done.returncode:
            raise UserError(f"{folder}: can't be made; remove it and run again")
    (folder / MARK).write_text("", "utf-8")
    if not install(python, [*REQUIREMENTS, "--constraints", str(CONSTRAINTS)]):
        raise UserError(
            f"{folder}: Axolotl can't be installed (uv's reason is above); run again with a package index in reach, "
            "or name an environment that has it in train.environment"
        )
    (folder / MARK).write_text(wanted, "utf-8")
