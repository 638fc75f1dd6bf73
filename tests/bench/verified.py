"""How long it takes to generate and grade verified sequences: `python -m tests.bench.verified [SEQUENCES] [PROCESSES]`.

Sequences of 1 to 3 tasks in three structures, each with its right response and one whose last answer is missing;
1,000,000 by default, in as many processes as there are cores. Every right response must be right, and every other one
must not follow.
"""

import os
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from stages.verified.grading import grade
from stages.verified.sequence_generation import Settings, sequences
from tests.bench import usage

BLOCK = 20_000
SETTINGS = Settings()


def block(start: int) -> tuple[int, int]:
    """(right responses graded right, shortened ones graded as following) of a block of sequences."""
    right = following = 0
    for row in sequences(1, BLOCK, SETTINGS, start):
        right += grade(row.response, row.checks, row.input, row.instruction).strict == 1
        shortened = row.response.rpartition("\n")[0]
        following += grade(shortened, row.checks, row.input, row.instruction).following == 1
    return right, following


def main(count: int, processes: int) -> None:
    """Print the time of all blocks together."""
    begun = time.perf_counter()
    with ProcessPoolExecutor(processes) as pool:
        results = list(pool.map(block, range(0, count, BLOCK)))
    seconds = time.perf_counter() - begun
    rows = len(results) * BLOCK
    if sum(right for right, _ in results) != rows or any(following for _, following in results):
        raise SystemExit("a right response is not graded right, or a shortened one follows")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = used.ru_utime + used.ru_stime
    print(f"{rows:,} sequences, each graded twice: {seconds:.1f} s with {processes} processes, {spent:.1f} s of CPU")


if __name__ == "__main__":
    if any(not argument.isdigit() for argument in sys.argv[1:]):
        usage(__doc__)
    given = [int(argument) for argument in sys.argv[1:]]
    main(*[*given, *(1_000_000, len(os.sched_getaffinity(0)))[len(given) :]])
