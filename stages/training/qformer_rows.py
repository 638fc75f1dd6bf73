"""Rows for a model with a Q-Former: one picture, the text of the request as it stands, the response."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from stages.core import artifacts, image_files
from stages.core.errors import UserError
from stages.training.chat_rendering import Specials, forged
from stages.training.row_selection import RowCounts
from stages.training.training_rows import Row


class PictureRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request about a picture, and the response that is learned."""

    id: str
    prompt: str
    response: str
    image: str
    """Absolute path of the picture."""


class Lengths:
    """Counts the tokens of a row as the model's processor makes them."""

    def __init__(self, directory: Path) -> None:
        """Reads both tokenizers of the model in `directory`. Raises UserError where its configuration lacks a size."""
        from tokenizers import Tokenizer

        self._language, self._prompts = (
            Tokenizer.from_str(artifacts.read_text(directory / name))
            for name in ("tokenizer.json", "qformer_tokenizer/tokenizer.json")
        )
        config = artifacts.read_json(directory / "config.json", dict[str, Any])
        try:
            self._queries = int(config["num_query_tokens"])
            self._longest = int(config["qformer_config"].get("max_position_embeddings", 512))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise UserError(
                f"{directory}/config.json: has no num_query_tokens or qformer_config; it can't be trained"
            ) from None

    def fits(self, prompt: str, response: str, max_length: int) -> int:
        """Tokens of the row with its queries and its end; 0 for more than `max_length`, or than the Q-Former reads."""
        prompt_tokens = len(self._language.encode(prompt).ids)
        length = self._queries + prompt_tokens + len(self._language.encode(response, add_special_tokens=False).ids) + 1
        readable = len(self._prompts.encode(prompt).ids) <= self._longest
        return length if length <= max_length and readable else 0


def picture_rows(
    rows: Iterable[Row], lengths: Lengths, specials: Specials, max_length: int, counts: RowCounts
) -> Iterator[PictureRow]:
    """The rows that can be trained on; all are counted in `counts`.

    Raises UserError for a row of another form, for a picture that is missing or has changed, and behind the last row
    where none was usable.
    """
    for row in rows:
        made = _picture_row(row)
        counts.read += 1
        if forged(row.messages, specials.every):
            counts.special_token += 1
        elif not (length := lengths.fits(made.prompt, made.response, max_length)):
            counts.too_long += 1
        else:
            counts.used += 1
            counts.tokens += length
            yield made
    counts.require_one(max_length)


def _picture_row(row: Row) -> PictureRow:
    *request, response = row.messages
    images = [image for message in row.messages for image in message.images]
    if any(message.role == "assistant" for message in request):
        raise UserError(f"row {row.id}: has several turns, but a model with a Q-Former is trained on single requests")
    if len(images) != 1:
        remedy = "name their folder in `pictures` of its train.runs entry, and let it read rows about pictures alone"
        raise UserError(f"row {row.id}: shows {len(images)} pictures, but a model with a Q-Former sees one; {remedy}")
    image_files.read(images[0])
    # As engine transformers writes a request without a chat template.
    prompt = "\n\n".join(message.content for message in request)
    return PictureRow(row.id, prompt, response.content, Path(images[0].path).absolute().as_posix())


def has_qformer(directory: Path) -> bool:
    """Whether the model in `directory` is an InstructBLIP, whose Q-Former is trained and nothing else."""
    path = directory / "config.json"
    try:
        return path.is_file() and json.loads(path.read_bytes()).get("model_type") == "instructblip"
    except (ValueError, AttributeError):
        return False
