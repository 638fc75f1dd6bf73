"""Training and tests ask for an intermediate task in the same words (paper 4.1.1, A.1, A.2)."""

from pathlib import Path

import pytest

from stages.chains.augmented_sets import augmented_sets
from stages.chains.chain_types import Resources
from stages.chains.links import chained_instruction, parse_links
from stages.core.records import Record, Source
from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.questions import Question
from stages.params import Params, load

ROOT = Path(__file__).resolve().parents[1]
PROFILES = ["stages/profiles/full.yaml", "stages/profiles/paper.yaml"]
SEEDS = {"xquad": ("xquad", ["de"]), "commonsenseqa": ("commonsenseqa", [])}
ROW = Record("a", "a", "Do it.", "a b", "Yes.", "", Source("path:x", 0, "0", "MIT", "en"))


def instructions_of(name: str, params: Params) -> dict[str, str]:
    """Chain, or "plain" -> the instruction of a test question."""
    folder, languages = SEEDS[name]
    files = {path.name: path.read_bytes() for path in (ROOT / "data/seeds" / folder).iterdir()}
    questions = BENCHMARKS[name].read(files, languages, "x", params.wording)
    return {(q.group or "translate"): q.instruction for q in questions if isinstance(q, Question)}


def trained(params: Params) -> dict[str, str]:
    """Chain -> what stands before the instruction of a training row, for the chains that the profile trains on."""
    wording = params.wording
    parts = {name: entries for name, entries in params.augment if name != "captions"}
    links = [
        parse_links([entry.chains[0].model_dump()], wording)[0] for part in parts.values() for entry in part.values()
    ]
    return {link.chain: chained_instruction("", [link]) for link in links}


@pytest.mark.parametrize("profile", PROFILES)
def test_seen_and_unseen_chains_are_asked_for_as_in_training(profile: str) -> None:
    params = load(ROOT / profile)
    before = trained(params)
    for name in SEEDS:
        for chain, instruction in instructions_of(name, params).items():
            assert chain == "plain" or instruction.startswith(before[chain]), (name, chain)
    assert set(before) == {"repeat", "paraphrase", "translate"}


def test_another_wording_reaches_both() -> None:
    params = load(ROOT / "stages/profiles/full.yaml")
    wording = params.wording | {"repeat": "Say the input again, and then"}
    changed = params.model_copy(update={"wording": wording})
    made = augmented_sets([ROW], [{"chain": "repeat"}], Resources(0, wording))
    row = dict(made.rows())[""]
    assert row.instruction == "Say the input again, and then Do it."
    assert instructions_of("commonsenseqa", changed)["repeat"].startswith("Say the input again, and then choose ")
    assert instructions_of("commonsenseqa", changed)["plain"] == instructions_of("commonsenseqa", params)["plain"]


def test_the_papers_words() -> None:
    instructions = instructions_of("commonsenseqa", load(ROOT / "stages/profiles/full.yaml"))
    assert instructions["repeat"].startswith("First repeat the input, then ")
    assert instructions["paraphrase"].startswith("First paraphrase the input, then ")
