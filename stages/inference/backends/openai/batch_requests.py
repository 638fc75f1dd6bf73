"""What a batch holds: prompts as lines of a file, and the replies that its results are to them."""

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from stages.core.atomic_write import disk
from stages.core.completions import Prompt, Reply
from stages.core.redaction import Redactor
from stages.inference.backends.openai import batch_forms, endpoint, request_body
from stages.inference.backends.openai.batch_forms import ResultLine
from stages.inference.backends.openai.batch_options import BatchOptions
from stages.inference.backends.openai.error_responses import BusyError, TransientError
from stages.inference.backends.openai.reply_reader import printable, read_reply
from stages.inference.backends.openai.server_scores import requests_scores, scored_body


class Waiting(msgspec.Struct):
    """A prompt without a reply."""

    position: int
    key: str
    """As hexadecimal text."""
    prompt: Prompt
    attempts: int = 0
    """Batches that came back without a usable reply to it."""

    def failed(self, reason: str, most: int) -> Reply | None:
        """Count such a batch; a failed reply after `most` of them."""
        self.attempts += 1
        return None if self.attempts < most else Reply("", "failed", 0, 0, error=reason)


class BatchRequests:
    """Requests to one server under the options of an engine."""

    def __init__(
        self, options: endpoint.Options, batch: BatchOptions, model: str, redactor: Redactor,
        report: Callable[[str], None],
    ) -> None:  # fmt: skip
        """report: called with messages about the server, also repeatedly with one text."""
        self._options, self._batch, self._model = options, batch, model
        self._dialect, self._redactor, self._report = endpoint.settled(options), redactor, report
        self.path = f"/v1{request_body.PATHS[options.api]}"
        """Path of the API, as batches name it."""

    def write(self, path: Path, waiting: Iterable[Waiting]) -> int:
        """Write the file to upload; returns how many of the prompts it holds, at least one. Raises UserError."""
        size = count = 0
        with disk(path), path.open("wb") as stream:
            for one in waiting:
                line = batch_forms.request_line(self._batch.form, one.key, self.path, self._body(one.prompt))
                if count and size + len(line) > self._batch.megabytes * 1e6:
                    break
                stream.write(line)
                size, count = size + len(line), count + 1
        return count

    def _body(self, prompt: Prompt) -> bytes:
        options = self._options
        scored = requests_scores(prompt, options.scores)
        for message in [] if scored else request_body.unsupported_parts(prompt, self._dialect, options.omit):
            self._report(message)
        body = request_body.BODIES[options.api]
        data = body(prompt, self._model, self._dialect, options.extra, options.omit)
        return scored_body(data, prompt, options.scores) if scored else data

    def read(self, line: ResultLine, one: Waiting) -> Reply | None:
        """The reply in a result; None where the request is to be sent again. Raises FatalError."""
        scored = requests_scores(one.prompt, self._options.scores)
        try:
            if not line.status:
                raise TransientError(line.body.decode(errors="replace") or "no response")
            sent = self._body(one.prompt)
            return read_reply(line.status, {}, line.body, one.prompt, sent, scored, self._redactor, self._report)
        except (BusyError, TransientError) as error:
            return one.failed(printable(self._redactor.message(str(error))), self._options.attempts)
