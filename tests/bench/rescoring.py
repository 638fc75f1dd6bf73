"""How long it takes to score stored answers again: `python -m tests.bench.rescoring SHARED [ANSWERS]`.

The real XQuAD outputs of the paper's models, repeated until there are ANSWERS (100,000), go the way of `evaluate`:
read from JSONL, graded by the XQuAD rules, summed up with bootstrap intervals, written.
"""

import gzip
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path

from stages.core import artifacts
from stages.evaluation.benchmarks import BENCHMARKS, scoring
from stages.evaluation.benchmarks.program_outcomes import Outcome
from stages.evaluation.benchmarks.questions import Answer, Question
from stages.evaluation.verdict_types import Exchange, Rating
from tests.bench import usage


def answered(shared: Path) -> Iterator[tuple[Question, str]]:
    """The questions with the outputs of every file."""
    for path in sorted(shared.glob("data/model_outputs/xquad/*.jsonl.gz")):
        language = path.name.removesuffix(".jsonl.gz").rpartition(".")[2]
        files = {f"xquad.{k}.json": (shared / f"data/xquad/xquad.{k}.json").read_bytes() for k in {language, "en"}}
        questions = BENCHMARKS["xquad"].read(files, [language], "n/a", {"translate": ""})
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            outputs = [json.loads(line)["output"] for line in stream]
        yield from ((q, text) for q, text in zip(questions, outputs, strict=True) if isinstance(q, Question))


def nobody(exchanges: Iterable[Exchange | None]) -> Iterator[Rating | None]:
    """A judge who is not asked."""
    yield from (None for _ in exchanges)


def idle(programs: Iterable[str]) -> Iterator[Outcome]:
    """A sandbox that is not used."""
    yield from (Outcome("failed") for _ in programs)


def main(shared: Path, count: int) -> None:
    """Write the answers, then score them as `evaluate` does, and say how long that took."""
    pairs = list(answered(shared))
    with tempfile.TemporaryDirectory() as folder:
        questions, answers = Path(folder, "questions.jsonl"), Path(folder, "answers.jsonl")
        artifacts.write(questions, {q.id: q for q, _ in pairs}.values())
        many = islice(cycle(pairs), count)
        artifacts.write(answers, (
            Answer(f"{q.id}/{n}", q.id, "run", text, "ok", n, "", "", 0, 0) for n, (q, text) in enumerate(many)
        ))  # fmt: skip
        wall, used = time.monotonic(), time.process_time()
        graders = scoring.Graders(nobody, idle)
        scores, summary = scoring.evaluate(
            artifacts.read(questions, Question), artifacts.read(answers, Answer), graders, [1]
        )
        artifacts.write(Path(folder, "scores.jsonl"), scores)
        wall, used = time.monotonic() - wall, time.process_time() - used
    print(f"{len(scores)} answers scored in {wall:.1f} s ({used:.1f} s of one core): {summary['accuracy']}")


if __name__ == "__main__":
    usage(__doc__, 1)
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
