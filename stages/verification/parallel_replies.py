"""Compares rows with stored replies in several processes: rendering prompts and parsing takes the most time."""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

import msgspec

from stages.verification.check_results import CheckResult, merged
from stages.verification.checked_columns import check_types
from stages.verification.prompt_checks import PromptFiles
from stages.verification.published_files import PublishedSet
from stages.verification.reply_checks import ReplyCheck
from stages.verification.reply_sources import open_replies
from stages.verification.repository_sets import open_sets
from stages.verification.set_columns import Row, with_present_names

BLOCK = 512
"""Rows that one process compares before another process takes the next."""
WORTHWHILE = 8 * BLOCK
"""Rows of a set from which on starting a process costs less than it saves."""


class RepliesTask(msgspec.Struct, frozen=True):
    """What a process has to know."""

    target: Path
    number: int
    """Of the set, among those of the target."""
    replies: Path
    prompts: list[Path]
    """Folders of prompt files."""
    block: int = BLOCK


def processes_for(published: PublishedSet) -> int:
    """How many processes are worthwhile for a set."""
    rows = published.facts.rows if published.facts else 0
    return min(len(os.sched_getaffinity(0)), max(1, rows // WORTHWHILE))


def reply_results(task: RepliesTask, processes: int) -> list[CheckResult]:
    """The outcomes for all rows, the same for any number of processes. Raises UserError."""
    context = multiprocessing.get_context("spawn")  # a fork may hold locks of Arrow's threads
    with ProcessPoolExecutor(processes, context) as pool:
        shares = list(pool.map(_share, [(task, part, processes) for part in range(processes)]))
    blocks = {number: results for share in shares for number, results in share.items()}
    return merged(result for number in sorted(blocks) for result in blocks[number])


def _share(arguments: tuple[RepliesTask, int, int]) -> dict[int, list[CheckResult]]:
    """Number of a block of rows -> its outcomes, of every `processes`-th block."""
    task, part, processes = arguments
    published, prompts = open_sets(task.target)[task.number], PromptFiles(task.prompts)
    seed = published.facts.seed if published.facts and isinstance(published.facts.seed, int) else None
    results = {}
    with open_replies(task.replies) as replies:
        for number, rows in enumerate(_blocks(published.rows(), task.block)):
            if number % processes == part:
                check = ReplyCheck(published.data, replies, prompts, seed)
                for row in rows:
                    check_types(published.data, present := with_present_names(row))
                    check.add(present)
                results[number] = check.results()
    return results


def _blocks(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while block := list(islice(rows, size)):
        yield block
