"""What vLLM is asked and what is made of its answers, without vLLM."""

from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from stages.core.completions import Constraint, Message, Prompt, Reply, Sampling
from stages.core.errors import UserError
from stages.inference.backends.ray import engine as ray
from stages.inference.backends.ray.pipeline import result_of
from stages.inference.backends.vllm import engine as vllm
from stages.inference.vllm_sequences import SequenceCodec, SequenceRequest, SequenceResult
from stages.reply_store.identity import Identity, Reference
from tests.inference import tiny

SHARED: dict[str, Any] = {
    "version": "0.32.0", "dtype": "float32", "max_model_len": 128, "sequences": 16, "tensor_parallel": 1,
    "memory": 0.12, "prefix_caching": True, "eager": True,
}  # fmt: skip
VLLM = SHARED | {"chunk": 4, "data_parallel": 1}
RAY = SHARED | {"address": None, "concurrency": 1, "batch_size": 4, "bundle": {"CPU": 1}}
ENGINES = {"vllm": (vllm, VLLM), "ray": (ray, RAY)}
SAMPLING = Sampling(0.0, 1.0, 0, 12)


def prompt(text: str, sampling: Sampling = SAMPLING, seed: int = 1, **more: Any) -> Prompt:
    return Prompt((Message("user", text),), sampling, seed, **more)


@pytest.fixture(scope="module")
def sequences(tmp_path_factory: pytest.TempPathFactory) -> SequenceCodec:
    return SequenceCodec(tiny.tokenizer(tmp_path_factory.mktemp("tiny")), 128)


def test_a_prompt_becomes_one_piece_with_its_own_seed_and_ends(sequences: SequenceCodec) -> None:
    sent_prompt = prompt("hello", Sampling(0.7, 0.9, 50, 500, ("###",)), seed=7)
    (piece,) = sequences.requests(sent_prompt)
    assert piece.ids == sequences.chat.encode(sent_prompt.messages)
    message = {name: piece.params[name] for name in ("temperature", "top_p", "top_k", "seed", "stop", "detokenize")}
    assert message == {"temperature": 0.7, "top_p": 0.9, "top_k": 50, "seed": 7, "stop": ["###"], "detokenize": True}
    assert piece.params["max_tokens"] == 128 - len(piece.ids)
    assert piece.params["stop_token_ids"] == sorted(sequences.chat.ends)
    (second,) = sequences.requests(prompt("hello", seed=7, sample=1))
    assert second.params["seed"] != 7


def test_a_begun_reply_is_gone_on_with(sequences: SequenceCodec) -> None:
    messages = (Message("user", "x"), Message("assistant", "The answer is"))
    (piece,) = sequences.requests(Prompt(messages, SAMPLING, 1, continue_final=True))
    assert sequences.chat.tokenizer.decode(piece.ids, skip_special_tokens=False).endswith("assistant\nThe answer is")


def test_a_reply_ends_where_the_model_or_a_stop_string_says(sequences: SequenceCodec) -> None:
    sent_prompt = prompt("hello", Sampling(0.0, 1.0, 0, 6, ("#",)))
    pieces = sequences.requests(sent_prompt)
    assert isinstance(pieces, list)
    length, encode, end = len(pieces[0].ids), sequences.chat.tokenizer.encode, min(sequences.chat.ends)

    def read(ids: list[int]) -> Reply:
        return sequences.reply(sent_prompt, pieces, [SequenceResult(ids)])

    assert read([*encode("ab").ids, end]) == Reply("ab", "ok", length, 3)
    assert read(encode("a#b").ids) == Reply("a", "ok", length, 3)
    assert read(encode("abcdef").ids) == Reply("abcdef", "truncated", length, 6)
    assert read(encode("a€€").ids[:6]) == Reply("a€", "truncated", length, 6)
    assert read(encode("abc").ids) == Reply("abc", "ok", length, 3)  # a constraint was fulfilled


def test_choices_are_scored_token_by_token_and_once_where_they_begin_alike(sequences: SequenceCodec) -> None:
    sent_prompt = prompt("pick", constraint=Constraint(choice=("xa", "xb", "y")))
    pieces = sequences.requests(sent_prompt)
    assert isinstance(pieces, list)
    assert [piece.params["allowed_token_ids"] for piece in pieces] == [
        sequences.chat.tokenizer.encode(text).ids for text in ("x", "a", "b", "y")
    ]
    reply = sequences.reply(sent_prompt, pieces, [SequenceResult([0], score) for score in (-1.0, -2.0, -0.25, -1.5)])
    assert reply == Reply("xb", "ok", len(pieces[0].ids), 2, scores={"xa": -3.0, "xb": -1.25, "y": -1.5})


@pytest.mark.parametrize(
    ("sent_prompt", "reason"),
    [
        (prompt("y" * 300), "do not fit the model's context of 128"),
        (prompt("x", constraint=Constraint(choice=("a", ""))), "one of the choices is empty"),
        (prompt("x", constraint=Constraint(choice=("a", "b" * 200))), "do not fit"),
    ],
)
def test_what_can_not_be_asked_is_a_status(sequences: SequenceCodec, sent_prompt: Prompt, reason: str) -> None:
    reply = sequences.requests(sent_prompt)
    assert isinstance(reply, Reply)
    assert reply.status == "failed" and reason in reply.error


def test_a_piece_that_failed_fails_its_reply_in_one_line(sequences: SequenceCodec) -> None:
    sent_prompt = prompt("x", constraint=Constraint(choice=("ab",)))
    pieces = sequences.requests(sent_prompt)
    assert isinstance(pieces, list)
    reply = sequences.reply(
        sent_prompt, pieces, [SequenceResult([1], -1.0), SequenceResult([], error="no\nsuch thing")]
    )
    assert (reply.status, reply.error, reply.text) == ("failed", "no such thing", "")


def test_a_row_of_ray_is_an_outcome() -> None:
    assert result_of({"key": 1, "ids": [3, 4], "score": -1.5, "__inference_error__": ""}) == SequenceResult(
        [3, 4], -1.5
    )
    assert result_of({"key": 1, "ids": None, "score": None, "__inference_error__": "no"}) == SequenceResult(
        [], error="no"
    )


@pytest.mark.parametrize("name", ENGINES)
def test_who_answers_is_the_same_vllm_everywhere_and_needs_no_vllm_to_be_told(name: str) -> None:
    module, options = ENGINES[name]
    reference = Reference("path:x", "path:x@sha256:1")
    assert module.identify(reference, options) == Identity("path:x@sha256:1", "vllm:0.32.0:float32:128")
    for speed in ({"sequences": 1}, {"memory": 0.5}, {"tensor_parallel": 2}, {"prefix_caching": False}):
        assert module.identify(reference, options | speed) == module.identify(reference, options)
    for other in ({"version": "0.20.2"}, {"dtype": "bfloat16"}, {"max_model_len": 64}):
        assert module.identify(reference, options | other) != module.identify(reference, options)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(
    ("wrong", "expected_text"),
    [
        ({"sequences": 0}, "sequences"),
        ({"memory": 1.5}, "memory"),
        ({"dtype": "float8"}, "dtype"),
        ({"version": "newest"}, "version"),
        ({"eager": "yes"}, "eager"),
        ({"gpus": 2}, "unknown field `gpus`"),
    ],
)
def test_a_wrong_option_is_told_by_name(name: str, wrong: dict[str, Any], expected_text: str) -> None:
    module, options = ENGINES[name]
    with pytest.raises(UserError, match=f"engine {name}: .*{expected_text}"):
        module.identify(Reference("x", "x"), options | wrong)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("option", sorted(VLLM.keys() | RAY.keys()))
def test_no_option_has_a_default(name: str, option: str) -> None:
    module, options = ENGINES[name]
    if option in options:
        with pytest.raises(UserError, match=f"engine {name}: .*{option}"):
            module.identify(Reference("x", "x"), {key: value for key, value in options.items() if key != option})


@pytest.mark.parametrize("name", ENGINES)
def test_a_package_that_is_missing_is_told_in_one_line_before_anything_is_loaded(name: str, tmp_path: Path) -> None:
    from importlib.util import find_spec

    if find_spec(name):
        pytest.skip(f"{name} is installed here")
    module, options = ENGINES[name]
    with pytest.raises(UserError) as caught, module.open_engine(tmp_path, options):
        pass
    assert f"the package {name} is not installed" in str(caught.value)
    assert "make test-engines" in str(caught.value) and "\n" not in str(caught.value)


def test_gpus_are_shared_out_among_the_copies() -> None:
    assert vllm.split_devices([], 2, 4) == [None, None]
    assert vllm.split_devices(["4", "5", "6", "7"], 2, 2) == ["4,5", "6,7"]
    with pytest.raises(UserError, match="3 GPUs, but data_parallel 2 x tensor_parallel 2"):
        vllm.split_devices(["0", "1", "2"], 2, 2)


def test_a_chunk_is_computed_by_prefix_and_answered_in_order(tmp_path: Path) -> None:
    computed: list[str] = []

    def make(pieces: list[SequenceRequest]) -> list[SequenceResult]:
        texts = [engine._codec.chat.tokenizer.decode(piece.ids).split()[1] for piece in pieces]
        computed.extend(texts)
        return [SequenceResult(engine._codec.chat.tokenizer.encode(text).ids) for text in texts]

    directory = tiny.tokenizer(tmp_path)
    engine = vllm.OfflineEngine(directory, vllm.Options(**VLLM | {"chunk": 6}), make)
    prompts = [prompt(f"{number}", prefix="ab"[number % 2]) for number in range(8)]
    prompts[4] = prompt("y" * 300)
    groups = list(engine.answer(iter(prompts)))
    assert [[position for position, _ in group] for group in groups] == [[0, 1, 2, 3, 4, 5], [6, 7]]
    assert computed == ["0", "2", "1", "3", "5", "6", "7"]
    replies = [reply for group in groups for _, reply in group]
    assert [reply.text for reply in replies] == ["0", "1", "2", "3", "", "5", "6", "7"]
    assert replies[4].status == "failed"


class Instant:
    """A pipeline that has computed a batch when it takes it, and says so in another order."""

    batch_size = 4

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def put(self, batch: list[tuple[int, SequenceRequest]], tell: Any) -> None:
        assert len({piece.params["logprobs"] for _, piece in batch}) == 1, "of one kind"
        self.batches.append([number for number, _ in batch])
        for number, piece in reversed(batch):
            tell([(number, SequenceResult(piece.ids[:1], -1.0))])


def mixed(bad: str) -> Iterator[Prompt]:
    for number in range(10):
        constraint = Constraint(choice=("a", "bc")) if number % 3 == 1 else None
        yield prompt(bad if number == 5 else f"{number}", constraint=constraint)


def test_a_call_of_the_cluster_answers_each_prompt_once_and_in_batches_of_one_kind(sequences: SequenceCodec) -> None:
    pipeline = Instant()
    call = ray.PipelineStream(sequences, pipeline)  # type: ignore[arg-type]
    call.send(mixed("y" * 300))
    replies = dict(pair for group in call.replies() for pair in group)
    assert sorted(replies) == list(range(10))
    assert [place for place, reply in replies.items() if reply.status == "failed"] == [5]
    assert all(bool(reply.scores) == (place % 3 == 1) for place, reply in replies.items())
    assert sorted(map(len, pipeline.batches)) == [1, 2, 4, 4, 4]


def test_a_call_of_the_cluster_raises_what_ended_the_pipeline(sequences: SequenceCodec) -> None:
    class BrokenPipeline(Instant):
        def put(self, batch: list[tuple[int, SequenceRequest]], tell: Any) -> None:
            tell(UserError("no more"))

    call = ray.PipelineStream(sequences, BrokenPipeline())  # type: ignore[arg-type]
    call.send(mixed("x"))
    with pytest.raises(UserError, match="no more"):
        list(call.replies())
    assert isinstance(call._events, SimpleQueue)
