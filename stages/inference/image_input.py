"""Pictures on their way to a model: which kind they are, and as a URL."""

from base64 import b64encode

from stages.core import image_files
from stages.core.completions import Image, Message, Prompt
from stages.core.errors import UserError

KINDS = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"RIFF": "webp"}
"""How a file begins -> the second half of its media type."""


def data_url(image: Image) -> str:
    """A picture within a URL (RFC 2397). Raises UserError where the file is missing, another one, or no picture."""
    data = image_files.read(image)
    kind = next((kind for start, kind in KINDS.items() if data.startswith(start)), None)
    if kind is None:
        raise UserError(f"{image.path}: is no PNG, JPEG, GIF or WebP picture; convert it")
    return f"data:image/{kind};base64,{b64encode(data).decode()}"


def content(message: Message) -> str | list[dict[str, object]]:
    """What OpenAI's API takes as a message's content: the text, or the pictures and then the text."""
    if not message.images:
        return message.content
    shown: list[dict[str, object]] = [
        {"type": "image_url", "image_url": {"url": data_url(image)}} for image in message.images
    ]
    return [*shown, {"type": "text", "text": message.content}]


def pictured(prompt: Prompt) -> bool:
    """Whether a prompt shows a picture."""
    return any(message.images for message in prompt.messages)
