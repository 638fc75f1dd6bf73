"""HumanEval: functions to complete, graded by running their tests in a sandbox (paper 4.2; Chen et al., 2021).

Reads HumanEval.jsonl, or the Hub's Parquet of it: task_id, prompt, entry_point, canonical_solution, test. The paper
takes 20 samples and reports pass@10.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from textwrap import dedent, indent

import msgspec

from stages.evaluation.benchmarks.declaration import Benchmark
from stages.evaluation.benchmarks.program_outcomes import Program, Reading
from stages.evaluation.benchmarks.questions import Files, Question, Wording
from stages.evaluation.benchmarks.readers import picked
from stages.readers.layout import Wanted

INSTRUCTION = (
    "Complete the following Python function so that it does what its docstring says. "
    "Reply with the whole function in one Python code block."
)
LONGEST_BLOCK = 1000
"""Lines after which a long string that is still open was none."""
_FENCE = re.compile(r"[ \t>]*(?:[-*+][ \t]+|\d+[.)][ \t]+)?(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)$")
_SINGLE = re.compile(r"[ \t]*`{3,}(?:(?:python|py)\d?[ \t]+)?(?P<code>[^`]+)`{3,}[ \t]*$")
_QUOTES = re.compile(r"\"{3}|'{3}|#")
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


def questions(files: Files, languages: Sequence[str], licence: str, wording: Wording) -> Iterator[Question]:
    """The functions in file order. Raises UserError naming a row whose prompt does not define its function."""
    for _, row in picked(files, Wanted("test", ("HumanEval", "openai_humaneval"), lone=True), _Row):
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


def program(question: Question, text: str) -> Program:
    """What is run to grade an answer: how it may be cut into code, its tests, and the call that runs them.

    An answer is blocks of code, or the function between prose, or as a base model goes on writing, its body alone. Of
    several definitions the last counts. Nothing is parsed here, where the text is only data.
    """
    name, text = question.meta["entry_point"], re.sub(r"\r\n?", "\n", text.replace("\ufeff", ""))
    pairs = list(_blocks(text))
    blocks, cut_off = tuple(code for code, _ in pairs), not all(closed for _, closed in pairs)
    bodies = [Reading((body,), tentative=True) for body in _bodies(question.input, blocks[-1] if blocks else text)]
    readings = [
        Reading(part, loose=loose)
        for part, loose in ((blocks, cut_off), ((text,), True), (tuple(_indented(text)), True)) if part
    ]  # fmt: skip
    goes_on = not blocks and _is_body(text, name)
    return Program(
        name=name,
        readings=(*bodies, *readings) if goes_on else (*readings, *bodies),
        test=f"{question.meta['test']}\n\ncheck({name})\n",
        preface=_before(question.input, name),
    )


def _defines(code: str, name: str) -> bool:
    return _definition(code, name) is not None


def _definition(code: str, name: str) -> re.Match[str] | None:
    """The last line that begins the function."""
    matches = list(re.finditer(rf"^(?:async[ \t]+)?def[ \t]+{name}\b", code, re.M))
    return matches[-1] if matches else None


def _before(prompt: str, name: str) -> str:
    """The prompt's imports and helpers: the text before the function and its decorators."""
    match = _definition(prompt, name)
    lines = prompt[: match.start() if match else 0].splitlines(keepends=True)
    while lines and lines[-1].startswith("@"):
        lines.pop()
    return "".join(lines)


def _blocks(text: str) -> Iterator[tuple[str, bool]]:
    """The code between fences, and whether its block is closed: one that is not ends with the text.

    A fence inside a docstring ends no block.
    """
    lines = text.split("\n")
    place = 0
    while place < len(lines):
        line, place = lines[place], place + 1
        if single := _SINGLE.match(line):
            yield single["code"], True
        elif opening := _FENCE.match(line):
            end = _end(lines, place, opening["fence"])
            code = "\n".join(lines[place:end])
            if code.strip():
                yield _typed(dedent(code)), end < len(lines)
            closes = end < len(lines) and not _FENCE.match(lines[end])["info"]  # type: ignore[index]
            place = end + closes


def _end(lines: Sequence[str], start: int, fence: str) -> int:
    """The line that ends a block which begins at `start`: the next fence outside of long strings, else the next."""
    first, quotes = len(lines), ""
    for place in range(start, len(lines)):
        match = _FENCE.match(lines[place])
        if match and match["fence"].startswith(fence):
            if not quotes:
                return place
            first = min(first, place)
            if place - start > LONGEST_BLOCK:
                break
        quotes = _open_quotes(lines[place], quotes)
    return first


def _open_quotes(line: str, quotes: str) -> str:
    """The triple quotes that are open behind a line, of a string that was open before it or began in it."""
    for sign in _QUOTES.findall(line):
        if sign == "#" and not quotes:
            break
        if sign != "#":
            quotes = sign if not quotes else "" if sign == quotes else quotes
    return quotes


def _typed(code: str) -> str:
    """A block without the prompts of an interactive session, and without what that printed."""
    lines = code.split("\n")
    if not lines[0].startswith(">>>"):
        return code
    return "\n".join(line[4:] for line in lines if line.startswith((">>>", "...")))


def _indented(text: str) -> Iterator[str]:
    """The indented parts of a text that begin like a definition."""
    for match in re.finditer(r"(?:^(?:[ \t].*)?(?:\n|\Z))+", text, re.M):
        code = dedent(match.group()).strip("\n")
        if _TOP.match(code):
            yield code


def _is_body(text: str, name: str) -> bool:
    """Whether a text begins with the body of a function, and not with the function itself."""
    lines = text.strip("\n").split("\n")
    own = takewhile(lambda line: not line.strip() or line[0].isspace(), lines)
    return lines[0][:1].isspace() and not any(_defines(line.lstrip(), name) for line in own)


def _bodies(prompt: str, text: str) -> Iterator[str]:
    """The prompt with the text as its function's body, which may have lost the indentation of its first line."""
    text = text.strip("\n")
    for body in dict.fromkeys((_body(text), f"    {text}")):
        yield f"{prompt.rstrip()}\n{body}"


def _body(text: str) -> str:
    """The lines of a function's body, up to the first that is indented less than a body is."""
    if not text[:1].isspace():
        return indent(dedent(text), "    ")
    return "\n".join(takewhile(lambda line: not line.strip() or line[0].isspace(), text.split("\n")))


BENCHMARK = Benchmark(
    title="HumanEval, Python functions run against their tests (paper 4.2; Chen et al., 2021)",
    questions=questions,
    metrics={"passed": "the tests ran to their end", "pass@k": "unbiased estimate that one of k samples passes"},
    main_measure="pass@1",
    published={"pass@10": {"IT": 53.7, "WizardLM": 63.9, "SIT": 56.5}},  # Table 5; Llama-3-8B tuned on Alpaca
    program=program,
)
