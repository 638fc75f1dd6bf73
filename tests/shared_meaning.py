"""What the code that every command shares means, as hashes: `python -m tests.shared_meaning [--write]`.

Stages depend on the packages that they use. stages/core and stages/params are used by all of them and change often in
ways that no output shows, so stages depend on stages/meaning.json instead: the hashes of the modules that decide
outputs, without comments, docstrings and blank lines. A test fails until the file is current.
"""

import ast
import hashlib
import io
import json
import sys
import tokenize
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EVERY_STAGE = {
    "stages/core/artifacts.py": "how rows and documents are encoded, and which rows a receipt lets pass",
    "stages/core/chat_template_environment.py": "how chat templates are rendered",
    "stages/core/completions.py": "the seeds of requests, and what a request is made of",
    "stages/core/contextual_calibration.py": "how the scores of choices are corrected",
    "stages/core/compression.py": "how files are unpacked",
    "stages/core/encodings.py": "how bytes are read as text",
    "stages/core/image_files.py": "how images are found and hashed",
    "stages/core/languages.py": "which tags are one language",
    "stages/core/records.py": "the fields of rows, their ids and hashes",
    "stages/core/row_history.py": "how many tasks a row has, and which action is its last",
    "stages/params/inheritance.py": "which values an entry takes from elsewhere",
}
"""Module -> what of an output it decides. `train` does not depend on these: it reads rows by their bytes."""
TRAINING = {
    "stages/core/chat_template_environment.py": "how chat templates are rendered",
    "stages/core/image_files.py": "how images are found and hashed",
}
"""The same for training, which alone depends on stages/training."""
FILES = {ROOT / "stages/meaning.json": EVERY_STAGE, ROOT / "stages/training/meaning.json": TRAINING}
OTHERS = {
    "__init__": "nothing", "atomic_write": "how files appear", "cli": "messages", "errors": "messages",
    "dvc_hashes": "hashes that DVC defines", "hub_errors": "messages",
    "redaction": "what of a secret is shown", "registry": "names; what they name is a dependency",
    "project": "where the project is",
    "run_messages": "messages",
    "state_folder": "where the store is", "written_results": "reads what is there; whose text is a dependency",
}  # fmt: skip
"""The other modules of stages/core, and what they decide."""


def code(source: str) -> str:
    """A module without comments, docstrings and blank lines; other formatting stays."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", [])
        for statement in body if isinstance(body, list) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                first, last = statement.lineno, statement.end_lineno or statement.lineno
                lines[first - 1 : last] = [""] * (last - first + 1)
    return "\n".join(line.rstrip() for line in lines if line.strip())


def meaning(modules: Iterable[str]) -> str:
    """Module -> the hash of its code, as JSON."""
    hashes = {path: hashlib.sha256(code((ROOT / path).read_text()).encode()).hexdigest()[:16] for path in modules}
    return json.dumps(hashes, indent=1) + "\n"


def main() -> None:
    """Write the file, or say what has changed since it was written."""
    for path, modules in FILES.items():
        if "--write" in sys.argv:
            path.write_text(meaning(modules))
        elif not path.exists() or path.read_text() != meaning(modules):
            sys.exit(f"{path}: out of date; run `python -m tests.shared_meaning --write`")


if __name__ == "__main__":
    main()
