"""An engine's options in params.yaml, read as its own type: none has a default, unknown ones are refused."""

from typing import Any, TypeVar

import msgspec

from stages.core.errors import UserError
from stages.reply_store.identity import Reference

EXPLAINED = "stages/profiles/embedded.yaml says above `engines` what it takes"
"""In that profile, as others need not repeat it."""
Options = TypeVar("Options")


def checked(options: dict[str, Any], kind: type[Options], engine: str) -> Options:
    """The options as `kind`. Raises UserError for one that is missing, unknown or out of its range."""
    try:
        return msgspec.convert(options, kind)
    except msgspec.ValidationError as error:
        raise UserError(f"params.yaml: engine {engine}: {error}; {EXPLAINED}") from None


def needed(reference: Reference | None, engine: str) -> Reference:
    """What an engine that loads a model needs. Raises UserError where there is none."""
    if reference is None:
        raise UserError(
            f"params.yaml: the {engine} engine needs a model of `fetch.models` or `train.runs`; fetch or train it"
        )
    return reference
