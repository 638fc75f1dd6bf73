"""Which rows are translated, into which languages, and where translations come from."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.chains.chain_types import Link, Resources
from stages.chains.links import chained_rows
from stages.chains.translate import choose, spread, translations_by_text
from stages.core.errors import UserError
from stages.core.records import Record
from tests.chains.rows import (
    FILES,
    LANGUAGES,
    SOURCE,
    TRANSLATE,
    in_all,
    record,
    saying,
    upper,
)


@given(st.integers(0, 60), st.integers(0, 30), st.floats(0, 1), st.integers())
def test_the_share_is_exact_and_spread_evenly(with_input: int, without: int, share: float, seed: int) -> None:
    rows = [record(n, f"text {n}" if n < with_input else "") for n in range(with_input + without)]
    link = Link("translate", "p", LANGUAGES, share, ("T:", "A:"))
    chosen = choose(rows, link, Resources(seed=seed, translations=in_all(rows)))
    assert len(chosen) == round(share * with_input)
    assert not chosen or all(rows[int(id[2:])].input for id in chosen)
    counts = Counter({language: 0 for language in LANGUAGES}) + Counter(chosen.values())
    assert max(counts.values(), default=0) - min(counts[language] for language in LANGUAGES) <= 1
    assert choose(rows[::-1], link, Resources(seed=seed, translations=in_all(rows))) == chosen


def test_other_rows_change_few_choices() -> None:
    rows = [record(n, f"text {n}") for n in range(4_000)]
    resources = Resources(seed=7, translations=in_all(rows))
    part, whole = choose(rows[:2_000], TRANSLATE, resources), choose(rows, TRANSLATE, resources)
    kept = [id for id in part if id in whole]
    assert len(kept) > 0.9 * len(part)
    assert sum(part[id] == whole[id] for id in kept) > 0.9 * len(kept)


@given(st.dictionaries(st.text("abcdef", min_size=1), st.sets(st.sampled_from(LANGUAGES), min_size=1), max_size=30))
def test_every_row_gets_one_of_its_languages(able: dict[str, set[str]]) -> None:
    placed = spread({id: sorted(known) for id, known in able.items()}, LANGUAGES, 1)
    assert placed.keys() == able.keys()
    assert all(language in able[id] for id, language in placed.items())


def test_too_few_translations_are_one_line() -> None:
    rows = [record(n, f"text {n}") for n in range(9)]
    with pytest.raises(UserError, match=r"share 0\.333333 of 9 rows with an input is 3, but only 2 have a translation"):
        list(chained_rows(rows, [TRANSLATE], Resources(translations=in_all(rows[:2]))))


def test_a_model_translates_what_no_corpus_has() -> None:
    rows = [record(n, f"text {n}") for n in range(6)]
    link = Link("translate", "p", ("de",), 1.0, ("T:", "A:"))
    after = list(
        chained_rows(rows, [link], Resources(translations=in_all(rows[:3], ["de"]), complete=upper, templates=FILES))
    )
    assert [r.input for r in after] == [f"de: text {n}" for n in range(3)] + [f"TEXT {n}" for n in range(3, 6)]
    assert [s.generator for r in after for s in r.steps] == ["", "", "", "upper", "upper", "upper"]
    assert all(step.replies and step.prompt == FILES["translate"].hash for r in after[3:] for step in r.steps)
    assert all(step.sampling["temperature"] == 0 for r in after[3:] for step in r.steps)


def test_a_text_said_again_is_no_translation() -> None:
    link = Link("translate", "p", ("de",), 1.0, ("T:", "A:"))
    (new,) = chained_rows([record(1, "Salz")], [link], Resources(complete=saying(" Salz\n"), templates=FILES))
    assert (new.input, new.response) == ("Salz", "Yes.")
    assert [(s.action, s.status, s.reason) for s in new.steps] == [("translate:de", "rejected", "same")]


def test_a_translation_that_is_the_text_itself_is_none() -> None:
    rows = [
        Record(f"p-{n}", "p", "de", text, translation, "", SOURCE)
        for n, (text, translation) in enumerate([("a", "b"), ("c", "c ")])
    ]
    assert translations_by_text(rows) == {"a": {"de": "b"}}
