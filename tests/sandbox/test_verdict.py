"""Wrong programs that try to be called right, by anything but the results that a test asks for."""

# ruff: noqa: E501   a program a line, however long

import shutil
from collections.abc import Callable, Sequence

import pytest

from stages.evaluation.benchmarks.program_outcomes import Outcome, Program
from tests.sandbox import programs
from tests.sandbox.programs import outcomes, with_test

pytestmark = pytest.mark.skipif(not shutil.which("bwrap"), reason="no bubblewrap: run `make sandbox`")
TEST = """
def check(candidate):
    values = [3, 1, 2]
    assert candidate(41) == 42, "the secret of the test"
    assert candidate(1) == 2 and not candidate(0) != 1
    assert sorted([candidate(9), candidate(8)]) == [9, 10] and candidate(7) in {8} and isinstance(candidate(6), int)
check(f)
"""
FORGERIES = {
    "leaves early": "import os\nos._exit(0)",
    "leaves early when it is called": "import os\ndef f(x): os._exit(0)",
    "says it is done": "def f(x): raise SystemExit(0)",
    "exits at its end": "import atexit, sys\ndef f(x): return 0\natexit.register(print, 'passed')\nsys.exit(0)",
    "an object that equals everything": "class Any:\n  def __eq__(self, other): return True\n"
    "  def __ne__(self, other): return False\n  def __hash__(self): return 8\n  def __lt__(self, o): return True\n"
    "def f(x): return Any()",
    "a number that equals everything": "class Any(int):\n  def __eq__(self, other): return True\n"
    "  def __ne__(self, other): return False\n  __hash__ = int.__hash__\ndef f(x): return Any()",
    "a text that equals everything": "class Any(str):\n  def __eq__(self, other): return True\ndef f(x): return Any()",
    "something that says it is a number": "class Any:\n  __class__ = int\n  def __eq__(self, o): return True\n"
    "def f(x): return Any()",
    "a decorator that swallows": "def calm(g):\n  def h(*a):\n    try: return g(*a)\n    except BaseException: return True\n"
    "  return h\n@calm\ndef f(x): assert False",
    "a test of its own": "def f(x): return 0\ndef check(candidate): pass",
    "no assertions": "import builtins\nbuiltins.AssertionError = type('Calm', (), {})\ndef f(x): return 0",
    "another isinstance": "import builtins\nbuiltins.isinstance = lambda *a: True\nbuiltins.sorted = lambda x: [9, 10]\n"
    "def f(x): return 0",
    "frames": "import sys\ndef f(x):\n  frame = sys._getframe()\n  while frame:\n"
    "    for value in list(frame.f_locals.values()) + list(frame.f_globals.values()):\n"
    "      if isinstance(value, (bytes, str)) and len(value) == 32:\n"
    "        import os\n        for d in range(64):\n          try: os.write(d, value)\n          except OSError: pass\n"
    "    frame = frame.f_back\n  return 0",
    "every object of the process": "import gc\ndef f(x):\n"
    "  found = [o for o in gc.get_objects() if isinstance(o, dict) and 'test' in o and 'readings' in o]\n"
    "  return 42 if found else 0",
    "memory of its own process": "def f(x):\n  needle = b'the secret of ' + b'the test'\n"
    "  for line in open('/proc/self/maps'):\n    if 'r' not in line.split()[1] or '[v' in line: continue\n"
    "    start, end = (int(n, 16) for n in line.split()[0].split('-'))\n    import ctypes\n"
    "    if ctypes.string_at(start, end - start).count(needle) > 1: return 42\n  return 0",
    "descriptor 0": "import os\ntry: os.lseek(0, 0, 0)\nexcept OSError: pass\ntext = os.read(0, 1 << 20)\n"
    "def f(x): return 42 if text else 0",
    "every descriptor": "import os\nfor d in range(64):\n  for text in (b'ok', b'[\"passed\", \"\"]', b'[\"passed\",\"\"]\\n'):\n"
    "    try: os.write(d, text)\n    except OSError: pass\ndef f(x): return 0",
    "descriptors of the others": "import os\nfor p in (1, 2):\n  for d in range(64):\n    try:\n"
    "      with open(f'/proc/{p}/fd/{d}', 'r+b', 0) as s: print(s.read(99)); s.write(b'[\"passed\", \"\"]')\n"
    "    except (OSError, ValueError): pass\ndef f(x): return 0",
    "what the others were called with": "text = ''\nfor p in (1, 2):\n  for name in ('cmdline', 'environ', 'maps', 'mem'):\n"
    "    try: text += open(f'/proc/{p}/{name}', errors='replace').read()\n    except OSError: pass\n"
    "def f(x): return 42 if 'secret' in text else 0",
    "files": "import os\ndef f(x):\n  for top in ('/tmp', '/supervisor', '/room', '/packages', '/dev'):\n"
    "    for folder, _, names in os.walk(top):\n      for name in names:\n        path = os.path.join(folder, name)\n"
    "        if os.path.isfile(path) and 'the secret of ' + 'the test' in open(path, errors='replace').read(): return 42",
    "answers in advance": "import os\nreply = b'[\"value\", 42]\\n'\nfor d in range(3, 64):\n  try: os.write(d, reply * 99)\n"
    "  except OSError: pass\ndef f(x): return 0",
    "answers that are no values": "import os\ndef f(x):\n  for d in range(3, 64):\n    try: os.write(d, b'[' * 99999 + b'\\n')\n"
    "    except OSError: pass",
    "answers of strange kinds": "import os\ndef f(x):\n  for d in range(3, 64):\n"
    "    try: os.write(d, b'[\"error\", {\"foreign\": [\"x\", 5]}]\\n')\n    except OSError: pass",
    "an error of the test's own": "def f(x):\n  class Lost(BaseException): pass\n  raise Lost()",
    "an error that has no text": "class E(Exception):\n  def __str__(self): raise self\ndef f(x): raise E()",
    "stop of an iteration": "def f(x): raise StopIteration(42)",
    "ends its supervisor": "import os\ntry: os.kill(2, 9)\nexcept OSError: pass\ndef f(x): return 0",
    "interrupts its supervisor": "import os, signal\ntry: os.kill(2, signal.SIGINT)\nexcept OSError: pass\ndef f(x): return 0",
    "ends everything": "import os\nos.kill(-1, 9)",
    "becomes another program": "import os\ndef f(x): os.execv('/usr/bin/true', ['true'])",
    "another process": "import os\ndef f(x):\n  if os.fork(): os._exit(0)\n  return 42",
    "another module": "import sys\nsys.modules['__main__'].__dict__.update(load=print, encode=lambda v: 42)\ndef f(x): return 0",
    "traces": "import sys\ndef look(frame, event, arg):\n  frame.f_locals.update(passed=True)\n  return look\n"
    "sys.settrace(look)\ndef f(x): return 0",
    "changes what it was given": "def f(x):\n  import gc\n  for o in gc.get_objects():\n"
    "    if isinstance(o, list) and len(o) == 3: o[:] = [42]\n  return 0",
    "nothing": "", "a number": "f = 42", "another name": "def g(x): return x + 1",
    "a promise": "async def f(x): return x + 1", "a generator": "def f(x): yield x + 1",
}  # fmt: skip


def _ordinary(programs_: Sequence[Program]) -> list[Outcome]:
    try:
        return programs.ordinary(programs_)
    except LookupError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("run", [outcomes, _ordinary], ids=["own", "ordinary"])
def test_no_forgery_passes(run: Callable[[Sequence[Program]], list[Outcome]]) -> None:
    right, *forged = run([with_test(code, TEST) for code in ("def f(x): return x + 1", *FORGERIES.values())])
    assert right == Outcome("passed")
    assert [name for name, outcome in zip(FORGERIES, forged, strict=True) if outcome.ending == "passed"] == []


def test_a_test_sees_values_and_nothing_else() -> None:
    """What a function does to its arguments, and which object it returns, are no results."""
    code = "def f(x):\n  x.clear()\n  return x"
    assert outcomes(
        [with_test(code, "given = [1]\nassert f(given) == [] and given == [1] and f(given) is not given")]
    ) == [Outcome("passed")]


VALUES = (
    "None", "True", "0", "-7", "10 ** 400", "1.5", "float('inf')", "'x\\ud800'", "b'x'", "[1, [2]]", "(1, (2,))", "{1, 2}",
    "{(1, 2): [3], 'a': {}}", "frozenset({1})", "1j", "range(3)", "__import__('fractions').Fraction(1, 3)",
    "__import__('decimal').Decimal('1.10')", "bytearray(b'x')", "__import__('collections').Counter('aab')",
    "__import__('collections').OrderedDict(a=1)", "__import__('collections').namedtuple('P', 'x y')(1, 2)",
    "__import__('collections').defaultdict(list, a=[1])",
)  # fmt: skip


def test_values_pass_as_they_are() -> None:
    test = "assert f({0}) == {0} and isinstance(f({0}), type({0}).__mro__[-2])"
    assert outcomes([with_test("def f(x): return x", test.format(value)) for value in VALUES]) == [
        Outcome("passed")
    ] * len(VALUES)


@pytest.mark.parametrize(
    ("code", "test"),
    [
        ("def f(x): raise ValueError('no')", "try: f(1)\nexcept ValueError as e: assert str(e) == 'no'\nelse: raise E"),
        ("class Odd(KeyError): pass\ndef f(x): raise Odd(x)", "try: f(1)\nexcept LookupError: pass\nelse: raise E"),
        ("def f(x): return iter([1, 2])", "assert list(f(0)) == [1, 2] and next(f(0)) == 1 and tuple(f(0)) == (1, 2)"),
        ("import itertools\ndef f(x): return itertools.count()", "assert next(f(0)) == 0"),
        (
            "from collections import deque\ndef f(x): return deque([1, 2])",
            "assert list(f(0)) == [1, 2] and len(f(0)) == 2",
        ),
        ("def f(*a, **b): return a, b", "assert f(1, k=(2,)) == ((1,), {'k': (2,)})"),
        ("n = 0\ndef f():\n  global n\n  n += 1\n  return n", "assert [f(), f()] == [1, 2]"),
        ("import enum\ndef f(x): return enum.IntEnum('E', 'A').A", "assert f(0) == 1"),
        ("def f(x): return g(x)", "assert f(1) == g(1)"),
    ],
)
def test_a_function_is_called_as_if_it_were_here(code: str, test: str) -> None:
    assert outcomes([with_test(code, test, "def g(x): return x")]) == [Outcome("passed")]
