"""Pictures on their way to a model: what they are remembered under, how they are sent, and who refuses them."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from stages.core import artifacts
from stages.core.completions import Constraint, Image, Message, Prompt, Reply, Sampling
from stages.core.errors import UserError
from stages.inference.backends.openai import request_body
from stages.inference.backends.openai.error_responses import FatalError
from stages.inference.backends.openai.request_body import data_url
from stages.inference.backends.transformers.engine import capabilities, open_engine
from stages.inference.budgets import IMAGE_TOKENS, max_tokens_of
from stages.inference.connect import connect
from stages.inference.prompt_requirements import check_prompt
from stages.model_files.references import fetch_model
from stages.params import Engine
from stages.reply_store import exchange, inspection
from stages.reply_store.keys import request
from stages.reply_store.store import Replies
from tests.inference import tiny, tiny_vision
from tests.inference.counting import IDENTITY, OPENAI, SAMPLING, answered
from tests.inference.loopback import completed, serving

GREEDY = Sampling(0.0, 1.0, 0, 12)


def asking(text: str, *images: Image, **more: Any) -> Prompt:
    return Prompt((Message("user", text, images),), GREEDY, 1, purpose="gqa-plain-1/answer", **more)


@pytest.fixture
def red(tmp_path: Path) -> Image:
    return tiny_vision.picture(tmp_path / "red.png", "red")


@pytest.fixture
def blue(tmp_path: Path) -> Image:
    return tiny_vision.picture(tmp_path / "blue.png", "blue")


# ---------------------------------------------------------------- what is remembered


BEFORE = {
    "24e3d4a3f294df577dcafe4674cb48487f1fad140fbcc7a9acda9178f6f05000": Prompt(
        (Message("system", "Be brief."), Message("user", "hello")), SAMPLING, 7
    ),
    "09726ef880a97ce4ea5f260177cebf89bd36b85cc6d38229ec7fb25d871db1ca": Prompt(
        (Message("user", "é <image>"), Message("assistant", "It")), Sampling(0, 1, 0, 8, ("###",)), 3, 1,
        Constraint(choice=("A", "B")), continue_final=True,
    ),
    "f1a62d7128503cd335c7ca6d05f373c7a6fdcf6f5592eade3d35462c0f66f081": Prompt(
        (Message("user", "x"),), SAMPLING, 1, raw=True
    ),
}  # fmt: skip
"""Keys as they were when there were no pictures."""


@pytest.mark.parametrize(("key", "prompt"), BEFORE.items())
def test_prompts_without_pictures_keep_the_keys_that_they_had(key: str, prompt: Prompt) -> None:
    assert request(IDENTITY, prompt).key.hex() == key
    assert b"images" not in msgspec.json.encode(prompt.messages)


def test_another_picture_is_another_request_and_another_place_is_not(red: Image, blue: Image, tmp_path: Path) -> None:
    moved = replace(red, path=(tmp_path / "elsewhere.png").as_posix())
    prompts = [asking("What?", *images) for images in ((), (red,), (blue,), (red, blue), (blue, red))]
    assert len({request(IDENTITY, prompt).key for prompt in prompts}) == 5
    assert request(IDENTITY, asking("What?", moved)).key == request(IDENTITY, asking("What?", red)).key


def test_the_store_files_no_pixels_and_a_shared_file_keeps_the_key(red: Image, tmp_path: Path) -> None:
    ask = request(IDENTITY, asking("What?", red))
    assert all(red.path.encode() not in part for part in ask.parts)
    assert red.sha256.encode() in ask.parts[1]
    with Replies(tmp_path / "a") as replies:
        replies.keep([(ask, answered(1))], "m")
        assert inspection.check(replies) == 1
        exchange.export(replies, tmp_path / "shared.jsonl")
    with Replies(tmp_path / "b") as replies:
        assert exchange.import_(replies, tmp_path / "shared.jsonl") == (1, 0)
        assert list(replies.find([ask.key], "m")) == [ask.key]


def test_a_budget_counts_pictures(red: Image) -> None:
    assert max_tokens_of(asking("What?", red))[0] - max_tokens_of(asking("What?"))[0] == IMAGE_TOKENS


# ---------------------------------------------------------------- over HTTP


def test_a_server_is_sent_pictures_before_the_text(red: Image, blue: Image, tmp_path: Path) -> None:
    engine = Engine(engine="openai", options=OPENAI | {"model": "llava"})
    with serving(lambda body, _: completed("red")) as server:
        engine = engine.model_copy(update={"options": engine.options | {"url": server.url}})
        for _ in range(2):
            with connect(engine, store=tmp_path / "store") as complete:
                replies = list(complete([asking("What?", red, blue), asking("What?", blue), asking("Who?")]))
    assert [reply.text for reply in replies] == ["red"] * 3
    assert len(server.requests) == 3
    shown = {str(body["messages"]): body["messages"][0]["content"] for body in server.requests}.values()
    both = next(content for content in shown if len(content) == 3)
    assert [part["type"] for part in both] == ["image_url", "image_url", "text"]
    start, _, data = both[0]["image_url"]["url"].partition(",")
    assert (start, base64.b64decode(data)) == ("data:image/png;base64", Path(red.path).read_bytes())
    assert both[2] == {"type": "text", "text": "What?"}
    assert "Who?" in shown


def test_the_completions_api_takes_no_pictures(red: Image) -> None:
    with pytest.raises(FatalError, match="takes no pictures"):
        request_body.completion(asking("What?", red), "m", "vllm", {})


def test_a_picture_that_has_changed_is_told(red: Image) -> None:
    Path(red.path).write_bytes(b"\x89PNG\r\n\x1a\n another")
    with pytest.raises(UserError, match=r"red\.png: is another picture than when it was read in"):
        data_url(red)


@pytest.mark.parametrize("data", [b"", b"<svg/>", b"%PDF"])
def test_what_is_no_picture_is_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"x\.jpg: is no PNG, JPEG, GIF or WebP picture"):
        data_url(Image(artifacts.sha256(path), path.as_posix()))


# ---------------------------------------------------------------- who can't see


def test_an_engine_that_can_t_see_refuses_in_one_line(red: Image, tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text('[{"reply": "yes"}]')
    engine = Engine(engine="scripted", options={"rules": str(rules)})
    with connect(engine, store=tmp_path / "store") as complete:
        assert [reply.text for reply in complete([asking("Who?")])] == ["yes"]
        with pytest.raises(UserError, match=r"gqa-plain-1: shows a picture, .* takes text alone") as caught:
            list(complete([asking("What?", red)]))
    assert "\n" not in str(caught.value)


@pytest.mark.local
def test_a_text_model_of_transformers_can_t_see(red: Image, tmp_path: Path) -> None:
    directory = tiny.model(tmp_path / "models" / "tiny")
    (directory / "reference.json").write_text('{"reference": "path:x", "identity": "tiny"}')
    engine = Engine(engine="transformers", model="tiny", options={"batch": 2, "threads": 1, "dtype": "float32"})
    with (
        connect(engine, models=tmp_path / "models", store=tmp_path / "store") as complete,
        pytest.raises(UserError, match="takes text alone"),
    ):
        list(complete([asking("What?", red)]))


# ---------------------------------------------------------------- a model that sees


@pytest.fixture(scope="module")
def vision(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    directory = tiny_vision.llava(tmp_path_factory.mktemp("llava"))
    with open_engine(directory, {"batch": 8, "threads": 1, "dtype": "float32"}) as engine:
        yield engine


def replies(engine: Any, *prompts: Prompt) -> list[Reply]:
    return [reply for group in engine.answer(prompts) for _, reply in group]


@pytest.mark.local
def test_a_model_sees_what_it_is_shown(vision: Any, red: Image, blue: Image) -> None:
    result = replies(vision, asking("What?", red), asking("What?", blue), asking("What?"))
    assert len({reply.text for reply in result}) == 3
    assert {reply.status for reply in result} <= {"ok", "truncated"}
    # Four patches stand for a picture, and a line break behind them.
    assert result[0].tokens_in == result[1].tokens_in == result[2].tokens_in + 5


@pytest.mark.local
def test_greedy_replies_are_those_of_transformers_itself(vision: Any, red: Image, tmp_path: Path) -> None:
    import PIL.Image

    processor, model = vision._processor, vision._model
    talk = [{"role": "user", "content": [{"type": "image", "image": PIL.Image.open(red.path)},
                                         {"type": "text", "text": "What?"}]}]  # fmt: skip
    inputs = processor.apply_chat_template(
        talk, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    made = model.generate(**inputs, max_new_tokens=12, do_sample=False, pad_token_id=0, eos_token_id=[0, 2])
    text = processor.tokenizer.decode(made[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    (reply,) = replies(vision, asking("What?", red))
    assert reply.text == text.rstrip("\ufffd")


@pytest.mark.local
def test_a_text_with_a_special_token_fails_alone(vision: Any, red: Image) -> None:
    result = replies(vision, asking("Is <image> red?", red), asking("What?", red))
    assert [reply.status == "failed" for reply in result] == [True, False]
    assert result[0].error == "the text holds <image>, a special token of the model"


@pytest.mark.local
def test_a_model_that_sees_is_asked_without_its_template_too(vision: Any, red: Image) -> None:
    (reply,) = replies(vision, asking("What?", red, raw=True))
    assert reply.status in ("ok", "truncated")


@pytest.mark.local
def test_the_papers_kind_of_model_is_fetched_whole_and_asked_without_a_template(
    red: Image, blue: Image, tmp_path: Path
) -> None:
    fetch_model(f"path:{tiny_vision.instructblip(tmp_path / 'made')}", tmp_path / "fetched")
    assert (tmp_path / "fetched" / "qformer_tokenizer" / "tokenizer.json").is_file()
    with open_engine(tmp_path / "fetched", {"batch": 8, "threads": 1, "dtype": "float32"}) as engine:
        result = replies(engine, *(asking("What is it?", image, raw=True) for image in (red, blue)))
        with pytest.raises(UserError, match="has no chat template; set `template: none`"):
            replies(engine, asking("What is it?", red))
        output = len(engine._tokenizer("What is it?", add_special_tokens=False)["input_ids"])  # type: ignore[union-attr]
    assert {reply.status for reply in result} <= {"ok", "truncated"}
    # What the Q-Former makes of a picture comes before the text, by the processor's own hand.
    assert [reply.tokens_in for reply in result] == [tiny_vision.PATCH + output] * 2


@pytest.mark.local
def test_a_broken_picture_is_told(vision: Any, tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with pytest.raises(UserError, match=r"broken\.png: can't be read as a picture"):
        replies(vision, asking("What?", Image(artifacts.sha256(path), path.as_posix())))


def test_choices_are_not_for_models_that_see(tmp_path: Path, red: Image) -> None:
    (tmp_path / "config.json").write_text('{"vision_config": {}}')
    able = capabilities(tmp_path, {})
    assert able.images and not able.choice_scores
    with pytest.raises(UserError, match=r"list under the run.s `benchmarks`"):
        check_prompt(asking("What?", red, constraint=Constraint(choice=("A", "B"))), able, "m")
