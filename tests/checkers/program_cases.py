"""A few programs for HumanEval's check, which runs each of them in the sandbox."""

from collections.abc import Iterator
from functools import partial

from stages.evaluation.benchmarks.humaneval import program
from stages.evaluation.benchmarks.questions import Question
from stages.evaluation.sandbox import Execute, Limits, connect
from tests.checkers.cases import Case

LIMITS = Limits(seconds=60, memory=1024, processes=8, output=64)
FUNCTIONS = {
    "double": ("2 * x", "2 * x + 0.5", "assert candidate(4) == 8\n    assert candidate(-1) == -2"),
    "is_even": ("x % 2 == 0", "x % 2 == 1", "assert candidate(4) is True\n    assert candidate(3) is False"),
    "digits": ("len(str(abs(x)))", "len(str(x))", "assert candidate(40) == 2\n    assert candidate(-7) == 1"),
}
"""Name of a function -> what it returns, the same with one thing wrong, and its tests."""


def rows() -> Iterator[tuple[str, list[Case]]]:
    """One row. Raises NoSandbox where programs can't be run."""
    with connect(LIMITS) as execute:
        names = list(FUNCTIONS)
        yield "humaneval, passed", [_case(execute, name, names[at - 1]) for at, name in enumerate(names)]


def _case(execute: Execute, name: str, other: str) -> Case:
    right, broken, test = FUNCTIONS[name]
    question = Question(
        f"humaneval-{name}", "humaneval", "en", "Apache-2.0", name, "Complete it.", f"def {name}(x):\n",
        meta={"entry_point": name, "test": f"def check(candidate):\n    {test}\n"},
    )  # fmt: skip
    texts = (_code(name, right), _code(other, FUNCTIONS[other][0]), _code(name, broken))
    return Case(partial(_passes, execute, question), *texts)


def _code(name: str, body: str) -> str:
    return f"```python\ndef {name}(x):\n    return {body}\n```"


def _passes(execute: Execute, question: Question, text: str) -> bool:
    [outcome] = execute([program(question, text)])
    return outcome is not None and outcome.ending == "passed"
