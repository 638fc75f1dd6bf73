"""A temporary copy of the project whose every model is a server, with few rows and few tokens."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tests.servers.started import ROOT, Server

PREPARE = [
    "generate@verified", "ingest_corpus@seed", "ingest_corpus@heldout",
    "ingest_corpus@flat", *(f"ingest_benchmark@{name}" for name in
    ("seqeval", "xquad", "mgsm", "commonsenseqa", "humaneval", "alpaca_eval", "verified", "generic")),
]  # fmt: skip
"""Stages whose files the others read."""
ASK = [
    "rewrite@seed", "rewrite_benchmark@heldout", "respond@seed",
    "evolve@seed", "extract_inputs@flat", "augment_model@paraphrase",
    "split@sit-split", "predict_model@served", "evaluate_model@served",
    "compare_references@alpaca_eval", "judge_tasks@seqeval", "judge_agreement@seqeval",
]  # fmt: skip
"""Every command that asks a model, each after those whose files it reads."""
ANSWERED = ("seqeval", "xquad", "mgsm", "commonsenseqa", "humaneval", "alpaca_eval", "verified")
SEQUENCE = {
    "instruction": "Name a sea in the north. Then name a river in Europe.",
    "response": "The Baltic Sea is in the north. The Danube is a river in Europe.",
}
COUNTS = re.compile(r"(\d[\d,]*) replies in .*\((\d[\d,]*) cached, (\d[\d,]*) sent, (\d[\d,]*) failed; ")
"""The last line of a connection to a model."""


@dataclass(frozen=True)
class Run:
    """What a stage did."""

    code: int
    stderr: str
    files: dict[str, bytes]

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Replies, cached, sent and failed."""
        *_, last = COUNTS.findall(self.stderr)
        replies, cached, sent, failed = (int(number.replace(",", "")) for number in last)
        return replies, cached, sent, failed

    @property
    def warnings(self) -> str:
        """stderr without the lines of progress."""
        return "\n".join(
            line for line in self.stderr.splitlines() if "in flight" not in line and not COUNTS.search(line)
        )


class Project:
    """The copy; stages run in it as DVC runs them."""

    def __init__(self, folder: Path, server: Server, model: Path, data: Path | None = None) -> None:
        """`model`: the packaged model as `fetch` writes it. `data`: what stages made, None for the seeds alone."""
        self.folder, self.server = folder, server
        for part in ("stages", "schemas"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(data or ROOT / "data/seeds", folder / ("data" if data else "data/seeds"))
        (folder / "models").mkdir()
        (folder / "models" / "smollm2").symlink_to(model)
        self.params: dict[str, Any] = yaml.safe_load((ROOT / "stages/profiles/full.yaml").read_text("utf-8"))
        few(self.params, server)
        self.write()
        self._ran: dict[str, Run] = {}

    def write(self) -> None:
        (self.folder / "params.yaml").write_text(yaml.safe_dump(self.params, allow_unicode=True), "utf-8")

    @cached_property
    def _graph(self) -> dict[str, Any]:
        return dict(yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"])

    def ran(self, address: str) -> Run:
        """The first run of a stage of `ASK`, after those before it."""
        for name in ASK[: ASK.index(address) + 1]:
            if name not in self._ran:
                if name == "split@sit-split":
                    self._add_sequence()
                self._ran[name] = self.run(name)
        return self._ran[address]

    def _add_sequence(self) -> None:
        """A row to take apart among those of `responded/seed/2`: so small a model may have written none."""
        path = self.folder / "data/responded/seed/2.jsonl"
        row = json.loads(path.read_text("utf-8").splitlines()[0])
        step = row["steps"][0] | {"action": "suffix", "status": "ok", "reason": ""}
        made = {"id": "seed-sequence", "input": "", "steps": [step, row["steps"][-1]]} | SEQUENCE
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row | made) + "\n")
        done = self._command("python -m stages.validate responded/seed 2 --suite responded", "respond@seed")
        assert done.returncode == 0, done.stderr

    def run(self, address: str, validated: bool = True) -> Run:
        """Run the stage's commands, or without validation the first alone."""
        kind, _, key = address.partition("@")
        stage = self._graph[kind]["do"]
        commands = [stage["cmd"]] if isinstance(stage["cmd"], str) else stage["cmd"]
        stderr, code = "", 0
        for command in commands if validated else commands[:1]:
            done = self._command(command, address)
            stderr, code = stderr + done.stderr, done.returncode
            if code:
                break
        return Run(code, stderr, dict(self._files(stage, key)))

    def _command(self, command: str, address: str) -> subprocess.CompletedProcess[str]:
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"DVC_STAGE": address, "PATH": programs, "PYTHONPATH": str(self.folder)}
        return subprocess.run(["sh", "-c", command], cwd=self.folder, env=environment, capture_output=True, text=True)

    def _files(self, stage: dict[str, Any], key: str) -> Iterator[tuple[str, bytes]]:
        listed = [*stage.get("outs", []), *stage.get("metrics", [])]
        names = [name if isinstance(name, str) else next(iter(name)) for name in listed]
        for path in (self.folder / name.replace("${key}", key) for name in names):
            for file in sorted(path.rglob("*")) if path.is_dir() else [path] * path.is_file():
                yield str(file.relative_to(self.folder)), file.read_bytes()


def sampling(tokens: int, temperature: float = 0.0) -> dict[str, Any]:
    return {"temperature": temperature, "top_p": 0.9 if temperature else 1.0, "top_k": 0, "max_tokens": tokens}


def options(server: Server, **other: Any) -> dict[str, Any]:
    """The options of `engine: openai` for a server."""
    known = {"api": "chat", "dialect": server.dialect, "concurrency": 2, "timeout": 600, "attempts": 2, "grouping": 1}
    return known | {"key_env": None, "extra": {}} | other


def few(params: dict[str, Any], server: Server) -> None:
    """Change params.yaml's values: a server for every model, few rows, few tokens."""
    params["fetch"]["models"]["served"] = {"reference": server.reference}
    asked = {"model": "served", "engine": "openai", "options": options(server)}
    params["engines"] = {name: asked for name in ("generator", "judge", "reviewer")}
    params["engines"]["tuned"] = {"engine": "openai", "options": options(server)}
    params["validate"]["max_quarantined"] = 1.0
    _few_rows(params)
    _few_rounds(params)
    _few_answers(params)


def _few_rows(params: dict[str, Any]) -> None:
    params["generate"]["verified"]["count"] = 3
    corpora, benchmarks = params["ingest"]["corpora"], params["ingest"]["benchmarks"]
    for name in ("seed", "heldout", "flat"):
        corpora[name]["sample"] = 3
    for name in ANSWERED:
        benchmarks[name]["sample"] = 3
    benchmarks["seqeval"]["source"] = "data/ingested/heldout.jsonl"
    benchmarks["xquad"]["languages"] = ["de"]
    benchmarks["mgsm"]["languages"] = ["en"]
    benchmarks["humaneval"]["sample"] = 1
    benchmarks["generic"]["sample"] = 1


def _few_rounds(params: dict[str, Any]) -> None:
    params["rewrite"]["corpora"]["seed"]["reads"] = "ingested/seed"
    params["rewrite"]["benchmarks"]["heldout"]["rounds"] = 1
    params["sample"]["mixture"], params["repositories"] = {}, {}  # SeqEval is made of four rounds
    del params["publish"]["seqeval"]
    params["rewrite"]["settings"] |= {"sampling": sampling(16, 0.6), "attempts": 2, "orders": 1}
    params["respond"]["settings"]["sampling"] = sampling(12, 1.0)
    params["evolve"]["settings"] |= {"sampling": sampling(24, 1.0), "respond": sampling(12, 1.0)}
    params["evolve"]["corpora"] = {"seed": {"reads": "ingested/seed"}}
    params["extract_inputs"]["settings"]["sampling"] = sampling(24)
    params["augment"]["model"] = {"paraphrase": params["augment"]["model"]["paraphrase"] | {"max_tokens": 16}}
    params["split"]["sit-split"] |= {"sampling": sampling(8, 0.7)}


def _few_answers(params: dict[str, Any]) -> None:
    params["predict"]["models"] = {"served": {"benchmarks": [*ANSWERED]}, "scored": {"benchmarks": ["generic"]}}
    params["fetch"]["models"]["scored"] = params["fetch"]["models"]["served"]
    for name in ANSWERED:
        params["predict"]["benchmarks"][name]["sampling"] |= {"max_tokens": 12}
    params["report"] = {
        "baseline": "served", "treatment": "scored", "before": "responded/seed/0", "after": "responded/seed/2",
    }  # fmt: skip
    params["judge"]["max_tokens"] = 8
    params["compare"]["settings"]["controls"] = params["judge_tasks"]["settings"]["controls"] = 1
    outputs = {"benchmark": "alpaca_eval", "outputs": "data/seeds/heldout.json", "treatment": "served", "sample": None}
    params["compare"] |= {"runs": {}, "references": {"alpaca_eval": outputs}}
    judged = {"benchmark": "seqeval", "run": "served", "sample": None}
    params["judge_tasks"]["runs"] = params["judge_agreement"]["runs"] = {"seqeval": judged}
