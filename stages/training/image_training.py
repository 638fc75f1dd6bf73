"""What training a model that sees takes beyond the text: its token for a picture, pictures beside the rows, and which
tokens are the assistant's."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from stages.core import artifacts, image_files
from stages.core.errors import UserError
from stages.training.chat_rendering import Specials, around
from stages.training.training_rows import Row, Talk, talk

PLACEHOLDER = "<image>"
"""What our templates have where a picture stands."""


def image_token(directory: Path) -> str:
    """What stands for a picture in a model's texts. Raises UserError where its configuration does not say."""
    from tokenizers import Tokenizer

    config = artifacts.read_json(directory / "config.json", dict[str, Any])
    number = config.get("image_token_id", config.get("image_token_index"))
    tokenizer = Tokenizer.from_str(artifacts.read_text(directory / "tokenizer.json"))
    token = tokenizer.id_to_token(number) if isinstance(number, int) else None
    if token is None:
        raise UserError(f"{directory}/config.json: names no image_token_id that its tokenizer has; it can't be trained")
    return str(token)


def talks(rows: Iterable[Row], seen: bool, base: Path) -> Iterator[Row | Talk]:
    """Rows as Axolotl reads them: as they are, or for a model that sees with their pictures, each looked at.

    Raises UserError for a picture that is missing or has changed, and for one in a row of a model that can't see.
    """
    for row in rows:
        shown = [image for message in row.messages for image in message.images]
        if shown and not seen:
            raise UserError(
                f"{base}: can't see, but {row.id} shows a picture; leave `pictures` out of its assemble entry"
            )
        for image in shown:
            image_files.read(image)
        yield talk(_found(row)) if seen else row


def _found(row: Row) -> Row:
    """The row with the full paths of its pictures: Axolotl runs in another folder."""
    return replace(
        row,
        messages=tuple(
            replace(m, images=tuple(replace(i, path=Path(i.path).absolute().as_posix()) for i in m.images))
            for m in row.messages
        ),
    )


def boundaries(directory: Path, template: str, specials: Specials) -> list[list[int]]:
    """The token ids that open a reply, and those that end one, as they stand within a conversation.

    Raises UserError where the tokenizer joins them with what is before: the assistant's turns could not be found.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(artifacts.read_text(directory / "tokenizer.json"))
    told, asked, whole = (tokenizer.encode(t, add_special_tokens=False).ids for t in around(template, specials))
    start, end = asked[len(told) :], tokenizer.encode(specials.eos, add_special_tokens=False).ids
    places = sum(whole[place : place + len(start)] == start for place in range(len(whole)))
    if asked[: len(told)] != told or not start or places != 2:
        raise UserError(f"{directory}: its tokenizer hides where a reply begins; set train.settings.template to tulu")
    return [start, end]
