"""Training of vision-language models: the image token, rows with images, and the tokens around replies."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from stages.core import artifacts, image_files
from stages.core.errors import UserError
from stages.training.chat_rendering import Specials, example_conversations
from stages.training.training_rows import ImageRow, Row, image_row

PLACEHOLDER = "<image>"
"""Stands for an image in our chat templates."""


def image_token(directory: Path) -> str:
    """The token that stands for an image in a model's texts. Raises UserError if its configuration names none."""
    from tokenizers import Tokenizer

    config = artifacts.read_json(directory / "config.json", dict[str, Any])
    number = config.get("image_token_id", config.get("image_token_index"))
    tokenizer = Tokenizer.from_str(artifacts.read_text(directory / "tokenizer.json"))
    token = tokenizer.id_to_token(number) if isinstance(number, int) else None
    if token is None:
        raise UserError(f"{directory}/config.json: names no image_token_id that its tokenizer has; it can't be trained")
    return str(token)


def axolotl_rows(rows: Iterable[Row], accepts_images: bool, base: Path) -> Iterator[Row | ImageRow]:
    """Rows as Axolotl reads them; for a model that accepts images as `ImageRow`, after each image file was checked.

    Raises UserError for an image that is missing or has changed, and for one in a row of a text-only model.
    """
    for row in rows:
        images = [image for message in row.messages for image in message.images]
        if images and not accepts_images:
            raise UserError(
                f"{base}: can't see, but {row.id} shows a picture; leave `pictures` out of its format entry"
            )
        for image in images:
            image_files.read(image)
        yield image_row(_with_absolute_paths(row)) if accepts_images else row


def _with_absolute_paths(row: Row) -> Row:
    """The row with absolute paths of its images, since Axolotl runs in another folder."""
    return replace(
        row,
        messages=tuple(
            replace(m, images=tuple(replace(i, path=Path(i.path).absolute().as_posix()) for i in m.images))
            for m in row.messages
        ),
    )


def reply_boundaries(directory: Path, template: str, specials: Specials) -> list[list[int]]:
    """[token ids that open a reply, token ids that end it], as they stand within a conversation.

    Raises UserError where the tokenizer merges them with the text before: replies could not be located then.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(artifacts.read_text(directory / "tokenizer.json"))
    request, opened, conversation = (
        tokenizer.encode(text, add_special_tokens=False).ids for text in example_conversations(template, specials)
    )
    start, end = opened[len(request) :], tokenizer.encode(specials.eos, add_special_tokens=False).ids
    count = sum(conversation[place : place + len(start)] == start for place in range(len(conversation)))
    if opened[: len(request)] != request or not start or count != 2:
        raise UserError(f"{directory}: its tokenizer hides where a reply begins; set train.settings.template to tulu")
    return [start, end]
