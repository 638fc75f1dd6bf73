"""A Hugging Face Hub on loopback: bare git repositories and a store of large files checked by their SHA-256.

Speaks what huggingface_hub needs to create a data set or a model, commit, tag, list and download, with the Hub's own
refusals.
"""

import base64
import hashlib
import json
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_loopback0123456789"
"""May write."""
READER, STRANGER = "hf_readonly0123456789", "hf_stranger0123456789"
"""May read only; belongs to somebody who may not even see a private repository."""
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"
LARGE = (".parquet", ".safetensors")
"""Suffixes of files that the Hub takes through LFS."""
DATE = "2026-01-02T03:04:05.000000Z"


class Refused(Exception):
    """An answer other than success."""

    def __init__(
        self, status: int, code: str = "", message: str = "", headers: dict[str, str] | None = None, **more: str
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.more = status, code, message, more
        self.headers = headers or {}


class Store:
    """Repositories and large files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lock = folder, threading.Lock()
        self.meanwhile: Callable[[], None] = lambda: None
        """Called when a commit is being prepared, before it comes."""
        self.arrives: Callable[[str, str], None] = lambda method, path: None
        """Called with each request before it is answered, of several at once."""
        self.refusals: list[tuple[str, str, Refused]] = []
        """(method, part of a path, answer): each is the answer to the first request that fits it."""
        self.is_private = False
        """Whether only TOKEN and READER see repositories."""
        (folder / "lfs").mkdir(parents=True)

    def git(self, name: str, *arguments: str, data: bytes | None = None, **environment: str) -> bytes:
        clean = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "hub",
            "GIT_AUTHOR_EMAIL": "hub@loopback", "GIT_COMMITTER_NAME": "hub", "GIT_COMMITTER_EMAIL": "hub@loopback",
            "GIT_AUTHOR_DATE": DATE[:19], "GIT_COMMITTER_DATE": DATE[:19],
        }  # fmt: skip
        command = ["git", "--git-dir", str(self.path(name)), *arguments]
        done = subprocess.run(command, input=data, capture_output=True, env=clean | environment)
        if done.returncode:
            raise Refused(412 if "update-ref" in arguments else 404, "RevisionNotFound", done.stderr.decode())
        return done.stdout.strip() if "cat-file" not in arguments else done.stdout

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.git"

    def create(self, name: str) -> None:
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(self.path(name))], check=True)
        attributes = {".gitattributes": b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"}
        self.commit(name, "initial commit", None, attributes, [])

    def resolve(self, name: str, revision: str) -> str:
        if not self.path(name).exists():
            raise Refused(404, "RepoNotFound", "Repository not found")
        return self.git(name, "rev-parse", "--verify", f"{revision}^{{commit}}").decode()

    def commit(self, name: str, message: str, parent: str | None, files: dict[str, bytes], gone: list[str]) -> str:
        index = {"GIT_INDEX_FILE": str(self.folder / f"{name.replace('/', '-')}.index")}
        Path(index["GIT_INDEX_FILE"]).unlink(missing_ok=True)
        if parent:
            self.git(name, "read-tree", parent, **index)
        for path, data in files.items():
            blob = self.git(name, "hash-object", "-w", "--stdin", data=data).decode()
            self.git(name, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", **index)
        for path in gone:
            self.git(name, "update-index", "--index-info", data=f"0 {'0' * 40}\t{path}\n".encode(), **index)
        tree = self.git(name, "write-tree", **index).decode()
        made = self.git(name, "commit-tree", tree, *(["-p", parent] if parent else []), data=message.encode()).decode()
        self.git(name, "update-ref", "refs/heads/main", made, parent or "0" * 40)
        return made

    def tree(self, name: str, revision: str) -> dict[str, dict]:
        commit = self.resolve(name, revision)
        listed = self.git(name, "ls-tree", "-r", "-l", "-z", commit).decode().split("\0")
        found = (re.fullmatch(r"\d+ blob (\w+) +(\d+)\t(.*)", entry, re.DOTALL) for entry in listed if entry)
        return {
            m[3]: {"type": "file", "path": m[3], "oid": m[1], "size": int(m[2])} | self.large(name, m[1]) for m in found
        }

    def large(self, name: str, blob: str) -> dict:
        data = self.git(name, "cat-file", "-p", blob)
        pointer = re.match(rb"version https://git-lfs.*\noid sha256:(\w+)\nsize (\d+)", data)
        if not pointer:
            return {}
        oid, size = pointer[1].decode(), int(pointer[2])
        return {"size": size, "lfs": {"oid": oid, "sha256": oid, "size": size, "pointerSize": 130}}

    def read(self, name: str, revision: str, path: str) -> tuple[bytes, dict]:
        entry = self.tree(name, revision).get(path)
        if entry is None:
            raise Refused(404, "EntryNotFound", "Entry not found")
        if "lfs" in entry:
            return (self.folder / "lfs" / entry["lfs"]["oid"]).read_bytes(), entry
        return self.git(name, "cat-file", "-p", entry["oid"]), entry


class Handler(BaseHTTPRequestHandler):
    """The routes, each a method named in ROUTES."""

    protocol_version = "HTTP/1.1"
    store: Store

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.store.arrives(self.command, path)
        try:
            with self.store.lock:
                self.refuse(path)
                self.route(path, body)
        except Refused as refused:
            head = {"X-Error-Code": refused.code, "X-Error-Message": refused.message.replace("\n", " ")}
            answer = json.dumps({"error": refused.message} | refused.more).encode()
            self.send(refused.status, answer, head | refused.headers)

    def refuse(self, path: str) -> None:
        """Raise Refused for who may not do this, and for what `refusals` names."""
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in (TOKEN, READER, STRANGER, ""):
            raise Refused(401, "", "Invalid user token")
        if token in ("", STRANGER) and self.store.is_private and "/datasets/" in path:
            raise Refused(404 if token else 401, "RepoNotFound", "Repository not found")
        reads = self.command != "POST" or any(part in path for part in ("/paths-info/", "whoami-v2", "validate-yaml"))
        if not reads and token != TOKEN:
            raise Refused(403 if token else 401, "", "you may not write here")
        for number, (method, part, refused) in enumerate(self.store.refusals):
            if method == self.command and part in path:
                del self.store.refusals[number]
                raise refused

    do_GET = do_POST = do_PUT = do_HEAD = answer

    def route(self, path: str, body: bytes) -> None:
        for methods, pattern, handle in ROUTES:
            if self.command in methods.split() and (found := re.fullmatch(pattern, path)):
                return handle(self, body, *found.groups())
        raise Refused(404, "", f"no route {path}")

    def send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        usual = {"Content-Type": "application/json", "Content-Length": str(len(data))}
        for key, value in (usual | (headers or {})).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def json(self, value: object) -> None:
        self.send(200, json.dumps(value).encode())

    def create(self, body: bytes) -> None:
        asked = json.loads(body)
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        if self.store.path(name).exists():
            raise Refused(409, "", "You already created this dataset repo", url=f"{self.base}/datasets/{name}")
        self.store.create(name)
        self.json({"url": f"{self.base}/datasets/{name}", "name": name})

    def info(self, body: bytes, name: str, revision: str | None = None) -> None:
        files = self.store.tree(name, revision or "main")
        self.json({
            "id": name, "author": name.split("/")[0], "sha": self.store.resolve(name, revision or "main"),
            "private": True, "gated": False, "disabled": False, "downloads": 0, "likes": 0, "tags": [],
            "lastModified": DATE, "createdAt": DATE, "siblings": [{"rfilename": path} for path in files],
        })  # fmt: skip

    def refs(self, body: bytes, name: str) -> None:
        head = self.store.resolve(name, "main")
        tags = self.store.git(name, "tag", "-l").decode().split()
        self.json({
            "branches": [{"name": "main", "ref": "refs/heads/main", "targetCommit": head}], "converts": [],
            "tags": [{"name": t, "ref": f"refs/tags/{t}", "targetCommit": self.store.resolve(name, t)} for t in tags],
        })  # fmt: skip

    def listing(self, body: bytes, name: str, revision: str, folder: str | None = None) -> None:
        folder = (folder or "").strip("/")
        inside = f"{folder}/" if folder else ""
        found = [f for p, f in self.store.tree(name, revision).items() if p.startswith(inside)]
        if folder and not found:
            raise Refused(404, "EntryNotFound", "Entry not found")
        self.json(found)

    def paths(self, body: bytes, name: str, revision: str) -> None:
        asked = json.loads(body)["paths"] if body[:1] == b"{" else parse_qs(body.decode()).get("paths", [])
        self.json([file for path, file in self.store.tree(name, revision).items() if path in asked])

    def preupload(self, body: bytes, name: str, revision: str) -> None:
        self.store.meanwhile()
        present = self.store.tree(name, revision)
        self.json({"files": [
            {
                "path": f["path"], "uploadMode": "lfs" if f["path"].endswith(LARGE) else "regular",
                "shouldIgnore": False, "oid": present.get(f["path"], {}).get("oid"),
            }
            for f in json.loads(body)["files"]
        ]})  # fmt: skip

    def batch(self, body: bytes, name: str) -> None:
        objects = json.loads(body)["objects"]
        for item in objects:
            if not (self.store.folder / "lfs" / item["oid"]).exists():
                item["actions"] = {"upload": {"href": f"{self.base}/lfs/{item['oid']}", "header": {}}}
        self.json({"transfer": "basic", "objects": objects})

    def upload(self, body: bytes, oid: str) -> None:
        if hashlib.sha256(body).hexdigest() != oid:
            raise Refused(400, "", "contents do not match their hash")
        (self.store.folder / "lfs" / oid).write_bytes(body)
        self.send(200, b"")

    def commit(self, body: bytes, name: str, revision: str) -> None:
        lines = [json.loads(line) for line in body.splitlines()]
        header = next(line["value"] for line in lines if line["key"] == "header")
        head, files, gone = self.store.resolve(name, revision), {}, []
        if header.get("parentCommit") not in (None, head):
            raise Refused(412, "", "A commit has happened since. Please refresh and try again.")
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                if not (self.store.folder / "lfs" / value["oid"]).exists():
                    raise Refused(400, "", "a large file was never uploaded")
                files[value["path"]] = POINTER.format(**value).encode()
            elif line["key"] == "deletedFile":
                gone.append(value["path"])
        made = self.store.commit(name, header["summary"], head, files, gone)
        self.json({"success": True, "commitOid": made, "commitUrl": f"{self.base}/datasets/{name}/commit/{made}"})

    def tag(self, body: bytes, name: str, revision: str) -> None:
        asked = json.loads(body)
        if asked["tag"] in self.store.git(name, "tag", "-l").decode().split():
            raise Refused(409, "", "Tag reference exists already")
        commit = self.store.resolve(name, revision)
        self.store.git(name, "tag", "-a", asked["tag"], "-m", asked.get("message") or "", commit)
        self.json({})

    def file(self, body: bytes, name: str, revision: str, path: str) -> None:
        data, entry = self.store.read(name, revision, path)
        head = {
            "ETag": f'"{entry.get("lfs", entry)["oid"]}"', "X-Repo-Commit": self.store.resolve(name, revision),
            "X-Linked-Size": str(len(data)), "Content-Type": "application/octet-stream", "Accept-Ranges": "none",
        }  # fmt: skip
        self.send(200, data, head)

    def fine(self, body: bytes) -> None:
        self.json({"errors": [], "warnings": [], "name": "me", "type": "user"})

    @property
    def base(self) -> str:
        return f"http://{self.headers['Host']}"


NAME, REVISION = r"([\w.-]+/[\w.-]+)", r"([^/]+(?:/convert/parquet)?)"
ROUTES: list[tuple[str, str, Callable]] = [
    ("POST", r"/api/repos/create", Handler.create),
    ("GET HEAD", rf"/api/(?:datasets|models)/{NAME}", Handler.info),
    ("GET HEAD", rf"/api/(?:datasets|models)/{NAME}/revision/{REVISION}", Handler.info),
    ("GET HEAD", rf"/api/(?:datasets|models)/{NAME}/refs", Handler.refs),
    ("GET HEAD", rf"/api/(?:datasets|models)/{NAME}/tree/([^/]+)(/.*)?", Handler.listing),
    ("POST", rf"/api/(?:datasets|models)/{NAME}/paths-info/{REVISION}", Handler.paths),
    ("POST", rf"/api/(?:datasets|models)/{NAME}/preupload/([^/]+)", Handler.preupload),
    ("POST", rf"/(?:datasets/)?{NAME}\.git/info/lfs/objects/batch", Handler.batch),
    ("PUT", r"/lfs/(\w+)", Handler.upload),
    ("POST", rf"/api/(?:datasets|models)/{NAME}/commit/([^/]+)", Handler.commit),
    ("POST", rf"/api/(?:datasets|models)/{NAME}/tag/([^/]+)", Handler.tag),
    ("GET HEAD", rf"/(?:datasets/)?{NAME}/resolve/([^/]+)/(.+)", Handler.file),
    ("POST GET", r"/api/(?:validate-yaml|whoami-v2)", Handler.fine),
]


@contextmanager
def hub(folder: Path) -> Iterator[tuple[str, Store]]:
    """A server for the time of the block: its address and what it holds."""
    store = Store(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"store": store}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", store
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
