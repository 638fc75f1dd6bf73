"""An engine that replies by rules of a file."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from stages.core.completions import Message, Prompt, Reply
from stages.core.errors import UserError
from stages.inference.backends.scripted.engine import BATCH, open_engine
from stages.inference.connect import connect
from stages.params import Engine
from tests.inference.counting import SAMPLING, prompt

RULES: list[dict[str, Any]] = [
    {"match": r"^translate (?P<what>\w+)", "reply": r"\g<what>, translated"},
    {"match": "slow", "reply": "half an ans", "status": "truncated"},
    {"match": "forbidden", "status": "refused"},
    {"match": "broken", "status": "failed"},
    {"anywhere": "(?m)^Choose", "reply": "B", "scores": {"A": -2.0, "B": -0.1}},
    {"match": "dice", "reply": ["one", "two", "three"]},
    {"reply": "yes"},
]


def ask(folder: Path, prompts: list[Prompt], rules: object = RULES) -> list[Reply]:
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump(rules))
    with connect(Engine(engine="scripted", options={"rules": str(path)}), store=folder / "store") as complete:
        return list(complete(prompts))


@pytest.mark.parametrize(
    ("text", "reply", "status"),
    [
        ("translate this please", "this, translated", "ok"),
        ("a slow one", "half an ans", "truncated"),
        ("forbidden", "", "refused"),
        ("broken", "", "failed"),
        ("Choose A or B", "B", "ok"),
        ("anything", "yes", "ok"),
    ],
)
def test_the_first_rule_that_fits_answers(tmp_path: Path, text: str, reply: str, status: str) -> None:
    (result,) = ask(tmp_path, [prompt(text)])
    assert (result.text, result.status) == (reply, status)


def test_replies_are_stored_in_groups(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text('[{"reply": "yes"}]')
    with open_engine(tmp_path, {"rules": str(tmp_path / "rules.json")}) as engine:
        groups = list(engine.answer(prompt(f"{number}") for number in range(BATCH + 1)))
    assert [[position for position, _ in group] for group in groups] == [list(range(BATCH)), [BATCH]]


def test_scores_and_counts(tmp_path: Path) -> None:
    (result,) = ask(tmp_path, [prompt("Choose A or B")])
    assert (result.scores, result.tokens_in, result.tokens_out) == ({"A": -2.0, "B": -0.1}, 6, 1)


def test_the_last_user_message_is_matched_also_when_the_reply_is_begun(tmp_path: Path) -> None:
    begun = (
        Message("user", "translate a"),
        Message("assistant", "x"),
        Message("user", "translate b"),
        Message("assistant", "y"),
    )
    (result,) = ask(tmp_path, [Prompt(begun, SAMPLING, 1, continue_final=True)])
    assert result.text == "b, translated"


def test_of_several_replies_the_seed_draws_one_whoever_asks_with_it(tmp_path: Path) -> None:
    prompts = [prompt("dice", seed=n) for n in range(60)]
    texts = [reply.text for reply in ask(tmp_path, prompts)]
    assert set(texts) == {"one", "two", "three"}
    (tmp_path / "store").unlink()
    assert [reply.text for reply in ask(tmp_path, prompts[::-1])] == texts[::-1]


def test_other_rules_are_another_model(tmp_path: Path) -> None:
    assert ask(tmp_path, [prompt("hello")])[0].text == "yes"
    assert ask(tmp_path, [prompt("hello")], [{"reply": "no"}])[0].text == "no"


def test_a_prompt_that_no_rule_fits_fails(tmp_path: Path) -> None:
    (result,) = ask(tmp_path, [prompt("hello")], [{"match": "bye"}])
    assert (result.status, result.error) == ("failed", "no rule fits this prompt")


@pytest.mark.parametrize("rules", [{"reply": "not a list"}, [{"replay": "x"}], [{"match": "("}], [{"status": "great"}]])
def test_rules_that_are_none_are_told(tmp_path: Path, rules: object) -> None:
    with pytest.raises(UserError, match=r"rules\.yaml: .*stages/inference/backends/scripted says"):
        ask(tmp_path, [prompt("hello")], rules)


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ({"match": "("}, "rule 1 (from 0): match: missing ), unterminated subpattern"),
        ({"anywhere": "["}, "rule 1 (from 0): anywhere: unterminated character set"),
        ({"match": "a{99999999999999999999}"}, "rule 1 (from 0): match: the repetition number is too large"),
        ({"match": "(" * 5000 + ")" * 5000}, "rule 1 (from 0): match: "),
        ({"reply": "\\d"}, r"rule 1 (from 0): reply: bad escape \d"),
        ({"reply": "C:\\Users"}, r"rule 1 (from 0): reply: bad escape \U"),
        ({"reply": "ends in \\"}, "rule 1 (from 0): reply: bad escape (end of pattern)"),
        ({"match": "(a)", "reply": "\\2"}, "rule 1 (from 0): reply: invalid group reference 2"),
        ({"match": "a", "reply": ["fine", "\\g<name>"]}, "rule 1 (from 0): reply: unknown group name 'name'"),
        ({"match": "a", "reply": "\\g<"}, "rule 1 (from 0): reply: missing group name"),
    ],
)
def test_an_expression_or_a_reply_that_cant_be_used_is_one_line(
    tmp_path: Path, rule: dict[str, object], fault: str
) -> None:
    with pytest.raises(UserError) as caught:
        ask(tmp_path, [prompt("hello")], [{"reply": "yes"}, rule])
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)
