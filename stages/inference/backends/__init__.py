"""The engines of params.yaml: one package each, named in `BACKENDS` and imported when an entry uses it."""

from importlib import import_module

from stages.core.errors import UserError
from stages.inference.engine_interface import Backend

BACKENDS = {
    "embedded": "stages.inference.backends.embedded.engine",
    "transformers": "stages.inference.backends.transformers.engine",
    "openai": "stages.inference.backends.openai.engine",
    "vllm": "stages.inference.backends.vllm.engine",
    "ray": "stages.inference.backends.ray.engine",
    "scripted": "stages.inference.backends.scripted.engine",
}
"""Name in params.yaml -> module with a `BACKEND`. A package imports nothing of another one."""


def load_backend(name: str) -> Backend:
    """The backend of an engine's name. Raises UserError for a name that is not in `BACKENDS`."""
    if name not in BACKENDS:
        raise UserError(f"params.yaml: engine {name!r} is unknown; known are {', '.join(sorted(BACKENDS))}")
    backend: Backend = import_module(BACKENDS[name]).BACKEND
    return backend
