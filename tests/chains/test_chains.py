"""Chains over made-up rows: what goes in comes out, the wording is one, and the answer can be found again."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.chains.augmented_sets import AugmentedSets, augmented_sets
from stages.chains.chain_types import Chain, Intermediate, Link, Resources, per_row
from stages.chains.links import chained_instruction, chained_rows, final_answer, parse_links, plain_rows
from stages.chains.model_steps import prompt_files
from stages.core.completions import Prompt, Reply
from stages.core.errors import UserError
from stages.core.records import Record
from stages.core.registry import CHAINS, Registered
from tests.chains.rows import (
    CAPTION,
    FILES,
    LABELLED,
    LANGUAGES,
    PARAPHRASE,
    REPEAT,
    SOURCE,
    TEXT,
    TRANSLATE,
    applied,
    in_all,
    record,
    saying,
    upper,
)


def test_repeat_is_the_papers() -> None:
    (row,) = chained_rows([record(1, "a b", "Yes.")], [REPEAT], Resources())
    assert row.instruction == "First repeat the input, then Do 1."
    assert (row.input, row.response) == ("a b", "a b\nYes.")
    assert [(s.stage, s.action, s.status) for s in row.steps] == [("augment", "repeat", "ok")]


def test_translate_is_the_papers() -> None:
    link = Link("translate", "First translate the input into English, then", ("de",), 1.0, ("Translation:", "Answer:"))
    (row,) = chained_rows([record(1, "a b", "Yes.")], [link], Resources(translations={"a b": {"de": "ä b"}}))
    assert row.instruction == "First translate the input into English, then Do 1."
    assert (row.input, row.response) == ("ä b", "Translation:\na b\n\nAnswer:\nYes.")
    assert row.steps[0].action == "translate:de"


def test_a_prefix_of_ones_own_goes_before_the_wording_of_all() -> None:
    wording = {"repeat": "First repeat the input, then"}
    common, own = parse_links([{"chain": "repeat"}, {"chain": "repeat", "prefix": "say it again, then"}], wording)
    assert chained_instruction("Do it.", [common, own]) == "First repeat the input, then say it again, then Do it."


def test_chains_compose_in_the_order_in_which_the_tasks_are_done() -> None:
    translate = Link(
        "translate", "First translate the input into English, then", ("de",), 1.0, ("Translation:", "Answer:")
    )
    repeat = Link("repeat", "repeat the input, and then")
    (row,) = chained_rows(
        [record(1, "a b", "Yes.")], [translate, repeat], Resources(translations={"a b": {"de": "ä b"}})
    )
    assert row.instruction == "First translate the input into English, then repeat the input, and then Do 1."
    assert row.response == "Translation:\na b\n\nAnswer:\na b\nYes."
    assert final_answer(row.response, row.input, [translate, repeat]) == "Yes."


def test_train_and_test_are_worded_alike() -> None:
    rows = [record(1, "a b"), record(2, "c d")]
    for row, old in zip(chained_rows(rows, [REPEAT], Resources()), rows, strict=True):
        assert row.instruction == chained_instruction(old.instruction, [REPEAT])


@given(st.lists(st.tuples(TEXT, TEXT), max_size=12), st.sampled_from([[REPEAT], [LABELLED], [PARAPHRASE]]))
def test_rows_keep_their_places_and_the_answer_can_be_found_again(
    texts: list[tuple[str, str]], asked: list[Link]
) -> None:
    rows = [record(n, *text) for n, text in enumerate(texts)]
    after = list(chained_rows(rows, asked, Resources(complete=upper, templates=FILES)))
    assert [r.id for r in after] == [r.id for r in rows]
    for old, new in zip(rows, after, strict=True):
        assert final_answer(new.response, new.input, applied(new, asked)) == old.response
        assert new.response.endswith(old.response)
        if not old.input.strip():
            assert new == old


@given(
    st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=20, unique_by=lambda pair: pair[0].strip()),
    st.permutations([TRANSLATE, REPEAT]),
)
def test_translations_composed_with_others_can_be_taken_apart(texts: list[tuple[str, str]], asked: list[Link]) -> None:
    rows = [record(n, *text) for n, text in enumerate(texts)]
    resources = Resources(seed=3, translations=in_all(rows))
    try:
        after = list(chained_rows(rows, asked, resources))
    except UserError:
        # Too few inputs without the heading of the answer: said, not hidden.
        assert any("\n\nAnswer:\n" in f"{old.input}\n\nAnswer:\n"[:-1] for old in rows)
        return
    for old, new in zip(rows, after, strict=True):
        assert len(applied(new, asked)) in (0, 2)
        assert final_answer(new.response, new.input, applied(new, asked)) == old.response


@given(st.lists(st.tuples(TEXT, st.booleans()), min_size=1, max_size=12))
def test_a_row_gets_all_links_or_none(texts: list[tuple[str, bool]]) -> None:
    """Of the rows that a model could not paraphrase, none is left with half of the chain."""

    def sometimes(prompts: Iterable[Prompt]) -> Iterator[Reply]:
        for links in prompts:
            works = dict((f"c-{n}", ok) for n, (_, ok) in enumerate(texts))[links.purpose.partition("/")[0]]
            yield Reply("in other words", "ok", 1, 1) if works else Reply("", "failed", 1, 0, error="down")

    rows = [record(n, text) for n, (text, _) in enumerate(texts)]
    links = [PARAPHRASE, Link("repeat", "repeat it, then")]
    after = list(chained_rows(rows, links, Resources(complete=sometimes, templates=FILES)))
    for old, new, (text, works) in zip(rows, after, texts, strict=True):
        if text.strip() and works:
            assert new.instruction == "First paraphrase the input, then repeat it, then " + old.instruction
            assert final_answer(new.response, new.input, links) == old.response
        else:
            assert (new.instruction, new.input, new.response) == (old.instruction, old.input, old.response)
            assert [step.status for step in new.steps] == (["failed"] if text.strip() else [])


def test_both_sets_hold_the_same_rows() -> None:
    rows = [record(n, f"text {n}" if n % 2 else "") for n in range(6)]
    sets = augmented_sets(rows, [{"chain": "repeat"}], Resources(wording={"repeat": REPEAT.prefix}))
    made = list(sets.rows())
    assert [row for part, row in made if part == ".plain"] == rows
    assert [row.id for part, row in made if not part] == [row.id for row in rows]
    assert sets.statistics()["rows"] == 6 and sets.statistics()["chained"] == 3


def test_sets_take_their_rows_as_they_are_needed() -> None:
    taken: list[int] = []
    rows = (taken.append(n) or record(n, f"text {n}") for n in range(1000))  # type: ignore[func-returns-value]
    tagged = augmented_sets(rows, [{"chain": "repeat"}], Resources(wording={"repeat": REPEAT.prefix})).rows()
    assert [next(tagged)[0] for _ in range(4)] == ["", ".plain", "", ".plain"]
    assert len(taken) < 10


def test_prompt_files_come_from_a_folder() -> None:
    templates = prompt_files({"paraphrase.txt": b"--- user\nSay {{ text }} otherwise."}, "mine")
    (new,) = chained_rows([record(1, "a b")], [PARAPHRASE], Resources(complete=saying("b a"), templates=templates))
    assert new.steps[-1].prompt == templates["paraphrase"].hash
    with pytest.raises(UserError, match=r"mine/x\.txt: not UTF-8"):
        prompt_files({"x.txt": b"\xff"}, "mine")
    with pytest.raises(UserError, match=r"needs paraphrase\.txt in the folder of `prompts`"):
        list(chained_rows([record(1, "a")], [PARAPHRASE], Resources(complete=upper)))


@pytest.mark.parametrize("status", ["failed", "refused", "truncated"])
def test_a_reply_that_is_none_leaves_the_row_and_says_so(status: Any) -> None:
    def broken(prompts: Iterable[Prompt]) -> Iterator[Reply]:
        return (Reply("half" if status == "truncated" else "", status, 1, 0, error="why", model="m") for _ in prompts)

    old = record(1, "a b")
    (new,) = chained_rows([old], [PARAPHRASE], Resources(complete=broken, templates=FILES))
    assert (new.instruction, new.input, new.response) == (old.instruction, old.input, old.response)
    assert [(s.action, s.status, s.reason, s.generator) for s in new.steps] == [("paraphrase", status, "why", "m")]
    made = AugmentedSets([(old, new)])
    assert [row for _, row in made.rows()] == [new, old]
    assert made.statistics()["links"] == {f"paraphrase/{status}": 1}


def test_an_empty_paraphrase_is_rejected() -> None:
    (new,) = chained_rows([record(1, "a")], [PARAPHRASE], Resources(complete=saying(" \n"), templates=FILES))
    assert [(s.status, s.reason) for s in new.steps] == [("rejected", "empty")]


def test_paraphrases_stream() -> None:
    purposes: list[str] = []

    def watching(prompts: Iterable[Prompt]) -> Iterator[Reply]:
        for one in prompts:
            purposes.append(one.purpose)
            yield from upper([one])

    rows = chained_rows(
        (record(n, "a") for n in range(1000)), [PARAPHRASE], Resources(complete=watching, templates=FILES)
    )
    next(iter(rows))
    assert len(purposes) <= 2


def test_captions_of_every_question_and_the_plain_baseline_is_the_answer() -> None:
    rows = [
        Record(f"v-{n}", "v", f"What is {n}?", "", "a cat", "", SOURCE, image=image) for n, image in enumerate("aab")
    ]
    resources = Resources(seed=1, captions={"a": ["A  cat\nsits.", "A cat."]})
    base, after = list(plain_rows(rows, [CAPTION])), list(chained_rows(rows, [CAPTION], resources))
    assert [(r.instruction, r.input, r.response) for r in base] == [
        ("Answer the input question based on the image", f"What is {n}?", "a cat") for n in range(3)
    ]
    for n in (0, 1):
        assert after[n].instruction == "First describe the image, then answer the input question based on the image"
        assert after[n].response in ("A cat sits.\na cat", "A cat.\na cat")
        assert final_answer(after[n].response, after[n].input, [CAPTION]) == "a cat"
    assert after[2] == base[2]


def shout(record: Record, link: Link, resources: Resources) -> Intermediate | None:
    return Intermediate(record.input.upper(), record.input, "shout")


SHOUT = Chain(per_row(shout))


def test_a_registered_chain_is_applied() -> None:
    CHAINS["shout"] = Registered(f"{__name__}:SHOUT")
    try:
        (link,) = parse_links([{"chain": "shout", "prefix": "First shout the input, then"}], {})
        (row,) = chained_rows([record(1, "a b")], [link], Resources())
        assert (row.instruction, row.response) == ("First shout the input, then Do 1.", "A B\nYes.")
        assert final_answer(row.response, row.input, [link]) == "Yes."
    finally:
        del CHAINS["shout"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"chain": "sing", "prefix": "p"}, "unknown chain 'sing'; known are repeat, paraphrase, translate, caption"),
        ({"chain": "repeat"}, "chain 'repeat' needs prefix"),
        ({"chain": "translate", "prefix": "p", "share": 0.5, "labels": ["a", "b"]}, "needs languages"),
        ({"chain": "translate", "prefix": "p", "share": 0.5, "languages": ["de"]}, "needs labels"),
        ({"chain": "translate", "prefix": "p", "languages": ["de"], "labels": ["a", "b"]}, "needs share"),
    ],
)
def test_a_mistake_in_params_is_one_line(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_links([entry], {})


def test_a_chain_that_needs_more_than_it_has_says_so() -> None:
    with pytest.raises(UserError, match=r"'paraphrase' needs a model to write; put the entry under augment\.model"):
        list(chained_rows([record(1, "a")], [PARAPHRASE], Resources()))
    with pytest.raises(UserError, match=r"'caption' needs captions; put the entry under augment\.captions"):
        list(chained_rows([record(1, "a", image="x.jpg")], [CAPTION], Resources()))


def test_statistics_count_what_was_done() -> None:
    rows = [record(n, f"text {n}" if n < 12 else "") for n in range(20)]
    made = AugmentedSets(
        zip(rows, chained_rows(rows, [TRANSLATE], Resources(seed=1, translations=in_all(rows))), strict=True)
    )
    assert len(list(made.rows())) == 40
    counts = made.statistics()
    assert (counts["rows"], counts["with_input"], counts["chained"]) == (20, 12, 4)
    assert counts["links"] == {f"translate:{language}/ok": 1 for language in sorted(LANGUAGES)}
