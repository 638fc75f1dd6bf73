"""Plans: parameters as DVC would set them, the overlay, the models of commands, forecasts, the table."""

import ast
import json
import os
import shlex
from inspect import signature
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Annotated

import pytest
import typer
import yaml

from stages.core import artifacts, cli
from stages.core.completions import Message
from stages.core.errors import UserError
from stages.evaluate import evaluate
from stages.evaluation import sandbox
from stages.inference.budgets import cost
from stages.inference.chat_template import ChatTemplate
from stages.model_files import token_lengths
from stages.model_files.references import fetch_model
from stages.params import Budget, Engine, Price, load
from stages.planning import overlay, plan_table
from stages.planning.command_models import FAST, MODELS
from stages.planning.dry_run import Planner
from stages.planning.dvc_graph import NEVER, PlannedFile, Step, _step, as_run, overridden, reasons, related_files
from stages.planning.forecast import (
    WAITS,
    Forecast,
    PlanState,
    StageRequests,
    _learn_from_last_run,
    forecasts,
    stand_ins,
)
from stages.planning.make_plan import MAY_STOP, STOPS, _budget, _totals
from stages.reply_store.store import Replies
from tests.inference import tiny
from tests.inference.counting import IDENTITY, filled, prompt

ROOT = Path(__file__).resolve().parents[2]


def test_parameters_are_set_as_dvc_sets_them_and_the_file_stays(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes((ROOT / "stages/profiles/full.yaml").read_bytes())
    before = (tmp_path / "params.yaml").read_bytes()
    text = overridden(tmp_path, ["judge.temperature=0.25", "+predict.models.mine={}", "~publish.seqeval"])
    (tmp_path / "changed.yaml").write_text(text)
    result = yaml.safe_load(text)
    assert result["judge"]["temperature"] == 0.25
    assert "mine" in result["predict"]["models"] and "seqeval" not in result["publish"]
    assert (tmp_path / "params.yaml").read_bytes() == before
    assert overridden(tmp_path, []).encode() == before
    assert load(tmp_path / "params.yaml").seed == result["seed"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("judge.temperatur=0.5", "params.yaml has no key judge.temperatur; did you mean judge.temperature?"),
        ("judge.temperature", "missing EQUAL"),
        ("judge.temperature=0.1,0.2", "several values for one key"),
        ("other.yaml:a=1", "leave the file's name out"),
        ("judge.temperature=[", "-S judge.temperature=["),
    ],
)
def test_what_dvc_refuses_is_one_line(tmp_path: Path, override: str, message: str) -> None:
    (tmp_path / "params.yaml").write_bytes((ROOT / "stages/profiles/full.yaml").read_bytes())
    with pytest.raises(UserError) as error:
        overridden(tmp_path, [override])
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name in ("data/a/rows.jsonl", "models/m/reference.json", "schemas/s.json", "prompts/p.txt", ".git/x"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("{}\n")
    (root / "schemas/s.json").write_text('{"expectations": [1, 2]}')
    return root


def test_what_is_written_in_an_overlay_stays_there(checkout: Path) -> None:
    before = {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()}
    with overlay.checkout_overlay(checkout, "seed: 1\n") as folder:
        assert (folder / "params.yaml").read_text() == "seed: 1\n"
        assert (folder / "prompts/p.txt").read_text() == "{}\n" and not (folder / ".git").exists()
        artifacts.write_json(folder / "data/a/rows.jsonl", {"new": 1})
        artifacts.write_json(folder / "data/b/more.json", {"new": 1})
        overlay.place_stand_in_model(folder, "m", "m (not there yet)", like="m")
        assert artifacts.read_json(folder / "models/m/reference.json", dict)["identity"] == "m (not there yet)"
    assert {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()} == before
    assert not folder.exists()


def test_a_model_that_is_not_there_reads_as_its_base_does_or_in_words(checkout: Path) -> None:
    tiny.model(checkout / "models/base")
    with overlay.checkout_overlay(checkout, "") as folder:
        overlay.place_stand_in_model(folder, "tuned", "tuned (not there yet)", like="base")
        overlay.place_stand_in_model(folder, "base", "base (other weights)", like="base")
        overlay.place_stand_in_model(folder, "alone", "alone (not there yet)", like="missing")
        message = Message("user", "Name a river.")
        ids = ChatTemplate(checkout / "models/base").encode([message])
        assert (
            ids
            == ChatTemplate(folder / "models/tuned").encode([message])
            == ChatTemplate(folder / "models/base").encode([message])
        )
        assert (folder / "models/tuned/config.json").exists(), "which says whether it sees"
        (checkout / "models/base/tokenizer.json").unlink()
        overlay.place_stand_in_model(folder, "half", "half (not there yet)", like="base")
        with pytest.raises(UserError, match="has no chat_template"):
            ChatTemplate(folder / "models/half")
        assert token_lengths.counter(folder / "models/alone")(["Name a river."]) == [4]


def test_a_planned_receipt_passes_every_row_and_a_real_one_is_kept(checkout: Path) -> None:
    with overlay.checkout_overlay(checkout, "") as folder:
        assert overlay.validate(folder, ["a", "rows", "--suite", "s"]) == ""
        result = artifacts.read_json(folder / "data/validated/a/rows.json", artifacts.Receipt)
        assert (result.rows, result.quarantined, result.expectations) == (1, {}, 2)
        real = artifacts.Receipt("a/rows", result.sha256, "s", 1, {"x": ["bad"]}, 2)
        artifacts.write_json(folder / "data/validated/a/rows.json", real)
        overlay.validate(folder, ["a", "rows", "--suite", "s"])
        assert artifacts.read_json(folder / "data/validated/a/rows.json", artifacts.Receipt) == real
        said = overlay.validate(folder, ["a", "absent", "--suite", "s"])
        assert "data/a/absent.jsonl" in said and str(folder) not in said


def test_a_command_that_fails_says_why_and_the_process_stays_where_it_was(checkout: Path) -> None:
    before = os.getcwd()
    with overlay.checkout_overlay(checkout, "") as folder:
        said = overlay.run(folder, ["python", "-m", "stages.rewrite", "seed"])
    assert said.startswith("seqit rewrite: params.yaml") and os.getcwd() == before


def test_a_model_is_replaced_in_the_overlay_and_the_real_one_stays(checkout: Path) -> None:
    (checkout / "models/m/reference.json").write_text('{"reference": "old", "identity": "old"}')
    with overlay.checkout_overlay(checkout, "") as folder:
        overlay.clear(folder, "m")
        fetch_model("endpoint:http://host:8000/v1#new", folder / "models/m")
        assert "#new" in (folder / "models/m/reference.json").read_text()
    assert "old" in (checkout / "models/m/reference.json").read_text()


def test_a_folder_is_hashed_as_dvc_hashes_it(tmp_path: Path) -> None:
    from dvc_data.hashfile.build import build
    from dvc_data.hashfile.db import HashFileDB
    from dvc_objects.fs import LocalFileSystem

    for name in ("d/b.txt", "d/a/ü.txt", "d/a.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    fs = LocalFileSystem()
    _, _, result = build(HashFileDB(fs, str(tmp_path / "db")), str(tmp_path / "d"), fs, "md5")
    assert overlay.md5(tmp_path / "d") == result.hash_info.value
    assert overlay.md5(tmp_path / "none") == ""


def test_what_is_made_concerns_what_it_lies_in_and_what_lies_in_it() -> None:
    made = {"data/a/x.jsonl": PlannedFile("1", True), "models/it": PlannedFile("", False)}
    assert [related_files(path, made) != [] for path in ("data/a", "data/a/x.jsonl", "models/it/t.json")] == [True] * 3
    assert [related_files(path, made) for path in ("data/ab", "data/a/x", "models/ita")] == [[], [], []]


class Dep:
    """What DVC knows of a file that has not changed."""

    hash_info = "md5"

    def status(self) -> dict[str, str]:
        return {}


def step(name: str, command: str, deps: list[str], outs: list[str]) -> Step:
    words = ["python", "-m", *command.split()]
    return Step(name, [words], deps, outs, SimpleNamespace(cmd_changed=True, deps=[Dep() for _ in deps], outs=[]))


def test_a_stages_commands_are_those_that_one_would_write_by_hand(tmp_path: Path) -> None:
    lines = [
        'python -m stages.split "$DVC_STAGE"',
        'python -m stages.validate split "$DVC_STAGE" "$DVC_STAGE.turns" --suite s',
    ]
    stage = SimpleNamespace(cmd=lines, addressing="split@sit-split", deps=[], outs=[])
    result = _step(tmp_path, stage)
    assert (result.module, result.command) == ("split", shlex.split("python -m stages.split sit-split"))
    assert result.commands[1:] == [shlex.split("python -m stages.validate split sit-split sit-split.turns --suite s")]
    assert _step(tmp_path, SimpleNamespace(**vars(stage) | {"cmd": "python -m stages.report"})).module == "report"


def test_what_a_stage_makes_is_validated_in_the_plan(tmp_path: Path) -> None:
    making, *_ = steps = [
        step("ingest_corpus@seed", "stages.ingest corpus seed", [], ["data/ingested/seed.jsonl"]),
        step("ingest_corpus@x", "stages.ingest corpus x", [], ["data/ingested/x.jsonl"]),
    ]
    making.commands.append(shlex.split("python -m stages.validate ingested seed --suite ingested"))
    steps[1].commands.append(shlex.split("python -m stages.validate ingested x --suite ingested"))
    with overlay.checkout_overlay(ROOT, overridden(ROOT, [])) as folder:
        state = PlanState(folder, None, load(ROOT / "stages/profiles/full.yaml"), Planner(None))
        result = list(forecasts(steps, state))
        receipt = artifacts.read_json(folder / "data/validated/ingested/seed.json", artifacts.Receipt)
        assert receipt.sha256 == artifacts.sha256(folder / "data/ingested/seed.jsonl")
    assert result[0].unknown == ""
    assert "ingest.corpora has no entry 'x'" in result[1].unknown, "and what is not made is not validated"


def test_a_stage_that_dvc_knows_nothing_of_was_never_run() -> None:
    def why(known: str | None) -> list[str]:
        file = SimpleNamespace(hash_info=known, status=lambda: {"x": "deleted"})
        return reasons(Step("a", [], ["x"], [], SimpleNamespace(cmd_changed=True, deps=[file], outs=[])), {}, str)

    assert why(None) == [NEVER]
    assert why("md5") == ["its command", "x"]


def test_a_stage_is_learned_from_under_the_values_that_it_last_ran_with(tmp_path: Path) -> None:
    """An edit of params.yaml gives the same plan as -S."""
    text = overridden(ROOT, [])
    ran = {"judge.temperature": 0.3, "evaluate.sandbox": {"seconds": 9}, "seed.old": 1, "gone.long.ago": 1, "seed": 7}
    deps = [Dep(), SimpleNamespace(hash_info=SimpleNamespace(value=ran)), SimpleNamespace(hash_info=None)]
    one = Step("evaluate@it", [["python", "-m", "stages.nothing"]], [], [], SimpleNamespace(deps=deps))
    (tmp_path / "params.yaml").write_text(text)
    _learn_from_last_run(
        one, PlanState(tmp_path / "none", tmp_path, load(tmp_path / "params.yaml"), Planner(None), text)
    )
    result = json.loads((tmp_path / "params.yaml").read_text())
    assert (result["judge"]["temperature"], result["evaluate"]["sandbox"], result["seed"]) == (0.3, {"seconds": 9}, 7)
    assert "gone" not in result and result["judge"].keys() == yaml.safe_load(text)["judge"].keys()
    same = SimpleNamespace(deps=[SimpleNamespace(hash_info=SimpleNamespace(value={"judge.temperature": 0.0}))])
    assert as_run(Step("evaluate@it", [], [], [], same), text) == text


def test_what_hangs_on_a_stage_that_fails_waits_for_it_also_behind_a_model(tmp_path: Path) -> None:
    text = overridden(ROOT, ["ingest.corpora.seed.source=data/seeds/none.json"])
    steps = [
        step("ingest_corpus@seed", "stages.ingest corpus seed", [], ["data/ingested/seed.jsonl"]),
        step("train@it", "stages.train it", ["data/ingested/seed.jsonl"], ["models/it"]),
        step("predict@it", "stages.predict it", ["models/it"], ["data/predictions/it"]),
        step("train@sit", "stages.train sit", [], ["models/sit"]),
        step(
            "judge_agreement@x",
            "stages.judge_agreement x",
            ["models/sit", "data/predictions/it/b.jsonl"],
            ["data/judge_agreement/x.jsonl"],
        ),
    ]
    (tmp_path / "params.yaml").write_text(text)
    with overlay.checkout_overlay(ROOT, text) as folder:
        state = PlanState(folder, None, load(tmp_path / "params.yaml"), Planner(None))
        result = {one.stage: one for one in forecasts(steps, state)}
    assert "none.json: no such file" in result["ingest_corpus@seed"].unknown
    assert {name: one.unknown for name, one in result.items() if name != "ingest_corpus@seed"} == {
        "train@it": f"{WAITS}ingest_corpus@seed", "predict@it": f"{WAITS}ingest_corpus@seed", "train@sit": "",
        "judge_agreement@x": f"{WAITS}ingest_corpus@seed",
    }  # fmt: skip
    assert not any(one.asks for one in result.values())


def test_a_plan_runs_no_program_and_loads_no_encoder(tmp_path: Path) -> None:
    """There is no such encoder: whatever looked for it would raise."""
    parameters = signature(evaluate).parameters
    dependencies = {name for name, one in parameters.items() if one.kind is one.KEYWORD_ONLY}
    stand_in = stand_ins(Planner(None))
    assert dependencies == set(stand_in), "what evaluate opens is replaced, all of it"
    with stand_in["open_sandbox"](sandbox.Limits(1, 64, 1, 1)) as execute:
        assert {outcome.ending for outcome in execute(["open('x', 'w')"] * 3)} == {"failed"}
    with stand_in["open_encoder"](model=str(tmp_path / "none"), layer=1, batch=1) as resemble:
        assert resemble is None
    assert not (tmp_path / "x").exists()


def models_used(command: Path) -> set[str]:
    """The entries of `engines` that a command's source names."""
    tree = ast.parse(command.read_text())
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    return {node.attr for node in attributes if isinstance(node.value, ast.Attribute) and node.value.attr == "engines"}


def test_the_models_of_every_command_are_declared() -> None:
    used = {path.stem: models_used(path) for path in (ROOT / "stages").glob("*.py")}
    assert {name: roles for name, roles in used.items() if roles} == {name: set(own) for name, own in MODELS.items()}
    assert not set(FAST) & set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_a_command_gets_its_models_as_a_parameter(name: str) -> None:
    """Else a plan would reach them. Whoever opens a model by another way than `connect` is not seen here."""
    tree = ast.parse((ROOT / f"stages/{name}.py").read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    opening = [node for node in functions if any(isinstance(n, ast.Name) and n.id == "connect" for n in ast.walk(node))]
    assert opening
    for node in opening:
        assert "connect" in {one.arg for one in (*node.args.args, *node.args.kwonlyargs)}


WITHOUT_A_MODEL = ("augment_rules", "augment_aligned", "augment_captions")
"""Stages of a command whose other parts send requests."""
SHOWING_MODELS = ("report", "publish", "publish_model")
"""Commands that write which models were used."""


def test_dvc_knows_the_models_of_every_command() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for name, stage in stages.items():
        body = stage.get("do", stage)
        lines = body["cmd"] if isinstance(body["cmd"], list) else [body["cmd"]]
        command = lines[0].split()[2].removeprefix("stages.")
        roles = {one.split(".")[1] for one in body.get("params", ()) if str(one).startswith("engines.")}
        needed = set() if name in WITHOUT_A_MODEL else set(MODELS.get(command, ()))
        inherited = {"generator"} if needed else set()  # an entry inherits what it does not say
        assert needed <= roles, name
        assert roles <= needed | inherited or command in SHOWING_MODELS, name


def test_a_command_that_is_called_gets_what_it_depends_on(capsys: pytest.CaptureFixture[str]) -> None:
    """As `python -m` runs it, but for its keyword-only parameters."""
    module = ModuleType("stages.example")

    def example(name: Annotated[str, typer.Argument()], loud: bool = False, *, connect: str = "model") -> None:
        if name == "bad":
            raise UserError("bad name")
        print(name, loud, connect)

    vars(module)["example"] = example
    assert cli.call(module, ["a", "--loud"], connect="planner", unknown=1) == 0
    assert cli.call(module, ["a"]) == 0
    assert capsys.readouterr().out == "a True planner\na False model\n"
    assert cli.call(module, ["bad"]) == 2
    assert capsys.readouterr().err.endswith(": bad name\n")


PRICE = Price(input=10.0, output=30.0, currency="USD")


def requests(**changes: object) -> StageRequests:
    values = {
        "model": "[bold]m", "endpoint": "e", "cached": 5, "new": 3, "guessed": 2, "tokens_in": 1000,
        "tokens_out": 500, "tokens_out_at_most": 900, "measured": True, "counted": True, "hours": 0.5, "cost": 1.25,
        "cost_at_most": 2.5, "currency": "USD",
    }  # fmt: skip
    return StageRequests(**values | changes)  # type: ignore[arg-type]


def test_the_table_adds_up_and_says_what_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    result = [
        Forecast("respond@a", ["respond.settings"], True, [requests()], ""),
        Forecast("respond@b", ["x", "y", "z"], False, [requests(measured=False, counted=False, guessed=0)], ""),
        Forecast("train@it", ["x"], False, [], ""),
        Forecast("ingest@c", ["x"], True, [], "no such file [red]"),
        Forecast("rewrite@c", ["x"], True, [], f"{WAITS}ingest@c"),
    ]
    (total,) = plan_table.totals(result)
    assert (total.new, total.guessed, total.cached, total.tokens_in, total.cost) == (6, 2, 10, 2000, 2.5)
    plan_table.show(plan_table.Plan(result, [total], [], plan_table.notes(result, missing=True, validated=True)))
    said = " ".join(capsys.readouterr().out.split())
    for text in (
        "~ respond@b", "x, y and 1 more", "≤500", "≈1,000", "0:30", "1.25 USD", "also run: train (1)",
        "not known: ingest@c and 1 stage after it: no such file [red]", "[bold]m: 6 new and perhaps 2 more",
        "2.50 USD (at most 5.00 USD)", "1:00 h", "dvc checkout",
    ):  # fmt: skip
        assert text in said, text
    plan_table.show(plan_table.Plan([], [], [], []))
    assert "Nothing would run" in capsys.readouterr().out


def test_without_a_speed_or_a_price_nothing_is_made_up() -> None:
    result = [Forecast("a", ["x"], True, [requests(), requests(hours=None, cost=None, cost_at_most=None)], "")]
    assert (plan_table.totals(result)[0].hours, plan_table.totals(result)[0].cost) == (None, None)
    (message,) = [note for note in plan_table.notes(result, missing=False, validated=False) if "hours" in note]
    assert "`speed` under `costs`" in message and "{input: 8000, output: 2500}" in message


def test_requests_in_batches_say_within_how_many_hours_they_are_answered() -> None:
    plain, batched = ([Forecast("a", ["x"], True, [requests(batch_hours=hours)], "")] for hours in (0, 24))
    (note,) = set(plan_table.notes(batched, False, False)) - set(plan_table.notes(plain, False, False))
    assert "within 24 hours" in note
    other = plan_table.notes([*batched, Forecast("b", ["x"], True, [requests(batch_hours=168)], "")], False, False)
    assert any("within 24 or 168 hours" in note for note in other)


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (None, ""),
        (Budget(tokens=1000, money=None), "spent 300 of 1,000 tokens"),
        (Budget(tokens=400, money=None), f"spent 300 of 400 tokens{STOPS}"),
        (Budget(tokens=510, money=None), f"spent 300 of 510 tokens{MAY_STOP}"),
        (Budget(tokens=None, money=0.009), f"spent 0.01 of 0.01 USD{STOPS}"),
        (Budget(tokens=None, money=0.0105), f"spent 0.01 of 0.01 USD{MAY_STOP}"),
        (Budget(tokens=None, money=None), ""),
    ],
)
def test_a_plan_is_compared_with_the_budget(budget: Budget | None, message: str) -> None:
    engine = Engine(engine="openai", options={}, price=PRICE, budget=budget)
    assert _budget(engine, (100, 200), (150, 50), (10, 40)) == message
    assert cost(PRICE, (1_000_000, 2_000_000)) == 70.0


def test_a_request_too_dear_for_what_is_left_stops_a_plan_and_no_request_does_not() -> None:
    engine = Engine(engine="openai", options={}, price=None, budget=Budget(tokens=1000, money=None))
    assert _budget(engine, (100, 200), (9, 1), (20, 690)) == f"spent 300 of 1,000 tokens{STOPS}"
    assert _budget(engine, (900, 200), (0, 0), (0, 0)) == "spent 1,100 of 1,000 tokens"


def test_every_budget_of_a_model_is_shown(tmp_path: Path) -> None:
    """Generator and judge may be one model at one endpoint, and either's budget stops its own requests."""
    replies, planner = Replies(filled(tmp_path / "s", 4)), Planner(None)
    for budget in (Budget(tokens=40, money=None), None, Budget(tokens=90, money=None), Budget(tokens=90, money=None)):
        complete = planner.complete(IDENTITY, Engine(engine="scripted", options={}, budget=budget))
        list(complete([prompt("x", purpose="r/s")]))
    named = {"model": IDENTITY.model, "endpoint": IDENTITY.endpoint, "new": 1, "tokens_in": 5, "tokens_out": 64}
    (total,) = _totals([Forecast("a", ["x"], True, [requests(**named)], "")], planner, replies)
    replies.close()
    assert total.budget == f"spent 32 of 40 tokens{STOPS}; spent 32 of 90 tokens{STOPS}"


def test_a_plan_as_json_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    import msgspec

    result = plan_table.Plan([Forecast("a", ["x"], True, [requests()], "")], [], [], ["note"])
    assert json.loads(msgspec.json.encode(result))["stages"][0]["asks"][0]["new"] == 3
