"""HumanEval: from a reply to a program, from outcomes to pass@k."""

import gzip
import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from stages.core.errors import UserError
from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.humaneval import program
from stages.evaluation.benchmarks.program_outcomes import Outcome, Program
from stages.evaluation.benchmarks.questions import Answer, Question
from stages.evaluation.benchmarks.scoring import Graders, evaluate
from stages.evaluation.sandbox import Limits, connect
from stages.evaluation.verdict_types import Exchange, Rating

ROOT = Path(__file__).resolve().parents[2]
SEEDS = ROOT / "data" / "seeds" / "humaneval" / "HumanEval.jsonl"
SHARED = ROOT.parent / "shared" / "data" / "humaneval" / "HumanEval.jsonl.gz"
LIMITS = Limits(seconds=60, memory=1024, processes=8, output=64)
needs_bwrap = pytest.mark.skipif(not shutil.which("bwrap"), reason="no bubblewrap: run `make sandbox`")

PROMPT = 'import math\n\ndef helper(x):\n    return x + 1\n\ndef root(x: int) -> int:\n    """Say root(x)."""\n'
TEST = "def check(candidate):\n    assert candidate(9) == 4\n"
QUESTION = Question(
    "humaneval-T-0", "humaneval", "en", "CC0-1.0", "T/0", "Complete it.", PROMPT,
    meta={"entry_point": "root", "test": TEST},
)  # fmt: skip
ZERO = "def root(x):\n    return 0"
WHOLE = "def root(x):\n    return helper(math.isqrt(x))"
BODY = "    return helper(math.isqrt(x))"
GOOD = {
    "a block": f"Here it is:\n```python\n{WHOLE}\n```\nIt adds one.",
    "with its prompt": f"```python\n{PROMPT}{BODY}\n```",
    "the last block that defines it": f"```python\n{ZERO}\n```\nBetter:\n```\n{WHOLE}\n```\n```\nroot(9)\n```",
    "a block that was cut off": f"```python\n{WHOLE}\n",
    "an indented block": "1. So:\n\n   ```python\n   def root(x):\n       return helper(math.isqrt(x))\n   ```",
    "no block": f"{WHOLE}\n\nThis adds one to the root.",
    "prose around it": f"Sure! The function is:\n\n{WHOLE}\n\nHope it helps.",
    "its imports": "```python\nfrom math import isqrt\n\ndef root(x):\n    return isqrt(x) + 1\n```",
    "a helper below": "```python\ndef root(x):\n    return more(3)\n\ndef more(x):\n    return x + 1\n```",
    "its body": BODY,
    "its body and then more": f"{BODY}\n\ndef other():\n    pass\n\nThat was it.",
    "its body in a block": f"```python\n{BODY}\n```",
    "its body, not indented": "```python\nreturn helper(math.isqrt(x))\n```",
    "tabs": "```python\ndef root(x):\n\treturn helper(math.isqrt(x))\n```",
    "other line ends": f"```python\r\n{WHOLE.replace(chr(10), chr(13) + chr(10))}\r\n```\r\n",
}
BAD = {
    "nothing": "",
    "blanks": " \n\n ",
    "a refusal": "I can't do that.",
    "wrong": "```python\ndef root(x):\n    return 0\n```",
    "right first, wrong at last": f"```python\n{WHOLE}\n```\nNo:\n```python\ndef root(x):\n    return 0\n```",
    "another function": "```python\ndef square(x):\n    return 4\n```",
    "an empty block": "```python\n```",
    "a test of its own": "```python\ndef root(x):\n    return 0\ndef check(candidate):\n    pass\n```",
    "an early end": "```python\ndef root(x):\n    import os\n    os._exit(0)\n```",
    "only fences": "```" * 50,
}


def ran(texts: Iterable[str], question: Question = QUESTION) -> list[str]:
    with connect(LIMITS) as execute:
        return [outcome.ending for outcome in execute(program(question, text) for text in texts)]


@needs_bwrap
def test_code_is_extracted_from_replies() -> None:
    assert dict(zip(GOOD, ran(GOOD.values()), strict=True)) == dict.fromkeys(GOOD, "passed")
    assert dict(zip(BAD, ran(BAD.values()), strict=True)) == dict.fromkeys(BAD, "failed")
    with connect(LIMITS) as execute:
        assert next(execute([program(QUESTION, BAD["wrong"])])) == Outcome("failed", "AssertionError")


@needs_bwrap
@pytest.mark.parametrize("path", [SEEDS, pytest.param(SHARED, marks=pytest.mark.slow)], ids=["ours", "upstream"])
def test_canonical_solutions_pass_and_empty_ones_fail(path: Path) -> None:
    if not path.exists():
        pytest.skip("no ../shared: the real HumanEval is not here")
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    questions = [q for q in BENCHMARKS["humaneval"].read({"HumanEval.jsonl": data}, [], "MIT", {})]
    assert len(questions) == (164 if path == SHARED else 12)
    replies = [q.gold[0] for q in questions if isinstance(q, Question)]
    with connect(LIMITS) as execute:
        outcomes = list(execute(program(q, text) for q, text in zip(questions, replies, strict=True)))
        empty = list(execute(program(q, "") for q in questions))
    assert [q.id for q, outcome in zip(questions, outcomes, strict=True) if outcome.ending != "passed"] == []
    assert [q.id for q, outcome in zip(questions, empty, strict=True) if outcome.ending == "passed"] == []


def nobody(exchanges: Iterable[Exchange | None]) -> Iterator[Rating | None]:
    for exchange in exchanges:
        assert exchange is None
        yield None


def pretend(programs: Iterable[Program]) -> Iterator[Outcome]:
    """A sandbox where whatever says "good" passes."""
    for each in programs:
        good = any("good" in piece for reading in each.readings for piece in reading.pieces)
        yield Outcome("passed") if good else Outcome("failed", "AssertionError")


def test_pass_at_k_is_over_questions() -> None:
    questions = [Question(f"h-{n}", "humaneval", "en", "x", str(n), "i", PROMPT, meta=QUESTION.meta) for n in range(3)]
    replies_by_question = {
        "h-0": ["good", "bad", "bad", "bad"], "h-1": ["bad"] * 4, "h-2": ["good", "good", "", "bad"],
    }  # fmt: skip
    answers = [
        Answer(f"{q}/{n}", q, "it", text, "ok" if text else "failed", n, "r", "m", 1, 1)
        for q, texts in replies_by_question.items() for n, text in enumerate(texts)
    ]  # fmt: skip
    scores, total = evaluate(questions, answers, Graders(nobody, pretend), [1, 2, 4, 10])
    # 1 of 4, 0 of 4, 2 of 3: pass@1 1/4, 0, 2/3; pass@2 1/2, 0, 1; pass@4 1, 0 and too few samples.
    assert total["pass@1"].mean == pytest.approx((1 / 4 + 2 / 3) / 3, abs=1e-6) and total["pass@1"].n == 3
    assert total["pass@2"].mean == pytest.approx(1 / 2)
    assert (total["pass@4"].mean, total["pass@4"].n) == (0.5, 2)
    assert "pass@10" not in total and total["unscored"] == {"answer-failed": 1}
    assert scores[1].verdict == "failed: AssertionError" and scores[0].verdict == "passed"


ROW = {"task_id": "T/0", "prompt": PROMPT, "entry_point": "root", "canonical_solution": BODY, "test": TEST}


UNDEFINED = "its prompt does not define its entry_point"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**ROW, "entry_point": "other"}, UNDEFINED),
        ({**ROW, "entry_point": "root); import os; ("}, UNDEFINED),
        ({"task_id": "T/0"}, "missing required field `prompt`"),
        ("text", "not an object but 'text'"),
    ],
)
def test_a_row_that_is_no_task(row: object, message: str) -> None:
    with pytest.raises(UserError, match=rf"^HumanEval\.jsonl:1[:,] .*{message}.*; (correct|mend) or remove it$"):
        list(BENCHMARKS["humaneval"].read({"HumanEval.jsonl": json.dumps(row).encode()}, [], "MIT", {}))
