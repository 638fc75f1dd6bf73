"""List the files of a Python package in the environment, so that a sandbox contains these and no others."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from stages.evaluation.benchmarks.program_outcomes import NoSandbox


def folders(names: Iterable[str]) -> dict[str, Path]:
    """Name in site-packages -> its path, for the packages and their requirements.

    Raises NoSandbox for a package that is not installed.
    """
    places: dict[str, Path] = {}
    waiting, known = list(names), set[str]()
    while waiting:
        name = waiting.pop()
        if name.lower() not in known:
            known.add(name.lower())
            places |= _tops(name)
            waiting += _needs(name)
    return places


def _tops(name: str) -> dict[str, Path]:
    try:
        package = distribution(name)
    except (PackageNotFoundError, ValueError):
        reason = f"{name!r:.60} is not installed; install it, or remove it from evaluate.sandbox.packages"
        raise NoSandbox(reason) from None
    tops = {file.parts[0] for file in package.files or () if ".." not in file.parts and not file.is_absolute()}
    return {top: Path(str(package.locate_file(top))).resolve() for top in sorted(tops) if not top.startswith("__")}


def _needs(name: str) -> list[str]:
    needs = map(Requirement, distribution(name).requires or ())
    return [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
