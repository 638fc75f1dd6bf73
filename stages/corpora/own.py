"""Any rows of the user's own, with the field mapping of params.yaml: {instruction: prompt, response: answer.text}.

The left side is one of instruction (required), input, response, system and image; the right side is a field of the
rows, "a.b" for field b of the object in field a, or "0", "1", … for the columns of a .tsv file. null reads as "".
"""

from collections.abc import Iterable, Iterator, Mapping

from stages.corpora.rows import Content, Raw, Read, text
from stages.errors import UserError

FIELDS = ("instruction", "input", "response", "system", "image")


def contents(rows: Iterable[Raw], fields: Mapping[str, str]) -> Iterator[Read]:
    """Each row by the mapping. Raises UserError for a mapping without instruction or with an unknown left side."""
    if "instruction" not in fields or set(fields) - set(FIELDS):
        raise UserError(
            f"params.yaml: `fields` of adapter own maps {', '.join(fields) or 'nothing'}; "
            f"it must map instruction, and may map {', '.join(FIELDS[1:])}"
        )
    return ((raw, _content(raw, fields)) for raw in rows)


def _content(raw: Raw, fields: Mapping[str, str]) -> Content:
    said = {name: text(raw, fields[name]) if name in fields else "" for name in FIELDS}
    return Content(said["instruction"], said["input"], said["response"], said["system"], image=said["image"])
