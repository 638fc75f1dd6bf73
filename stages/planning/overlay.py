"""A checkout's shadow: a temporary folder that shows the checkout's files, and keeps what is written to itself."""

import contextlib
import hashlib
import io
import json
import os
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from stages.core import artifacts
from stages.core.errors import UserError
from stages.params import PARAMS
from stages.validation.receipts import assume_valid

OWN = ("data", "models")
"""Folders that stages write into: made anew, with a link for each file or model."""
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "config.json")
"""Files of a model that say how it reads."""
LEFT = (".git", ".dvc", ".seqit", PARAMS.name)


@contextlib.contextmanager
def shadow(root: Path, params: str) -> Iterator[Path]:
    """The shadow of the checkout `root`, with `params` for params.yaml."""
    with TemporaryDirectory(prefix="seqit-plan-") as name:
        folder = Path(name)
        for entry in root.iterdir():
            if entry.name not in (*OWN, *LEFT):
                (folder / entry.name).symlink_to(entry.resolve())
        for top in OWN:
            (folder / top).mkdir()
        for model in (root / "models").glob("*"):
            (folder / "models" / model.name).symlink_to(model.resolve())
        for place, _, files in os.walk(root / "data"):
            inside = folder / Path(place).relative_to(root)
            inside.mkdir(parents=True, exist_ok=True)
            for file in files:
                (inside / file).symlink_to(Path(place, file).resolve())
        (folder / PARAMS.name).write_text(params, encoding="utf-8")
        yield folder


def run(folder: Path, command: list[str]) -> str:
    """Run a command in the shadow, in this process, without a word; returns what it says is wrong, "" if nothing."""
    said, before, arguments = io.StringIO(), Path.cwd(), sys.argv
    sys.argv = command[2:]
    os.chdir(folder)
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            runpy.run_module(command[2], run_name="__main__")
    except SystemExit as end:
        if end.code:
            return (said.getvalue().strip().splitlines() or [f"exit status {end.code}"])[-1]
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        os.chdir(before)
        sys.argv = arguments
    return ""


def md5(path: Path) -> str:
    """Of a file, or a folder with all in it, as DVC writes it into dvc.lock; "" where there is none.

    A folder's is that of the JSON list of its files (dvc_data/hashfile/tree.py).
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
    """Receipts for the artifacts that a call of `validate` names; returns what is wrong, "" if nothing.

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


def place(folder: Path, model: str, identity: str, like: str) -> None:
    """Something in the place of a model that isn't there yet: an identity, and how the model `like` reads.

    Where that is not there either, words stand for tokens.
    """
    read = {name: (folder / "models" / like / name).resolve() for name in TOKENIZER}
    target = folder / "models" / model
    clear(folder, model)
    target.mkdir(parents=True, exist_ok=True)
    artifacts.write_json(target / artifacts.REFERENCE, {"reference": identity, "identity": identity})
    if not read["tokenizer.json"].is_file():
        _words(target)  # and no template: nobody may take these words for the model's own tokens
        return
    for name, path in read.items():
        if path.is_file():
            (target / name).symlink_to(path)


def _words(target: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(target / "tokenizer.json"))


def clear(folder: Path, model: str) -> None:
    """Take the link to a model away, so that another can be made in its place."""
    target = folder / "models" / model
    if target.is_symlink():
        target.unlink()
