"""The whole path of data at size: `python -m tests.bench.whole_path [ROWS ...] [--alpaca FILE] [--keep FOLDER]`.

Every stage between a corpus and its report, each as the process that DVC would start, with the scripted engine as the
generator: ingestion, validation, decontamination against a benchmark, two rounds of Seq-Instruct, responses to every
round, token counts, ablation sets, training sets, a published data set and the report. Prints a table by stage: CPU
seconds and peak memory at each size, and the power of the rows with which the CPU grows between one size and the next:
1.0 is linear. ROWS are sizes of a made corpus, 10000 100000 by default; with --alpaca, the file's rows (52,002) come
too.

With --keep, what the stages write stays in FOLDER, with their costs, and a later call with the same FOLDER runs only
stages that have no cost there: after one that failed or was killed it goes on with that one, and a stage whose cost
is removed from FOLDER/costs.json runs again on the same inputs. Replies that FOLDER has by then cost little.
"""

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from ruamel.yaml import YAML

from tests.bench import usage
from tests.bench.corpus import RULES
from tests.bench.processes import Cost, run_stage

ROOT = Path(__file__).resolve().parents[2]
MEAN_WORDS = (10, 4, 44)
"""Words of an instruction, an input and a response of Stanford Alpaca, in the mean."""
STAGES = [
    "generate verified", "ingest benchmark verified", "validate ingested/benchmarks verified --suite questions",
    "ingest corpus alpaca", "validate ingested alpaca --suite ingested",
    "index_benchmarks benchmarks",
    "decontaminate alpaca", "validate decontaminated alpaca --suite decontaminated",
    "rewrite alpaca", "respond alpaca",
    "count_tokens before", "count_tokens after",
    "sample budget shorter", "validate sampled shorter --suite sampled",
    "sample pairs paired", "validate sampled paired paired.like --suite sampled",
    "format it", "validate formatted it --suite formatted", "format sit", "validate formatted sit --suite formatted",
    "publish sit", "report",
]  # fmt: skip


def made_rows(count: int) -> Iterator[dict[str, str]]:
    """Rows in Alpaca's form, of the words of our seed instructions, all different, and the same in every run."""
    rows = json.loads((ROOT / "data/seeds/alpaca.json").read_text("utf-8"))
    words = [word for row in rows for text in row.values() for word in text.split()]
    random = Random(1)
    for number in range(count):
        instruction, given, output = (
            " ".join(random.choices(words, k=max(0, round(random.gauss(mean, mean / 3))))) for mean in MEAN_WORDS
        )
        yield {"instruction": f"Describe {instruction} {number}.", "input": given, "output": f"It is {output}."}


def write_corpus(path: Path, rows: int) -> None:
    """A JSON Lines file with so many made rows."""
    with path.open("wb") as stream:
        for row in made_rows(rows):
            stream.write(msgspec.json.encode(row) + b"\n")


def params(source: Path) -> dict[str, Any]:
    """The committed params.yaml with one corpus, Seq-Instruct as in the paper's profile, and a scripted generator."""
    load = YAML(typ="safe").load
    chosen: dict[str, Any] = load((ROOT / "params.yaml").read_text("utf-8"))
    paper: dict[str, Any] = load((ROOT / "stages/profiles/paper.yaml").read_text("utf-8"))
    verified = chosen["generate"]["verified"]
    corpus = {"adapter": "alpaca", "source": str(source), "licence": "CC-BY-NC-4.0", "language": "en"}
    before, after = "responded/alpaca/0", "responded/alpaca/2"
    chosen["generate"] = {"verified": verified}
    chosen["ingest"]["corpora"] = {"alpaca": corpus}
    chosen["ingest"]["benchmarks"] = {"verified": chosen["ingest"]["benchmarks"]["verified"]}
    chosen["engines"]["generator"] = {"model": "smollm2", "engine": "scripted", "options": {"rules": "rules.json"}}
    chosen["decontaminate"] = paper["decontaminate"] | {
        "corpora": {"alpaca": {"reads": "ingested/alpaca", "remove": ["overlap-exact", "duplicate"], "ngram": 13}}
    }
    chosen["rewrite"] = {
        "settings": paper["rewrite"]["settings"], "corpora": {"alpaca": paper["rewrite"]["corpora"]["alpaca"]}
    }  # fmt: skip
    chosen["respond"] = paper["respond"]
    chosen["count_tokens"] = {"before": {"reads": before}, "after": {"reads": after}}
    chosen["sample"] = {
        "budget": {"shorter": {"reads": after, "like": before, "measure": "output"}},
        "pairs": {"paired": {"reads": after, "like": before, "measure": "output", "tolerance": 0}},
    }
    chosen["train"]["runs"] = {
        "it": {"reads": before, "model": "smollm2"}, "sit": {"reads": after, "model": "smollm2"}
    }  # fmt: skip
    chosen["train"]["settings"]["max_length"] = 2048
    chosen["predict"]["benchmarks"] = {"verified": chosen["predict"]["benchmarks"]["verified"]}
    chosen["report"] |= {"before": before, "after": after, "matched": {}}
    chosen["publish"], chosen["repositories"] = {"sit": {"reads": after, "version": "0.1.0"}}, {}
    return chosen


def prepare(folder: Path, models: Path, source: Path) -> None:
    """What the stages read of a project."""
    folder.mkdir(parents=True)
    with (folder / "params.yaml").open("w", encoding="utf-8") as stream:
        YAML().dump(params(source), stream)
    (folder / "rules.json").write_text(json.dumps(RULES), "utf-8")
    (folder / "dvc.yaml").symlink_to(ROOT / "dvc.yaml")
    for name in ("stages", "schemas"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "models").symlink_to(models)


def run(command: str, folder: Path) -> Cost:
    """The cost of one command; its lines of progress go to FOLDER/log. Raises SystemExit where it fails."""
    try:
        with (folder / "log").open("ab") as log:
            return run_stage(command, folder, log)
    except SystemExit:
        raise SystemExit(f"{command} failed:\n{(folder / 'log').read_text('utf-8')[-2000:]}") from None


def exponent(smaller: tuple[int, float], larger: tuple[int, float]) -> float:
    """The power of rows with which a cost grows, from (rows, cost) at two sizes."""
    return math.log(larger[1] / smaller[1]) / math.log(larger[0] / smaller[0])


def print_table(costs: "Costs") -> None:
    """A line a stage: CPU s and peak MiB at each size, and the exponents of the CPU from each size to the next."""
    sizes = sorted(costs)
    pairs = list(pairwise(sizes))
    heads = [f"{rows:,} rows" for rows in sizes] + [f"exponent to {larger:,}" for _, larger in pairs]
    print(f"| stage | {' | '.join(heads)} |")
    print("|---" * (1 + len(heads)) + "|")
    for name in [*STAGES, "all"]:
        at_sizes = {rows: _all(costs[rows]) if name == "all" else costs[rows][name] for rows in sizes}
        cells = [f"{cost.cpu:.1f} s, {cost.peak:.0f} MiB" for cost in at_sizes.values()]
        cells += [f"{exponent(*((rows, at_sizes[rows].cpu) for rows in pair)):.2f}" for pair in pairs]
        print(f"| `{name}` | {' | '.join(cells)} |", flush=True)
    print("by the clock:", ", ".join(f"{_all(costs[rows]).wall:.0f} s" for rows in sizes))


def _all(costs: dict[str, Cost]) -> Cost:
    """Of all stages: seconds in sum, and the largest peak."""
    walls, seconds, peaks = zip(*costs.values(), strict=True)
    return Cost(sum(walls), sum(seconds), max(peaks))


class Costs(dict[int, dict[str, Cost]]):
    """Rows -> command -> its cost, in a file that is written at every stage's end."""

    def __init__(self, path: Path) -> None:
        """With what the file has, if there is one."""
        super().__init__(
            msgspec.json.decode(path.read_bytes(), type=dict[int, dict[str, Cost]]) if path.is_file() else {}
        )
        self._path = path

    def add(self, rows: int, command: str, cost: Cost) -> None:
        """Record a cost and show it."""
        self.setdefault(rows, {})[command] = cost
        self._path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1))
        show = f"{rows:>9,} {command[:50]:50} {cost.wall:8.1f} s {cost.cpu:8.1f} s CPU {cost.peak:7.0f} MiB"
        print(f"{show}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)


def run_stages(place: Path, source: Path | int, costs: Costs) -> int:
    """Run the stages that have no cost yet, of a file's rows or of so many made ones; returns how many rows."""
    rows = _count(source) if isinstance(source, Path) else source
    folder, corpus = place / f"{rows}", source if isinstance(source, Path) else place / f"{rows}.jsonl"
    if not folder.is_dir():
        if not isinstance(source, Path):
            write_corpus(corpus, rows)
        prepare(folder, place / "models", corpus)
    for command in STAGES:
        if command not in costs.get(rows, {}):
            costs.add(rows, command, run(command, folder))
    return rows


def main(words: list[str]) -> None:
    """Run every size and print the table."""
    sizes, alpaca, keep = _arguments(words)
    with ExitStack() as stack:
        place = Path(keep or stack.enter_context(tempfile.TemporaryDirectory())).resolve()
        if not (place / "model").is_dir():
            (place / "models").mkdir(parents=True)
            prepare(place / "model", place / "models", ROOT / "data/seeds/alpaca.json")
        run("fetch model smollm2", place / "model")
        costs = Costs(place / "costs.json")
        sources: list[Path | int] = [*([alpaca] if alpaca else []), *sizes]
        for source in sources:
            rows = run_stages(place, source, costs)
            if not keep:
                shutil.rmtree(place / f"{rows}")
        print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
        print_table(costs)


def _count(path: Path) -> int:
    """Rows of a JSON file, counted by another process: Linux counts the memory of this one as its children's peak."""
    code = "import json, sys; print(len(json.load(open(sys.argv[1], encoding='utf-8'))))"
    return int(subprocess.run([sys.executable, "-c", code, path], stdout=subprocess.PIPE, check=True).stdout)


def _arguments(words: list[str]) -> tuple[list[int], Path | None, str | None]:
    options = {"--alpaca": "", "--keep": ""}
    sizes: list[int] = []
    rest = iter(words)
    for word in rest:
        if word in options:
            options[word] = next(rest)
        else:
            sizes.append(int(word))
    alpaca = Path(options["--alpaca"]).resolve() if options["--alpaca"] else None
    return sizes or [10_000, 100_000], alpaca, options["--keep"] or None


if __name__ == "__main__":
    usage(__doc__)
    main(sys.argv[1:])
