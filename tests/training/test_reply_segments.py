"""Rows of which only the last reply is learned, through templates that write earlier replies otherwise."""

import pytest

from stages.core.completions import Message
from stages.core.errors import UserError
from stages.training.chat_rendering import Specials, check, check_last, render
from stages.training.reply_segments import segments
from stages.training.training_rows import Row

SPECIALS = Specials("<|im_start|>", "<|im_end|>", "<|endoftext|>", ("<|im_end|>", "<|im_start|>"), leading_bos=False)
QWEN = (
    "{%- set last = namespace(user=0) %}{%- for m in messages %}{% if m.role == 'user' %}"
    "{% set last.user = loop.index0 %}{% endif %}{%- endfor %}{%- for m in messages %}"
    "{%- set text = m.content %}{%- set thoughts = '' %}"
    "{%- if '</think>' in text %}{%- set thoughts = text.split('</think>')[0].split('<think>')[-1].strip('\n') %}"
    "{%- set text = text.split('</think>')[-1].lstrip('\n') %}{%- endif %}{{- '<|im_start|>' + m.role + '\n' }}"
    "{%- if m.role == 'assistant' and loop.index0 > last.user %}{{- '<think>\n' + thoughts + '\n</think>\n\n' }}"
    "{%- endif %}{{- text + '<|im_end|>\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
)
"""As Qwen3 has it: reasoning is kept in the last reply alone, and an empty block written where there is none."""
DEEPSEEK = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '<User>' + m.content }}{% else %}"
    "{{ '<Assistant>' + m.content.split('</think>')[-1] + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<Assistant><think>\n' }}{% endif %}"
)
"""As DeepSeek-R1 has it: reasoning is left out everywhere, and opened before the next reply."""
MARKED = (
    "{% for m in messages %}{% if m.role == 'assistant' %}{{ '<|im_start|>assistant\n' }}{% generation %}"
    "{{ m.content + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}{% else %}"
    "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TALK = Row(
    "x",
    (
        Message("user", "One?"), Message("assistant", "<think>\nfirst thoughts\n</think>\n\n1"),
        Message("user", "Two?"), Message("assistant", "<think>\nlast thoughts\n</think>\n\n2"),
    ),
)  # fmt: skip


@pytest.mark.parametrize("template", [QWEN, DEEPSEEK])
def test_templates_of_reasoning_models_are_for_the_last_reply_alone(template: str) -> None:
    check_last(template, SPECIALS)
    with pytest.raises(UserError, match="choose tulu or alpaca, or loss: last"):
        check(template, SPECIALS)


def test_a_template_that_marks_replies_is_for_every_reply() -> None:
    check(MARKED, SPECIALS)
    check_last(MARKED, SPECIALS)


@pytest.mark.parametrize(
    ("template", "reply"),
    [
        (QWEN, "<think>\nlast thoughts\n</think>\n\n2<|im_end|>"),
        (DEEPSEEK, "last thoughts\n</think>\n\n2<|im_end|>"),
        (MARKED, "<think>\nlast thoughts\n</think>\n\n2<|im_end|>"),
    ],
)
def test_learned_is_what_the_model_writes_behind_what_inference_sends(template: str, reply: str) -> None:
    sent, learned = segments(template, SPECIALS, TALK)
    assert sent == render(template, SPECIALS, TALK.messages[:-1], reply=True)
    assert learned == reply and "last thoughts" not in sent
    assert ("first thoughts" in sent) == (template is MARKED)


def test_a_reply_without_reasoning_stays_whole() -> None:
    row = Row("x", (Message("user", "Write a tag."), Message("assistant", "<b>x</b>")))
    assert segments(DEEPSEEK, SPECIALS, row)[1] == "<b>x</b><|im_end|>"


@pytest.mark.parametrize(
    ("template", "specials", "complaint"),
    [
        ("{{ messages[-1].content }}{% if add_generation_prompt %}>{% endif %}", SPECIALS, "leaves turns"),
        ("{% for m in messages %}{{ m.content }}{% endfor %}", SPECIALS, "does not open a reply"),
        (QWEN, Specials("", "", "", (), leading_bos=False), "no end of sequence"),
    ],
)
def test_what_cannot_be_learned_is_refused(template: str, specials: Specials, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        check_last(template, specials)
