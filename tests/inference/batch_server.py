"""A server with a batch API on loopback, in the form of OpenAI or of Mistral, whose faults a test decides."""

import email.parser
import email.policy
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.inference.loopback import completed, message_of

Result = dict[str, Any] | None
"""Line of a result without its id, None for a request that expired."""


def echo(body: dict[str, Any], _: int) -> Result:
    """The last message in angle brackets."""
    return {"response": {"status_code": 200, "body": json.loads(completed(f"<{message_of(body)}>").body)}}


@dataclass
class BatchServer:
    """Files, batches and what was requested; a test changes the fields below `url` before or while it runs."""

    form: str = "openai"
    answer: Callable[[dict[str, Any], int], Result] = echo
    """(body of a request, number of the batch from 0) -> its result."""
    looks: int = 1
    """Looks at a batch before it has ended."""
    end: str = "completed"
    """Status of a batch that has ended, in OpenAI's words."""
    refuse: Callable[[int, int], list[dict[str, str]]] = lambda requests, batch: []
    """(requests of a batch, its number) -> errors for which the server refuses it."""
    cut: Callable[[bytes, int], bytes] = lambda data, times: data
    """(a file of results, how often it was fetched before) -> what is sent of it, as if it were all."""
    fail: Callable[[str, str, int], int] = lambda method, path, times: 0
    """(method, path, how often that has come before) -> HTTP status of an error; 0 for none. -1: done, but cut off."""
    odd: Callable[[str, str], str | None] = lambda method, path: None
    """(method, path) -> a body in place of the right one, with status 200."""
    url: str = ""
    uploads: list[list[dict[str, Any]]] = field(default_factory=list)
    """Lines of each uploaded file."""
    batches: list[dict[str, Any]] = field(default_factory=list)
    """As this server holds them: the body that created each, and id, looks and lines."""
    calls: list[str] = field(default_factory=list)
    """Method and path of every request."""
    files: dict[str, bytes] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def create(self, payload: dict[str, Any]) -> dict[str, Any]:
        source = payload["input_file_id"] if self.form == "openai" else payload["input_files"][0]
        lines = [json.loads(line) for line in self.files[source].splitlines()]
        number = len(self.batches)
        batch = {"id": f"batch_{number}", "payload": payload, "lines": lines, "looks": 0, "number": number}
        batch["errors"] = self.refuse(len(lines), number)
        self.batches.append(batch)
        return self.state(batch)

    def finish(self, batch: dict[str, Any]) -> None:
        """Write the files of results."""
        good, bad = [], []
        for line in batch["lines"]:
            result = self.answer(line["body"], batch["number"])
            expired = {"response": None, "error": {"code": "batch_expired", "message": "It could not be answered."}}
            done = result is not None and (result.get("response") or {}).get("status_code") == 200
            (good if done else bad).append({"id": "r", "custom_id": line["custom_id"], **(result or expired)})
        for name, lines in (("output", good), ("error", bad)):
            if lines:
                batch[name] = f"file_{batch['id']}_{name}"
                self.files[batch[name]] = "".join(json.dumps(line) + "\n" for line in reversed(lines)).encode()
        batch["counts"] = (len(good), len(bad))

    def look(self, batch: dict[str, Any]) -> dict[str, Any]:
        batch["looks"] += 1
        if batch["looks"] > self.looks and "counts" not in batch and not batch["errors"]:
            self.finish(batch)
        return self.state(batch)

    def state(self, batch: dict[str, Any]) -> dict[str, Any]:
        status = "failed" if batch["errors"] else self.end if "counts" in batch else "in_progress"
        good, bad = batch.get("counts", (0, 0))
        total = len(batch["lines"])
        common = {"id": batch["id"], "metadata": batch["payload"].get("metadata")}
        if self.form == "mistral":
            names = {"completed": "SUCCESS", "expired": "TIMEOUT_EXCEEDED", "in_progress": "RUNNING"}
            return common | {
                "status": names.get(status, status.upper()), "total_requests": total, "succeeded_requests": good,
                "failed_requests": bad, "output_file": batch.get("output"), "error_file": batch.get("error"),
                "errors": batch["errors"],
            }  # fmt: skip
        return common | {
            "status": status, "request_counts": {"total": total, "completed": good, "failed": bad},
            "output_file_id": batch.get("output"), "error_file_id": batch.get("error"),
            "errors": {"data": batch["errors"]} if batch["errors"] else None,
        }  # fmt: skip


def _uploaded(body: bytes, content_type: str) -> tuple[str, bytes]:
    """Name and contents of the file in a multipart body."""
    head = f"Content-Type: {content_type}\r\nMIME-Version: 1.0\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    parts = {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}
    assert parts["purpose"].get_content().strip() == "batch"
    return str(parts["file"].get_filename()), parts["file"].get_payload(decode=True)


@contextmanager
def batch_server(**settings: Any) -> Iterator[BatchServer]:
    """The server in threads until the block ends."""
    server = BatchServer(**settings)
    base = "/batches" if server.form == "openai" else "/batch/jobs"
    seen: dict[str, int] = {}
    lock = threading.RLock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.handle_call("GET", b"")

        def do_POST(self) -> None:
            self.handle_call("POST", self.read_body())

        def read_body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data

        def handle_call(self, method: str, body: bytes) -> None:
            parts = urlsplit(self.path)
            path = parts.path.removeprefix("/v1")
            with lock:
                server.calls.append(f"{method} {path}")
                times = seen[f"{method} {path}"] = seen.get(f"{method} {path}", -1) + 1
                status = server.fail(method, path, times)
                if status > 0:
                    self.respond(status, b'{"error": {"message": "a fault"}}')
                    return
                odd = server.odd(method, path)
                answer = odd.encode() if odd is not None else b""
                answer = answer if odd is not None else self.result(method, path, parse_qs(parts.query), body, times)
            if status < 0:  # the work is done, and nobody learns of it
                self.close_connection = True
                self.connection.close()
            else:
                self.respond(200, answer)

        def result(self, method: str, path: str, query: dict[str, list[str]], body: bytes, times: int) -> bytes:
            if (method, path) == ("POST", "/files"):
                name, data = _uploaded(body, self.headers["Content-Type"])
                identifier = f"file_{len(server.uploads)}"
                server.files[identifier], server.names[identifier] = data, name
                server.uploads.append([json.loads(line) for line in data.splitlines()])
                return json.dumps({"id": identifier, "filename": name}).encode()
            if (method, path) == ("GET", "/files"):
                listed = [{"id": key, "filename": name} for key, name in server.names.items()]
                return json.dumps({"data": listed}).encode()
            if (method, path) == ("POST", base):
                return json.dumps(server.create(json.loads(body))).encode()
            if (method, path) == ("GET", base):
                listed = [server.state(batch) for batch in reversed(server.batches)]
                return json.dumps({"data": listed, "has_more": False}).encode()
            if path.startswith(f"{base}/"):
                return json.dumps(server.look(server.batches[int(path.rpartition("_")[2])])).encode()
            assert path.endswith("/content"), path
            return server.cut(server.files[path.split("/")[2]], times)

        def respond(self, status: int, data: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        server.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
        yield server
        http.shutdown()
        thread.join()
