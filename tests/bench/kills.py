"""kill -9 of real stages: `python -m tests.bench.kills data/predictions/it predict it`, in a repository that ran.

The stage runs once undisturbed on an empty reply store. On another its process group is killed soon after the store
holds as many replies as drawn, several times, each time in the run that the kill before made necessary; then it may
end. Told: what the store held at each kill and which files were there, whether the last run asked anything that it had,
and whether every file is byte for byte what the undisturbed run made.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stages.core import artifacts


def hashes(outputs: list[Path]) -> dict[str, str]:
    """File -> SHA-256, of files and of all below folders, hidden ones too."""
    files = [f for out in outputs for f in (out.rglob("*") if out.is_dir() else [out]) if f.is_file()]
    return {str(file): artifacts.sha256(file) for file in sorted(files)}


def stored(store: Path) -> int:
    """Replies in the store so far."""
    try:
        with sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=10) as database:
            return int(database.execute("SELECT count(*) FROM reply").fetchone()[0])
    except sqlite3.Error:
        return 0


def run(stage: list[str], store: Path, until: int | None = None, delay: float = 0.0) -> int:
    """Run the stage, killed with its group once `until` replies are stored; the replies stored at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"stages.{stage[0]}", *stage[1:]],
        env=os.environ | {"SEQIT_REPLIES": str(store)}, start_new_session=True,
    )  # fmt: skip
    while process.poll() is None:
        if until is not None and stored(store) >= until:
            time.sleep(delay)  # so that it falls into the computing of what comes next
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        time.sleep(0.01)
    if process.returncode not in (0, -signal.SIGKILL):
        raise SystemExit(f"{' '.join(stage)}: ended with {process.returncode}")
    return stored(store)


def sent(store: Path) -> int:
    """Requests that the runs on a store have sent by its log, which has no line of a run that was killed."""
    log = store.with_suffix(".log")
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    return sum(int(json.loads(line)["sent"]) for line in lines)


def cleared(outputs: list[Path]) -> None:
    """Remove them, as DVC does before a run."""
    for out in outputs:
        shutil.rmtree(out) if out.is_dir() else out.unlink(missing_ok=True)


def killed(stage: list[str], outputs: list[Path], store: Path, draw: random.Random, total: int, kills: int) -> int:
    """Run and kill; the replies stored by then."""
    kept = 0
    for moment in sorted(draw.sample(range(total), kills)):
        if moment < kept:
            print(f"{moment}: passed by the batch before")
            continue
        cleared(outputs)
        kept = run(stage, store, moment, draw.uniform(0, 3))
        print(
            f"killed after {moment}: {kept} replies stored, files: {', '.join(hashes(outputs)) or 'none'}", flush=True
        )
    return kept


def main() -> None:
    """Kill, go on, compare."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--kills", type=int, default=3)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("outputs", help="Files and folders that the stage writes, with commas between")
    asked.add_argument("stage", nargs="+")
    given = asked.parse_args()
    outputs = [Path(name) for name in given.outputs.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        undisturbed, store = Path(folder) / "undisturbed.sqlite", Path(folder) / "killed.sqlite"
        committed = hashes(outputs)
        cleared(outputs)
        total = run(given.stage, undisturbed)
        before = hashes(outputs)
        print(f"undisturbed: {total} replies, {len(before)} files, as before it: {before == committed}", flush=True)
        kept = killed(given.stage, outputs, store, random.Random(given.seed), total, given.kills)
        cleared(outputs)
        before_last = sent(store)
        held = run(given.stage, store)
        last = sent(store) - before_last
    after = hashes(outputs)
    print(f"after {kept} the last run sent {last}: {last - (held - kept)} of them had been stored")
    print(f"stored in the end: {held}, of {total}; {len(after)} files, equal: {after == before}")


if __name__ == "__main__":
    main()
