"""A published set made by the pipeline's own functions from a corpus, prompt files and a scripted model."""

import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stages import prompts
from stages.core import artifacts
from stages.core.atomic_write import replacing_folder
from stages.core.completions import Complete, Prompt, Reply, Sampling
from stages.core.records import Action, Record
from stages.corpora.read_records import Origin as Source
from stages.corpora.read_records import read
from stages.inference.answer_only import without_reasoning
from stages.params import Reasoning
from stages.prompts import parse
from stages.publishing.dataset import Publication, write_dataset
from stages.readers.source import Corpus
from stages.reply_store.identity import Identity
from stages.reply_store.keys import request
from stages.reply_store.store import Replies
from stages.seqinstruct.filters import Limits
from stages.seqinstruct.policies import RoundConfig
from stages.seqinstruct.responses import ResponseConfig, respond_round
from stages.seqinstruct.rounds import rewrite_round
from stages.verification.check_results import Mismatch
from stages.verification.verify_set import Evidence, Verification, verify_set

SHIPPED = Path(prompts.__file__).parent
IDENTITY = Identity("hub:org/writer@0a1b", "http://localhost:1/v1")
SAMPLING = Sampling(temperature=1.0, top_p=0.9, top_k=50, max_tokens=64)
SEED = 7
TASKS = ("Name a lake.", "Describe a river in one sentence.", "Which mountain is the highest?", "List three towns.")
TAILS = ("Name two lakes in the north of Italy.", "Describe how the weather is in that place.")


def replies_of(store: Replies, text_of: Callable[[Prompt], str]) -> Complete:
    """A model that writes `text_of` a prompt, whose replies are stored as those of any engine."""

    def complete(prompts: Iterable[Prompt]) -> Iterator[Reply]:
        for prompt in prompts:
            ask = request(IDENTITY, prompt)
            reply = store.keep([(ask, Reply(text_of(prompt), "ok", 1, 1))], IDENTITY.model)[0]
            yield without_reasoning(prompt, reply, Reasoning())

    return complete


def written(prompt: Prompt) -> str:
    """What the model says: an option, a new instruction, one task for a frame, or a response with reasoning."""
    purpose, text = prompt.purpose.rpartition("/")[2], prompt.messages[-1].content
    if purpose == "choose":
        return f"<think>Short?</think>So the option is: {'AC'[len(text) % 2]}."
    if purpose == "respond":
        return f"<think>Hm.</think> An answer to {len(text)} characters, drawn with {prompt.seed}. "
    if prompt.constraint:
        return TAILS[prompt.seed % 2]
    return f"Let me see.\n#New Instruction#: Take your time and then give an answer, number {prompt.seed % 97}.###"


@dataclass(frozen=True)
class SmallSet:
    """A published set with all that it was made of."""

    folder: Path
    corpus: Path
    store: Path
    rows: list[Record]

    @property
    def data(self) -> Path:
        """The Parquet file."""
        return self.folder / "data/train.parquet"

    def verify(self, **changes: Any) -> Verification:
        """The outcome with everything at hand."""
        evidence = {"corpora": [str(self.corpus)], "replies": self.store, "shipped": SHIPPED} | changes
        return verify_set(self.folder, Evidence(**evidence))

    def publish(self, rows: list[Record]) -> None:
        """Publish other rows in place of these, with hashes and counts of their own."""
        what = Publication("lakes", "1.0.0", "responded/lakes/2", seed=SEED)
        with replacing_folder(self.folder) as folder:
            write_dataset(folder, what, lambda: rows)

    def change(self, number: int, change: Callable[[dict[str, Any]], None]) -> str:
        """Change a row of the Parquet file and nothing else; returns the row's id."""
        table = pq.read_table(self.data)
        rows = table.to_pylist()
        change(rows[number])
        stream = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), stream)
        self.data.write_bytes(stream.getvalue())
        return str(rows[number]["id"])


def make(folder: Path, kind: str = "seqinstruct") -> SmallSet:
    """A set of two rounds; kind: "seqinstruct" (the model chooses and writes) or "small" (tasks within frames)."""
    corpus = folder / "alpaca.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    corpus.write_text("".join(
        json.dumps({"instruction": text, "input": "Como" * (n % 2), "output": "Yes.", "system": "Be brief." * (n == 3)})
        + "\n" for n, text in enumerate(TASKS)
    ))  # fmt: skip
    source = Source("lakes", "path:data/alpaca.jsonl", "MIT", "en")
    rows = [row for row in read("alpaca", Corpus(str(corpus)).rows(set()), source, {}) if isinstance(row, Record)]
    with Replies(folder / "replies.sqlite") as store:
        complete = replies_of(store, written)
        for number in (1, 2):
            rows = list(rewrite_round(rows, complete, config(kind, number)))
        made = ResponseConfig(SEED, 2, SAMPLING, 1, ("ok",))
        rows = [row for _, row in respond_round(rows, [], complete, made) if isinstance(row, Record)]
    small = SmallSet(folder / "lakes", corpus, folder / "replies.sqlite", rows)
    small.publish(rows)
    return small


def config(kind: str, number: int) -> RoundConfig:
    """A round over seqit's own prompt files."""
    actions: tuple[Action, ...] = ("decompose", "prefix", "suffix", "hold") if kind == "seqinstruct" else ("suffix",)
    files = {path.stem: path for path in (SHIPPED / kind).glob("*.txt")}
    templates = {name: parse(artifacts.read_text(path), str(path)) for name, path in files.items()}
    policy = "model" if kind == "seqinstruct" else "fixed"
    return RoundConfig(SEED, number, policy, actions, templates, SAMPLING, 2, 3, Limits(200, 8.0))


def differing(result: Verification) -> dict[str, list[Mismatch]]:
    """Check -> its differences, of checks that have any."""
    return {one.name: one.mismatches for one in result.checks if one.mismatches}


def compared(result: Verification) -> dict[str, int]:
    """Check -> how much it compared."""
    return {one.name: one.compared for one in result.checks}
