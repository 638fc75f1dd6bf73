"""One client at the work of `chain_work`: `python -m tests.bench.peer_run NAME URL WORK AT_ONCE FOLDER`.

Runs in the client's own environment, which has nothing of ours but this folder. WORK is a JSON file from
`chain_work.work`; FOLDER holds what the client keeps between runs. Writes result.json there: seconds by the clock and
of CPU (all threads and child processes) of the run itself, imports aside, and what came of each row.
"""

import importlib
import json
import os
import re
import resource
import sys
import time
from pathlib import Path

MODULES = {
    "seqit": "chain_project", "bare": "peer_bare", "datatrove": "peer_datatrove", "curator": "peer_curator",
    "data-designer": "peer_designer", "distilabel": "peer_distilabel",
}  # fmt: skip
GENERATION = {"temperature": 1.0, "top_p": 0.9, "max_tokens": 2048}
_LETTER = re.compile(r"option is: ([ABC])")
_NEW = re.compile(r"#New Instruction#: (.*?)\s*###", re.DOTALL)


def letter_of(text: str | None) -> str:
    """The letter that a reply to `choose` ends with. Raises ValueError where there is none."""
    stated = _LETTER.findall(text or "")
    if not stated:
        raise ValueError("no letter")
    return str(stated[-1])


def instruction_of(text: str | None) -> str:
    """The instruction that a reply to `write` states. Raises ValueError where there is none."""
    stated = _NEW.search(text or "")
    if stated is None:
        raise ValueError("no instruction")
    return stated[1]


def answer_of(text: str | None, finish_reason: str = "stop") -> str:
    """The reply to an instruction. Raises ValueError where it has no text or was cut."""
    if not text or not text.strip() or finish_reason == "length":
        raise ValueError("no whole answer")
    return text.strip()


def cpu() -> float:
    """Seconds of CPU of this process and of those that it has waited for."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


def main(name: str, url: str, work: Path, at_once: int, folder: Path) -> None:
    """Run, and write the result."""
    module = importlib.import_module(f"tests.bench.{MODULES[name]}")
    given = json.loads(work.read_text("utf-8"))
    if hasattr(module, "prepare"):
        module.prepare(folder, url, given, at_once)
    began, used = time.perf_counter(), cpu()
    rows = module.run(url, given, at_once, folder)
    result = {"wall": time.perf_counter() - began, "cpu": cpu() - used, "rows": rows}
    (folder / "result.json").write_text(json.dumps(result), "utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 6:
        print((__doc__ or "").strip())
        raise SystemExit(0 if "--help" in sys.argv else 2)
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
    # Some libraries leave threads behind that hold the process open; its work is done.
    sys.stdout.flush()
    os._exit(0)
