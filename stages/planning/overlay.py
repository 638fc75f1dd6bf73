"""An overlay over a checkout: a temporary folder with links to its files, in which a plan runs commands."""

import contextlib
import hashlib
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stages.core import artifacts, cli
from stages.core.errors import UserError
from stages.params import PARAMS
from stages.validation.receipts import assume_valid

OWN = ("data", "models")
"""Folders that stages write to: created, with a link for each file or model."""
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "config.json")
"""Files of a model that prompts are tokenized by."""
EXCLUDED = (".git", ".dvc", ".seqit", PARAMS.name)


@contextlib.contextmanager
def checkout_overlay(root: Path, params: str) -> Iterator[Path]:
    """An overlay over the checkout `root`, with the text `params` for params.yaml; removed at the end."""
    with TemporaryDirectory(prefix="seqit-plan-") as name:
        folder = Path(name)
        for entry in root.iterdir():
            if entry.name not in (*OWN, *EXCLUDED):
                (folder / entry.name).symlink_to(entry.resolve())
        for top in OWN:
            (folder / top).mkdir()
        for model in (root / "models").glob("*"):
            (folder / "models" / model.name).symlink_to(model.resolve())
        for place_stand_in_model, _, files in os.walk(root / "data"):
            inside = folder / Path(place_stand_in_model).relative_to(root)
            inside.mkdir(parents=True, exist_ok=True)
            for file in files:
                (inside / file).symlink_to(Path(place_stand_in_model, file).resolve())
        (folder / PARAMS.name).write_text(params, encoding="utf-8")
        yield folder


def run(folder: Path, command: list[str], dependencies: Mapping[str, Any] | None = None) -> str:
    """Run a command in the overlay, in this process and without its output; returns its error message, "" for none.

    command: ["python", "-m", "stages.NAME", *words]. dependencies: see `cli.call`.
    """
    output, arguments = io.StringIO(), sys.argv
    sys.argv = command[2:]  # whose first names the command in messages
    try:
        with contextlib.chdir(folder), contextlib.redirect_stderr(output), contextlib.redirect_stdout(output):
            status = cli.call(import_module(command[2]), command[3:], **dependencies or {})
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        sys.argv = arguments
    return (output.getvalue().strip().splitlines() or [f"exit status {status}"])[-1] if status else ""


def md5(path: Path) -> str:
    """The MD5 of a file or folder as in dvc.lock; "" if it does not exist.

    That of a folder is the MD5 of the JSON list of its files (dvc_data/hashfile/tree.py).
    """
    if path.is_dir():
        files = sorted((file.relative_to(path).as_posix(), file) for file in path.rglob("*") if file.is_file())
        listed = [{"md5": md5(file), "relpath": name} for name, file in files]
        return hashlib.md5(json.dumps(listed, sort_keys=True).encode()).hexdigest() + ".dir"
    if not path.is_file():
        return ""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()


def validate(folder: Path, arguments: list[str]) -> str:
    """Write receipts for the artifacts of a `validate` command; returns an error message, "" for none.

    arguments: FOLDER NAME… --suite SUITE.
    """
    folder_name, *names, _, suite = arguments
    try:
        for artifact in [
            path for name in names for path in artifacts.artifacts(str(folder / "data"), f"{folder_name}/{name}")
        ]:
            assume_valid(artifact, suite, folder)
    except (UserError, OSError) as error:
        return str(error).replace(f"{folder}/", "")
    return ""


def place_stand_in_model(folder: Path, model: str, identity: str, like: str) -> None:
    """Write a stand-in for a model that does not exist: an identity, and the tokenizer of the model `like`.

    If that does not exist either, the tokenizer splits words.
    """
    files = {name: (folder / "models" / like / name).resolve() for name in TOKENIZER}
    target = folder / "models" / model
    clear(folder, model)
    target.mkdir(parents=True, exist_ok=True)
    artifacts.write_json(target / artifacts.REFERENCE, {"reference": identity, "identity": identity})
    if not files["tokenizer.json"].is_file():
        _write_word_tokenizer(target)  # without a template, so that its tokens are not counted as the model's
        return
    for name, path in files.items():
        if path.is_file():
            (target / name).symlink_to(path)


def _write_word_tokenizer(target: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(target / "tokenizer.json"))


def clear(folder: Path, model: str) -> None:
    """Remove the link to a model, so that another one can be written."""
    target = folder / "models" / model
    if target.is_symlink():
        target.unlink()
