"""Import Great Expectations without the parts that are not used here: 3 s and 160 MB instead of 8 s and 290 MB."""

import importlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType
from typing import Any

OPTIONAL = ("azure", "boto3", "botocore", "google", "chardet")
"""Cloud clients and a text detector: Great Expectations imports each in a try and works without it."""
LATER = ("altair", "scipy.stats")
"""Needed by a few expectations (histogram charts, distribution tests): loaded when an attribute is first used."""


class _ReducedImport(MetaPathFinder):
    """An import hook: modules of OPTIONAL are not found, those of LATER are loaded when they are used."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a lazy module, None for a module that other finders handle. Raises ModuleNotFoundError."""
        if fullname in OPTIONAL:
            raise ModuleNotFoundError(f"{fullname} is not imported by validation", name=fullname)
        spec = PathFinder.find_spec(fullname, path, target) if fullname in LATER else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


def great_expectations() -> Any:
    """The great_expectations package."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    # Its own messages are none for users, whatever level another library of the process has given the root logger.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    with _reduced_import():
        package = importlib.import_module("great_expectations")
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)  # the import sets INFO
    return package


@contextmanager
def _reduced_import() -> Iterator[None]:
    """While this lasts, imports go through `_ReducedImport`; modules that are loaded already are not affected."""
    finder = _ReducedImport()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
