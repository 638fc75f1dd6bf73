"""The parts of a plan: parameters as DVC would set them, a shadow that keeps what is written to itself, the table."""

import json
import os
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest

from stages.core import artifacts
from stages.core.completions import Message
from stages.core.errors import UserError
from stages.evaluation import sandbox
from stages.evaluation.benchmarks.program_outcomes import NoSandbox
from stages.evaluation.bertscore import bertscore
from stages.inference.budgets import cost
from stages.inference.chat_template import ChatTemplate
from stages.inference.dry_run import Planner
from stages.model_files import token_lengths
from stages.model_files.references import fetch_model
from stages.params import Budget, Engine, Price, load
from stages.planning import overlay, plan_table
from stages.planning.dvc_graph import NEVER, Made, Step, _step, as_run, concerned, overridden, reasons
from stages.planning.forecast import WAITS, Forecast, Requests, World, _learn, _planning, forecasts
from stages.planning.make_plan import MAY_STOP, STOPS, _budget, _totals
from stages.reply_store.store import Replies
from tests.inference import tiny
from tests.inference.counting import IDENTITY, filled, prompt

ROOT = Path(__file__).resolve().parents[2]


def test_parameters_are_set_as_dvc_sets_them_and_the_file_stays(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    before = (tmp_path / "params.yaml").read_bytes()
    text = overridden(tmp_path, ["judge.temperature=0.25", "+predict.models.mine={}", "~publish.seqeval"])
    (tmp_path / "changed.yaml").write_text(text)
    found = __import__("yaml").safe_load(text)
    assert found["judge"]["temperature"] == 0.25
    assert "mine" in found["predict"]["models"] and "seqeval" not in found["publish"]
    assert (tmp_path / "params.yaml").read_bytes() == before
    assert overridden(tmp_path, []).encode() == before
    assert load(tmp_path / "params.yaml").seed == found["seed"]


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("judge.temperatur=0.5", "Did you mean: judge.temperature"),
        ("judge.temperature", "missing EQUAL"),
        ("judge.temperature=0.1,0.2", "several values for one key"),
        ("other.yaml:a=1", "leave the file's name out"),
        ("judge.temperature=[", "-S judge.temperature=["),
    ],
)
def test_what_dvc_refuses_is_one_line(tmp_path: Path, override: str, told: str) -> None:
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    with pytest.raises(UserError) as error:
        overridden(tmp_path, [override])
    assert told in str(error.value) and "\n" not in str(error.value)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name in ("data/a/rows.jsonl", "models/m/reference.json", "schemas/s.json", "prompts/p.txt", ".git/x"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("{}\n")
    (root / "schemas/s.json").write_text('{"expectations": [1, 2]}')
    return root


def test_what_is_written_in_a_shadow_stays_there(checkout: Path) -> None:
    before = {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()}
    with overlay.shadow(checkout, "seed: 1\n") as folder:
        assert (folder / "params.yaml").read_text() == "seed: 1\n"
        assert (folder / "prompts/p.txt").read_text() == "{}\n" and not (folder / ".git").exists()
        artifacts.write_json(folder / "data/a/rows.jsonl", {"new": 1})
        artifacts.write_json(folder / "data/b/more.json", {"new": 1})
        overlay.place(folder, "m", "m (not there yet)", like="m")
        assert artifacts.read_json(folder / "models/m/reference.json", dict)["identity"] == "m (not there yet)"
    assert {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()} == before
    assert not folder.exists()


def test_a_model_that_is_not_there_reads_as_its_base_does_or_in_words(checkout: Path) -> None:
    tiny.model(checkout / "models/base")
    with overlay.shadow(checkout, "") as folder:
        overlay.place(folder, "tuned", "tuned (not there yet)", like="base")
        overlay.place(folder, "base", "base (other weights)", like="base")
        overlay.place(folder, "alone", "alone (not there yet)", like="missing")
        told = Message("user", "Name a river.")
        ids = ChatTemplate(checkout / "models/base").encode([told])
        assert (
            ids
            == ChatTemplate(folder / "models/tuned").encode([told])
            == ChatTemplate(folder / "models/base").encode([told])
        )
        assert (folder / "models/tuned/config.json").exists(), "which says whether it sees"
        (checkout / "models/base/tokenizer.json").unlink()
        overlay.place(folder, "half", "half (not there yet)", like="base")
        with pytest.raises(UserError, match="has no chat_template"):
            ChatTemplate(folder / "models/half")
        assert token_lengths.counter(folder / "models/alone")(["Name a river."]) == [4]


def test_a_receipt_lets_every_row_walk_on_and_a_real_one_counts(checkout: Path) -> None:
    with overlay.shadow(checkout, "") as folder:
        assert overlay.validate(folder, ["a", "rows", "--suite", "s"]) == ""
        found = artifacts.read_json(folder / "data/validated/a/rows.json", artifacts.Receipt)
        assert (found.rows, found.quarantined, found.expectations) == (1, {}, 2)
        real = artifacts.Receipt("a/rows", found.sha256, "s", 1, {"x": ["bad"]}, 2)
        artifacts.write_json(folder / "data/validated/a/rows.json", real)
        overlay.validate(folder, ["a", "rows", "--suite", "s"])
        assert artifacts.read_json(folder / "data/validated/a/rows.json", artifacts.Receipt) == real
        said = overlay.validate(folder, ["a", "absent", "--suite", "s"])
        assert "data/a/absent.jsonl" in said and str(folder) not in said


def test_a_command_that_fails_says_why_and_the_process_stays_where_it_was(checkout: Path) -> None:
    before = os.getcwd()
    with overlay.shadow(checkout, "") as folder:
        said = overlay.run(folder, ["python", "-m", "stages.rewrite", "seed"])
    assert said.startswith("seqit rewrite: params.yaml") and os.getcwd() == before


def test_a_model_is_made_anew_in_the_shadow_and_the_real_one_stays(checkout: Path) -> None:
    (checkout / "models/m/reference.json").write_text('{"reference": "old", "identity": "old"}')
    with overlay.shadow(checkout, "") as folder:
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
    _, _, found = build(HashFileDB(fs, str(tmp_path / "db")), str(tmp_path / "d"), fs, "md5")
    assert overlay.md5(tmp_path / "d") == found.hash_info.value
    assert overlay.md5(tmp_path / "none") == ""


def test_what_is_made_concerns_what_it_lies_in_and_what_lies_in_it() -> None:
    made = {"data/a/x.jsonl": Made("1", True), "models/it": Made("", False)}
    assert [concerned(path, made) != [] for path in ("data/a", "data/a/x.jsonl", "models/it/t.json")] == [True] * 3
    assert [concerned(path, made) for path in ("data/ab", "data/a/x", "models/ita")] == [[], [], []]


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
    found = _step(tmp_path, stage)
    assert (found.module, found.command) == ("split", shlex.split("python -m stages.split sit-split"))
    assert found.commands[1:] == [shlex.split("python -m stages.validate split sit-split sit-split.turns --suite s")]
    assert _step(tmp_path, SimpleNamespace(**vars(stage) | {"cmd": "python -m stages.report"})).module == "report"


def test_what_a_stage_makes_is_validated_in_the_plan(tmp_path: Path) -> None:
    making, *_ = steps = [
        step("ingest_corpus@seed", "stages.ingest corpus seed", [], ["data/ingested/seed.jsonl"]),
        step("ingest_corpus@x", "stages.ingest corpus x", [], ["data/ingested/x.jsonl"]),
    ]
    making.commands.append(shlex.split("python -m stages.validate ingested seed --suite ingested"))
    steps[1].commands.append(shlex.split("python -m stages.validate ingested x --suite ingested"))
    with overlay.shadow(ROOT, overridden(ROOT, [])) as folder:
        world = World(folder, None, load(ROOT / "params.yaml"), Planner(None))
        found = list(forecasts(steps, world))
        receipt = artifacts.read_json(folder / "data/validated/ingested/seed.json", artifacts.Receipt)
        assert receipt.sha256 == artifacts.sha256(folder / "data/ingested/seed.jsonl")
    assert found[0].unknown == ""
    assert "ingest.corpora has no entry 'x'" in found[1].unknown, "and what is not made is not validated"


def test_a_stage_that_dvc_knows_nothing_of_was_never_run() -> None:
    def why(known: str | None) -> list[str]:
        file = SimpleNamespace(hash_info=known, status=lambda: {"x": "deleted"})
        return reasons(Step("a", [], ["x"], [], SimpleNamespace(cmd_changed=True, deps=[file], outs=[])), {}, str)

    assert why(None) == [NEVER]
    assert why("md5") == ["its command", "x"]


def test_a_stage_is_learned_from_under_the_values_that_it_last_ran_with(tmp_path: Path) -> None:
    """Whoever edits params.yaml is told the same as who asks with -S."""
    text = overridden(ROOT, [])
    ran = {"judge.temperature": 0.3, "evaluate.sandbox": {"seconds": 9}, "seed.old": 1, "gone.long.ago": 1, "seed": 7}
    deps = [Dep(), SimpleNamespace(hash_info=SimpleNamespace(value=ran)), SimpleNamespace(hash_info=None)]
    one = Step("evaluate@it", [["python", "-m", "stages.nothing"]], [], [], SimpleNamespace(deps=deps))
    (tmp_path / "params.yaml").write_text(text)
    _learn(one, World(tmp_path / "none", tmp_path, load(tmp_path / "params.yaml"), Planner(None), text))
    found = json.loads((tmp_path / "params.yaml").read_text())
    assert (found["judge"]["temperature"], found["evaluate"]["sandbox"], found["seed"]) == (0.3, {"seconds": 9}, 7)
    assert "gone" not in found and found["judge"].keys() <= load(ROOT / "params.yaml").judge.model_dump().keys()
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
    with overlay.shadow(ROOT, text) as folder:
        world = World(folder, None, load(tmp_path / "params.yaml"), Planner(None))
        found = {one.stage: one for one in forecasts(steps, world)}
    assert "none.json: no such file" in found["ingest_corpus@seed"].unknown
    assert {name: one.unknown for name, one in found.items() if name != "ingest_corpus@seed"} == {
        "train@it": f"{WAITS}ingest_corpus@seed", "predict@it": f"{WAITS}ingest_corpus@seed", "train@sit": "",
        "judge_agreement@x": f"{WAITS}ingest_corpus@seed",
    }  # fmt: skip
    assert not any(one.asks for one in found.values())


def test_a_plan_runs_no_program_and_loads_no_encoder(tmp_path: Path) -> None:
    """There is no such sandbox and no such encoder: whoever looked for one would raise."""
    with _planning(Planner(None)):
        with sandbox.connect(sandbox.Limits(1, 64, 1, 1), bwrap=str(tmp_path / "none")) as execute:
            assert {outcome.ending for outcome in execute(["open('x', 'w')"] * 3)} == {"failed"}
        with bertscore(str(tmp_path / "none"), 1, 1) as similarity:
            assert similarity is None
    with pytest.raises(NoSandbox), sandbox.connect(sandbox.Limits(1, 64, 1, 1), str(tmp_path / "none")) as execute:
        list(execute([""]))


PRICE = Price(input=10.0, output=30.0, currency="USD")


def requests(**changes: object) -> Requests:
    values = {
        "model": "[bold]m", "endpoint": "e", "remembered": 5, "new": 3, "guessed": 2, "tokens_in": 1000,
        "tokens_out": 500, "tokens_out_at_most": 900, "measured": True, "counted": True, "hours": 0.5, "cost": 1.25,
        "cost_at_most": 2.5, "currency": "USD",
    }  # fmt: skip
    return Requests(**values | changes)  # type: ignore[arg-type]


def test_the_table_adds_up_and_says_what_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    found = [
        Forecast("respond@a", ["respond.settings"], True, [requests()], ""),
        Forecast("respond@b", ["x", "y", "z"], False, [requests(measured=False, counted=False, guessed=0)], ""),
        Forecast("train@it", ["x"], False, [], ""),
        Forecast("ingest@c", ["x"], True, [], "no such file [red]"),
        Forecast("rewrite@c", ["x"], True, [], f"{WAITS}ingest@c"),
    ]
    (total,) = plan_table.totals(found)
    assert (total.new, total.guessed, total.remembered, total.tokens_in, total.cost) == (6, 2, 10, 2000, 2.5)
    plan_table.show(plan_table.Plan(found, [total], plan_table.notes(found, missing=True, validated=True)))
    said = " ".join(capsys.readouterr().out.split())
    for text in (
        "~ respond@b", "x, y and 1 more", "≤500", "≈1,000", "0:30", "1.25 USD", "also run: train (1)",
        "not known: ingest@c and 1 stage after it: no such file [red]", "[bold]m: 6 new and perhaps 2 more",
        "2.50 USD (at most 5.00 USD)", "1:00 h", "dvc checkout",
    ):  # fmt: skip
        assert text in said, text
    plan_table.show(plan_table.Plan([], [], []))
    assert "Nothing would run" in capsys.readouterr().out


def test_without_a_speed_or_a_price_nothing_is_made_up() -> None:
    found = [Forecast("a", ["x"], True, [requests(), requests(hours=None, cost=None, cost_at_most=None)], "")]
    assert (plan_table.totals(found)[0].hours, plan_table.totals(found)[0].cost) == (None, None)
    (told,) = [note for note in plan_table.notes(found, missing=False, validated=False) if "hours" in note]
    assert "`speed` under `costs`" in told and "{input: 8000, output: 2500}" in told


@pytest.mark.parametrize(
    ("budget", "told"),
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
def test_a_plan_is_held_against_the_budget(budget: Budget | None, told: str) -> None:
    engine = Engine(engine="openai", options={}, price=PRICE, budget=budget)
    assert _budget(engine, (100, 200), (150, 50), (10, 40)) == told
    assert cost(PRICE, (1_000_000, 2_000_000)) == 70.0


def test_a_request_too_dear_for_what_is_left_stops_a_plan_and_no_request_does_not() -> None:
    engine = Engine(engine="openai", options={}, price=None, budget=Budget(tokens=1000, money=None))
    assert _budget(engine, (100, 200), (9, 1), (20, 690)) == f"spent 300 of 1,000 tokens{STOPS}"
    assert _budget(engine, (900, 200), (0, 0), (0, 0)) == "spent 1,100 of 1,000 tokens"


def test_every_budget_of_a_model_is_told(tmp_path: Path) -> None:
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

    found = plan_table.Plan([Forecast("a", ["x"], True, [requests()], "")], [], ["note"])
    assert json.loads(msgspec.json.encode(found))["stages"][0]["asks"][0]["new"] == 3
