"""Grammars for llama.cpp: they derive what `re.fullmatch` accepts and nothing else."""

import re
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stages.inference.backends.openai.gbnf import choice_grammar, regex_grammar
from stages.prompts import parse
from tests.inference.gbnf_reader import GrammarError, read_grammar

PROMPTS = Path(__file__).resolve().parents[2] / "stages" / "prompts"
REGEXES = sorted(
    {(str(path.relative_to(PROMPTS)), regex) for path in PROMPTS.rglob("*.txt")
     if (regex := dict(parse(path.read_text(encoding="utf-8"), path.name).blocks).get("regex"))}
)  # fmt: skip


def fits(regex: str, text: str) -> bool:
    grammar = regex_grammar(regex)
    assert not grammar.missing, grammar.missing
    return read_grammar(grammar.text).matches(text)


def test_the_prompts_of_small_models_have_regexes() -> None:
    assert {"small/decompose.txt", "small/prefix.txt", "small/suffix.txt", "judge.txt"} <= {name for name, _ in REGEXES}


@pytest.mark.parametrize(("name", "regex"), REGEXES)
@given(data=st.data())
def test_every_regex_of_a_prompt_file_has_a_grammar(name: str, regex: str, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(regex, fullmatch=True))
    assert fits(regex, text)
    place = data.draw(st.integers(0, len(text)))
    changed = text[:place] + data.draw(st.sampled_from(["", "#", "\n", ".", "é", " "])) + text[place + 1 :]
    assert fits(regex, changed) == (re.fullmatch(regex, changed) is not None)


LETTERS = 'ab-]^\\"\n.é日😀0 _'
CLASSES = [r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", ".", "[a-c]", "[^a]", r"[^\n\"]", r"[\]\-^]", r"[^\W\d]", "[é-日]",
           r"[\s0-9]", "[^日😀]", r"[\d\D]", "[b-]"]  # fmt: skip


@pytest.mark.parametrize("regex", CLASSES)
def test_a_class_has_the_characters_that_it_has_in_python(regex: str) -> None:
    letters = f"{LETTERS}azAZ19\t\r\x01\x1c\x7f\x80\x85\xa0²ß٣\u2028\u3000\U0010ffff"
    assert [fits(regex, one) for one in letters] == [re.fullmatch(regex, one) is not None for one in letters]


def parts(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    bounds = st.tuples(st.integers(0, 3), st.integers(0, 3)).map(lambda pair: f"{{{min(pair)},{max(pair)}}}")
    signs = st.one_of(st.sampled_from(["*", "+", "?", "*?", "+?", "{2,}", "{2}"]), bounds)
    repeated = st.tuples(inner, signs).map(lambda pair: f"({pair[0]}){pair[1]}")
    return st.one_of(
        st.lists(inner, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda branches: f"(?:{'|'.join(branches)})"),
        repeated, inner.map(lambda one: f"^{one}$"),
    )  # fmt: skip


EXPRESSIONS = st.recursive(
    st.one_of(st.sampled_from(LETTERS).map(re.escape), st.sampled_from(CLASSES)), parts, max_leaves=8
)


@settings(max_examples=200)
@given(EXPRESSIONS, st.data())
def test_a_grammar_derives_what_the_regex_matches(regex: str, data: st.DataObject) -> None:
    grammar = regex_grammar(regex)
    assume(not grammar.missing)
    some = st.text(LETTERS, max_size=6)
    text = data.draw(st.one_of(some, st.from_regex(regex, fullmatch=True)))
    assume("\0" not in text)
    assert read_grammar(grammar.text).matches(text) == (re.fullmatch(regex, text) is not None)


@pytest.mark.parametrize("regex", [
    r"^a$", r"\Aa\Z", "^(a|b)$", "(^a|^b)c", "x{0}a", "(?s)a.b", "(?x) a  b # c", "(?a)\\w+", "a{1,1999}", "",
    "(?:(?:a{1,40} ){1,40}b){1,40}", r"\.\*\[\]\{\}\"\\", "a*?b+?", "(a|)b", "(?:)",
])  # fmt: skip
def test_the_expressible_is_expressed(regex: str) -> None:
    texts = ["", "a", "b", "ac", "bc", "ab", "a\nb", "a" * 1999, "a" * 2000, '.*[]{}"\\', "a b", "é", "a\n", "a a b"]
    assert [fits(regex, text) for text in texts] == [re.fullmatch(regex, text) is not None for text in texts]


@pytest.mark.parametrize(("regex", "missing"), [
    ("(?=a)b", "follows or precedes"), ("(?<!a)b", "follows or precedes"), (r"(a)\1", "reference to a group"),
    ("(?>a|ab)c", "atomic"), ("a++b", "possessive"), (r"a\b", "anchor"), ("a^b", "anchor"), ("(a$|b)c", "anchor"),
    ("(?i)a", "ignore case"), ("(?m)^a$", "line by line"), ("(?i:a)", "for a part"), ("(a?)*", "may be empty"),
    ("(a?){2}", "may be empty"), ("a{2000}", "1999"), ("a{0,2000}", "1999"), ("a\\x00", "no text has"),
    ("[\\ud800-\\udfff]", "no text has"), ("(a)?(?(1)b|c)", "condition on a group"), ("(" * 500 + ")" * 500, "nested"),
    ("(", "fault"), ("($)*", "may be empty"),
])  # fmt: skip
def test_the_rest_is_named(regex: str, missing: str) -> None:
    grammar = regex_grammar(regex)
    assert not grammar.text and missing in grammar.missing


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_choices_are_literals(choices: list[str]) -> None:
    grammar = read_grammar(choice_grammar(choices).text)
    assert all(grammar.matches(choice) for choice in choices)
    assert not grammar.matches("".join(choices) + "x")


def test_the_reader_refuses_what_llama_cpp_refuses() -> None:
    faults = ["root ::= a", 'root = "a"', 'root ::= "a', r'root ::= "\d"', 'root ::= ("a"', "root ::= [a]{2000}",
              "root ::= ([a]{1,50} [b]){1,50}"]  # fmt: skip
    for text in faults:
        with pytest.raises(GrammarError):
            read_grammar(text)
