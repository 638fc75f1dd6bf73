"""Records of batches whose results are not all stored yet: small files beside the reply store.

A record is written before anything is uploaded, so that a later process finds what this one has paid for. It is removed
when every reply of the batch is stored.
"""

import uuid
from collections.abc import Iterable
from pathlib import Path
from threading import RLock

import msgspec

from stages.core.artifacts import document, write_bytes
from stages.core.state_folder import store_path
from stages.inference.backends.openai.batch_options import BatchForm


class BatchRecord(msgspec.Struct):
    """A batch as far as this machine knows."""

    tag: str
    """Names the record, its files and, in its metadata, the batch."""
    url: str
    """Address of the server, without a key."""
    form: BatchForm
    keys: list[str]
    """Requests whose replies are not stored yet, as hexadecimal keys of the reply store."""
    file: str = ""
    """Id of the uploaded file; "" before the server has named it."""
    batch: str = ""
    """Id of the batch; "" before the server has named it."""


def records_folder() -> Path:
    """The folder of the records: .seqit/batches, or batches beside $SEQIT_REPLIES."""
    return store_path().with_name("batches")


class BatchRecords:
    """All records of one server in a folder. Thread-safe; another process's records are seen once it has ended.

    Two processes never wait for one request at a time (`reply_store.claims`), so none changes another's record.
    """

    def __init__(self, folder: Path, url: str) -> None:
        """The folder need not exist."""
        self._folder, self._url = folder, url
        self._lock = RLock()
        self._records: dict[str, BatchRecord] = {}
        self._tags: dict[str, str] = {}
        """Key -> tag of its record."""

    def refresh(self) -> list[BatchRecord]:
        """Read the records that were written since, and return them; what is none of this server's is left alone."""
        with self._lock:
            paths = [path for path in sorted(self._folder.glob("*.json")) if path.stem not in self._records]
            records = [record for path in paths if (record := self._read(path))]
            for record in records:
                self._remember(record)
            return records

    def _read(self, path: Path) -> BatchRecord | None:
        try:
            record = msgspec.json.decode(path.read_bytes(), type=BatchRecord)
        except (OSError, msgspec.DecodeError):
            return None
        return record if record.tag == path.stem and record.url == self._url else None

    def _remember(self, record: BatchRecord) -> None:
        self._records[record.tag] = record
        self._tags |= dict.fromkeys(record.keys, record.tag)

    def holding(self, key: str) -> BatchRecord | None:
        """The record of the batch that holds a request; None where no known one does."""
        with self._lock:
            return self._records.get(self._tags.get(key, ""))

    def known(self, tag: str) -> BatchRecord | None:
        """The record of a tag; None where it was dropped."""
        return self._records.get(tag)

    def open_at_server(self) -> list[BatchRecord]:
        """The records of batches that a server has."""
        with self._lock:
            return [record for record in self._records.values() if record.batch]

    def new(self, form: BatchForm) -> BatchRecord:
        """A record of a batch that is about to be made; nothing is written before `assign`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return BatchRecord(uuid.uuid4().hex, self._url, form, [])

    def assign(self, record: BatchRecord, keys: Iterable[str]) -> None:
        """Say which requests a new batch holds. Raises UserError where the record can't be written."""
        record.keys = list(keys)
        with self._lock:
            self.save(record)
            self._remember(record)

    def save(self, record: BatchRecord) -> None:
        """Write a record that has changed."""
        with self._lock:
            write_bytes(self._folder / f"{record.tag}.json", document(record))

    def settle(self, record: BatchRecord, keys: Iterable[str]) -> None:
        """Take requests off a record: their replies are stored, or they will be requested anew. Ends an empty one."""
        with self._lock:
            done = set(keys)
            record.keys = [key for key in record.keys if key not in done]
            for key in done:
                if self._tags.get(key) == record.tag:
                    del self._tags[key]
            if record.keys:
                self.save(record)
            else:
                self.drop(record)

    def drop(self, record: BatchRecord) -> None:
        """Forget a batch and remove its files."""
        with self._lock:
            self._records.pop(record.tag, None)
            for key in record.keys:
                if self._tags.get(key) == record.tag:
                    del self._tags[key]
            for path in (self.results_of(record), self.upload_of(record), self._folder / f"{record.tag}.json"):
                path.unlink(missing_ok=True)

    def upload_of(self, record: BatchRecord) -> Path:
        """The file that is uploaded; removed once the batch has been created."""
        return self._folder / f"{record.tag}.upload.jsonl"

    def results_of(self, record: BatchRecord) -> Path:
        """The file with the downloaded results."""
        return self._folder / f"{record.tag}.results.jsonl"
