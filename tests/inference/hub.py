"""A Hugging Face Hub on loopback, as far as models and corpora are fetched from it."""

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """One repository of each kind with `files` at COMMIT, a gated one, and one that is broken."""

    files: dict[str, bytes]
    cut = 0
    """Bytes after which the connection ends, where that is not 0."""
    requests: list[str]
    """The ranges that were asked for."""

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        place = self.path.partition("?")[0]
        if "/gated/" in place:
            self.say(403, b"{}", {"X-Error-Code": "GatedRepo"})
        elif "/portal/" in place:
            self.say(200, b"<!doctype html><title>Log in</title>", {"Content-Type": "text/html"})
        elif "/other-json/" in place:
            self.say(200, b'{"status": "ok"}', {"Content-Type": "application/json"})
        elif "/broken/" in place:
            self.say(500, b"{}")
        elif "/org/" not in place:
            self.say(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif not ("/v1" in place or COMMIT in place):
            self.say(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        elif place.startswith("/api/"):
            self.info(place)
        else:
            self.file(place.rpartition(f"{COMMIT}/")[2])

    do_HEAD = do_GET

    def info(self, place: str) -> None:
        entries = [{"type": "file", "path": name, "size": len(data), "oid": "a"} for name, data in self.files.items()]
        whole = {"id": "org/name", "sha": COMMIT, "siblings": [{"rfilename": name} for name in self.files]}
        self.say(200, json.dumps(entries if "/tree/" in place else whole).encode())

    def file(self, name: str) -> None:
        data = self.files[name]
        tag = hashlib.sha256(data).hexdigest()
        headers = {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT, "X-Linked-Size": str(len(data))}
        wanted = self.headers.get("Range") or "bytes=0-"
        if self.command == "GET":
            self.requests.append(f"{name} {wanted}")
        begin = int(wanted.removeprefix("bytes=").partition("-")[0])
        ranged = {"Content-Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"} if begin else {}
        self.say(206 if begin else 200, data[begin:], headers | ranged)

    def say(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(data))} | (headers or {})).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data[: self.cut or None])
            self.close_connection = bool(self.cut)


@contextlib.contextmanager
def serving(files: dict[str, bytes]) -> Iterator[tuple[type[Hub], str]]:
    """The handler that holds what was asked, and the address."""
    handler = type("Bound", (Hub,), {"files": files, "requests": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield handler, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
