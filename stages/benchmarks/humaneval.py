"""HumanEval: functions to complete, graded by running their tests in a sandbox (paper 4.2; Chen et al., 2021).

Reads HumanEval.jsonl, or the Hub's Parquet of it: task_id, prompt, entry_point, canonical_solution, test. The paper
asks 20 times and reports pass@10.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from textwrap import dedent, indent

import msgspec

from stages.benchmarks.decoding import picked
from stages.benchmarks.questions import Files, Question, Score
from stages.benchmarks.statistics import pass_at_k
from stages.readers.layout import Wanted

INSTRUCTION = (
    "Complete the following Python function so that it does what its docstring says. "
    "Reply with the whole function in one Python code block."
)
_BLOCK = re.compile(r"```[^\n`]*\n(.*?)(?:\n[ \t]*```|\Z)", re.S)
_TOP = re.compile(r"(?:import|from|def|class|async)\b|@")


class _Row(msgspec.Struct):
    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    test: str

    def __post_init__(self) -> None:
        if not self.entry_point.isidentifier() or not _defines(self.prompt, self.entry_point):
            raise ValueError("its prompt does not define its entry_point")


def questions(files: Files, languages: Sequence[str], licence: str) -> Iterator[Question]:
    """The functions in file order. Raises UserError naming a row whose prompt does not define its function."""
    for _, row in picked(files, Wanted("test", lone=True), _Row):
        yield Question(
            id=f"humaneval-{row.task_id.replace('/', '-')}",
            benchmark="humaneval",
            language="en",
            licence=licence,
            item=row.task_id,
            instruction=INSTRUCTION,
            input=row.prompt,
            gold=(row.canonical_solution,),
            meta={"entry_point": row.entry_point, "test": row.test},
        )


def program(question: Question, text: str) -> str:
    """What is run to grade an answer: the function as answered, its tests, and the call that runs them."""
    name = question.meta["entry_point"]
    return f"{_function(question.input, name, text)}\n\n{question.meta['test']}\n\ncheck({name})\n"


def _function(prompt: str, name: str, text: str) -> str:
    """The whole function with what the prompt defines before it.

    An answer is the function in a block of code, of which the LAST that defines it counts, the function without a
    block, or as a base model goes on writing, its body alone.
    """
    blocks = [block for block in _BLOCK.findall(text) if block.strip()]
    whole = [block for block in blocks if _defines(dedent(block), name)]
    if whole:
        return f"{_before(prompt, name)}\n{dedent(whole[-1])}"
    if not blocks and _defines(text, name):
        return f"{_before(prompt, name)}\n{_code(text, name)}"
    return f"{prompt.rstrip()}\n{_body(blocks[-1] if blocks else text)}"


def _defines(code: str, name: str) -> bool:
    return re.search(rf"^(?:async\s+)?def\s+{name}\b", code, re.M) is not None


def _before(prompt: str, name: str) -> str:
    """The prompt's imports and helpers: what stands before the function, which may need them."""
    return prompt[: prompt.rindex(f"def {name}")]


def _code(text: str, name: str) -> str:
    """From the first line of code up to the first line after the function that is prose again."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if _TOP.match(line))
    found = False
    for end in range(start, len(lines)):
        found = found or _defines(lines[end], name)
        if found and lines[end].strip() and not lines[end][0].isspace() and not _TOP.match(lines[end]):
            return "\n".join(lines[start:end])
    return "\n".join(lines[start:])


def _body(text: str) -> str:
    """The lines of a function's body, up to the first that is indented less than a body is."""
    lines = text.strip("\n").splitlines()
    if not lines or not lines[0][:1].isspace():
        return indent(dedent(text), "    ")
    end = next((number for number, line in enumerate(lines) if line.strip() and not line[0].isspace()), len(lines))
    return "\n".join(lines[:end])


def tally(scores: Sequence[Score], ks: Iterable[int]) -> list[Score]:
    """The scores with pass@k of each question put on its first answer, for each of `ks` that there are samples for.

    Answers that were had count as samples. The mean over the scores that have pass@k is the mean over questions.
    """
    samples: dict[str, list[Score]] = defaultdict(list)
    for score in scores:
        if "passed" in score.values:
            samples[score.question].append(score)
    estimates = {
        some[0].id: {
            f"pass@{k}": pass_at_k(len(some), sum(score.values["passed"] > 0 for score in some), k)
            for k in ks if k <= len(some)
        }
        for some in samples.values()
    }  # fmt: skip
    return [msgspec.structs.replace(score, values=score.values | estimates.get(score.id, {})) for score in scores]
