"""`seqit verify` at full size: `python -m tests.bench.verify [rows] [folder]`.

Publishes 100,000 rows (kept in the folder, if one is named, for the next time) of which each went through one round of
Seq-Instruct and was responded to, by the pipeline's own functions and a scripted model, with the lengths of the paper's
Table 4, and stores every reply. Measures all checks of `seqit verify`, those without replies and corpus, and
`verify_rows.py`, each in a process of its own, for a tenth of the rows and for all: the ratio tells what grows.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from stages import prompts
from stages.core.completions import Prompt
from stages.core.records import Record, Source, digest
from stages.publishing import verify_rows
from stages.publishing.dataset import Publication, write_dataset
from stages.reply_store.store import Replies
from stages.seqinstruct.responses import ResponseConfig, respond_round
from stages.seqinstruct.rounds import rewrite_round
from stages.verification.verify_set import Evidence, verify_set
from tests.bench import usage
from tests.bench.engines import cpu
from tests.verification.small_set import SAMPLING, SEED, config, replies_of

SHIPPED = Path(prompts.__file__).parent
WORDS = [f"word{number}" for number in range(4000)]


def text(seed: object, words: int) -> str:
    """That many words; the same for the same seed."""
    return " ".join(random.Random(str(seed)).choices(WORDS, k=words))


def source(number: int) -> dict[str, str]:
    """A row of the corpus."""
    return {"instruction": f"Task {number}: {text(number, 20)}.", "input": "", "output": "Yes."}


def answer(prompt: Prompt) -> str:
    """A longer instruction, or a response of 300 words."""
    purpose = prompt.purpose.rpartition("/")[2]
    if purpose == "choose":
        return "A"
    if purpose == "respond":
        return text(prompt.seed, 300)
    return f"#New Instruction#: {text(prompt.seed, 45)}."


def records(count: int) -> Iterator[Record]:
    """Rows of a corpus."""
    for number in range(count):
        row = source(number)
        sha256 = digest(row)
        origin = Source("path:data/corpus.jsonl", number, sha256, "MIT", "en")
        yield Record(f"rows-{sha256[:16]}", "rows", row["instruction"], "", row["output"], "", origin)


def publish(folder: Path, count: int) -> None:
    """The corpus, its published set, and the store of replies."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "corpus.jsonl", "w") as stream:
        stream.writelines(f"{json.dumps(source(number))}\n" for number in range(count))
    with Replies(folder / "replies.sqlite") as store:
        complete = replies_of(store, answer)
        kept = list(rewrite_round(records(count), complete, config("seqinstruct", 1)))
        made = ResponseConfig(SEED, 1, SAMPLING, 1, ("ok",))
        rows = [row for _, row in respond_round(kept, [], complete, made) if isinstance(row, Record)]
    assert len(rows) == count
    write_dataset(folder / "set", Publication("set", "1.0.0", "responded/rows/1", seed=SEED), lambda: rows)
    (folder / "done").touch()


def everything(folder: Path) -> None:
    """All checks that need no checkout."""
    evidence = Evidence([str(folder / "corpus.jsonl")], folder / "replies.sqlite", shipped=SHIPPED)
    result = verify_set(folder / "set", evidence)
    assert not result.differs and len([one for one in result.checks if one.compared]) > 10, result


def facts(folder: Path) -> None:
    """Hashes, counts, types, messages and prompt files."""
    assert not verify_set(folder / "set", Evidence(shipped=SHIPPED)).differs


def alone(folder: Path) -> None:
    """The program beside the set, in this process."""
    assert verify_rows.main(folder / "set") == 0


MEASURED = {"everything": everything, "facts": facts, "alone": alone}


def measure(name: str, folder: Path) -> None:
    """One line, from a process of its own."""
    import resource

    started = time.perf_counter()
    MEASURED[name](folder)
    wall = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{folder.name:>9} {name:10} {wall:8.2f} s wall {cpu():8.2f} s CPU {peak:8.0f} MiB peak", flush=True)


def main(rows: int, folder: Path) -> None:
    """Publish, then measure, for a tenth and for all."""
    for count in (rows // 10, rows):
        place = folder / str(count)
        if not (place / "done").exists():
            started = time.perf_counter()
            publish(place, count)
            print(f"{count:>9} published  {time.perf_counter() - started:8.2f} s wall", flush=True)
        for name in MEASURED:
            subprocess.run([sys.executable, "-m", "tests.bench.verify", "measure", name, str(place)], check=True)


if __name__ == "__main__":
    usage(__doc__)
    if sys.argv[1:2] == ["measure"]:
        measure(sys.argv[2], Path(sys.argv[3]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(int((sys.argv[1:] or ["100000"])[0]), Path((sys.argv[2:] or [temporary])[0]))
