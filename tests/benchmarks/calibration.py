"""Score real outputs of the paper's models with our rules: `python -m tests.benchmarks.calibration SHARED`."""

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.mgsm import grade as mgsm_grade
from stages.evaluation.benchmarks.xquad import rules as xquad_rules
from tests.bench import usage


def xquad(shared: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """(MODEL.LANG, metric -> percent) of every file; rows are in the order of the questions."""
    for path in sorted(shared.glob("data/model_outputs/xquad/*.jsonl.gz")):
        name = path.name.removesuffix(".jsonl.gz")
        language = name.rpartition(".")[2]
        files = {f"xquad.{k}.json": (shared / f"data/xquad/xquad.{k}.json").read_bytes() for k in {language, "en"}}
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            yield name, percent("xquad", files, language, [json.loads(line)["output"] for line in stream])


def mgsm(shared: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """(MODEL.LANG, metric -> percent, with the authors' exact match as "authors") of every language of every file."""
    folder = shared / "data/mgsm"
    files = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.suffix in (".tsv", ".jsonl")}
    for path in sorted(shared.glob("data/model_outputs/mgsm/*.json.gz")):
        content = json.loads(gzip.decompress(path.read_bytes()))
        for language, rows in sorted(content["rows"].items()):
            values = percent("mgsm", files, language, [row["output"] for row in rows])
            authors = 100 * content["metrics"][language]["exact_match"]
            yield f"{path.name.removesuffix('.json.gz')}.{language}", {**values, "authors": authors}


def percent(benchmark: str, files: dict[str, bytes], language: str, outputs: list[str]) -> dict[str, float]:
    """Metric -> mean in percent over the outputs, which answer the questions in order."""
    questions = BENCHMARKS[benchmark].read(files, [language], "n/a", {"translate": ""})
    # The rules themselves: the authors counted answers without a text, which `grade` leaves unscored.
    grade = {"xquad": xquad_rules, "mgsm": mgsm_grade}[benchmark]
    values = [grade(question, text) for question, text in zip(questions, outputs, strict=True)]  # type: ignore[arg-type]
    return {metric: 100 * sum(v[metric] for v in values) / len(values) for metric in values[0]}


if __name__ == "__main__":
    usage(__doc__, 1)
    for name, values in [*xquad(Path(sys.argv[1])), *mgsm(Path(sys.argv[1]))]:
        print(name, " ".join(f"{metric} {value:.2f}" for metric, value in values.items()))
