"""Right programs in unusual styles, and wrong ones that look right."""

# ruff: noqa: E501   a program a line, however long

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.evaluation.benchmarks.humaneval import program
from stages.evaluation.benchmarks.program_outcomes import Outcome
from stages.evaluation.benchmarks.questions import Question
from stages.evaluation.sandbox import Limits, connect

LIMITS = Limits(seconds=60, memory=1024, processes=64, output=64)
needs_bwrap = pytest.mark.skipif(not shutil.which("bwrap"), reason="no bubblewrap: run `make sandbox`")

PROMPT = '''from typing import List
import math

def helper(x):
    return x + 1

def total(xs: List[int], k: int = 1) -> int:
    """Sum of helper(x) * k.
    >>> total([1, 2])
    5
    """
'''
TEST = """
def check(candidate):
    assert candidate([1, 2]) == 5 and candidate([1, 2], 2) == 10
    assert candidate([]) == 0 and candidate(xs=[3], k=3) == 12
    for n in range(30):
        assert candidate(list(range(n))) == n * (n + 1) // 2
"""
QUESTION = Question(
    "humaneval-T-0", "humaneval", "en", "CC0-1.0", "T/0", "Complete it.", PROMPT,
    meta={"entry_point": "total", "test": TEST},
)  # fmt: skip
F = "def total(xs, k=1):\n    return sum(helper(x) for x in xs) * k"
ZERO = "def total(xs, k=1):\n    return 0"
BODY = "    return sum(helper(x) for x in xs) * k"


def block(*codes: str, info: str = "python") -> str:
    return "\n\nAnd so:\n\n".join(f"```{info}\n{code}\n```" for code in codes)


GUARD = "\n\nif __name__ == '__main__':\n    "
RIGHT = {
    "a guard that reads": block(f"{F}{GUARD}print(total(list(map(int, input().split()))))"),
    "a guard that exits": block(f"import sys\n{F}{GUARD}sys.exit(total([1]))"),
    "a guard with unittest": block(
        f"import unittest\n{F}\nclass T(unittest.TestCase):\n  def test(self): self.assertEqual(total([1]), 9){GUARD}unittest.main()"
    ),
    "a guard with doctest": block(f"import doctest\n{F}{GUARD}doctest.testmod(); exit(1)"),
    "a guard the other way round": block(f'{F}\nif "__main__" == __name__: raise SystemExit(3)'),
    "a guard that fails": block(f"{F}{GUARD}assert total([1]) == 99"),
    "imports in an earlier block": block("from functools import reduce", "def total(xs, k=1):\n    return k * reduce("
                                         "lambda a, x: a + helper(x), xs, 0)"),
    "a helper in an earlier block": block("def more(x):\n    return x + 1",
                                          "def total(xs, k=1):\n    return sum(map(more, xs)) * k"),
    "a helper in a later block": block("def total(xs, k=1):\n    return sum(map(more, xs)) * k",
                                       "def more(x):\n    return x + 1", "print(total([1, 2]))"),
    "a class in an earlier block": block("from dataclasses import dataclass\n\n@dataclass\nclass Sum:\n    value: int = 0",
                                         "def total(xs, k=1):\n    s = Sum()\n    for x in xs: s.value += x + 1\n"
                                         "    return s.value * k"),
    "constants beside it": block("ONE = 1\nTABLE = {n: n + ONE for n in range(99)}\n\n"
                                 "def total(xs, k=1):\n    return sum(TABLE[x] for x in xs) * k"),
    "constants in an earlier block": block("ONE: int = 1", "def total(xs, k=1):\n    return sum(x + ONE for x in xs) * k"),
    "the future": block(f"from __future__ import annotations\n\ndef total(xs: list[Later], k: int = 1) -> Later:\n{BODY}"),
    "the future after a docstring": block(f'"""Sums."""\nfrom __future__ import annotations\n\ndef total(xs: No, k=1):\n{BODY}'),
    "the future in an earlier block": block("from __future__ import annotations", f"def total(xs: No, k: No = 1):\n{BODY}"),
    "a lambda": block("total = lambda xs, k=1: sum(helper(x) for x in xs) * k"),
    "a lambda with a type": block("from typing import Callable\ntotal: Callable[..., int] = lambda xs, k=1: k * sum("
                                  "helper(x) for x in xs)"),
    "a callable object": block("class Total:\n    def __call__(self, xs, k=1):\n        return sum(map(helper, xs)) * k\n\n"
                               "total = Total()"),
    "a partial": block("from functools import partial\ndef f(k0, xs, k=1):\n    return k0 * sum(map(helper, xs)) * k\n"
                       "total = partial(f, 1)"),
    "a class of that name": block("class total:\n    def __new__(cls, xs, k=1):\n        return sum(map(helper, xs)) * k"),
    "an alias": block("def solution(xs, k=1):\n    return sum(map(helper, xs)) * k\n\ntotal = solution"),
    "two names at once": block("a = total = lambda xs, k=1: sum(map(helper, xs)) * k"),
    "a decorator": block("from functools import wraps\ndef same(f):\n    @wraps(f)\n    def g(*a, **b): return f(*a, **b)\n"
                         f"    return g\n\n@same\n{F}"),
    "a cache": block("from functools import lru_cache\n@lru_cache(None)\ndef go(xs, k): return sum(map(helper, xs)) * k\n"
                     "def total(xs, k=1):\n    return go(tuple(xs), k)"),
    "wrapped in a later block": block(F, "total = (lambda f: lambda xs, k=1: f(xs, k))(total)"),
    "recursion": block("def total(xs, k=1):\n    return 0 if not xs else helper(xs[0]) * k + total(xs[1:], k)"),
    "inside a branch": block("import sys\nif sys.version_info >= (3, 8):\n    def total(xs, k=1):\n        return sum("
                             "map(helper, xs)) * k\nelse:\n    total = None"),
    "inside a try": block("try:\n    import numpy as np\nexcept ImportError:\n    np = None\n\n" + F),
    "a fence in its docstring": block('def total(xs, k=1):\n    """Sums.\n\n    ```\n    total([1])\n    ```\n    """\n' + BODY),
    "a fence with a language in its docstring": block(
        'def total(xs, k=1):\n    """Sums.\n\n    ```python\n    total([1])\n    ```\n    """\n' + BODY),
    "a fence in a text at the margin": block("HELP = '''\n```\ntotal([1])\n```\n'''\n" + F),
    "longer fences": f"````python\n{F}\n````", "fences of tildes": f"~~~py\n{F}\n~~~",
    "a fence on one line": "```python total = lambda xs, k=1: sum(map(helper, xs)) * k```",
    "a draft first": f"Let me try:\n{block(ZERO)}\nNo, that forgets xs.\n{block(F)}",
    "a draft that does not end": block("x = 1\nwhile x: pass", F), "a draft that fails": block("1 / 0\nraise E", F),
    "a draft that is no Python": block("def total(xs, k=1):\n    return sum(", F),
    "a draft that tries itself": block(f"{ZERO}\nresult = total([1])\nassert result == 2", F),
    "a draft without a fence": f"First idea:\n\n{ZERO}\n\nthat is wrong, so\n\n{F}\n\nwhich is right.",
    "a draft of the body": f"Maybe `return 0`?\n\n```python\nreturn 0\n```\n\nNo:\n\n{block(F)}",
    "how to install": f"```bash\npip install nothing\n```\n{block(F)}", "an output behind it": f"{block(F)}\n```\n5\n```",
    "how to call it behind it": block(F, "print(total([1, 2]))"), "a stub behind it": block(F, "def total(xs, k=1):\n    ..."),
    "a stub before it": block("def total(xs, k=1):\n    '''To do.'''\n    pass", F),
    "prints": block(f"{F}\nprint('hello', total([1, 2]))"), "asserts": block(f"{F}\nassert total([1, 2]) == 5"),
    "a main that is called": block(f"def main():\n    print(total([1]))\n\n{F}\n\nmain()"),
    "an interactive session": block(">>> def total(xs, k=1):\n...     return sum(map(helper, xs)) * k\n...\n>>> total([1])\n2"),
    "tags of a model": f"[PYTHON]\n{F}\n[/PYTHON]\n[TESTS]\nassert total([1]) == 2\n[/TESTS]",
    "html tags": f"<code>\n{F}\n</code>", "a list": f"1. Write:\n\n   ```python\n   {F.replace(chr(10), chr(10) + '   ')}\n   ```",
    "a quotation": "\n".join(f"    {line}" for line in F.split("\n")), "a leading blank": f" {F}",
    "prose and an indented part": f"Like this:\n\n    {F.replace(chr(10), chr(10) + '    ')}\n\nDone.",
    "cut off in an example": f"```python\n{F}\n\n# Example\nprint(total([1, 2", "cut off in a guard": f"```python\n{F}{GUARD}x = [",
    "a body": BODY, "a body with a helper of its own": "    def more(x):\n        return x + 1\n    return sum(map(more, xs)) * k",
    "a body whose first line lost its indentation": "s = 0\n    for x in xs:\n        s += x + 1\n    return s * k",
    "a body and then itself again": f"{BODY}\n\n{ZERO}\n", "a body with an import": f"    import math\n{BODY}",
    "a body and a docstring": f'    """Sums."""\n{BODY}', "a body and prose": f"{BODY}\n\nThat is all, def total is done.",
    "threads": block("from concurrent.futures import ThreadPoolExecutor\ndef total(xs, k=1):\n"
                     "    with ThreadPoolExecutor() as pool:\n        return sum(pool.map(helper, xs)) * k"),
    "many threads": block("from concurrent.futures import ThreadPoolExecutor\ndef total(xs, k=1):\n"
                          "    with ThreadPoolExecutor(30) as pool:\n        return sum(pool.map(helper, xs)) * k"),
    "asyncio inside": block("import asyncio\nasync def one(x): return x + 1\nasync def go(xs): return sum(await asyncio.gather("
                            "*map(one, xs)))\ndef total(xs, k=1):\n    return asyncio.run(go(xs)) * k"),
    "a data class": block("from dataclasses import dataclass, field\n@dataclass\nclass S:\n    xs: 'list[int]' = field("
                          "default_factory=list)\n    def go(self): return sum(map(helper, self.xs))\n"
                          "def total(xs, k=1):\n    return S(xs).go() * k"),
    "types by name": block("from typing import get_type_hints, NamedTuple\nclass P(NamedTuple):\n    x: 'int'\nget_type_hints(P)\n"
                           + F),
    "a number of a class": block("class N(int): pass\ndef total(xs, k=1):\n    return N(sum(map(helper, xs)) * k)"),
    "a fraction": block("from fractions import Fraction\ndef total(xs, k=1):\n    return Fraction(sum(map(helper, xs)) * k)"),
    "a float": block("def total(xs, k=1):\n    return float(sum(map(helper, xs)) * k)"),
    "it changes its argument": block("def total(xs, k=1):\n    s = 0\n    while xs: s += xs.pop() + 1\n    return s * k"),
    "names in other scripts": block("def total(xs, k=1):\n    сумма = sum(map(helper, xs))\n    return сумма * k"),
    "a byte-order mark": block(f"\ufeff{F}"), "line ends of old": block(F).replace("\n", "\r"),
    "odd separators inside texts": block("def total(xs, k=1):\n    ' \x0c \u2028 \x85'\n" + BODY),
    "everything of math": block(f"from math import *\n{F}"), "its whole prompt": block(f"{PROMPT}{BODY}"),
    "walrus and match": block("def total(xs, k=1):\n    match xs:\n        case []: return 0\n        case [x, *rest]:\n"
                              "            return (y := helper(x)) * k + total(rest, k)"),
    "semicolons": block("def total(xs, k=1): s = sum(map(helper, xs)); return s * k"),
    "a global": block("count = 0\ndef total(xs, k=1):\n    global count\n    count += 1\n    return sum(map(helper, xs)) * k"),
}  # fmt: skip
WRONG = {
    "nothing": "", "a dash": "-", "a refusal": "I cannot help with that.", "only prose": "def total is a function that sums.",
    "only the prompt": block(PROMPT), "only a stub": block("def total(xs, k=1):\n    ..."),
    "only the right tests": block("assert total([1, 2]) == 5"), "another name": block("def totals(xs, k=1):\n" + BODY),
    "without the factor": block("def total(xs, k=1):\n    return sum(map(helper, xs))"),
    "without the helper": block("def total(xs, k=1):\n    return sum(xs) * k"), "zero": block(ZERO),
    "right at first, wrong at last": block(F, ZERO), "right in prose, wrong in a block": f"{F}\n\nor rather\n\n{block(ZERO)}",
    "right at first, broken at last": block(F, "def total(xs, k=1):\n    return sum("),
    "broken beside it": block(f"{F}\n\ndef other(:\n    pass"), "it raises behind it": block(f"{F}\nraise ValueError"),
    "it exits behind it": block(f"import sys\n{F}\nsys.exit(0)"), "it reads behind it": block(f"{F}\nprint(input())"),
    "a false assertion": block(f"{F}\nassert total([1]) == 99"), "deleted again": block(f"{F}\ndel total"),
    "only when it is run": block(f"total = None{GUARD}\n    {F.replace(chr(10), chr(10) + '    ')}"),
    "a promise": block("async " + F), "it prints": block("def total(xs, k=1):\n    print(sum(map(helper, xs)) * k)"),
    "a text": block("def total(xs, k=1):\n    return str(sum(map(helper, xs)) * k)"),
    "a list": block("def total(xs, k=1):\n    return [sum(map(helper, xs)) * k]"),
    "none of the keywords": block("def total(a, b=1):\n    return sum(map(helper, a)) * b"),
    "always equal": block("class E:\n    def __eq__(s, o): return True\ndef total(xs, k=1): return E()"),
    "equal numbers": block("class E(int):\n    def __eq__(s, o): return True\ndef total(xs, k=1): return E()"),
    "by heart": block("def total(xs, k=1):\n    return {(): 0, (1, 2): 5 * k, (3,): 12}.get(tuple(xs))"),
    "a decorator that swallows": block("def calm(f):\n    def g(*a, **b):\n        try: f(*a, **b)\n        except BaseException:"
                                       " pass\n        return True\n    return g\n@calm\n" + ZERO),
    "a check of its own": block(f"{ZERO}\ndef check(c): pass"), "a check for later": block(f"check = lambda c: 0\n{ZERO}\ncheck"),
    "it leaves": block("import os\ndef total(xs, k=1): os._exit(0)"), "it leaves at once": block(f"{F}\nimport os; os._exit(0)"),
    "it looks through frames": block(
        "import sys, os\ndef total(xs, k=1):\n    f = sys._getframe()\n    while f:\n        for v in [*f.f_locals.values(), "
        "*f.f_globals.values()]:\n            if isinstance(v, bytes):\n                for d in range(3, 64):\n"
        "                    try: os.write(d, v)\n                    except OSError: pass\n        f = f.f_back\n    os._exit(0)"),
    "it looks for its test": block("import gc\ndef total(xs, k=1):\n    for o in gc.get_objects():\n"
                                   "        if isinstance(o, dict) and 'check' in o: o['check'] = print; return 5\n    return 0"),
    "it patches assertions": block(f"import builtins\nbuiltins.AssertionError = KeyError\n{ZERO}"),
    "it raises what tests raise": block("def total(xs, k=1): raise StopIteration"), "only fences": "```" * 99,
    "another language": block("function total(xs, k) { return 5 }", info="js"), "a body that is wrong": "    return 0",
    "a body that is cut off": "    return sum(", "too deep": block(f"{F}\nx = {'(' * 500}1{')' * 500}"),
    "endless minus": block(f"{F}\nx = {'-' * 99999}1"),
}  # fmt: skip


@needs_bwrap
@pytest.mark.parametrize(("texts", "ending"), [(RIGHT, "passed"), (WRONG, "failed")], ids=["right", "wrong"])
def test_styles(texts: dict[str, str], ending: str) -> None:
    with connect(LIMITS) as execute:
        outcomes = dict(zip(texts, execute(program(QUESTION, text) for text in texts.values()), strict=True))
    # Python 3.13 ends by a signal where a wrong program never defines the function; that is no pass either.
    endings = {ending} if ending == "passed" else {ending, "killed"}
    assert {name: outcome for name, outcome in outcomes.items() if outcome.ending not in endings} == {}


@needs_bwrap
def test_packages_are_there_if_they_are_named() -> None:
    pytest.importorskip("numpy")
    answer = block("import numpy as np\ndef total(xs, k=1):\n    return (np.array(xs, dtype=int) + 1).sum() * k")
    with connect(LIMITS) as execute:
        (without,) = execute([program(QUESTION, answer)])
    with connect(Limits(60, 1024, 64, 64, ["numpy"])) as execute:
        (outcome,) = execute([program(QUESTION, answer)])
    assert (without.ending, outcome) == ("failed", Outcome("passed")) and "No module named 'numpy'" in without.detail


@given(st.text(alphabet="`~ \n\"'#.>()=:dftotal-x", max_size=200))
def test_any_reply_is_some_program(text: str) -> None:
    made = program(QUESTION, text)
    assert made.readings and all(reading.pieces for reading in made.readings)


def test_long_replies_take_no_time_of_their_square() -> None:
    for line in ("```", '```"""', "```python", "    x", "x = (", " ", '"""', "def total(xs):"):
        program(QUESTION, f"{line}\n" * 20_000)
