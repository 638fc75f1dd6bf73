"""data/replies/ belongs to the run of dvc.lock: its models by their hashes, its replies by what the run counted."""

import gzip
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages.reproduction.reproduce_run import REPLIES, TRAINED_MODELS
from stages.reproduction.trained_models import read_models

ROOT = Path(__file__).resolve().parents[2]
REMADE = "made anew by `seqit reproduce --record` in the checkout of the run"
METRICS = ROOT / "data/metrics"
COUNTED = ("replies", "reply_tokens_in", "reply_tokens_out")


@pytest.fixture(scope="module")
def lock() -> dict[str, Any]:
    return yaml.load((ROOT / "dvc.lock").read_text(), yaml.CSafeLoader)["stages"]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress((ROOT / REPLIES).read_bytes()).splitlines()]


def trained(lock: dict[str, Any]) -> dict[str, str]:
    models = {name: stage["outs"] for name, stage in lock.items() if name.startswith("train@")}
    outs = {out["path"]: out["md5"] for each in models.values() for out in each}
    return {path.removeprefix("models/"): md5 for path, md5 in outs.items() if path.startswith("models/")}


def test_the_trained_models_are_those_of_dvc_lock(lock: dict[str, Any]) -> None:
    models = read_models(ROOT / TRAINED_MODELS, trained(lock))
    assert set(models) == set(trained(lock)) != set(), REMADE
    for name, model in models.items():
        weights = json.loads((METRICS / f"train/{name}.json").read_text())["weights"]
        assert model.reference["identity"].startswith(f"trained:{weights}")


def test_the_replies_are_those_that_the_run_counted(lock: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """By model: how many, and their tokens, which other replies to the same requests would hardly have."""
    models = read_models(ROOT / TRAINED_MODELS, trained(lock))
    stored: dict[str, Counter[str]] = {}
    for row in rows:
        tokens = {"replies": 1, "reply_tokens_in": row["tokens_in"], "reply_tokens_out": row["tokens_out"]}
        stored.setdefault(row["payload"]["setting"]["model"], Counter()).update(tokens)
    for name, model in models.items():
        assert stored.pop(model.reference["identity"]) == counted([METRICS / f"predict/{name}.json"]), REMADE
    others = [path for path in METRICS.glob("predict/*.json") if path.stem not in models]
    generated = [path for folder in ("rewrite", "respond") for path in (METRICS / folder).rglob("*.json")]
    assert [*stored.values()] == [counted([*others, *generated])], REMADE


def counted(paths: Iterable[Path]) -> Counter[str]:
    """What the metrics of stages say of their replies, together."""
    documents = [json.loads(path.read_text()) for path in paths]
    return Counter({name: sum(document[name] for document in documents) for name in COUNTED})


def test_the_file_names_no_host_and_no_machine(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        assert row["created"] == 0
        assert not {"://", "/home", "/work", "/root"} & set(row["payload"]["setting"]["endpoint"].split(":"))
        assert "://" not in row["payload"]["setting"]["model"] + row["payload"]["setting"]["endpoint"]
    assert [row["key"] for row in rows] == sorted(row["key"] for row in rows)
    assert (ROOT / REPLIES).stat().st_size < 2_000_000
