"""AlpacaEval 2.0's length-controlled win rate, estimated by its own package.

alpaca_eval runs in a process of its own, since it changes options of scikit-learn for good, writes to the log, and
downloads files from the Hub; that process gets the files of `folder` in a temporary Hub cache, and no network.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from stages.core.errors import UserError
from stages.evaluation.benchmarks.alpaca_eval_annotations import LEFT_OUT, QUESTIONS, Annotation

FILES = ("df_gamed.csv", "instruction_difficulty.csv")
"""Files of the estimator: annotations of two models with different lengths, and the difficulty of each instruction."""


def length_controlled(annotations: Sequence[Annotation], folder: Path) -> dict[str, Any]:
    """alpaca_eval's length_controlled_winrate and lc_standard_error, in percent; or `left_out`, the reason in words.

    annotations: in AlpacaEval's order. folder: holds the two files of FILES. Raises UserError unless there are exactly
    805 annotations, all with a preference.
    """
    scored = sum(annotation.preference is not None for annotation in annotations)
    if len(annotations) != QUESTIONS or scored != QUESTIONS:
        raise UserError(
            f"annotations: {len(annotations)}, of which {scored} have a preference; AlpacaEval has {QUESTIONS}: answer "
            "and compare all of them (sample: null), or remove the entry from `win_rate` in params.yaml"
        )
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        return {"left_out": f"{LEFT_OUT}; {folder} lacks {' and '.join(missing)}"}
    if find_spec("alpaca_eval") is None:
        return {"left_out": f"{LEFT_OUT}; the package is not installed: pip install 'seqit[alpaca-eval]'"}
    return _run(annotations, folder)


def _run(annotations: Sequence[Annotation], folder: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="seqit-") as scratch:
        _cache(Path(scratch), folder)
        environment = {**os.environ, "HF_HUB_CACHE": scratch, "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}
        environment.pop("DATASETS_FORCE_DOWNLOAD", None)
        done = subprocess.run(
            [sys.executable, "-m", "stages.evaluation.win_rate.worker"], input=msgspec.json.encode(annotations),
            capture_output=True, env=environment, timeout=1800, check=False,
        )  # fmt: skip
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:300]
        raise UserError(f"{folder}: alpaca_eval can't use these files: {last}; download them again")
    estimates: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return estimates


def _cache(cache: Path, folder: Path) -> None:
    """Link the files into a Hub cache, under the repository that alpaca_eval reads."""
    repository = cache / "datasets--tatsu-lab--alpaca_eval"
    snapshot = repository / "snapshots" / ("0" * 40)
    (repository / "refs").mkdir(parents=True)
    snapshot.mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    for name in FILES:
        (snapshot / name).symlink_to((folder / name).resolve())
