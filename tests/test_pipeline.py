"""DVC itself runs the whole graph in a clone, with scripted replies and training replaced by its configuration."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.inference import tiny

ROOT = Path(__file__).resolve().parents[1]
ANY_PARAM = {"index_benchmarks"}
"""Stages that depend on the whole of params.yaml, since DVC refuses a parameter that is absent; seconds, same bytes."""
pytestmark = pytest.mark.slow


class Clone:
    """A copy of the working tree with a git and DVC repository of its own."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        config = home / "gitconfig"
        config.write_text("[user]\n\tname = t\n\temail = t@t.invalid\n[init]\n\tdefaultBranch = main\n")
        bin_folder = str(Path(sys.executable).parent)
        self.env = {
            **os.environ, "HOME": str(home), "GIT_CONFIG_GLOBAL": str(config), "DVC_SITE_CACHE_DIR": str(home / "site"),
            "DVC_GLOBAL_CONFIG_DIR": str(home / "global"), "DVC_SYSTEM_CONFIG_DIR": str(home / "system"),
            "DVC_NO_ANALYTICS": "1", "PATH": bin_folder + os.pathsep + os.environ["PATH"], "COLUMNS": "200",
        }  # fmt: skip
        self.env.pop("SEQIT_REPLIES", None)
        self.env.pop("SEQIT_CACHE", None)

    def run(self, *command: str, ok: bool = True, **env: str) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.env | env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert (done.returncode == 0) == ok, f"{command} returned {done.returncode}\n{done.stdout[-6000:]}"
        return done.stdout

    def repro(self, *arguments: str, ok: bool = True) -> list[str]:
        """The stages that ran."""
        self.said = self.run("dvc", "repro", *arguments, ok=ok)
        return re.findall(r"Running stage '([^']+)'", self.said)

    def change(self, path: str, value: object) -> None:
        yaml = YAML()
        params = yaml.load((self.folder / "params.yaml").read_text())
        place = params
        *parents, last = path.split("/")
        for key in parents:
            place = place[key]
        place[last] = value
        with (self.folder / "params.yaml").open("w") as stream:
            yaml.dump(params, stream)


WITHOUT_ENTRY = {
    "fetch_corpus", "win_rate", "predict_model", "evaluate_model", "count_verbs", "calibrate", "check_responses",
    "judge_responses", "publish_model",
}  # fmt: skip
"""Stages of the graph for which the full profile has no entry, as they need files of the user's or an extra, or that
publish a trained model: here nothing is trained."""


def working_tree(folder: Path) -> None:
    """A copy of the working tree in `folder` with the full profile, without what a run recorded."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and name != "dvc.lock":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    shutil.copy(ROOT / "stages/profiles/full.yaml", folder / "params.yaml")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    base = tmp_path_factory.mktemp("pipeline")
    home, folder = base / "home", base / "clone"
    home.mkdir()
    made = Clone(folder, home)
    working_tree(folder)
    tiny.model(base / "tiny", context=2048)
    scripted = {"engine": "scripted", "options": {"rules": "tests/pipeline_rules.json"}}
    made.change("fetch/models/smollm2/reference", f"path:{base / 'tiny'}")
    for part in ("generator", "judge", "reviewer"):
        made.change(f"engines/{part}", {"model": "smollm2", **scripted})
    made.change("engines/tuned", scripted)
    made.change("train/settings/launcher", "render")
    made.change("publish_models", {})
    made.change("ingest/corpora/seed/sample", 20)
    made.change("validate/max_quarantined", 0.5)
    made.change("validate/max_failed", None)  # the scripted replies fail on purpose, half of them
    if not shutil.which("bwrap"):  # evaluate refuses to run generated code then, see tests/sandbox
        asked = YAML(typ="safe").load((ROOT / "stages/profiles/full.yaml").read_text())["predict"]["benchmarks"]
        made.change("predict/benchmarks", {name: entry for name, entry in asked.items() if name != "humaneval"})
    for command in (["git", "init"], ["git", "add", "-A"], ["git", "commit", "-qm", "x"]):
        made.run(*command)
    made.ran = made.repro()
    yield made


def test_every_stage_runs(clone: Clone) -> None:
    kinds = {name.partition("@")[0] for name in clone.ran}
    graph = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    assert kinds == set(graph) - WITHOUT_ENTRY


def test_no_row_is_lost_and_no_failure_is_a_hold(clone: Clone) -> None:
    def rows(name: str) -> list[dict]:
        return [json.loads(line) for line in (clone.folder / "data" / f"{name}.jsonl").read_text().splitlines()]

    first, second = rows("rewritten/seed/1"), rows("rewritten/seed/2")
    assert [r["id"] for r in rows("ingested/seed")] == [r["id"] for r in first] == [r["id"] for r in second]
    steps = [row["steps"][-1] for row in first]
    assert {"ok", "unparsed"} <= {step["status"] for step in steps}
    assert all(step["action"] != "hold" for step in steps if step["status"] == "unparsed")


def test_again_nothing_runs(clone: Clone) -> None:
    assert clone.repro() == []
    assert "up to date" in clone.run("dvc", "status")


def test_only_what_describes_the_run_is_for_git(clone: Clone) -> None:
    untracked = clone.run("git", "status", "--porcelain", "-uall").splitlines()
    names = [line[3:] for line in untracked]
    assert [name for name in names if name.endswith((".jsonl", ".safetensors", ".gitignore"))] == []
    assert "dvc.lock" in names
    assert all(name.startswith(("data/", "dvc.lock", "docs/")) for name in names)


def test_a_plan_says_what_a_run_then_asks(clone: Clone) -> None:
    def planned(*arguments: str) -> dict:
        command = (sys.executable, "-m", "stages", "plan", "--json", *arguments)
        done = subprocess.run(command, cwd=clone.folder, env=clone.env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    key, before = "respond.settings.sampling.temperature", clone.run("git", "status", "--porcelain", "-uall")
    assert planned()["stages"] == []
    found = planned("-S", f"{key}=0.7", "respond@seed")
    assert clone.run("git", "status", "--porcelain", "-uall") == before
    stages = {one["stage"]: one for one in found["stages"]}
    assert stages.keys() - ANY_PARAM == {"respond@seed"}
    stage = stages["respond@seed"]
    assert stage["why"] == ["respond.settings"] and stage["certain"]
    clone.change(key.replace(".", "/"), 0.7)
    assert set(clone.repro("respond@seed")) - ANY_PARAM == {"respond@seed"}
    asked = [int(number) for number in re.findall(r"seqit respond .*?, (\d+) sent", clone.said)]
    assert stage["asks"][0]["new"] + stage["asks"][0]["guessed"] == sum(asked) > 0 and stage["asks"][0]["new"] > 0
    again = planned("-S", f"{key}=1.0", "respond@seed")
    assert all(one["asks"][0]["new"] == 0 for one in again["stages"] if one["asks"]), "set back, it costs nothing"
    clone.change(key.replace(".", "/"), 1.0)
    clone.repro("respond@seed")


def test_a_judge_parameter_runs_evaluation_and_report_alone(clone: Clone) -> None:
    clone.change("judge/temperature", 0.3)
    assert {name.partition("@")[0] for name in clone.repro()} - ANY_PARAM <= {"evaluate", "judge_agreement", "report"}
    clone.change("judge/temperature", 0.0)
    clone.repro()


@pytest.mark.parametrize(
    ("path", "value", "ran"),
    [
        ("compare/settings/controls", 2, {"compare_runs", "compare_references", "report"}),
        ("judge_tasks/settings/controls", 2, {"judge_tasks", "report"}),
        ("judge_agreement/settings/attempts", 3, {"judge_agreement", "report"}),
        (
            "evaluate/resamples",
            200,
            {"evaluate", "compare_runs", "compare_references", "judge_tasks", "judge_agreement", "report"},
        ),
    ],
)
def test_a_rule_of_the_judges_asks_no_model_under_test(clone: Clone, path: str, value: int, ran: set[str]) -> None:
    before = YAML(typ="safe").load((clone.folder / "params.yaml").read_text())
    for part in path.split("/"):
        before = before[part]
    clone.change(path, value)
    assert {name.partition("@")[0] for name in clone.repro()} - ANY_PARAM <= ran
    clone.change(path, before)
    clone.repro()


def test_judgements_hold_what_their_scores_need(clone: Clone) -> None:
    for name, metric in (("compared/seqeval-it-sit", "win"), ("judged_tasks/seqeval-sit", "done")):
        rows = [json.loads(line) for line in (clone.folder / "data" / f"{name}.jsonl").read_text().splitlines()]
        folder = "compare" if metric == "win" else "judge_tasks"
        total = json.loads((clone.folder / f"data/metrics/{folder}/{name.partition('/')[2]}.json").read_text())
        known = [row["values"][metric] for row in rows if row["values"] and not row["control"]]
        assert known and total[metric]["mean"] == pytest.approx(sum(known) / len(known), abs=1e-6)
        assert all(row["replies"] and row["judge"] for row in rows if row["values"])
        assert all(row["reason"] for row in rows if not row["values"])


def test_a_new_corpus_runs_nothing_of_the_others(clone: Clone) -> None:
    corpus = {"adapter": "alpaca", "source": "data/seeds/alpaca.json", "licence": "x", "language": "en", "sample": 5}
    clone.change("ingest/corpora/extra", corpus)
    clone.change("decontaminate/corpora/extra", {"reads": "ingested/extra", "remove": [], "ngram": 13})
    # The report says which corpora there are.
    own = {f"{stage}@extra" for stage in ("ingest_corpus", "decontaminate")}
    assert set(clone.repro()) - ANY_PARAM == own | {"report"}


def test_a_prompt_file_runs_from_rewrite_on(clone: Clone) -> None:
    prompt = clone.folder / "stages" / "prompts" / "small" / "prefix.txt"
    before = prompt.read_text()
    prompt.write_text(before.replace("helps with it", "helps a lot with it"))
    status = json.loads(clone.run("dvc", "status", "--json"))
    prompt.write_text(before)
    changed = {name for name, why in status.items() if any("prompts" in str(part) for part in why)}
    assert changed == {"rewrite@seed", "rewrite_benchmark@heldout"}


def test_a_bad_row_stops_with_one_line_and_leaves_nothing(clone: Clone) -> None:
    corpus = clone.folder / "data" / "seeds" / "alpaca.json"
    before = corpus.read_text()
    corpus.write_text(before.replace('"instruction"', '"instruktion"', 1))
    clone.repro("ingest_corpus@seed", ok=False)
    corpus.write_text(before)
    told = [line for line in clone.said.splitlines() if line.startswith("seqit ingest:")]
    assert len(told) == 1
    assert "alpaca.json" in told[0]
    assert "Traceback" not in clone.said
    assert not (clone.folder / "data" / "ingested" / "seed.jsonl").exists()
    clone.repro("ingest_corpus@seed")


def test_pull_elsewhere_leaves_nothing_to_do(clone: Clone, tmp_path: Path) -> None:
    clone.repro()
    for command in (["git", "add", "-A"], ["git", "commit", "-qm", "run"]):
        clone.run(*command)
    clone.run("dvc", "remote", "add", "-f", "store", str(tmp_path / "remote"))
    clone.run("dvc", "push", "-r", "store")
    home = tmp_path / "home"
    home.mkdir()
    other = Clone(tmp_path / "other", home)
    subprocess.run(["git", "clone", "-q", str(clone.folder), str(other.folder)], check=True, env=other.env)
    other.run("dvc", "remote", "add", "store", str(tmp_path / "remote"))
    other.run("dvc", "pull", "-r", "store")
    assert other.repro() == []
