"""The files of a published set from the Hugging Face Hub, at a tag or commit."""

import os
import re
from pathlib import Path
from typing import NoReturn

from stages.core.errors import MISREAD, NOT_THE_HUB, UserError
from stages.core.redaction import without_secrets

REFERENCE = re.compile(r"hub:([\w.-]+/[\w.-]+)@([\w./-]+)")
FILES = ("data/*.parquet", "provenance.json", "rows.sha256", "README.md")


def is_hub_reference(target: str) -> bool:
    """Whether a target names the Hub, and not a path."""
    return target.startswith("hub:")


def download(reference: str) -> Path:
    """The folder in the Hub's cache with the files of hub:ORG/NAME@REVISION.

    HF_ENDPOINT and HF_TOKEN are honoured; what the cache has is not downloaded again. Raises UserError for another
    form of reference, for what the Hub does not have, and where it can't be reached.
    """
    match = REFERENCE.fullmatch(reference)
    if match is None:
        raise UserError(f"{without_secrets(reference)}: write hub:ORG/NAME@TAG, such as hub:lab/mine-sit@v0.1.0")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HTTPError, LocalEntryNotFoundError

    endpoint, token = os.environ.get("HF_ENDPOINT"), os.environ.get("HF_TOKEN")
    try:
        folder = snapshot_download(
            match[1], revision=match[2], repo_type="dataset", allow_patterns=list(FILES), endpoint=endpoint, token=token
        )
    except HfHubHTTPError as error:
        _refuse(reference, error, token or "")
    except (HTTPError, LocalEntryNotFoundError, OSError) as error:
        kind = type(error).__name__
        raise UserError(f"{reference}: the Hub can't be reached ({kind}), and no copy is in the cache") from None
    except MISREAD:
        raise UserError(f"{reference}: {NOT_THE_HUB}") from None
    return Path(folder)


def _refuse(reference: str, error: Exception, token: str) -> NoReturn:
    """Raise what an answer of the Hub means, without the token."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    if isinstance(error, RevisionNotFoundError):
        raise UserError(f"{reference}: the repository has no such tag or commit; its page lists them under Files")
    if isinstance(error, GatedRepoError | RepositoryNotFoundError):
        raise UserError(f"{reference}: there is no such data set, or HF_TOKEN may not read it")
    answer = " ".join((str(error).replace(token, "…") if token else str(error)).split())[:300]
    raise UserError(f"{reference}: the Hub answered: {answer}")
