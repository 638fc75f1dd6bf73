"""A trained model as a directory with exactly the files that inference needs; it appears whole or not at all."""

import os
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
"""Files besides weights, configuration and chat template; taken from the base model.

Axolotl's copies differ: its config.json disables the KV cache, its generation_config.json enables sampling.
"""


def export_trained(run: str, trained: Path, base: Path, template: str, out: Path) -> str:
    """Write `out`: the weights from `trained`, other files from `base`; returns the SHA-256 of the weights."""
    with replacing_folder(out) as folder:
        for source in sorted(trained.glob("model*.safetensors*")):
            _move_contents(source, folder / source.name)
        dtype = artifacts.read_json(trained / "config.json", dict[str, Any]).get("dtype")
        config = artifacts.read_json(base / "config.json", dict[str, Any])
        artifacts.write_json(folder / "config.json", {**config, "dtype": dtype})
        weights_sha256 = weights_hash(folder)
        _add_base_files(run, base, template, folder, weights_sha256)
    return weights_sha256


def _move_contents(source: Path, target: Path) -> None:
    """Give the contents of a file a second name, without writing them again where both are on one file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def export_base(run: str, config: str, identity: str, base: Path, template: str, out: Path) -> None:
    """Write `out`: the base model unchanged, with the Axolotl configuration (YAML) that would train it."""
    with replacing_folder(out) as folder:
        for source in sorted(path for path in base.iterdir() if path.is_file()):
            shutil.copyfile(source, folder / source.name)
        artifacts.write_text(folder / "axolotl.yml", config)
        _add_base_files(run, base, template, folder, identity)


def _add_base_files(run: str, base: Path, template: str, folder: Path, identity: str) -> None:
    for name in BASE_FILES:
        if (base / name).is_file():
            shutil.copyfile(base / name, folder / name)
    artifacts.write_text(folder / "chat_template.jinja", template)
    artifacts.write_json(folder / "reference.json", {"reference": f"trained:{run}", "identity": f"trained:{identity}"})


def weights(directory: Path) -> list[Path]:
    """A model's weight files, by name. Raises UserError if there are none."""
    if not (paths := sorted(directory.glob("*.safetensors"))):
        raise UserError(f"{directory}: has no weights (*.safetensors); fetch the model again")
    return paths


def weights_hash(directory: Path) -> str:
    """SHA-256 of a model's weight file, or of the hashes of several."""
    hashes = [artifacts.sha256(path) for path in weights(directory)]
    return hashes[0] if len(hashes) == 1 else digest(hashes)


def contents_hash(directory: Path) -> str:
    """SHA-256 over all files of a model's directory except reference.json."""
    files = sorted(path for path in directory.iterdir() if path.is_file() and path.name != "reference.json")
    return digest([[path.name, artifacts.sha256(path)] for path in files])
