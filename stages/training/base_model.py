"""What training reads of a base model's directory: special tokens, chat template, whether it takes images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.core import artifacts
from stages.core.errors import UserError
from stages.core.image_files import accepts_images
from stages.training import export, image_training
from stages.training.chat_rendering import Specials, check, check_last, complete, structural

TEMPLATES = Path(__file__).parents[1] / "prompts" / "templates"


@dataclass(frozen=True)
class BaseModel:
    """A base model's directory, and what training needs to know of it."""

    directory: Path
    specials: Specials
    template: str
    structural: tuple[str, ...]
    """Special tokens that no row's text may contain, see `chat_rendering.structural`."""
    accepts_images: bool
    identity: str
    """SHA-256 of everything in the directory."""


def read_base_model(directory: Path, template: str, last_only: bool = False) -> BaseModel:
    """The base model in `directory`, to be trained through `template`: "own", "tulu" or "alpaca".

    last_only: only the last reply of a row is learned, so that earlier ones may be written otherwise.

    Raises UserError for a directory without a tokenizer or configuration, and for a template that does not exist or
    that a model can't be trained through.
    """
    require_files(directory)
    specials, images = special_tokens(directory), accepts_images(directory)
    source = _template_file(directory, template, images)
    text = complete(artifacts.read_text(source), specials, own=template == "own")
    image_tokens = (image_training.image_token(directory),) if images else ()
    text = text.replace(image_training.PLACEHOLDER, image_tokens[0]) if image_tokens else text
    try:
        (check_last if last_only else check)(text, specials)
    except UserError as error:
        raise UserError(f"{source}: {error}") from None
    reserved = (*structural(text, specials), *image_tokens)
    return BaseModel(directory, specials, text, reserved, images, export.contents_hash(directory))


def require_files(directory: Path, more: tuple[str, ...] = ()) -> None:
    """Check that a model's configuration and tokenizer are there, and the files `more`. Raises UserError if not."""
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", *more):
        if not (directory / name).is_file():
            raise UserError(
                f"{directory}: has no {name}; a model to train is a Transformers directory with its tokenizer, "
                "name another for this run in train.runs of params.yaml"
            )


def _template_file(directory: Path, template: str, images: bool) -> Path:
    ours = TEMPLATES / f"{template}{'-images' if images else ''}.jinja"
    source = directory / "chat_template.jinja" if template == "own" else ours
    if not source.is_file():
        others = "tulu" if images else "tulu or alpaca"
        raise UserError(f"{directory}: has no {source.name}; set train.settings.template to {others}")
    return source


def special_tokens(directory: Path) -> Specials:
    """The special tokens of the tokenizer in `directory`."""
    from tokenizers import Tokenizer

    config = artifacts.read_json(directory / "tokenizer_config.json", dict[str, Any])
    tokenizer = Tokenizer.from_str(artifacts.read_text(directory / "tokenizer.json"))
    bos, eos, pad = (_content(config.get(f"{name}_token")) for name in ("bos", "eos", "pad"))
    every = {token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special}
    first = tokenizer.encode("").tokens[:1]
    return Specials(bos, eos, pad, tuple(sorted({*every, bos, eos, pad} - {""})), first == [bos])


def _content(token: Any) -> str:
    return str(token.get("content") or "") if isinstance(token, dict) else str(token or "")
