"""README.md and docs/: every block of code is checked or run, every link resolves, generated parts are current."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import yaml
from dvc.cli.parser import get_main_parser
from typer.core import TyperGroup

from stages.__main__ import COMMANDS
from stages.core import artifacts
from stages.core.records import Record, Rejected, Source, Step
from stages.params import parse
from stages.planning.dvc_graph import overridden
from tests import reference_pages, results_table
from tests.command_apps import all_names, click_command

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
NOT_RUN = {
    "git clone <": "needs an address",
    "git add dvc.lock": "is about a run of the reader's",
    "make env": "makes the environment that runs this test",
    "make repro": "the default run, of which tests/test_pipeline.py runs a small copy",
    "make reproduce": "tests/reproduction",
    "seqit reproduce": "tests/reproduction",
    "make test": "is what runs this test",
    "source": "the environment is on PATH here",
    "CUDA_VISIBLE_DEVICES=": "needs GPUs; tests/execution/test_concurrent_runs.py runs stages of two runs at once",
    "wait": "goes with the two before it",
    "vllm serve": "needs a GPU; tests/inference and `make test-servers` use servers of this kind",
    "seqit repro": "tests/test_pipeline.py runs `dvc repro`",
    "seqit new": "tests/test_new.py",
    "seqit check": "tests/inference/test_auto_dialect.py asks servers of every dialect",
    "seqit run": "tests/test_pipeline.py runs `dvc repro`",
    "seqit plan": "tests/planning and tests/test_pipeline.py",
    "dvc repro": "tests/test_pipeline.py",
    "seqit eval": "tests/model_evaluation",
    "seqit label": "tests/labelling",
    "seqit verify": "tests/verification",
    "seqit sign": "tests/publishing/test_signatures.py",
    "openssl": "tests/publishing/keys.py makes keys of this kind",
    "model_signing": "tests/publishing/test_signatures.py",
    "mlcroissant": "tests/publishing/test_croissant.py",
    "seqit diff": "tests/publishing/test_changes.py",
    "cp docs/three-seeds": "tests/test_profiles.py reads that file",
    "xdg-open": "needs a browser",
    "seqit seeds": "tests/experiments/test_training_seeds.py",
    "dvc exp run": "is `dvc repro` with values; tests/planning resolves such values as DVC does",
}
"""Beginning of a command line that is only checked, not run -> why, or what covers it."""


class Block(NamedTuple):
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(path: Path) -> Iterator[Block]:
    """The fenced blocks of a page; those with a title belong to recipes, which tests/test_recipes.py carries out."""
    text = path.read_text()
    for match in re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, re.S | re.M):
        yield Block(str(path.relative_to(ROOT)), text[: match.start()].count("\n") + 1, match[1], match[2])


BLOCKS = [block for path in PAGES for block in blocks_of(path) if path.parent.name != "recipes"]
COMMAND_LINES = [
    (block, command.strip())
    for block in BLOCKS
    if block.language == "bash"
    for line in block.code.splitlines()
    for command in re.sub(r"(^|\s)#.*", "", line).split("&&")
    if command.strip()
]


def merged(values: Any, more: Any) -> Any:
    """`values` with the entries of `more` in place of theirs, at every depth; options of an engine as a whole."""
    if not isinstance(values, dict) or not isinstance(more, dict):
        return more
    return values | {key: part if key == "options" else merged(values.get(key), part) for key, part in more.items()}


def is_complete(block: Block) -> bool:
    """Whether a YAML example is a whole params.yaml and not entries for one."""
    return block.code.startswith("# params.yaml\n")


def params_of(page: str) -> dict[str, Any]:
    """The default params.yaml with all YAML examples of the README and of a page."""
    values = yaml.safe_load((ROOT / "stages/profiles/full.yaml").read_text())
    for block in BLOCKS:
        if block.page in ("README.md", page) and block.language == "yaml" and not is_complete(block):
            values = merged(values, yaml.safe_load(block.code))
    return values


# ---------------------------------------------------------------- the text
def test_the_readme_is_short() -> None:
    lines = README.read_text().splitlines()
    assert len(lines) <= 150
    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []


def test_every_block_has_a_language_that_is_checked() -> None:
    assert [str(block) for block in BLOCKS if block.language not in ("bash", "python", "yaml", "text")] == []


def anchor(heading: str) -> str:
    """The anchor that MkDocs and forges give a heading."""
    return re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", heading.replace("`", "")).strip().lower())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_pictures_resolve(path: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+://|mailto:", target):
            continue
        name, _, part = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.exists(), f"{path.name}: {target}"
        if part:
            assert part in {anchor(line) for line in re.findall(r"^#+ (.+)$", linked.read_text(), re.M)}, target
        if linked.suffix in (".svg", ".png"):
            assert linked.stat().st_size < 500_000


FILES = sorted({
    (str(path.relative_to(ROOT)), name)
    for path in PAGES
    for name in re.findall(r"`((?:stages|tests|schemas|docs|data/seeds)/[\w./-]+[\w/])`", path.read_text())
})  # fmt: skip


@pytest.mark.parametrize(("page", "name"), FILES)
def test_files_that_are_named_exist(page: str, name: str) -> None:
    assert (ROOT / name).exists() or page.startswith("docs/recipes/")


def test_modules_that_are_named_exist() -> None:
    for path in PAGES:
        for module in re.findall(r"python -m (tests\.[\w.]+\w)", path.read_text()):
            file = ROOT / module.replace(".", "/")
            assert file.with_suffix(".py").exists() or (file / "__main__.py").exists(), f"{path.name}: {module}"


def test_the_pipeline_page_lists_every_stage_in_order() -> None:
    text = (ROOT / "docs" / "explanation" / "pipeline.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|", text, re.M)
    by_hand = (
        "check",
        "diff",
        "eval",
        "label",
        "new",
        "plan",
        "replies",
        "reproduce",
        "seeds",
        "show",
        "sign",
        "verify",
    )
    assert rows == [name for name in COMMANDS if name not in by_hand]


# ---------------------------------------------------------------- generated parts
def test_the_table_of_results_is_that_of_the_committed_run() -> None:
    text = README.read_text()
    assert results_table.BLOCK.search(text)
    assert results_table.updated(text) == text, "run `python -m tests.results_table --write`"
    assert results_table.PICTURE.read_text() == results_table.drawn(), "run `python -m tests.results_table --write`"


@pytest.mark.parametrize("name", ["params.md", "commands.md"])
def test_the_reference_is_current(name: str) -> None:
    path = reference_pages.PAGES / name
    assert path.read_text() == reference_pages.pages()[path], "run `python -m tests.reference_pages --write`"


def test_the_site_is_built_strictly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "tutorial.html").exists()


# ---------------------------------------------------------------- YAML
@pytest.mark.parametrize("page", sorted({block.page for block in BLOCKS if block.language == "yaml"}))
def test_yaml_examples_are_valid_params(page: str) -> None:
    """All of a page at once, since later examples use the entries of earlier ones."""
    parse(params_of(page))


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "yaml"], ids=str)
def test_yaml_examples_survive_a_value_set_by_dvc(block: Block, tmp_path: Path) -> None:
    """DVC writes the file anew for -S, without quotes that a text with a colon needs in braces."""
    (tmp_path / "params.yaml").write_text(f"{block.code}other: 1\n")
    assert yaml.safe_load(overridden(tmp_path, ["other=2"])) == yaml.safe_load(block.code) | {"other": 2}


@pytest.mark.parametrize("block", [block for block in BLOCKS if is_complete(block)], ids=str)
def test_complete_params_are_valid(block: Block) -> None:
    parse(yaml.safe_load(block.code))


def added_lines(page: str, name: str) -> tuple[int, set[str]]:
    """Lines of the first YAML example of a page that are no headings of sections, and the sections."""
    block = next(block for block in BLOCKS if block.page == page and block.language == "yaml")
    values = yaml.safe_load(block.code)
    lines = [line for line in block.code.splitlines() if not re.fullmatch(r"\s*\w+:(\s*#.*)?", line)]
    assert any(name in group for section in values.values() for group in section.values())
    return len(lines), set(values)


@pytest.mark.parametrize("page", ["README.md", "docs/how-to/own-corpus.md"])
def test_a_corpus_of_yours_takes_six_lines_in_three_sections(page: str) -> None:
    lines, sections = added_lines(page, "mine")
    assert lines <= 6 and len(sections) <= 3


# ---------------------------------------------------------------- command lines
def checked_seqit(arguments: list[str], values: dict[str, Any]) -> None:
    """Raises a usage error or AssertionError where a command line of seqit would be refused."""
    if arguments in (["--help"], []):
        return
    name, rest = arguments[0], arguments[1:]
    assert name in all_names(), name
    if name in ("run", "repro"):
        get_main_parser().parse_args(["repro", *rest])
        return
    command = click_command(name)
    if rest == ["--help"]:
        return
    while isinstance(command, TyperGroup):
        assert rest and rest[0] in command.commands, f"{name}: {rest}"
        command, rest = command.commands[rest[0]], rest[1:]
    command.make_context(name, list(rest))
    if name == "show":
        assert rest[0] in values["rewrite"]["corpora"], rest[0]
    if name == "publish":
        assert rest[0] in values["publish"], rest[0]


def checked_overrides(arguments: list[str], values: dict[str, Any]) -> None:
    """Raises AssertionError where -S names a key that is not in params.yaml."""
    for option, text in pairwise(arguments):
        if option == "-S":
            place: Any = values
            for part in text.partition("=")[0].split("."):
                assert part in place, text
                place = place[part]


def checked_targets(arguments: list[str], projects: list[dict[str, Any]]) -> None:
    """Raises AssertionError where a stage NAME@ENTRY is not in dvc.yaml and the params of any of `projects`."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for stage, _, name in (word.partition("@") for word in arguments if re.fullmatch(r"[a-z_]+@\S+", word)):
        known: set[str] = set()
        for place in projects:
            for part in re.findall(r"\$\{([\w.]+)\}", str(stages[stage]["foreach"]))[0].split("."):
                place = place.get(part) or {}
            known |= place.keys()
        assert "<" in name or name in known, f"{stage}@{name}"


@pytest.mark.parametrize(("block", "line"), COMMAND_LINES, ids=lambda value: str(value)[:60])
def test_command_lines_are_well_formed(block: Block, line: str) -> None:
    words, values = shlex.split(re.sub(r"^\w+=\S+ ", "", line)), params_of(block.page)
    if words[0] == "seqit":
        checked_seqit(words[1:], values)
    elif words[0] == "dvc":
        get_main_parser().parse_args(words[1:])
    elif words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.M), line
    else:
        assert any(line.startswith(known) for known in (*NOT_RUN, "cd ")), f"{block}: {line}"
    checked_overrides(words, values)
    whole = [yaml.safe_load(other.code) for other in BLOCKS if other.page == block.page and is_complete(other)]
    checked_targets(words, [values, *whole])


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_the_text_exist(path: Path) -> None:
    for code in re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", path.read_text(), flags=re.S)):
        words = code.split()
        if words[0] == "seqit" and len(words) > 1 and path.parent.name != "reference":
            assert words[1] in {*all_names(), "--help", "NAME"}, code
        if words[0] == "make" and len(words) > 1:
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.M), code
        if words[0] == "-S":
            checked_overrides(words, params_of("README.md"))


# ---------------------------------------------------------------- what is run
RUN_HERE = ("seqit --help", "seqit show", "seqit use", "seqit publish", "seqit replies")
"""Beginnings of command lines that are run in a scratch project."""


def row(name: str, rounds: int, response: str = "") -> Record:
    """A row that each of `rounds` put a task before."""
    steps = [Step("rewrite", "prefix", "ok", round=number + 1) for number in range(rounds)]
    steps += [Step("respond", "respond", "ok", round=rounds)] if response else []
    text = "First, name a lake. Then " * rounds + "name a river."
    return Record(name, "seed", text, "", response, "", Source("path:x", 0, "0", "MIT", "en"), steps=tuple(steps))


def write_artifact(folder: Path, name: str, rows: list[Record]) -> None:
    """An artifact with a receipt, a rejected row beside it."""
    path = folder / "data" / f"{name}.jsonl"
    artifacts.write(path, rows)
    receipt = artifacts.Receipt(name, artifacts.sha256(path), "x", len(rows), {}, 1)
    artifacts.write_json(folder / "data" / "validated" / f"{name}.json", receipt)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with rows of the corpora that the documents name, as if the pipeline had run."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("stages", "schemas", "dvc.yaml"):
        (folder / name).symlink_to(ROOT / name)
    values = params_of("docs/how-to/own-corpus.md")
    values |= {name: params_of("docs/how-to/publish.md")[name] for name in ("publish", "repositories")}
    (folder / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    for corpus, entry in values["rewrite"]["corpora"].items():
        write_artifact(folder, entry["reads"], [row("row-a", 0), row("row-b", 0)])
        for number in range(entry["rounds"] + 1):
            rows = [row("row-a", number, "The Rhine."), row("row-b", number, "The Elbe.")]
            write_artifact(folder, f"rewritten/{corpus}/{number}", rows)
            write_artifact(folder, f"responded/{corpus}/{number}", rows[:1])
            lost = Rejected("row-b", "failed", "", msgspec.to_builtins(rows[1]))
            artifacts.write(folder / "data" / "responded" / corpus / f"{number}.rejected.jsonl", [lost])
    return folder


def environment(project: Path) -> dict[str, str]:
    folders = {"SEQIT_REPLIES": "replies.sqlite", "SEQIT_CACHE": "cache", "HF_HOME": "hf"}
    own = {name: str(project / folder) for name, folder in folders.items()}
    return os.environ | own | {"HF_HUB_OFFLINE": "1", "COLUMNS": "100", "PYTHONPATH": str(ROOT)}


RUN_IN_CLONE = ("dvc exp show", "dvc metrics", "dvc plots")
"""Beginnings of command lines that are run in a clone of the repository."""
OF_A_RUN = " --for "
"""Part of command lines that need a finished run; tests/reproduction runs such ones."""
RUNNABLE = [(block, line) for block, line in COMMAND_LINES if line.startswith(RUN_HERE) and OF_A_RUN not in line]


@pytest.mark.parametrize("line", list(dict.fromkeys(line for _, line in RUNNABLE)))
def test_cheap_command_lines_run(line: str, project: Path) -> None:
    if "import" in line:
        words = line.replace("import", "export").split()
        subprocess.run([sys.executable, "-m", "stages", *words[1:]], cwd=project, env=environment(project), check=True)
    command = [sys.executable, "-m", "stages", *shlex.split(line)[1:]]
    kept = (project / "params.yaml").read_bytes()
    done = subprocess.run(command, cwd=project, env=environment(project), capture_output=True, text=True)
    (project / "params.yaml").write_bytes(kept)
    assert done.returncode == 0, done.stderr
    assert done.stdout or done.stderr


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the repository as it is committed."""
    folder = tmp_path_factory.mktemp("clone")
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("line", sorted({line for _, line in COMMAND_LINES if line.startswith(RUN_IN_CLONE)}))
def test_command_lines_of_dvc_run(line: str, clone: Path) -> None:
    done = subprocess.run([sys.executable, "-m", *shlex.split(line)], cwd=clone, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


FOREIGN = re.compile(r"^from (trl|open_instruct)\b", re.M)
"""Imports of trainers that are not installed here: such a block is compiled, and what it imports of ours exists."""
PYTHON_BLOCKS = [block for block in BLOCKS if block.language == "python"]


@pytest.mark.parametrize("block", [block for block in PYTHON_BLOCKS if FOREIGN.search(block.code)], ids=str)
def test_python_blocks_for_trainers_import_what_exists(block: Block) -> None:
    compile(block.code, str(block), "exec")
    ours = re.findall(r"^from (stages[\w.]*) import (\w+)$", block.code, re.M)
    assert ours
    assert all(hasattr(import_module(module), name) for module, name in ours)


@pytest.mark.parametrize("block", [block for block in PYTHON_BLOCKS if not FOREIGN.search(block.code)], ids=str)
def test_python_blocks_run(block: Block, project: Path) -> None:
    command = [sys.executable, "-m", "stages", "publish", "seed-sit"]
    subprocess.run(command, cwd=project, env=environment(project), check=True, capture_output=True)
    for words in (["publish", "seed-it"], ["publish_repository", "seed"]) if "data/repositories" in block.code else ():
        subprocess.run([*command[:3], *words], cwd=project, env=environment(project), check=True, capture_output=True)
    of_rows = "\nassert len(rows) == 1 and 'The Rhine.' in rows[0].values(), rows[0]\n"
    code = block.code + (of_rows if "load_dataset" in block.code else "")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=environment(project), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_what_is_not_run_is_listed_with_a_reason() -> None:
    for block, line in COMMAND_LINES:
        assert line.startswith((*RUN_HERE, *RUN_IN_CLONE, *NOT_RUN, "cd ")), f"{block}: {line}"
