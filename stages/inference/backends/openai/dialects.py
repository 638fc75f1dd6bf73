"""What `dialect: auto` stands for at an endpoint: learnt once by a probe, recorded, used until the endpoint changes.

The record is a JSON file in the state folder. It is keyed by all that decides the answer: address, API, model, declared
dialect and further fields. Only findings are recorded, never that a server was busy or away.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec

from stages.core import artifacts
from stages.core.errors import UserError
from stages.core.records import canonical
from stages.inference.backends.openai.dialect_probe import NoAnswerError, RefusalError
from stages.inference.backends.openai.dialect_search import Findings, dialect_of, find, omitted_fields
from stages.inference.backends.openai.endpoint import Endpoint, Options, read_endpoint
from stages.inference.backends.openai.probe_connection import ProbeConnection
from stages.inference.backends.openai.request_body import PATHS
from stages.inference.backends.openai.server_advice import advice
from stages.inference.engine_interface import Recall
from stages.reply_store.identity import Reference


def settle(reference: Reference | None, options: dict[str, Any], recall: Recall) -> dict[str, Any]:
    """The options with the dialect, and the fields to omit, that were learnt in place of `dialect: auto`.

    Raises UserError where they are not recorded and the server can't be probed, or not now, or may not be.
    """
    parsed, endpoint = read_endpoint(reference, options)
    if parsed.dialect != "auto":
        return options
    findings, requests = learn(parsed, endpoint, recall)
    dialect = dialect_of(findings)
    omit = sorted({*parsed.omit, *omitted_fields(findings, dialect)} - parsed.extra.keys())
    if requests:
        _report(endpoint, dialect, omit, requests)
    return options | {"dialect": dialect, "omit": omit}


def learn(options: Options, endpoint: Endpoint, recall: Recall) -> tuple[Findings, int]:
    """The findings about a model at an endpoint, recorded or new, and how many requests were sent for them.

    Raises UserError where there are none.
    """
    key = _key(options, endpoint)
    recorded = None if recall.again else _read(recall.path).get(key)
    if recorded:
        return recorded, 0
    if not recall.probes:
        raise UserError(f"{endpoint.url}: its dialect is not known; run `seqit check`, or name it in `dialect`")
    connection = ProbeConnection(options, endpoint)
    probe = connection.probe()
    try:
        findings = find(probe, options.api, options.dialect)
    except RefusalError as error:
        raise UserError(f"{endpoint.url}: {error}; {advice(error, connection)}") from None
    except NoAnswerError as error:
        raise UserError(f"{endpoint.url}: {error}; nothing was recorded, run again when the server answers") from None
    artifacts.write_json(recall.path, {**_read(recall.path), key: findings})
    return findings, probe.requests


def _report(endpoint: Endpoint, dialect: str, omit: list[str], requests: int) -> None:
    without = f", without {', '.join(omit)}" if omit else ""
    plural = "s" * (requests != 1)
    print(
        f"seqit: {endpoint.url}: {requests} probe request{plural}: dialect {dialect}{without} (more by `seqit check`)",
        file=sys.stderr, flush=True,
    )  # fmt: skip


def _key(options: Options, endpoint: Endpoint) -> str:
    return canonical([endpoint.url + PATHS[options.api], endpoint.model, options.dialect, options.extra]).decode()


def _read(path: Path) -> dict[str, Findings]:
    """The recorded findings; none where the file is missing, damaged or of another version."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Findings])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}
