"""Every command that rejects, drops or leaves rows as they were says so in one line; what was wanted and is not there
is its last line."""

import contextlib
import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import typer
import yaml
from click.testing import Result
from typer.testing import CliRunner

from stages import prompts
from stages.__main__ import COMMANDS
from stages.ablations.row_lengths import RowLength
from stages.core import artifacts
from stages.core.cli import report_losses, reports_errors
from stages.core.completions import Message
from stages.core.records import Record, ResponseCheck, Source, Step
from stages.evaluation.benchmarks.questions import Answer, Question, Score
from stages.evaluation.calibration.human_labels import HumanLabel, texts_hash
from stages.training.training_rows import Row
from tests.inference import tiny

ROOT = Path(__file__).resolve().parents[1]
LOSE_NOTHING = {
    "fetch": "files, whole or not at all", "ingest": "tests/test_ingest.py", "count_tokens": "a count for every row",
    "count_verbs": "tests/verbs/test_count_verbs.py",
    "win_rate": "an annotation without a preference is an error", "plan": "reads only", "replies": "the store",
    "show": "reads only", "new": "reads only", "check": "reads only", "verify": "reads only",
    "sign": "changes no row",
    "diff": "reads only",
    "label": "tests/labelling", "publish_model": "files, whole or not at all",
    "reproduce": "its stages tell it",
    "seeds": "adds entries to params.yaml",
    "eval": "its stages tell it", "generate": "as many rows as params.yaml says",
    "publish_repository": "tests/publishing/test_repository.py",
}  # fmt: skip
ADDED = Step("rewrite", "suffix", "ok", round=1)
RULES = [
    {"anywhere": "FAIL", "status": "failed"}, {"anywhere": "REFUSE", "status": "refused"},
    {"anywhere": "HUSH", "reply": " "}, {"reply": "It is a short answer."},
]  # fmt: skip


def record(name: str, instruction: str = "Name a river.", response: str = "The Rhine.", **more: Any) -> Record:
    return Record(name, "seed", instruction, "", response, "", Source("path:x", 0, "0", "MIT", "en"), **more)


def question(name: str, instruction: str = "Name a river. Name a lake.") -> Question:
    return Question(name, "seqeval", "en", "MIT", name, instruction, tasks=2)


def answer(name: str, status: Any = "ok", run: str = "it") -> Answer:
    return Answer(f"{name}/0", name, run, "The Rhine." if status == "ok" else "", status, 0, "", "m", 1, 1)


def receipt(workplace: Path, name: str, rows: int, quarantined: dict[str, list[str]]) -> None:
    path = workplace / "data" / f"{name}.jsonl"
    found = artifacts.Receipt(name, artifacts.sha256(path), "x", rows, quarantined, 1)
    artifacts.write_json(workplace / "data" / "validated" / f"{name}.json", found)


def write(workplace: Path, name: str, *rows: msgspec.Struct, **quarantined: list[str]) -> None:
    """An artifact with its receipt."""
    artifacts.write(workplace / "data" / f"{name}.jsonl", rows)
    receipt(workplace, name, len(rows), quarantined)


def params(workplace: Path) -> dict[str, Any]:
    values = yaml.safe_load((ROOT / "stages/profiles/full.yaml").read_text())
    for role, engine in values["engines"].items():
        values["engines"][role] = {**engine, "engine": "scripted", "options": {"rules": str(workplace / "rules.yaml")}}
    values["predict"]["benchmarks"] = {"seqeval": values["predict"]["benchmarks"]["seqeval"]}
    values["compare"] |= {"runs": {"both": values["compare"]["runs"]["seqeval-it-sit"]}, "references": {}}
    values["ingest"]["benchmarks"] = {"seqeval": values["ingest"]["benchmarks"]["seqeval"]}
    values["judge_agreement"]["runs"]["seqeval-sit"]["sample"] = 10
    values["train"]["settings"]["launcher"] = "render"
    values["win_rate"] = {}
    reads = {"reads": "responded/seed/2", "samples": 1}
    values["respond"]["filter"] = {"checks": {"checked": reads}, "judge": {"judged": reads}}
    values["calibrate"] = {"people": {"benchmark": "seqeval", "labels": "labels/people.jsonl", "runs": ["it", "sit"]}}
    return values


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(RULES))
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params(tmp_path), sort_keys=False))
    for name in ("stages", "schemas"):
        (tmp_path / name).symlink_to(ROOT / name)
    tiny.tokenizer(tmp_path / "models" / "smollm2")
    return tmp_path


def call(workplace: Path, *words: str) -> Result:
    module = importlib.import_module(f"stages.{words[0]}")
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer()
        app.command()(reports_errors(getattr(module, words[0])))
    folders = {"SEQIT_REPLIES": str(workplace / "replies.sqlite"), "SEQIT_CACHE": str(workplace / "cache")}
    with contextlib.chdir(workplace):
        return CliRunner().invoke(app, list(words[1:]), env=folders)


class Case(NamedTuple):
    """A command whose input makes it lose rows."""

    words: str
    make: Callable[[Path], None]
    line: str
    warning: str = ""


def decontaminate(w: Path) -> None:
    write(w, "ingested/seed", record("a"), record("b"))
    artifacts.write(w / "data/benchmark_index/heldout.jsonl", [])
    artifacts.write(w / "data/benchmark_index/benchmarks/seqeval.jsonl", [])


def answers(w: Path, *statuses: str) -> None:
    """Questions q0, q1, … and what both runs answered to them, with the same statuses."""
    write(w, "ingested/benchmarks/seqeval", *(question(f"q{n}") for n in range(len(statuses))))
    for run in ("it", "sit"):
        write(w, f"predictions/{run}/seqeval", *(answer(f"q{n}", status, run) for n, status in enumerate(statuses)))
        scores = [
            Score(f"q{n}/0", f"q{n}", f"q{n}", run, "en", "", 2, "ok", {"following": 1.0}) for n in range(len(statuses))
        ]
        artifacts.write(w / f"data/scored/{run}/seqeval.jsonl", scores)


def versions(w: Path, *actions: str) -> None:
    """Rounds of which only the first has a version with a further task."""
    for number in (1, 2, 3, 4):
        steps = (Step("rewrite", "suffix", "ok" if number == 1 else "unparsed", round=number),)
        rows = [record(f"r{n}", f"Do {n} and {n}.", steps=steps if n else ()) for n in range(3)]
        write(w, f"rewritten/heldout/{number}", *rows)


def lengths(w: Path) -> None:
    for name, rows in (("responded/seed/2", [5, 6]), ("responded/seed/0", [9, 9, 9])):
        write(w, name, *(record(f"r{n}") for n in range(len(rows))))
        measured = [RowLength(f"r{n}", 1, tokens) for n, tokens in enumerate(rows)]
        artifacts.write(w / f"data/token_counts/{name}.jsonl", measured)


def trained(w: Path) -> None:
    tiny.model(w / "models" / "smollm2")
    texts = ["Yes.", "So <|im_end|>", "x " * 2000]
    rows = [Row(f"r{n}", (Message("user", "Say."), Message("assistant", text))) for n, text in enumerate(texts)]
    write(w, "formatted/it", *rows)


def labels(w: Path) -> None:
    """A label of each answer, two of them for another version of the judge's prompt."""
    answers(w, "ok", "ok", "ok")
    prompt = prompts.parse((ROOT / "stages/prompts/judge.txt").read_text(), "").hash
    (w / "labels").mkdir()
    rows = [
        HumanLabel(
            benchmark="seqeval", run="it", answer=f"q{n}/0", labeller="me", prompt=prompt if n == 1 else "f" * 16,
            texts=texts_hash(question(f"q{n}"), answer(f"q{n}")), following=True,
        )
        for n in range(3)
    ]  # fmt: skip
    artifacts.write(w / "labels/people.jsonl", rows)


WITH_TASKS = record("b", "Stop. FAIL now. Then go.", "Yes. No. Well.", steps=(ADDED,))
CASES = [
    Case(
        "respond seed",
        lambda w: (
            write(w, "decontaminated/seed", record("a"), record("b", "REFUSE"), record("c", "HUSH")),
            [write(w, f"rewritten/seed/{number}", record("a")) for number in (1, 2)],
        ),
        "3 rows: 1 kept, 2 rejected (empty 1, refused 1); see data/responded/seed/0.rejected.jsonl",
    ),
    Case(
        "check_responses checked",
        lambda w: write(w, "responded/seed/2", record("a"), record("b", checks=(ResponseCheck("case.upper"),))),
        "checked: 2 rows: 1 accepted, 1 rejected (check 1); see data/filtered/checked.rejected.jsonl",
    ),
    Case(
        "judge_responses judged",
        lambda w: write(w, "responded/seed/2", record("a"), record("b")),
        "judged: 2 rows: 0 accepted, 2 rejected (no-verdict 2); see data/filtered/judged.rejected.jsonl",
    ),
    Case(
        "evolve seed",
        lambda w: write(w, "decontaminated/seed", record("a"), record("b", "FAIL")),
        "2 rows: 1 evolved, 1 rejected (failed 1); see data/evolved/seed.rejected.jsonl",
    ),
    Case(
        "extract_inputs flat",
        lambda w: write(w, "ingested/flat", record("a", "FAIL"), record("b", "REFUSE"), record("c", "FAIL")),
        "3 rows: 0 done, 3 unchanged (failed 2, refused 1); see the steps in data/extracted/flat.jsonl",
    ),
    Case(
        "rewrite seed",
        lambda w: write(w, "decontaminated/seed", record("a", "FAIL"), record("b", "FAIL it")),
        "2 rows: 0 done, 2 unchanged (failed 2); see the steps in data/rewritten/seed/1.jsonl\n"
        "2 rows: 0 done, 2 unchanged (failed 2); see the steps in data/rewritten/seed/2.jsonl",
    ),
    Case(
        "augment model paraphrase",
        lambda w: write(w, "responded/seed/0", record("a"), msgspec.structs.replace(record("b"), input="FAIL")),
        "2 rows: 1 done, 1 unchanged (paraphrase failed 1); see the steps in data/augmented/paraphrase.jsonl",
    ),
    Case(
        "split sit-split",
        lambda w: write(w, "responded/seed/2", record("a"), WITH_TASKS),
        "2 rows: 1 done, 1 whole (failed 1); see the steps in data/split/sit-split.jsonl",
    ),
    Case(
        "sample mixture seqeval",
        versions,
        "3 rows: 2 kept, 1 rejected (no-version 1); see data/sampled/seqeval.rejected.jsonl",
        "seqeval: wanted 0/0/1/1 rows of iterations 1/2/3/4, got 2/0/0/0",
    ),
    Case(
        "sample combination mixed",
        lambda w: (
            write(w, "responded/seed/0", record("a"), record("b")), write(w, "extracted/flat", record("a"), record("c"))
        ),
        "4 rows: 3 kept, 1 rejected (same-id 1); see data/sampled/mixed.rejected.jsonl",
        "mixed: wanted 16 rows of responded/seed/0, got 2 of 2",
    ),
    Case("sample budget sit-budget", lengths, "", "sit-budget: wanted 27 tokens of responded/seed/2, it has 11"),
    Case(
        "sample pairs sit-pairs", lengths, "", "sit-pairs: wanted a pair for each of 2 rows, 0 pair off (tolerance 0)"
    ),
    Case(
        "decontaminate seed", decontaminate,
        "2 rows: 1 kept, 1 removed (duplicate 1); see data/decontaminated/seed.rejected.jsonl",
    ),
    Case(
        "index_benchmarks corpus heldout",
        lambda w: write(w, "ingested/heldout", record("a"), record("a"), record("c", "?!")),
        "3 texts: 1 kept, 2 left out (no word 1, repeated 1)",
    ),
    Case(
        "index_benchmarks benchmarks",
        lambda w: write(w, "ingested/benchmarks/seqeval", question("a"), question("b", "…")),
        "2 texts: 1 kept, 1 left out (no word 1)",
    ),
    Case(
        "format it",
        lambda w: write(w, "responded/seed/0", record("a"), record("b", response=" "), record("c", image="x.jpg")),
        "3 rows: 1 kept, 2 rejected (image 1, no-response 1); see data/formatted/it.rejected.jsonl",
    ),
    Case("train it", trained, "3 rows: 1 used, 2 dropped (longer than 512 tokens 1, special token 1)"),
    Case(
        "predict it",
        lambda w: write(w, "ingested/benchmarks/seqeval", question("a"), question("b", "FAIL"), question("c", "FAIL!")),
        "3 answers: 1 with a text, 2 without a text (failed 2)",
    ),
    Case(
        "evaluate it",
        lambda w: answers(w, "ok", "failed"),
        "it on seqeval: 2 answers: 0 scored, 2 unscored (answer-failed 1, judge-unparsed 1)",
        "it on seqeval: 2 of 2 answers have no score (answer-failed 1, judge-unparsed 1)",
    ),
    Case(
        "compare runs both",
        lambda w: answers(w, "ok", "failed"),
        "both: 2 questions: 0 scored, 2 unscored (answer-failed 1, judge-unparsed 1)",
        "both: 2 of 2 answers have no score (answer-failed 1, judge-unparsed 1); "
        "wanted a sample of 10 questions, there are 2; wanted 5 controls, got 0",
    ),
    Case(
        "judge_tasks seqeval-it",
        lambda w: answers(w, "ok", "failed"),
        "seqeval-it: 2 answers: 0 marked, 2 unscored (answer-failed 1, judge-unparsed 1)",
        "seqeval-it: 2 of 2 answers have no score (answer-failed 1, judge-unparsed 1); wanted a sample of 8 questions, "
        "there are 2; wanted 5 controls, got 0",
    ),
    Case(
        "judge_agreement seqeval-sit",
        lambda w: answers(w, "ok", "refused"),
        "seqeval-sit: 2 answers: 0 scored, 2 unscored (answer-refused 1, judge-unparsed 1)",
        "seqeval-sit: 2 of 2 answers have no score (answer-refused 1, judge-unparsed 1); "
        "wanted a sample of 10 questions, there are 2",
    ),
    Case(
        "calibrate people", labels,
        "people: 3 labels: 1 used, 2 not used (other-prompt 2); see data/labels/people.jsonl",
    ),
    Case(
        "publish seed-sit",
        lambda w: write(w, "responded/seed/2", record("a"), record("b"), b=["expect_text"]),
        "2 rows: 1 published, 1 left out (expect_text 1); see data/validated/responded/seed/2.json",
    ),
    Case(
        "validate responded x --suite responded",
        lambda w: write(w, "responded/x", record("a", response=""), *(record(f"r{n}") for n in range(9))),
        "responded/x: 10 rows: 9 kept, 1 set aside (expect_column_values_to_be_between(response.blank) 1); see "
        "data/validated/responded/x.json",
    ),
    Case("report", lambda w: None, r"[0-9]+ results: 0 shown, [0-9]+ not run \(.*evaluate 2.*\)"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.words for case in CASES])
def test_what_is_lost_is_one_line_and_what_is_missing_the_last(workplace: Path, case: Case) -> None:
    case.make(workplace)
    result = call(workplace, *case.words.split())
    assert result.exit_code == 0, result.output + repr(result.exception)
    lines = [re.sub(r"^seqit(?: [^:]*)?: ", "", line) for line in result.stderr.splitlines()]
    told = [line for line in lines if re.search(r"^(\S+( on \S+)?: )?[0-9,]+ \w+: [0-9,]+ \w+", line)]
    if case.words == "report":
        assert len(told) == 1 and re.fullmatch(case.line, told[0])
    else:
        assert told == (case.line.splitlines() if case.line else [])
    assert re.sub(r"^done in .*", "", lines[-1]) == (f"warning: {case.warning}" if case.warning else "")


READS = [
    ("respond seed", "decontaminated/seed"), ("respond seed", "rewritten/seed/1"),
    ("rewrite seed", "decontaminated/seed"), ("evaluate it", "ingested/benchmarks/seqeval"),
    ("evaluate it", "predictions/it/seqeval"), ("compare runs both", "ingested/benchmarks/seqeval"),
    ("judge_tasks seqeval-it", "ingested/benchmarks/seqeval"),
    ("judge_agreement seqeval-sit", "ingested/benchmarks/seqeval"), ("calibrate people", "predictions/sit/seqeval"),
    ("report", "responded/seed/0"), ("report", "responded/seed/2"), ("publish seed-sit", "responded/seed/2"),
    ("count_tokens seed-0", "responded/seed/0"), ("format it", "responded/seed/0"), ("train it", "formatted/it"),
    ("sample mixture seqeval", "rewritten/heldout/3"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "artifact"), READS)
def test_an_edited_artifact_is_refused_by_every_command_that_reads_it(
    workplace: Path, words: str, artifact: str
) -> None:
    answers(workplace, "ok", "ok")
    versions(workplace)
    for name in ("responded/seed/0", "responded/seed/2", "rewritten/seed/1", "decontaminated/seed", "formatted/it"):
        write(workplace, name, record("a"))
    if words.startswith("calibrate"):
        labels(workplace)
    path = workplace / "data" / f"{artifact}.jsonl"
    path.write_bytes(path.read_bytes() + b"\n")
    result = call(workplace, *words.split())
    assert result.exit_code == 2
    assert f"data/validated/{artifact}.json: was written for other contents" in result.stderr
    assert "Traceback" not in result.output


def test_a_command_that_loses_nothing_says_nothing(workplace: Path) -> None:
    write(workplace, "decontaminated/seed", record("a"))
    for number in (1, 2):
        write(workplace, f"rewritten/seed/{number}", record("a"))
    result = call(workplace, "respond", "seed")
    assert result.exit_code == 0
    assert [line for line in result.stderr.splitlines() if "rows:" in line or "warning" in line] == []


def test_every_command_is_in_the_table_or_loses_nothing() -> None:
    assert {case.words.split()[0] for case in CASES} | LOSE_NOTHING.keys() == set(COMMANDS)


@pytest.mark.parametrize(
    ("lost", "line"),
    [
        ({"rejected": {}}, ""),
        ({"rejected": {"a": 0}}, ""),
        ({"rejected": {"b": 2, "a": 2, "c": 1000}}, "2,000 rows: 996 kept, 1,004 rejected (c 1,000, a 2, b 2)"),
        (
            {"unchanged": {"a": 1}, "rejected": {"b": 2}},
            "2,000 rows: 1,997 kept, 1 unchanged (a 1), 2 rejected (b 2)",
        ),
    ],
)
def test_the_line(lost: dict[str, dict[str, int]], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    report_losses(2000, lost)
    assert capsys.readouterr().err.partition(": ")[2].strip() == line
