"""A real corpus from download to its second round: `python -m tests.bench.corpus [shared] [rows]`.

Runs the doors one after the other, each as the process that DVC would start, on Stanford Alpaca under `shared`
(../shared by default; `rows` of it, drawn by `ingest`), with AlpacaEval and the released SeqEval withheld and the
scripted engine as the model. Prints wall seconds, seconds of CPU and peak memory of each, and what the
overlap is. The replies are asked in the first pass; in the second all are remembered, as after a kill -9, so that what
is left is the cost of the pipeline alone.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.bench import usage
from tests.bench.processes import Cost, run_stage

ROOT = Path(__file__).resolve().parents[2]
ASKED = r"(?s)#Original Instruction#: (.*)\n\nLet's think"
RULES = [
    {"match": "the letter\\.", "reply": [f"It could gain from that. So the option is: {letter}" for letter in "ABCD"]},
    {"match": ASKED, "reply": "One more task helps.\n#New Instruction#: \\1 Then check the result.\n###"},
    {"reply": ["A short answer.", "An answer of some more words than the first one has."]},
]
STEPS = [
    "ingest corpus alpaca", "validate ingested alpaca --suite ingested",
    "ingest corpus heldout", "validate ingested heldout --suite ingested",
    "ingest benchmark seqeval", "validate ingested benchmarks --suite questions",
    "index_benchmarks corpus heldout", "index_benchmarks benchmarks",
    "decontaminate alpaca", "validate decontaminated alpaca --suite decontaminated",
    "rewrite alpaca",
]  # fmt: skip


def params(shared: Path, rows: int | None, rounds: int = 2) -> dict[str, Any]:
    """What the steps need of the paper's profile, with one corpus of which the download is there."""
    paper = YAML(typ="safe").load((ROOT / "stages/profiles/paper.yaml").read_text("utf-8"))
    generator, models = paper["engines"]["generator"], paper["fetch"]["models"]
    corpora, seqeval = paper["ingest"]["corpora"], paper["ingest"]["benchmarks"]["seqeval"]
    outputs = shared / "data/alpaca_eval/gpt4_1106_preview/model_outputs.json"
    taken = {name: paper[name] for name in ("seed", "tokenizer", "validate", "index_benchmarks", "wording", "respond")}
    for name in ("decontaminate", "rewrite"):
        taken[name] = {
            "settings": paper[name]["settings"], "corpora": {"alpaca": paper[name]["corpora"]["alpaca"]}
        }  # fmt: skip
    taken["rewrite"]["corpora"]["alpaca"]["rounds"] = rounds
    return taken | {
        "fetch": {"models": {name: models[name] for name in (paper["tokenizer"], generator["model"])}},
        "ingest": {
            "corpora": {
                "alpaca": corpora["alpaca"] | {"source": str(shared / "data/alpaca/alpaca_data.json"), "sample": rows},
                "heldout": corpora["heldout"] | {"source": str(outputs)},
            },
            "benchmarks": {"seqeval": seqeval | {"source": str(shared / "data/seqeval/seqEval.json")}},
        },
        "engines": {"generator": generator | {"engine": "scripted", "options": {"rules": "rules.json"}}},
    }  # fmt: skip


def workplace(folder: Path, shared: Path, rows: int | None, rounds: int = 2) -> None:
    """A project with these parameters, before its first step."""
    with (folder / "params.yaml").open("w", encoding="utf-8") as stream:
        YAML().dump(params(shared, rows, rounds), stream)
    (folder / "rules.json").write_text(json.dumps(RULES))
    for name in ("stages", "schemas"):
        (folder / name).symlink_to(ROOT / name)


def run(folder: Path) -> list[Cost]:
    """Every step, with a line for each."""
    costs = []
    for words in STEPS:
        costs.append(cost := run_stage(words, folder))
        print(f"{' '.join(words.split()[:3]):44} {cost.wall:7.1f} {cost.cpu:7.1f} {cost.peak:7.0f}", flush=True)
    walls, seconds, peaks = zip(*costs, strict=True)
    print(f"{'all':44} {sum(walls):7.1f} {sum(seconds):7.1f} {max(peaks):7.0f}\n")
    return costs


def main(words: list[str]) -> None:
    """Print both passes and the overlap."""
    shared = Path(words[0] if words else ROOT.parent / "shared").resolve()
    rows = int(words[1]) if len(words) > 1 else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workplace(folder, shared, rows)
        for title in ("asked", "remembered"):
            print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores; {title}")
            print(f"{'step':44} {'wall s':>7} {'CPU s':>7} {'MiB':>7}")
            run(folder)
        metrics: dict[str, Any] = json.loads((folder / "data/metrics/decontaminate/alpaca.json").read_text())
        print(json.dumps({key: metrics[key] for key in ("rows", "duplicates", "near_duplicates", "overlap")}, indent=1))


if __name__ == "__main__":
    usage(__doc__)
    main(sys.argv[1:])
