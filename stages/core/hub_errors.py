"""What the Hugging Face Hub or the network says while something is read, as one line."""

import contextlib
from collections.abc import Iterator

from stages.core.errors import MISREAD, NOT_THE_HUB, UserError

ANSWERS = {
    401: "the Hub does not know this HF_TOKEN; make one at huggingface.co/settings/tokens",
    403: "this HF_TOKEN may not read it; ask its owner, or take another token",
    429: "the Hub answered 429, too many requests; wait some minutes and run again",
}
"""Status of a refusal -> what it means."""


@contextlib.contextmanager
def hub_errors(name: str, local: str = "use path:… with a copy of yours") -> Iterator[None]:
    """Raise errors of the Hub as a UserError; without the Hub's message, which may repeat headers.

    local: what to do where the Hub is out of reach.
    """
    try:
        from huggingface_hub import errors
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError as error:  # pragma: no cover - pinned with the environment
        raise UserError(f"{name}: huggingface_hub is not installed ({error})") from None
    reasons: list[tuple[type[Exception], str]] = [
        (errors.GatedRepoError, "access is gated; accept its terms on huggingface.co and set HF_TOKEN"),
        (errors.RevisionNotFoundError, "has no such revision; correct what follows the @"),
        (errors.RepositoryNotFoundError, "no such repository, or a private one; correct the name or set HF_TOKEN"),
        (errors.OfflineModeIsEnabled, f"HF_HUB_OFFLINE is set; unset it, or {local}"),
    ]
    try:
        yield
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        other = ANSWERS.get(status, f"the Hub answered {status}; try again later")
        reason = next((text for kind, text in reasons if isinstance(error, kind)), other)
        raise UserError(f"{name}: {reason}") from None
    except errors.HFValidationError:
        raise UserError(f"{name}: is no name of a repository; write it as the Hub shows it") from None
    except (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError):
        raise UserError(f"{name}: {reasons[-1][1]}") from None
    except UserError:
        raise
    except Exception as error:
        if isinstance(error, MISREAD):
            raise UserError(f"{name}: {NOT_THE_HUB}") from None
        if not _is_network(error):
            raise
        raise UserError(
            f"{name}: the Hub can't be reached, or not to the end ({type(error).__name__}); go online and run again to "
            f"go on where it was, or {local}"
        ) from None


def _is_network(error: Exception) -> bool:
    # By the name of its package: huggingface_hub's client is httpx up to 1.x, httpx2 in 2.x.
    package = type(error).__module__.partition(".")[0].rstrip("2")
    return isinstance(error, (ConnectionError, TimeoutError)) or package in ("httpx", "httpcore")
