"""The Jinja environment that chat templates are rendered in, for training and for inference.

The same extensions, filters and functions as in Transformers, without Transformers:
https://github.com/huggingface/transformers/blob/main/src/transformers/utils/chat_template_utils.py
"""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

if TYPE_CHECKING:
    from jinja2.parser import Parser


class Generation(Extension):
    """`{% generation %}` … `{% endgeneration %}`, which marks replies for Transformers' loss mask: renders its body."""

    tags = {"generation"}  # noqa: RUF012  (Jinja's declaration)

    def parse(self, parser: "Parser") -> nodes.Node:
        """The body in a scope of its own, as the call block of Transformers has one."""
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)


def chat_environment(dated: bool) -> ImmutableSandboxedEnvironment:
    """A sandboxed environment with the filters and functions that chat templates may use.

    dated: whether `strftime_now` is defined, as in Transformers. Templates that find it undefined use a fixed date, so
    that the same request renders to the same prompt on every day.
    """
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise
    if dated:
        environment.globals["strftime_now"] = lambda pattern: datetime.now().strftime(pattern)
    return environment


def _raise(message: str) -> None:
    raise TemplateError(message)


def _tojson(
    value: Any, ensure_ascii: bool = False, indent: int | None = None, separators: Any = None, sort_keys: bool = False
) -> str:
    # Jinja's own filter escapes for HTML.
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
