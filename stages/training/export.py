"""A finished model as a directory that holds what inference needs and nothing else, whole or not there at all."""

import shutil
from pathlib import Path
from typing import Any

from stages.core import artifacts
from stages.core.atomic_write import replacing_folder
from stages.core.errors import UserError
from stages.core.records import digest

BASE_FILES = (
    "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "processor_config.json", "preprocessor_config.json",
)  # fmt: skip
"""What inference needs beside weights, configuration and chat template, all as the base model has it.

Not Axolotl's copies: its config.json turns the cache of keys and values off, its generation_config.json sampling on.
"""


def deliver(run: str, trained: Path, base: Path, template: str, out: Path) -> str:
    """Put the weights in `trained` into `out`, the rest from `base`; returns the hash of the weights."""
    with replacing_folder(out) as folder:
        for source in sorted(trained.glob("model*.safetensors*")):
            shutil.copyfile(source, folder / source.name)
        dtype = artifacts.read_json(trained / "config.json", dict[str, Any]).get("dtype")
        config = artifacts.read_json(base / "config.json", dict[str, Any])
        artifacts.write_json(folder / "config.json", {**config, "dtype": dtype})
        _complete(run, base, template, folder, hashed := weights_hash(folder))
    return hashed


def render(run: str, config: str, identity: str, base: Path, template: str, out: Path) -> None:
    """Put the base model into `out` unchanged, with the Axolotl configuration (YAML) that would train it."""
    with replacing_folder(out) as folder:
        for source in sorted(path for path in base.iterdir() if path.is_file()):
            shutil.copyfile(source, folder / source.name)
        artifacts.write_text(folder / "axolotl.yml", config)
        _complete(run, base, template, folder, identity)


def _complete(run: str, base: Path, template: str, folder: Path, hashed: str) -> None:
    for name in BASE_FILES:
        if (base / name).is_file():
            shutil.copyfile(base / name, folder / name)
    artifacts.write_text(folder / "chat_template.jinja", template)
    artifacts.write_json(folder / "reference.json", {"reference": f"trained:{run}", "identity": f"trained:{hashed}"})


def weights(directory: Path) -> list[Path]:
    """The files with a model's weights. Raises UserError if there are none."""
    if not (found := sorted(directory.glob("*.safetensors"))):
        raise UserError(f"{directory}: has no weights (*.safetensors); fetch the model again")
    return found


def weights_hash(directory: Path) -> str:
    """SHA-256 of a model's weights; of their hashes where they are in several files."""
    hashes = [artifacts.sha256(path) for path in weights(directory)]
    return hashes[0] if len(hashes) == 1 else digest(hashes)


def contents_hash(directory: Path) -> str:
    """SHA-256 of everything in a model's directory but where it says it comes from."""
    files = sorted(path for path in directory.iterdir() if path.is_file() and path.name != "reference.json")
    return digest([[path.name, artifacts.sha256(path)] for path in files])
