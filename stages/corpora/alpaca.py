"""Alpaca, original or cleaned, in any language: {instruction, input, output} (github.com/tatsu-lab/stanford_alpaca)."""

from stages.corpora.rows import Content, Raw, each, text


def content(raw: Raw) -> Content:
    """A row as it is: an empty output stays empty, an input that says "<noinput>" stays an input."""
    return Content(text(raw, "instruction"), text(raw, "input"), text(raw, "output"))


contents = each(content)
