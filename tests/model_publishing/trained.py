"""A trained run as the pipeline leaves it, with a tiny model, and what is published of it."""

import json
from pathlib import Path
from typing import Any

import msgspec

from stages.core import artifacts
from stages.model_publishing.hub_results import Leaderboard
from stages.model_publishing.model_facts import Base, BenchmarkSetup
from stages.model_publishing.model_folder import ModelPublication, Outputs, write_model
from stages.publishing.dataset import Publication, write_dataset
from stages.training.export import weights_hash
from tests.inference import tiny
from tests.reporting.examples import trained

SHARE = {"mean": 0.25, "low": 0.1, "high": 0.5, "n": 8}
SUMMARY = {
    "n": 8, "scored": 8, "statuses": {"ok": 6, "truncated": 2}, "following": SHARE, "accuracy": SHARE | {"mean": 0.125},
    "groups": {"dependent": {"following": SHARE}}, "trend": {"accuracy": SHARE},
}  # fmt: skip
GREEDY = {"temperature": 0.0, "top_p": 1.0, "top_k": 0, "max_tokens": 96}
SETUP = BenchmarkSetup("verified", "data/generated/verified.jsonl", 0, {}, "chat", 1, GREEDY)
PUBLICATION = ModelPublication(
    name="small", version="0.1.0", run="sit", dataset="sit", seed=7, recipe={"epochs": 2.0, "max_length": 512},
    setups={"verified": SETUP}, sampling=GREEDY, repository="lab/small",
    base=Base("hub:lab/base@0123456789abcdef", "hub:lab/base@0123456789abcdef", "Apache-2.0", "lab/base"),
    leaderboards={"verified": Leaderboard("lab/sequences", "verified", "0123456789abcdef")},
)  # fmt: skip


def finished_run(top: Path, licence: str = "Apache-2.0", template: str | None = None) -> Outputs:
    """The outputs of a run below `top`, which is empty."""
    model = tiny.model(top / "models/sit")
    if template is not None:
        (model / "chat_template.jinja").write_text(template)
    write_dataset(
        top / "data/published/sit", Publication("sit", "0.2.0", "sampled/sit", "rows", "lab/rows"),
        lambda: [msgspec.structs.replace(one, source=replaced(one.source, licence)) for one in trained(3)],
    )  # fmt: skip
    rows = {"read": 3, "used": 3, "too_long": 0, "special_token": 0}
    metrics = {
        "rows": rows, "tokens": 99, "epochs": 2.0, "steps": 2, "first_loss": 2.5, "final_loss": 1.5,
        "weights": weights_hash(model)[:16],
    }  # fmt: skip
    artifacts.write_json(top / "data/metrics/train/sit.json", metrics)
    artifacts.write_text(top / "data/metrics/train/sit.csv", "step,loss,learning_rate\n1,2.5,0.1\n2,1.5,0.0\n")
    artifacts.write_json(top / "data/evaluated/sit/verified.json", SUMMARY)
    return Outputs(
        model, top / "data/metrics/train/sit.json", top / "data/metrics/train/sit.csv", top / "data/evaluated/sit",
        top / "data/published/sit",
    )  # fmt: skip


def replaced(source: Any, licence: str) -> Any:
    return msgspec.structs.replace(source, licence=licence)


def published(top: Path, outputs: Outputs, folder: str = "one", **changes: Any) -> Path:
    """The folder of a published model."""
    (made := top / folder).mkdir()
    write_model(made, msgspec.structs.replace(PUBLICATION, **changes), outputs)
    return made


def facts(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "provenance.json").read_text())
