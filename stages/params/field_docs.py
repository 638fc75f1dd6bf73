"""The texts below the fields of a section, read from its source: what pydantic would do at every start of a command."""

import ast
import inspect
import textwrap
from itertools import pairwise

from pydantic import BaseModel


def attribute_docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Field -> the string below it in the class; those of base classes too."""
    texts: dict[str, str] = {}
    for base in reversed([base for base in model.__mro__ if issubclass(base, BaseModel) and base is not BaseModel]):
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, following in pairwise(body.body):
            if not (isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)):
                continue
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                texts[field.target.id] = inspect.cleandoc(str(following.value.value))
    return texts
