"""Whether what an engine needs is installed, told in one line where it is not."""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from stages.core.errors import UserError


def demand(package: str, wanted: str, engine: str) -> None:
    """Raise UserError unless `package` is installed, in the version that params.yaml names ("" for any)."""
    if find_spec(package) is None:
        raise UserError(
            f"engine {engine}: the package {package} is not installed here; on a GPU install {package}"
            f"{f'=={wanted}' if wanted else ''}, on a CPU `make test-engines` makes .venv-engines, which has it"
        )
    found = _version(package)
    if wanted and found != wanted:
        raise UserError(
            f"params.yaml: engine {engine}: version is {wanted}, installed is {package} {found}; set it to {found}, "
            "and what is asked will be asked of that one"
        )


def require_local(user: str = "engine transformers") -> None:
    """Raise UserError, which names `user`, unless the extra `local` is installed: torch and Transformers."""
    if missing := [package for package in ("torch", "transformers") if find_spec(package) is None]:
        raise UserError(
            f"{user}: the package {missing[0]} is not installed here; `make env-local` installs it (outside a checkout "
            "`pip install 'seqit[local]'`)"
        )


def _version(package: str) -> str:
    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return "of no known version"
