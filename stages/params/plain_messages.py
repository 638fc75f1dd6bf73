"""What is wrong with a value of params.yaml, in plain words in place of pydantic's and msgspec's."""

import re
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

MESSAGES: Mapping[str, str] = {
    "missing": "must be given",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list, such as [a, b]",
    "dict_type": "must be a table of `name: value`",
    "model_type": "must be a table of `name: value`",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} of them",
    "too_long": "must have at most {max_length} of them",
}
"""Type of an error of pydantic -> the message, with the values of its context."""
PATTERNS: Mapping[str, str] = {
    "^(package|hub|path|endpoint):.+$": "must begin with package:, hub:, path: or endpoint:, such as "
    "endpoint:http://localhost:8000/v1#MODEL",
    "^hub:.": "must be hub:ORG/NAME@COMMIT",
    r"^\d+\.\d+\.\d+$": "must be three numbers, such as 0.1.0",
    r"^[\w.-]+/[\w.-]+$": "must be ORG/NAME",
    r"^(hub:[\w.-]+/[\w.-]+@[\w./-]+|path:.+)$": "must be hub:ORG/NAME@vVERSION or path:FOLDER@sha256:HASH",
    "^[A-Z]{3}$": "must be a currency, such as USD",
    r"^[^\x00-\x1f\x7f]+$": "must be a path without control characters",
    "^[A-Za-z]+(-[A-Za-z0-9]+)*$": "must be a language tag, such as de or zh-CN",
    "^[a-z0-9][a-z0-9_.-]*$": "must have small letters, digits, dots, - and _ only",
    "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$": "must be the name of a package",
}
"""Pattern that a text does not match -> the message."""


def message(error: Mapping[str, Any]) -> str:
    """The message of an error of pydantic, without the value that was given."""
    context = error.get("ctx", {})
    if error["type"] == "string_pattern_mismatch" and context["pattern"] in PATTERNS:
        return PATTERNS[context["pattern"]]
    if error["type"] == "string_type" and isinstance(error["input"], int | float):
        return "must be text; put it in quotes"
    if plain := MESSAGES.get(error["type"]):
        return plain.format(**context)
    return str(error["msg"]).removeprefix("Value error, ")


KINDS = {
    "int": "a whole number", "float": "a number", "str": "text", "bool": "true or false", "array": "a list",
    "object": "a table of `name: value`", "null": "nothing",
}  # fmt: skip
"""Kind of value as msgspec names it -> in plain words."""
LIMITS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}


def option_message(error: str, kind: Any) -> str:
    """The message of an error of msgspec's about an option, without the value. kind: the option's type."""
    text, path, _ = error.partition(" - at `$")
    if text.startswith("Invalid enum value") and (choices := _choices(kind)):
        return f"must be {' or '.join(map(repr, choices))}"
    if path:  # within a list
        return error
    if limit := re.fullmatch(r"Expected `\w+` (>=|<=|>|<) (\S+)", text):
        return f"must be {LIMITS[limit[1]]} {limit[2]}"
    if kinds := re.fullmatch(r"Expected `([\w |]+)`, got `(\w+)`", text):
        wanted = " or ".join(KINDS.get(one, one) for one in kinds[1].split(" | "))
        return f"must be {wanted}, not {KINDS.get(kinds[2], kinds[2])}"
    return error


def _choices(kind: Any) -> tuple[Any, ...]:
    """The values that a type lists, by themselves or within."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    return next((choices for one in get_args(kind) if (choices := _choices(one))), ())
