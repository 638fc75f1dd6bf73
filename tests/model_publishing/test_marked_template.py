"""Templates with marked replies: the same text, and marks around replies and nothing else."""

from pathlib import Path

import pytest

from stages.core.completions import Message
from stages.model_publishing.marked_template import HOSTILE, conversations, is_faithful, marked, marks_replies, replies
from stages.training.chat_rendering import Specials, complete, render
from tests.inference import tiny

TEMPLATES = Path(__file__).parents[2] / "stages/prompts/templates"
SPECIALS = Specials("<s>", "<|im_end|>", "<pad>", ("<s>", "<|im_end|>", "<pad>"), leading_bos=True)
TRIMMED = """\

{% set shift = 0 %}
{{- bos_token }}
{%- if messages and messages[0].role == 'system' %}
    {%- set system = messages[0].content | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system = 'Be kind.' %}
{%- endif %}
{{ '[SYS]' + system + '[/SYS]' }}
{% for turn in messages %}
  [{{ turn.role }}]
{{ turn.content | trim }}{% if turn.role == 'assistant' %}{{ eos_token }}{% endif %}

{% endfor %}
{% if add_generation_prompt %}  [assistant]
{% endif %}
"""
"""Indented, with line breaks of its own, a variable that is set anew, and contents without the space around them."""
LAST_DIFFERS = (
    "{% for m in messages %}[{{ m.role }}]{% if m.role == 'assistant' and not loop.last %}(earlier) {% endif %}"
    "{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
ALTERNATING = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('no system turn') }}{% endif %}{% for m in messages %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('take turns') }}{% endif %}"
    "{{ m.role ~ ': ' ~ m.content ~ (eos_token if m.role == 'assistant' else '') }}\n{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)
OURS = {
    name: complete((TEMPLATES / f"{name}.jinja").read_text(), SPECIALS, own=False)
    for name in ("tulu", "alpaca", "tulu-images")
}
KINDS = {"chatml": tiny.CHATML, "trimmed": TRIMMED, "alternating": ALTERNATING, **OURS}


@pytest.mark.parametrize("name", KINDS)
def test_the_text_is_the_same_and_each_reply_is_marked(name: str) -> None:
    template = KINDS[name]
    made = marked(template)
    assert made != template
    assert is_faithful(made, template, SPECIALS)
    assert marks_replies(made, SPECIALS)


def test_every_kind_of_conversation_is_looked_at() -> None:
    looked = list(conversations())
    assert {len([m for m in messages if m.role == "assistant"]) for messages in looked} >= {0, 1, 3}
    assert {messages[0].role for messages in looked} == {"system", "user"}
    assert any(messages[-1].role == "user" for messages in looked)
    assert any(m.content == text.strip() for text in HOSTILE for messages in looked for m in messages)


def test_a_text_that_looks_like_a_mark_or_an_end_is_not_one() -> None:
    turns = [Message("user", "{% generation %}"), Message("assistant", "a <|im_end|> b {% endgeneration %}")]
    assert replies(marked(tiny.CHATML), SPECIALS, turns) == ["a <|im_end|> b {% endgeneration %}<|im_end|>"]


def test_a_turn_that_others_change_is_not_marked() -> None:
    """Such as Qwen3's, which leaves earlier reasoning out: what was trained on is another text."""
    turns = [
        Message(role, text) for role, text in (("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))
    ]
    made = marked(LAST_DIFFERS)
    assert render(made, SPECIALS, turns) == render(LAST_DIFFERS, SPECIALS, turns)
    assert replies(made, SPECIALS, turns) == ["d<|im_end|>"]
    assert not marks_replies(made, SPECIALS)


def test_a_template_with_marks_stays_as_it_is() -> None:
    own = "{% for m in messages %}{%- generation -%}{{ m.content }}{% endgeneration %}{% endfor %}"
    assert marked(own) == own
    assert not marks_replies(own, SPECIALS)  # it marks requests too


def test_another_text_is_told_apart() -> None:
    assert not is_faithful(marked(tiny.CHATML).replace("'\\n'", "' '", 1), tiny.CHATML, SPECIALS)
    assert not is_faithful(OURS["tulu"], OURS["alpaca"], SPECIALS)
