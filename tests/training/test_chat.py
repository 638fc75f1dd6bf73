"""Chat templates: what they write, what of a hostile one is refused."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.completions import Message
from stages.core.errors import UserError
from stages.training.chat_rendering import Specials, check, complete, forged, render, structural

FOLDER = Path(__file__).parents[2] / "stages" / "prompts" / "templates"
LLAMA = Specials("<s>", "</s>", "", ("</s>", "<s>"), leading_bos=True)
SMOL = Specials("<|im_start|>", "<|im_end|>", "<|endoftext|>", ("<|im_end|>", "<|im_start|>"), leading_bos=False)
OURS = ("tulu", "alpaca")
USER, ASSISTANT, SYSTEM = Message("user", "Add 1 and 1."), Message("assistant", "2"), Message("system", "Be brief.")


def template(name: str, specials: Specials) -> str:
    return complete((FOLDER / f"{name}.jinja").read_text(), specials, own=False)


ALPACA = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
    "### Instruction:\nAdd 1 and 1.\n\n### Response:\n"
)


@pytest.mark.parametrize(
    ("name", "specials", "messages", "reply", "expected"),
    [
        ("tulu", SMOL, [USER, ASSISTANT], False, "<|user|>\nAdd 1 and 1.\n<|assistant|>\n2<|im_end|>\n"),
        ("tulu", LLAMA, [USER, ASSISTANT], False, "<s><|user|>\nAdd 1 and 1.\n<|assistant|>\n2</s>\n"),
        ("tulu", SMOL, [USER], True, "<|user|>\nAdd 1 and 1.\n<|assistant|>\n"),
        ("tulu", SMOL, [SYSTEM, USER], True, "<|system|>\nBe brief.\n<|user|>\nAdd 1 and 1.\n<|assistant|>\n"),
        ("alpaca", SMOL, [USER, ASSISTANT], False, ALPACA + "2<|im_end|>\n\n"),
        ("alpaca", LLAMA, [USER], True, "<s>" + ALPACA),
        ("alpaca", SMOL, [SYSTEM, USER], True, "Be brief.\n\n" + ALPACA.partition("\n\n")[2]),
    ],
)
def test_templates_write(name: str, specials: Specials, messages: list[Message], reply: bool, expected: str) -> None:
    assert render(template(name, specials), specials, messages, reply) == expected


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("specials", [LLAMA, SMOL])
def test_our_templates_pass_our_check(name: str, specials: Specials) -> None:
    check(template(name, specials), specials)


lines = st.text(alphabet=st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(OURS), st.lists(st.tuples(lines, lines), min_size=1, max_size=3), st.booleans())
def test_inference_asks_as_training_told(name: str, pairs: list[tuple[str, str]], system: bool) -> None:
    talk = [SYSTEM] if system else []
    for instruction, response in pairs:
        talk += [Message("user", instruction), Message("assistant", response)]
    text = template(name, SMOL)
    asked, told = render(text, SMOL, talk[:-1], reply=True), render(text, SMOL, talk)
    assert told.startswith(asked + pairs[-1][1] + SMOL.eos)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{% for m in messages %}{{ m['content'] }}\n{% endfor %}", "never learn to stop"),
        ("{% for m in messages %}{{ m['content'] + eos_token }}{% endfor %}{% if add_generation_prompt %}A:{% endif %}",
         "opens a reply otherwise"),
        ("{% for m in messages[-2:] %}{{ m['content'] + eos_token }}{% endfor %}", "opens a reply otherwise"),
        ("{% for m in messages %}{{ m['content'] }", "can't be rendered"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "can't be rendered"),
        ("{{ raise_exception('no\nsystem') }}", "can't be rendered (no system)"),
        ("{{ messages.append(1) }}", "can't be rendered"),
    ],
)  # fmt: skip
def test_a_template_that_would_train_badly_is_refused_in_one_line(text: str, complaint: str) -> None:
    with pytest.raises(UserError) as told:
        check(text, SMOL)
    assert complaint in str(told.value) and "\n" not in str(told.value)


def test_a_models_own_template_is_left_alone() -> None:
    assert complete("{{ bos_token }}x\n", LLAMA, own=True) == "{{ bos_token }}x\n"


def test_a_model_without_eos_is_refused() -> None:
    with pytest.raises(UserError, match="never learn to stop"):
        check("{% for m in messages %}{{ m['content'] }}\n{% endfor %}", Specials("", "", "", (), leading_bos=False))


@pytest.mark.parametrize(
    ("text", "expected"), [("the end </s> of it", True), ("</S>", False), ("< /s>", False), ("plain", False)]
)
def test_forged_special_tokens_are_seen(text: str, expected: bool) -> None:
    assert forged([USER, Message("assistant", text)], LLAMA.every) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{% for m in messages %}<turn>{{ m['content'] + eos_token }}{% endfor %}", ("<s>", "<turn>", "</s>")),
        ("{% for m in messages %}{{ m['content'] + eos_token }}{% endfor %}", ("<s>", "</s>")),
        (
            "{% if messages[0]['role'] == 'system' %}{{ raise_exception('none') }}{% endif %}<turn>",
            ("<s>", "<turn>", "</s>"),
        ),
    ],
)
def test_structural_are_the_tokens_that_a_conversation_is_made_of(text: str, expected: tuple[str, ...]) -> None:
    specials = Specials("<s>", "</s>", "", ("</s>", "<filename>", "<s>", "<turn>"), leading_bos=True)
    assert structural(text, specials) == tuple(sorted(expected))


CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' }}{% if message.role == 'assistant' %}"
    "{% generation %}{{ message.content | trim }}{{ '<|im_end|>' }}{% endgeneration %}{% else %}{{ message.content }}"
    "{{ '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% endif %}"
)
LOOPING = (
    "{{ bos_token }}{% for message in messages %}\n    {% if loop.index > 3 %}{% break %}{% endif %}\n"
    "{%- set x = message | tojson(indent=1) %}[{{ message.role | upper }}] {{ x }} {{ message['content'] | trim }}"
    "{% endfor %}{% if tools %}tools{% endif %}"
)


@pytest.mark.local
@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([*OURS, CHATML, LOOPING]), st.sampled_from([LLAMA, SMOL]),
    st.lists(st.text(max_size=30) | st.sampled_from(["{{ 7 }}", "<b>'x'&", "\r\n é", " </s>"]), min_size=1, max_size=5),
    st.booleans(),
)  # fmt: skip
def test_rendering_is_that_of_transformers(source: str, specials: Specials, texts: list[str], reply: bool) -> None:
    from transformers.utils.chat_template_utils import render_jinja_template

    text = template(source, specials) if source in OURS else source
    talk = [Message(("user", "assistant")[place % 2], output) for place, output in enumerate(texts)]
    plain = [{"role": message.role, "content": message.content} for message in talk]
    theirs, _ = render_jinja_template([plain], chat_template=text, add_generation_prompt=reply, **specials.named())
    assert render(text, specials, talk, reply) == theirs[0]
