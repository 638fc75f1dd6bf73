"""`seqit check`, and what `plan` and `repro` check of servers before a run."""

import contextlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stages import check
from stages.core import cli
from stages.core.errors import UserError
from stages.inference.engine_interface import Recall
from stages.params import Params, parse
from stages.planning import plan_table, preflight
from stages.planning.dry_run import Planner, RequestCounts
from stages.planning.dvc_graph import NEVER
from stages.planning.forecast import Forecast, _requests
from stages.planning.make_plan import lacks_files
from stages.reply_store.identity import Identity, Reference
from tests.inference.counting import prompt
from tests.inference.dialect_servers import hosted, strict, vllm
from tests.inference.loopback import serving

SAMPLING = {"temperature": 0.7, "top_p": 0.9, "top_k": 50, "max_tokens": 8}
CORPUS = {"source": "mine.jsonl", "adapter": "alpaca", "licence": "mit", "language": "en"}
SPLIT = {"reads": "ingested/mine", "form": "marked", "prompt": "p.txt", "sampling": SAMPLING, "attempts": 1}


def project(references: dict[str, str], **engines: Any) -> Params:
    """A params.yaml with these models and engines, and one corpus that the generator rewrites and responds to."""
    models = {name: {"reference": reference} for name, reference in references.items()}
    return parse({
        "seed": 1, "tokenizer": next(iter(models)), "fetch": {"models": models}, "engines": engines,
        "validate": {"max_quarantined": 1.0},
        "split": {"mine": SPLIT},
        "ingest": {"corpora": {"mine": CORPUS}},
    })  # fmt: skip


def served(url: str, **engines: Any) -> Params:
    return project({"mine": f"endpoint:{url}#m"}, generator={"model": "mine", "engine": "openai"}, **engines)


def test_each_engine_and_model_is_checked_once_with_all_its_roles(tmp_path: Path) -> None:
    params = served("http://h/v1", judge={"model": "mine"}, reviewer={"model": "mine", "options": {"timeout": 9}})
    (first, second) = preflight.subjects(params)
    assert first.roles == ("generator", "judge") and second.roles == ("reviewer",)
    assert second.title == "reviewer: mine by openai"


def test_a_server_is_checked_without_being_fetched_and_then_recorded(tmp_path: Path) -> None:
    with serving(vllm) as server:
        params, recall = served(server.url), Recall(tmp_path / "servers.json")
        (subject,) = preflight.subjects(params)
        for requests in (2, 0):
            result = preflight.check(subject, params, recall, tmp_path)
            assert (result.problems, result.requests, result.facts["dialect"][:4]) == ([], requests, "vllm")


def test_a_top_k_that_the_declared_dialect_has_no_field_for_is_a_problem_before_the_run(tmp_path: Path) -> None:
    with serving(strict) as server:
        params = served(server.url)
        (subject,) = preflight.subjects(params)
        plain = subject._replace(engine=subject.engine.model_copy(update={"options": {"dialect": "plain"}}))
        (problem,) = preflight.check(plain, params, Recall(tmp_path / "a"), tmp_path).problems
        assert "`sampling` has a top_k under split" in problem and "`omit: [top_k]`" in problem
        assert preflight.check(subject, params, Recall(tmp_path / "a"), tmp_path).problems == []


def test_a_model_that_is_not_there_yet_is_no_failure(tmp_path: Path) -> None:
    options = {"batch": 1, "threads": 1, "precision": "native"}
    params = project({"mine": "path:/x"}, generator={"model": "mine", "engine": "embedded", "options": options})
    (subject,) = preflight.subjects(params)
    result = preflight.check(subject, params, Recall(tmp_path / "a"), tmp_path)
    assert result.facts == {"model": "not there yet; the stage fetch_model@mine makes it"} and not result.problems


def test_an_engine_without_a_server_answers_a_request(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text('[{"reply": "1 2 3"}]')
    options = {"rules": str(tmp_path / "rules.json")}
    params = project({"mine": "path:/x"}, generator={"model": "mine", "engine": "scripted", "options": options})
    (subject,) = preflight.subjects(params)
    assert "tokens/s" in preflight.check(subject, params, Recall(tmp_path / "a"), tmp_path).facts["speed"]


def test_the_command_prints_what_is_known_and_fails_where_something_does_not_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(hosted) as server, contextlib.chdir(tmp_path):
        for url, code in ((server.url, 0), ("http://127.0.0.1:9/v1", 1)):
            models = {"mine": {"reference": f"endpoint:{url}#m"}}
            engines = {"generator": {"model": "mine", "engine": "openai"}}
            values = {"seed": 1, "tokenizer": "mine", "fetch": {"models": models}, "engines": engines}
            Path("params.yaml").write_text(json.dumps(values | {"validate": {"max_quarantined": 1.0}}))
            assert cli.call(check, []) == code
            shown = capsys.readouterr().out
            assert ("dialect      openai" in shown) == (code == 0) and ("✗" in shown) == (code == 1)
            assert cli.call(check, ["--json"]) == code
            (entry,) = json.loads(capsys.readouterr().out)
            assert entry["roles"] == ["generator"] and bool(entry["check"]["problems"]) == bool(code)


def test_a_plan_of_a_server_that_is_away_counts_its_requests_and_says_why(tmp_path: Path) -> None:
    (engine,) = (one.engine for one in preflight.subjects(served("http://127.0.0.1:9/v1")))
    planner = Planner(None, Recall(tmp_path / "a", probes=False))
    options = engine.options | {"url": "http://127.0.0.1:9/v1", "model": "m"}
    planner.begin(set())
    with planner.connect(engine.model_copy(update={"options": options})) as complete:
        list(complete([prompt(1)]))
    assert planner.counts[0].new == 1
    (reason,) = planner.unknown
    assert "its dialect is not known; run `seqit check`" in reason and "counted as new" in reason


def test_a_run_is_stopped_before_it_begins_only_where_a_stage_would_send_requests(tmp_path: Path) -> None:
    """Nothing is looked up in the graph, and nothing sent, where the server is recorded as working."""
    with serving(vllm) as server:
        params, recall = served(server.url), Recall(tmp_path / "servers.json")
        (subject,) = preflight.subjects(params)
        preflight.check(subject, params, recall, tmp_path)
        sent, lines = len(server.requests), list[str]()
        # There is no graph at this place: looking for one would raise.
        preflight.check_before(tmp_path, params, [], False, recall, lines.append)
        assert (lines, len(server.requests)) == ([], sent)
        again = recall._replace(path=tmp_path / "other.json")
        with pytest.raises((UserError, OSError)):
            preflight.check_before(tmp_path, params, [], False, again, lines.append)


def test_the_reference_of_an_endpoint_is_that_of_params() -> None:
    (subject,) = preflight.subjects(served("http://h/v1"))
    assert preflight._reference(subject, Path("models/mine")) == Reference(*["endpoint:http://h/v1#m"] * 2)


def test_a_plan_takes_the_speed_that_a_check_measured_where_costs_name_none(tmp_path: Path) -> None:
    with serving(vllm) as server:
        params, recall = served(server.url), Recall(tmp_path / "servers.json")
        (subject,) = preflight.subjects(params)
        identity = Identity("m", "e")
        planner = Planner(None, recall)
        assert planner.measured_rate(identity) == 0
        planner.connected[identity] = subject.engine, "mine"
        sent = len(server.requests)
        assert planner.measured_rate(identity) == 0 and len(server.requests) == sent == 0, "a plan sends nothing for it"
        measured = preflight.check(subject, params, recall, tmp_path).tokens_per_second
        assert planner.measured_rate(identity) == measured > 0
    planner.begin(set())
    counts = RequestCounts(identity, subject.engine, new=1, steps=Counter(x=1), longest=Counter(x=3600))
    planner.complete(identity, subject.engine)
    asked = _requests(planner, counts)
    assert asked.checked_rate == measured and asked.hours == pytest.approx(1 / measured)
    (hours,) = (cell for cell in plan_table._cells(asked) if cell.startswith("≈") and ":" in cell)
    note = next(text for text in plan_table.notes([Forecast("x", [], True, [asked], "")], False, False) if "≈" in text)
    assert hours and f"{measured:.0f} tokens a second that `seqit check` measured" in note


def test_an_endpoint_that_the_last_run_did_not_have_is_no_note_of_a_plan(tmp_path: Path) -> None:
    """What stages last ran with is simulated to learn lengths of replies: there the model has no reference yet."""
    (engine,) = (one.engine for one in preflight.subjects(served("http://127.0.0.1:9/v1")))
    planner = Planner(None, Recall(tmp_path / "a", probes=False))
    planner.learning = True
    with pytest.raises(UserError), planner.connect(engine):
        pass
    assert planner.unknown == {}


@pytest.mark.parametrize(
    ("stage", "why", "lacks"),
    [
        ("fetch_model@smollm2", "models/smollm2 is deleted", False), ("report", "data/report is deleted", False),
        ("ingest_corpus@seed", "data/ingested/seed.jsonl is deleted", True), ("rewrite@mine", NEVER, False),
        ("rewrite@mine", "data/rewritten/mine is not in cache", True),
    ],
)  # fmt: skip
def test_files_are_called_missing_where_this_project_has_made_them(stage: str, why: str, lacks: bool) -> None:
    """The stages of every project are in the dvc.lock that comes with the code."""
    assert lacks_files([Forecast(stage, [why], True, [], "")]) is lacks
