"""The command, with spaCy and without; its section of the report, also for hostile words."""

import contextlib
import importlib.util
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from click.testing import Result
from typer.testing import CliRunner

from stages import count_verbs
from stages.core import artifacts
from stages.core.cli import reports_errors
from stages.core.records import Record
from stages.model_files.references import fetch_model
from stages.reporting.findings import Findings, Round
from stages.reporting.verb_section import figures, sunburst_files, verb_section
from tests.verbs.test_added_verbs import PARSER, needs_spacy, record

ROOT = Path(__file__).resolve().parents[2]
ROUND = Round("seed/1", "seed", 1, 4, {}, {}, {})
HOSTILE = "</text><script>alert(1)</script>"


def write(folder: Path, name: str, *rows: Record) -> None:
    artifacts.write(folder / f"data/{name}.jsonl", rows)
    sha256 = artifacts.sha256(folder / f"data/{name}.jsonl")
    artifacts.write_json(folder / f"data/validated/{name}.json", artifacts.Receipt(name, sha256, "x", len(rows), {}, 1))


def call(folder: Path) -> Result:
    app = typer.Typer()
    app.command()(reports_errors(count_verbs.count_verbs))
    with contextlib.chdir(folder):
        return CliRunner().invoke(app, ["seed-1"])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    values = yaml.safe_load((ROOT / "stages/profiles/full.yaml").read_text())
    values["fetch"]["models"]["english"] = {"reference": f"package:{PARSER}"}
    sets = {"seed-1": {"before": "decontaminated/seed", "after": "rewritten/seed/1"}}
    values["count_verbs"] = {"parser": "english", "sets": sets}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    write(tmp_path, "decontaminated/seed", *(record(name, "Name a river.") for name in "abc"))
    after = ("Name a river. Then explain its course.", "Name a river.", "Name a river. Why?", "Name a lake.")
    write(tmp_path, "rewritten/seed/1", *(record(name, text) for name, text in zip("abcd", after, strict=True)))
    return tmp_path


@needs_spacy
def test_rows_without_a_verb_are_told_by_reason_and_the_bytes_stay(project: Path) -> None:
    fetch_model(f"package:{PARSER}", project / "models/english")
    result = call(project)
    assert result.exit_code == 0
    assert "4 rows: 1 with a verb, 2 skipped (no row before 1, unchanged 1), 1 without (no verb 1)" in result.stderr
    rows = (project / "data/verbs/seed-1.jsonl").read_bytes()
    document = (project / "data/metrics/count_verbs/seed-1.json").read_bytes()
    assert b'"verb":"explain","noun":"course"' in rows
    assert call(project).exit_code == 0
    assert (project / "data/verbs/seed-1.jsonl").read_bytes() == rows
    assert (project / "data/metrics/count_verbs/seed-1.json").read_bytes() == document


@pytest.mark.parametrize("fetched", [False, True])
def test_what_is_missing_is_one_line_and_nothing_is_written(project: Path, fetched: bool) -> None:
    """No parser, or a folder that is none; without spaCy, that."""
    if fetched:
        reference = {"reference": f"package:{PARSER}", "identity": "x"}
        artifacts.write_json(project / "models/english/reference.json", reference)
    result = call(project)
    spacy = importlib.util.find_spec("spacy") is not None
    message = "was not fetched" if not fetched else "is no spaCy pipeline" if spacy else "make env-verbs"
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (project / "data/verbs").exists()


def findings(**sets: Any) -> Findings:
    return Findings([ROUND], [], [], {}, [], {"count_verbs": sets} if sets else {}, "", "", {})


def document(verbs: dict[str, Any], after: str = "rewritten/seed/1") -> dict[str, Any]:
    counts = {"rows": 9, "with_verb": 9, "with_object": 9, "skipped": {"unchanged": 1}}
    return {**counts, "verbs": verbs, "after": after, "parser": HOSTILE}


def test_rounds_of_a_set_are_one_figure_and_each_action_another() -> None:
    one = document({"suffix": {"explain": {"step": 2, "": 1}}, "prefix": {"list": {"day": 1}}})
    two = document({"suffix": {"explain": {"step": 1}, "list": {"day": 4}}}, "rewritten/seed/2")
    drawn = figures(findings(one=one, two=two))
    assert [figure.file for figure in drawn] == [
        "sunbursts/rewritten-seed.svg", "sunbursts/rewritten-seed-prefix.svg", "sunbursts/rewritten-seed-suffix.svg",
    ]  # fmt: skip
    assert drawn[0].counts == {"explain": {"step": 3, "": 1}, "list": {"day": 5}}
    assert sunburst_files(findings(one=one, two=two))["sunbursts/verbs.csv"].splitlines()[1:] == [
        "rewritten/seed,prefix,list,day,1", "rewritten/seed,suffix,explain,,1", "rewritten/seed,suffix,explain,step,3",
        "rewritten/seed,suffix,list,day,4",
    ]  # fmt: skip


def test_fifteen_verbs_and_four_nouns_are_drawn() -> None:
    verbs = {f"verb{n:02}": {f"noun{m}": 9 - m for m in range(6)} for n in range(20)}
    picture = sunburst_files(findings(one=document({"suffix": verbs})))["sunbursts/rewritten-seed.svg"]
    titles = [element.text or "" for element in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}title")]
    assert len([title for title in titles if " " not in title.partition(":")[0]]) == 15
    assert len(titles) == 15 + 15 * 4
    assert "verb14: 39" in titles and "verb14 noun3: 6" in titles


def test_a_picture_needs_no_variables_and_nothing_from_elsewhere() -> None:
    picture = sunburst_files(findings(one=document({"suffix": {"say": {"": 1}}})))["sunbursts/rewritten-seed.svg"]
    assert "var(" not in picture and "prefers-color-scheme:dark" in picture
    assert re.findall(r"(?:href|url|src)\W", picture) == []


def test_hostile_words_are_text_and_hostile_actions_no_paths() -> None:
    verbs = {f"../../{HOSTILE}": {HOSTILE: {HOSTILE: 3}}, "prefix": {"list": {"day": 1}}}
    written = sunburst_files(findings(one=document(verbs)))
    assert all(re.fullmatch(r"sunbursts/[a-z0-9_-]+\.(svg|csv)", path) for path in written)
    for path, text in written.items():
        if path.endswith(".svg"):
            assert {element.tag.partition("}")[2] for element in ET.fromstring(text).iter()}.isdisjoint({"script"})
    assert "<script" not in "".join(verb_section(findings(one=document(verbs))))


def test_what_was_not_counted_is_one_sentence() -> None:
    head, sentence = verb_section(findings())
    assert "Verbs" in head and "the extra `verbs`" in sentence
    assert verb_section(findings()._replace(rounds=[])) == []
    assert list(sunburst_files(findings())) == ["sunbursts/verbs.csv"]
