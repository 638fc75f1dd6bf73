"""Names and sizes of the code in stages/, as DESIGN.md's second edition wants them."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

STAGES = Path(__file__).resolve().parents[1] / "stages"
MODULES = sorted(STAGES.rglob("*.py"))
BANNED = {
    "found", "asked", "said", "told", "held", "heard", "hear", "hears", "tells", "who", "whose",
    "door", "doors", "rooms", "house", "shadow", "lean", "leans", "plant", "ticket",
}  # fmt: skip
"""Words that say neither type nor role of a value, and metaphors; `held_out` is the field's term and allowed."""
TWICE = {"split"}
"""Base names that two modules may share: the command `split`, and the ablation that it makes."""


def identifiers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, name) of all that a module names itself: variables, arguments, functions, classes, attributes it sets."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(STAGES)))
def test_identifiers_say_type_or_role(path: Path) -> None:
    banned = [
        f"{path.name}:{line}: {name}"
        for line, name in identifiers(ast.parse(path.read_text()))
        if set(name.strip("_").lower().replace("held_out", "").split("_")) & BANNED
    ]
    assert banned == []


def test_modules_have_names_of_their_own() -> None:
    names = Counter(path.stem for path in MODULES if path.stem not in ("__init__", "engine"))
    assert {name for name, count in names.items() if count > 1} <= TWICE


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(STAGES)))
def test_modules_are_small_and_open_with_a_sentence(path: Path) -> None:
    text = path.read_text()
    first = (ast.get_docstring(ast.parse(text)) or "").partition("\n\n")[0]
    assert len(text.splitlines()) <= 300
    assert first.endswith((".", "?")), first


def test_functions_are_short() -> None:
    lengths = sorted(
        node.end_lineno - node.lineno + 1
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    )
    assert lengths[len(lengths) // 2] <= 10
    assert lengths[len(lengths) * 95 // 100] <= 30
    assert lengths[-1] <= 40
