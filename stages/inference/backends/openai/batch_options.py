"""The option `batch` of the engine `openai`: requests go to a server in files, at a lower price and within hours."""

from typing import Annotated, Literal

import msgspec

from stages.params.engine_sections import BATCH_HOURS, BATCH_PRICE

BatchForm = Literal["openai", "mistral"]
"""openai: /files and /batches, as OpenAI, vLLM's gateways and others have them. mistral: /files and /batch/jobs."""


class BatchOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How batches are made. No reply's key depends on any of it."""

    form: BatchForm = "openai"
    requests: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 50_000
    """Most requests of one batch; OpenAI takes 50,000."""
    megabytes: Annotated[float, msgspec.Meta(gt=0, le=500)] = 190
    """Largest file that is uploaded, in millions of bytes; OpenAI takes 200."""
    hours: Annotated[int, msgspec.Meta(ge=1, le=168)] = BATCH_HOURS
    """Within how many hours the server is to answer; what it has not answered by then goes into a new batch."""
    poll: Annotated[float, msgspec.Meta(ge=0.01, le=3600)] = 30
    """Seconds between two looks at a batch."""
    price: Annotated[float, msgspec.Meta(ge=0, le=1)] = BATCH_PRICE
    """Price of a request in a batch, as a share of `costs`."""
