"""The work of `chain_work` by our own commands, `rewrite` and then `respond`, in a project of its own.

Our protocol answers an instruction in another stage than it writes it, and a row's response is in no later prompt. So
of the three calls of a round two are sent by `rewrite`, round after round, and the third by `respond` after all rounds,
six a row as for the others. Round 0, the original instructions, keeps the corpus's own responses and sends nothing.
"""

import importlib
import json
import os
from pathlib import Path
from typing import Any

import yaml

from stages.core import artifacts
from stages.core.records import Record, Source, digest
from stages.respond import respond
from stages.rewrite import rewrite
from stages.validation import lazy_import
from tests.ablations import vocabulary
from tests.bench import chain_work

ROOT = Path(__file__).resolve().parents[2]
SAMPLING = {"temperature": 1.0, "top_p": 0.9, "top_k": 50, "max_tokens": 2048}
NAME = "seed"


def params(url: str, at_once: int) -> dict[str, Any]:
    """The sections that the two commands read; what a user would not change is as in the profile paper."""
    paper = yaml.safe_load((ROOT / "stages/profiles/paper.yaml").read_text("utf-8"))
    options = paper["engines"]["generator"]["options"] | {"url": url, "model": "bench", "concurrency": at_once}
    settings = paper["rewrite"]["settings"] | {"orders": 1, "sampling": SAMPLING}
    corpus = {
        "reads": f"ingested/{NAME}", "rounds": chain_work.ROUNDS, "prompts": "prompts", "policy": "model",
        "actions": list(chain_work.ACTIONS.values()), "round_0": "corpus",
    }  # fmt: skip
    respond = paper["respond"]["settings"] | {"sampling": SAMPLING, "keep": ["ok"]}
    models = {"bench": "path:models/bench", "generator": f"endpoint:{url}#bench"}
    source = {"adapter": "alpaca", "source": "rows.json", "licence": "CC0-1.0", "language": "en"}
    return {
        "seed": 1, "tokenizer": "bench", "validate": paper["validate"] | {"max_failed": None},
        "fetch": {"models": {name: {"reference": reference} for name, reference in models.items()}},
        "engines": {"generator": {"model": "generator", "engine": "openai", "options": options}},
        "ingest": {"corpora": {NAME: source}},
        "rewrite": {"settings": settings, "corpora": {NAME: corpus}}, "respond": {"settings": respond},
    }  # fmt: skip


def rows(instructions: list[str]) -> list[Record]:
    """The rows as `ingest` would have them."""
    return [
        Record(
            f"{NAME}-{digest(text, 16)}", NAME, text, "", "The corpus's own response.", "",
            Source("path:rows.json", number, digest(number), "CC0-1.0", "en"),
        )
        for number, text in enumerate(instructions)
    ]  # fmt: skip


def prepare(folder: Path, url: str, given: dict[str, Any], at_once: int) -> None:
    """What the commands read: params.yaml, prompt files, a tokenizer, rows and their receipt."""
    # As the other clients' libraries, before the clock starts.
    lazy_import.great_expectations()
    importlib.import_module("aiohttp")
    (folder / "prompts").mkdir(parents=True, exist_ok=True)
    for name, text in chain_work.prompt_files().items():
        (folder / f"prompts/{name}.txt").write_text(text, "utf-8")
    if not (folder / "models/bench").exists():
        vocabulary.train(folder / "models/bench", given["instructions"], 400)
        (folder / "schemas").symlink_to(ROOT / "schemas")
    (folder / "params.yaml").write_text(yaml.safe_dump(params(url, at_once)), "utf-8")
    path = folder / f"data/ingested/{NAME}.jsonl"
    artifacts.write(path, rows(given["instructions"]))
    receipt = artifacts.Receipt(
        f"ingested/{NAME}", artifacts.sha256(path), "ingested", len(given["instructions"]), {}, 1
    )
    artifacts.write_json(folder / f"data/validated/ingested/{NAME}.json", receipt)


def results(folder: Path) -> dict[str, list[str]]:
    """First instruction -> the last one, and the response of each round; only rows that have all of them."""
    every = range(1, chain_work.ROUNDS + 1)
    files = [folder / f"data/responded/{NAME}/{number}.jsonl" for number in every]
    records = [{row["id"]: row for row in map(json.loads, file.read_text("utf-8").splitlines())} for file in files]
    first = {row["id"]: row["instruction"] for row in map(
        json.loads, (folder / f"data/ingested/{NAME}.jsonl").read_text("utf-8").splitlines()
    )}  # fmt: skip
    return {
        first[key]: [row["instruction"], *(responded[key]["response"] for responded in records)]
        for key, row in records[-1].items()
        if all(key in responded for responded in records)
    }


def run(url: str, given: dict[str, Any], at_once: int, folder: Path) -> dict[str, list[str]]:
    """Both commands in this process, which goes to `folder` for them."""
    os.chdir(folder)
    os.environ["SEQIT_REPLIES"] = str(folder / "replies.sqlite")
    rewrite(NAME)
    respond(NAME)
    return results(folder)
