"""Load the function that an answer defines in pieces of code, with the imports and helpers around it."""

import ast
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from types import ModuleType
from typing import Any, NamedTuple, TypeGuard

LONGEST_STATEMENT = 400
"""Lines of a statement to try; a limit, so that prose costs little time."""
_START = re.compile(r"(?:@|(?:from|import|def|class|async|if|try|with|for)\b|[A-Za-z_]\w*\s*(?::[^=]*)?=[^=])")
_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class _Piece(NamedTuple):
    statements: list[ast.stmt]
    whole: bool
    """Whether all of it is valid; of a piece with prose or errors only the definitions are used."""
    error: SyntaxError | None


def load(module: ModuleType, name: str, readings: Sequence[Any]) -> Any:
    """The object that the answer defines as `name`, loaded into `module`.

    readings: as in `program_outcomes.Reading`, as mappings. The first with a piece that defines `name` is used, and of
    it the LAST such piece, which runs in full. Imports, definitions and constants of the pieces before it are loaded
    first, and those of later pieces afterwards where a name is not defined yet. Raises any exception of the code;
    SyntaxError for an invalid definition, NameError if there is none.
    """
    errors: list[SyntaxError] = []
    for reading in readings:
        texts = reading["pieces"]
        pieces = [_parse(text) for text in texts]
        errors += [piece.error for piece in pieces if piece.error]
        if reading["tentative"] and not all(piece.whole for piece in pieces):
            continue
        place = _place(texts, pieces, name)
        if place is not None:
            _run(module, name, pieces, place, reading["loose"])
            break
    if name in vars(module):
        return vars(module)[name]
    raise errors[0] if errors else NameError(f"name '{name}' is not defined")


def _place(texts: Sequence[str], pieces: Sequence[_Piece], name: str) -> int | None:
    """The index of the last piece that defines the name; of a stub only where there is nothing else."""
    defining = [place for place, piece in enumerate(pieces) if _attempts(piece, texts[place], name)]
    full = [place for place in defining if not _left_out(pieces[place], name)]
    return max(full or defining, default=None)


def _attempts(piece: _Piece, text: str, name: str) -> bool:
    """Whether a piece defines the name, or begins a definition of it that is invalid."""
    written = rf"^(?:async\s+)?(?:def|class)\s+{name}\b"
    return _defines(piece, name) or bool(piece.error and re.search(written, text, re.M))


def _defines(piece: _Piece, name: str) -> bool:
    return any(name in _bound(each) for each in piece.statements)


def _left_out(piece: _Piece, name: str) -> bool:
    """Whether every definition of the name in a piece is a stub."""
    return _defines(piece, name) and all(_stub(each, name) for each in piece.statements)


def _stub(statement: ast.stmt, name: str) -> bool:
    """Whether a statement leaves the body of `name` out, or has nothing to do with it."""
    if name not in _bound(statement):
        return True
    if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    return all(
        isinstance(each, ast.Pass) or (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        for each in statement.body
    )


def _run(module: ModuleType, name: str, pieces: Sequence[_Piece], place: int, loose: bool) -> None:
    flags = _features(pieces)
    for piece in pieces[:place]:
        _define(module, [each for each in piece.statements if _helps(each, name)], flags)
    chosen = pieces[place]
    if chosen.whole:
        _execute(module, chosen.statements, flags)
    else:
        if chosen.error and not (loose and _defines(chosen, name)):
            raise chosen.error
        _define(module, [each for each in chosen.statements if _definition(each)], flags)
    for piece in pieces[place + 1 :]:
        for statement in filter(_definition, piece.statements):
            if not _bound(statement) & vars(module).keys():
                _define(module, [statement], flags)


def _define(module: ModuleType, statements: Sequence[ast.stmt], flags: int) -> None:
    """Execute each statement; one that fails is skipped."""
    for statement in statements:
        try:
            _execute(module, [statement], flags)
        except (Exception, SystemExit):
            continue


def _execute(module: ModuleType, statements: Sequence[ast.stmt], flags: int) -> None:
    body = [each for each in statements if not _future(each)]
    code = compile(ast.Module(body, []), "program.py", "exec", flags, dont_inherit=True)
    exec(code, vars(module))


def _features(pieces: Sequence[_Piece]) -> int:
    """The compiler's flags for all that pieces import from __future__, from any piece."""
    names = {alias.name for piece in pieces for each in piece.statements if _future(each) for alias in each.names}
    if not names:
        return 0
    import __future__

    return sum(getattr(__future__, name).compiler_flag for name in names if name in __future__.all_feature_names)


def _future(statement: ast.stmt) -> TypeGuard[ast.ImportFrom]:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _parse(text: str) -> _Piece:
    try:
        return _Piece(ast.parse(text).body, True, None)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = error if isinstance(error, SyntaxError) else SyntaxError(str(error) or type(error).__name__)
        return _Piece(list(_statements(text.splitlines())), False, reason)


def _statements(lines: Sequence[str]) -> Iterator[ast.stmt]:
    """Every statement without indentation, between lines that are no code."""
    place = 0
    while place < len(lines):
        statements, after = _statement(lines, place) if _START.match(lines[place]) else ([], place + 1)
        yield from statements
        place = after


def _statement(lines: Sequence[str], start: int) -> tuple[list[ast.stmt], int]:
    """The longest valid run of code from this line to a line without indentation, and the line after it."""
    best: list[ast.stmt] = []
    after = start + 1
    for end in range(start + 1, min(len(lines), start + LONGEST_STATEMENT) + 1):
        if end < len(lines) and (not lines[end].strip() or lines[end][0].isspace()):
            continue
        try:
            statements = ast.parse("\n".join(lines[start:end])).body
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            if best:
                break
            continue
        if best and len(statements) > 1:
            break
        best, after = statements, end
    return best, after


def _helps(statement: ast.stmt, name: str) -> bool:
    """Whether a statement of an earlier piece is a definition; an assignment that uses `name` is a usage."""
    used = isinstance(statement, (ast.Assign, ast.AnnAssign)) and name in _names(statement)
    return _definition(statement) and not used


def _names(statement: ast.stmt) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def _definition(statement: ast.stmt) -> bool:
    if isinstance(statement, (ast.If, ast.Try)):
        return all(map(_definition, _inner(statement)))
    return isinstance(statement, (*_DEFINITIONS, ast.Assign, ast.AnnAssign, ast.Pass))


def _inner(statement: ast.stmt) -> list[ast.stmt]:
    """The statements of an `if` or a `try`, in all of its branches."""
    parts = [getattr(statement, field, []) for field in ("body", "orelse", "finalbody")]
    return list(chain(*parts, *(handler.body for handler in getattr(statement, "handlers", []))))


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a statement gives a value to."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.If, ast.Try)):
        return set().union(*map(_bound, _inner(statement)))
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign) and statement.value:
        targets = [statement.target]
    return {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
