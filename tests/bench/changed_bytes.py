"""Bytes that a new version of a published set uploads to a Hub which stores parts of files once.

`python -m tests.bench.changed_bytes 300 3000 20000` publishes so many rows, the same with one row put in at the middle,
and with one more at the end, as one set and as a repository of it, and counts the bytes of new chunks. Files are split
as the Hub does (Xet: a rolling hash over 64 bytes, chunks of 8 to 128 KiB and 64 KiB in the mean;
https://huggingface.co/docs/xet/chunking); the table of the hash is another one, so the places of the splits differ.
"""

import hashlib
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from stages.core.artifacts import Receipt
from stages.core.records import Record, Source, Step, digest
from stages.publishing.dataset import Publication, write_dataset
from stages.publishing.repository_files import RepositoryPublication, write_repository
from tests.bench import usage

SMALLEST, MEAN, LARGEST = 8 << 10, 64 << 10, 128 << 10
MODEL = "hub:org/writer@0a1b2c3d4e5f"
SAMPLING = {"temperature": 1.0, "top_p": 0.9, "top_k": 50, "max_tokens": 2048}
CORPUS = Path("data/seeds/alpaca.json")


def records(count: int, extra: int | None = None) -> Iterator[Record]:
    """`count` rows of two rounds and a response, the same for each number; one more before row `extra`."""
    words = [word for row in json.loads(CORPUS.read_text()) for word in f"{row['instruction']} {row['output']}".split()]
    for number in range(count):
        if number == extra:
            yield _record(-1, words)
        yield _record(number, words)
    if extra == count:
        yield _record(-1, words)


def _record(number: int, words: list[str]) -> Record:
    draw = random.Random(number)
    texts = [_text(draw, words, length) for length in (15, 40, 40, draw.randint(20, 300))]
    sha256 = digest(texts[0])
    steps = [
        Step("rewrite", draw.choice(["decompose", "prefix", "suffix"]), "ok", one, "", MODEL, digest(one, 16), SAMPLING,
             (digest([number, one]), digest([number, one, "b"])))
        for one in (1, 2)
    ]  # fmt: skip
    steps.append(Step("respond", "respond", "ok", 2, "", MODEL, "", SAMPLING, (digest([number, "r"]),)))
    source = Source("hub:tatsu-lab/alpaca@dce01c9b", max(0, number), sha256, "CC-BY-NC-4.0", "en")
    return Record(f"alpaca-{sha256[:16]}", "alpaca", texts[1], "", texts[3], "", source, tuple(steps))


def _text(draw: random.Random, words: list[str], length: int) -> str:
    """Words that followed each other somewhere, some pieces of them."""
    pieces = []
    while length > 0:
        at, size = draw.randrange(len(words)), draw.randint(2, 8)
        pieces += words[at : at + size]
        length -= size
    return " ".join(pieces)


def chunks(data: bytes) -> dict[str, int]:
    """SHA-256 of each chunk -> its bytes."""
    import numpy as np

    gear = np.frombuffer(random.Random(1).randbytes(256 * 8), np.uint64)[np.frombuffer(data, np.uint8)]
    rolling = np.zeros(len(data), np.uint64)
    for place in range(64):
        rolling[place:] += gear[: len(data) - place] << np.uint64(place)
    ends = np.flatnonzero(rolling >> np.uint64(48) == 0) + 1
    found, start = {}, 0
    while start < len(data):
        after = ends[np.searchsorted(ends, start + SMALLEST) :][:1]
        end = min([*after.tolist(), start + LARGEST, len(data)])
        found[hashlib.sha256(data[start:end]).hexdigest()] = end - start
        start = end
    return found


def stored(folder: Path) -> dict[str, int]:
    """Every chunk of the Parquet files of a folder."""
    return {key: size for path in sorted(folder.rglob("*.parquet")) for key, size in chunks(path.read_bytes()).items()}


def published(folder: Path, rows: Callable[[], Iterator[Record]], count: int) -> tuple[Path, Path]:
    """A set and a repository of it: their folders."""
    one, repository = folder / "sets/sit", folder / "repository"
    one.mkdir(parents=True)
    receipt = Receipt("x", "", "responded", count, {}, 1)
    write_dataset(one, Publication("sit", "1.0.0", "responded/alpaca/2"), rows, receipt)
    write_repository(repository, RepositoryPublication("r", "1.0.0", "sit", ("sit",)), folder / "sets")
    return one, repository


def shares(count: int) -> None:
    """Print what is uploaded for `count` rows."""
    with tempfile.TemporaryDirectory() as name:
        places = {"": None, "inserted": count // 2, "appended": count}
        folders = {}
        for kind, extra in places.items():
            folders[kind] = published(Path(name, kind or "first"), lambda extra=extra: records(count, extra), count)
        for number, shape in enumerate(("set", "repository")):
            before = stored(folders[""][number])
            for kind in ("inserted", "appended"):
                now = stored(folders[kind][number])
                new = sum(size for key, size in now.items() if key not in before)
                total = sum(now.values())
                print(f"{count:>8,} rows, {shape:<10} one {kind}: {new:>10,} of {total:>12,} bytes, {new / total:.1%}")


if __name__ == "__main__":
    usage(__doc__)
    for word in sys.argv[1:] or ["300", "3000", "20000"]:
        shares(int(word))
