"""Versions of a small published set, made by the pipeline's own functions: a recipe says what is different."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stages import prompts
from stages.ablations.combination import combined_sets
from stages.core import artifacts
from stages.core.atomic_write import replacing_folder
from stages.core.completions import Complete, Prompt, Reply, Sampling
from stages.core.records import Record, Rejected
from stages.corpora.read_records import Origin, read
from stages.decontamination.benchmark_index import BenchmarkText, build_index
from stages.decontamination.decontaminate_rows import DecontaminationRules, find_contamination
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

SHIPPED = Path(prompts.__file__).parent
TASKS = tuple(
    f"{verb} {thing}."
    for verb in ("Name", "Describe", "Draw a plan of")
    for thing in ("a lake", "two rivers", "the sea")
)
WARM = Sampling(temperature=1.0, top_p=0.9, top_k=50, max_tokens=64)
LONGER = Sampling(temperature=1.0, top_p=0.9, top_k=50, max_tokens=128)
WIDE = Limits(200, 8.0)
TAILS = ("Name two lakes in the north of Italy.", "Describe how the weather is in that place.")
FILES = {
    folder: {path.stem: path.read_text() for path in (SHIPPED / folder).glob("*.txt")}
    for folder in ("small", "seqinstruct")
}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a set."""

    tasks: tuple[str, ...] = TASKS
    corpus: str = "lakes"
    licence: str = "MIT"
    folder: str = "small"
    policy: str = "uniform"
    actions: tuple[Any, ...] = ("decompose", "prefix", "suffix", "hold")
    edited: Mapping[str, str] = field(default_factory=dict)
    """Prompt file -> text that is added to its system prompt."""
    model: str = "hub:org/writer@0a1b"
    server: str = "http://localhost:1/v1"
    sampling: Sampling = WARM
    answers: Sampling = LONGER
    seed: int = 7
    rounds: int = 2
    attempts: int = 2
    hold: Any = "respond"
    limits: Limits = WIDE
    benchmark: tuple[str, ...] = ()
    removed: frozenset[str] = frozenset({"overlap-exact"})
    arm: int | None = None
    """Rows of a combined set that is published in place of the responses."""
    quarantined: tuple[int, ...] = ()
    said: str = ""
    """What the model says besides, to an equal request."""
    adapter: str = "alpaca"
    system: str = "system"
    """Field of the system prompt in the corpus."""

    def but(self, **changes: Any) -> "Recipe":
        """The same with something different."""
        return replace(self, **changes)


BASE = Recipe()
ASKED = Recipe(folder="seqinstruct", policy="model")


def publish(top: Path, recipe: Recipe, version: str, changes: Any = None, seed_known: bool = True) -> Path:
    """Run the stages in the folder `top` and publish; returns the folder of the set."""
    rows = made(top, recipe)
    artifact = "sampled/lakes" if recipe.arm else f"responded/lakes/{recipe.rounds}"
    quarantined = {rows[number].id: ["expect_output"] for number in recipe.quarantined}
    receipt = artifacts.Receipt(artifact, "0" * 64, "responded", len(rows), quarantined, 3)
    artifacts.write_json(top / "data/validated" / f"{artifact}.json", receipt)
    kept = [row for row in rows if row.id not in quarantined]
    what = Publication("lakes", version, artifact, seed=recipe.seed if seed_known else None)
    with replacing_folder(folder := top / "data/published/lakes") as written:
        write_dataset(written, what, lambda: kept, receipt, changes=changes)
    return folder


def made(top: Path, recipe: Recipe) -> list[Record]:
    """The rows; what decontamination and the response stage rejected is written below `top`, as the stages do."""
    rows = list(_decontaminated(top, recipe, _ingested(top, recipe)))
    (top / "replies.sqlite").unlink(missing_ok=True)
    with Replies(top / "replies.sqlite") as store:
        complete = _model(store, recipe)
        for number in range(1, recipe.rounds + 1):
            rows = list(rewrite_round(rows, complete, _round(recipe, number)))
        config = ResponseConfig(recipe.seed, recipe.rounds, recipe.answers, recipe.attempts, ("ok",), recipe.hold)
        responses = [row for _, row in respond_round(rows, [], complete, config)]
    artifacts.write(
        top / f"data/responded/lakes/{recipe.rounds}.rejected.jsonl", [r for r in responses if isinstance(r, Rejected)]
    )
    rows = [row for row in responses if isinstance(row, Record)]
    if not recipe.arm:
        return rows
    return list(combined_sets({"responded/lakes/2": rows}, [recipe.arm], recipe.seed).rows[""])


def _ingested(top: Path, recipe: Recipe) -> Iterator[Record]:
    corpus = top / "alpaca.jsonl"
    corpus.parent.mkdir(parents=True, exist_ok=True)
    corpus.write_text("".join(
        json.dumps({"instruction": text, "input": "", "output": "Yes.", "system": "Be brief.", "note": "Hm."}) + "\n"
        for text in recipe.tasks
    ))  # fmt: skip
    source = Origin(recipe.corpus, "path:data/alpaca.jsonl", recipe.licence, "en")
    fields = {} if recipe.adapter == "alpaca" else {
        "instruction": "instruction", "input": "input", "response": "output", "system": recipe.system,
    }  # fmt: skip
    raws = Corpus(str(corpus)).rows(set())
    return (row for row in read(recipe.adapter, raws, source, fields) if isinstance(row, Record))


def _decontaminated(top: Path, recipe: Recipe, records: Iterable[Record]) -> Iterator[Record]:
    rows = list(records)
    texts = {"quiz": [BenchmarkText(str(number), text) for number, text in enumerate(recipe.benchmark)]}
    rules = DecontaminationRules(5, 0.9, recipe.removed, 13)
    found = find_contamination(rows, build_index(texts, [8], 3), rules)
    parts = list(found.split(rows))
    rejected = [row for _, row in parts if isinstance(row, Rejected)]
    artifacts.write(top / "data/decontaminated/lakes.rejected.jsonl", rejected)
    return (row for _, row in parts if isinstance(row, Record))


def _round(recipe: Recipe, number: int) -> RoundConfig:
    texts = FILES[recipe.folder]
    files = {name: text.replace("--- user", f"{recipe.edited[name]}\n\n--- user") if name in recipe.edited else text
             for name, text in texts.items()}  # fmt: skip
    templates = {name: parse(text, f"{name}.txt") for name, text in files.items()}
    actions = recipe.actions
    return RoundConfig(
        recipe.seed, number, recipe.policy, actions, templates, recipe.sampling, recipe.attempts, 3, recipe.limits
    )


def _model(store: Replies, recipe: Recipe) -> Complete:
    """A model whose text depends on the whole request."""
    identity = Identity(recipe.model, recipe.server)

    def complete(prompts: Iterable[Prompt]) -> Iterator[Reply]:
        for prompt in prompts:
            ask = request(identity, prompt)
            text = _text(prompt, int.from_bytes(ask.key[:4]), recipe.said)
            reply = store.keep([(ask, Reply(text, "ok", 1, 1))], identity.model)[0]
            yield without_reasoning(prompt, reply, Reasoning())

    return complete


def _text(prompt: Prompt, number: int, said: str) -> str:
    purpose = prompt.purpose.rpartition("/")[2]
    if purpose == "choose":
        return f"So the option is: {'ABC'[number % 3]}."
    if purpose == "respond":
        return f"An answer, number {number}.{said}"
    if prompt.constraint:
        return TAILS[number % 2]
    return f"#New Instruction#: Take your time and then give an answer, number {number % 9973}.###"
