"""The two forms of batch APIs as pure functions: lines of files, bodies of requests, states of batches.

Sources: https://platform.openai.com/docs/api-reference/batch and https://docs.mistral.ai/api/endpoint/batch.
"""

from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import msgspec

from stages.inference.backends.openai.batch_options import BatchForm

Phase = Literal["running", "ended", "cancelled", "failed"]
"""ended: whatever the batch has made can be fetched; expired batches too. failed: the server refused the whole file."""
TAG = "seqit"
"""Field of a batch's metadata that names the record on this machine."""
_PHASES: dict[str, Phase] = {
    "completed": "ended", "expired": "ended", "failed": "failed", "cancelled": "cancelled",
    "success": "ended", "timeout_exceeded": "ended",
}  # fmt: skip
BATCHES: dict[BatchForm, str] = {"openai": "/batches", "mistral": "/batch/jobs"}
"""Form -> path of its batches; that of files is /files in both."""


class UnreadableError(Exception):
    """A response that is not of this form."""


class BatchState(NamedTuple):
    """What a server says of a batch."""

    id: str
    phase: Phase
    answered: int
    """Requests with a result, also a failed one."""
    total: int
    files: tuple[str, ...]
    """Ids of the files that hold its results, those of failed requests too."""
    errors: tuple[tuple[str, str], ...]
    """(code, message) of why the whole batch failed."""
    tag: str
    """As `TAG` of its metadata; "" where there is none."""


class ResultLine(NamedTuple):
    """One line of a file of results."""

    key: str
    """As `request_line` wrote it."""
    status: int
    """HTTP status of the response; 0 for a request that has none, such as one that expired."""
    body: bytes
    """The response's body, or the error."""


def request_line(form: BatchForm, key: str, path: str, body: bytes) -> bytes:
    """One line of an uploaded file. key: identifies the request. path: of the API, such as /v1/chat/completions."""
    fields: dict[str, Any] = {"custom_id": key}
    if form == "openai":
        fields |= {"method": "POST", "url": path}
    return msgspec.json.encode(fields | {"body": msgspec.Raw(body)}) + b"\n"


def creation(form: BatchForm, file: str, model: str, path: str, hours: int, tag: str) -> dict[str, Any]:
    """The body of the request that creates a batch of an uploaded file."""
    if form == "mistral":
        return {
            "input_files": [file], "model": model, "endpoint": path, "timeout_hours": hours, "metadata": {TAG: tag}
        }  # fmt: skip
    return {"input_file_id": file, "endpoint": path, "completion_window": f"{hours}h", "metadata": {TAG: tag}}


def read_state(form: BatchForm, body: bytes) -> BatchState:
    """A batch in a response. Raises UnreadableError."""
    return _state(form, _fields(body))


def read_states(body: bytes, form: BatchForm) -> tuple[list[BatchState], str]:
    """The batches of a page of the list, and the id after which the next page begins; "" for the last page."""
    fields = _fields(body)
    states = [_state(form, one) for one in _list(fields.get("data"))]
    return states, states[-1].id if states and fields.get("has_more") is True else ""


def read_id(body: bytes) -> str:
    """The id of a file in a response. Raises UnreadableError."""
    return _text(_fields(body), "id")


def read_file_names(body: bytes) -> dict[str, str]:
    """Name -> id of a list of files. Raises UnreadableError."""
    files = [one for one in _list(_fields(body).get("data")) if isinstance(one, dict)]
    return {str(one.get("filename")): str(one.get("id")) for one in files}


def read_results(lines: Iterator[bytes]) -> Iterator[ResultLine]:
    """The results in the lines of a file. Raises UnreadableError for a line that is none, as where the file was cut."""
    for number, line in enumerate(lines, 1):
        line = line.removeprefix(BOM_UTF8) if number == 1 else line
        if not line.strip():
            continue
        try:
            one = msgspec.json.decode(line, type=_Result)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UnreadableError(f"line {number} of its results is no result ({error})") from None
        response = one.response
        status = response.status_code if response and response.status_code else 0
        body = bytes(response.body) if response else b""
        if body in (b"", b"null") and one.error is not None:
            body = msgspec.json.encode({"error": one.error})
        yield ResultLine(one.custom_id, status, body)


class _Response(msgspec.Struct):
    status_code: int | None = None
    body: msgspec.Raw = msgspec.Raw()


class _Result(msgspec.Struct):
    custom_id: str
    response: _Response | None = None
    error: Any = None


def _state(form: BatchForm, fields: Any) -> BatchState:
    if not isinstance(fields, dict):
        raise UnreadableError("no batch")
    status = _text(fields, "status").lower()
    named = [fields.get(name) for name in ("output_file_id", "error_file_id", "output_file", "error_file")]
    counts = fields.get("request_counts") if form == "openai" else fields
    counts = counts if isinstance(counts, dict) else {}
    total = _number(counts.get("total", counts.get("total_requests")))
    names = ("completed", "failed") if form == "openai" else ("succeeded_requests", "failed_requests")
    metadata = fields.get("metadata")
    tag = metadata.get(TAG) if isinstance(metadata, dict) else None
    return BatchState(
        _text(fields, "id"), _PHASES.get(status, "running"), sum(_number(counts.get(name)) for name in names), total,
        tuple(file for file in named if isinstance(file, str) and file), _errors(fields.get("errors")),
        tag if isinstance(tag, str) else "",
    )  # fmt: skip


def _errors(value: Any) -> tuple[tuple[str, str], ...]:
    listed = value.get("data") if isinstance(value, dict) else value
    errors = [one for one in _list(listed) if isinstance(one, dict)]
    return tuple((str(one.get("code") or ""), str(one.get("message") or "")) for one in errors)


def _fields(body: bytes) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableError(f"no JSON ({error})") from None
    if not isinstance(fields, dict):
        raise UnreadableError("no JSON object")
    return fields


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise UnreadableError(f"no `{name}`")
    return value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: Any) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
