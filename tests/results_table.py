"""The tables in the documents that are made from the committed run: `python -m tests.results_table --write`."""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"(<!-- results[^\n]*-->\n)(.*?)(<!-- end of results -->)", re.S)
MEASURES = {
    "seqeval": ("SeqEval", "following"),
    "verified": ("sequences graded by rule", "attempted"),
    "commonsenseqa": ("CommonsenseQA", "accuracy"),
    "xquad": ("XQuAD", "accuracy"),
    "mgsm": ("MGSM", "accuracy"),
    "generic": ("MMLU", "mmlu"),
    "humaneval": ("HumanEval", "pass@1"),
}
"""Benchmark -> its title and the measure that is shown."""


def results_table() -> str:
    """Scores of the runs `it` and `sit` in data/report/metrics.json in percent, and the number of answers."""
    scores = json.loads((ROOT / "data" / "report" / "figures.json").read_text())["scores"]
    lines = ["| benchmark | measure | n | IT, % | SIT, % |", "|---|---|---|---|---|"]
    for benchmark, (title, measure) in MEASURES.items():
        cells = [f"{100 * scores[run][benchmark][measure]:.1f}" for run in ("it", "sit")]
        details = json.loads((ROOT / "data" / "evaluated" / "it" / f"{benchmark}.json").read_text())
        lines.append(f"| {title} | `{measure}` | {details[measure]['n']} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines) + "\n"


def updated(text: str) -> str:
    """`text` with the table between its two marks."""
    return BLOCK.sub(lambda match: match[1] + results_table() + match[3], text)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    if "--write" in sys.argv:
        readme.write_text(updated(readme.read_text()))
    elif updated(readme.read_text()) != readme.read_text():
        sys.exit("README.md: the table of results is out of date; run `python -m tests.results_table --write`")
