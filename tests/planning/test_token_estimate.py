"""Tokens that will be read: the model's own count, what its replies have told, or a guess that is called one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.completions import Image, Message, Prompt, Reply, Sampling
from stages.inference.chat_template import ChatTemplate
from stages.params import Engine
from stages.planning.dry_run import Load, Planner
from stages.planning.token_estimate import (
    CHARACTERS_PER_TOKEN,
    IMAGE_TOKENS,
    MAX_COUNTED,
    MAX_RECENT,
    TokenEstimator,
    TokenLine,
)
from stages.reply_store.identity import Identity
from stages.reply_store.store import Replies
from tests.inference import tiny
from tests.inference.counting import IDENTITY, Counting, connected

TEXTS = ["Name a river.", "Name every river of Europe, then sort them by length. " * 8, "é", "a\n" * 200]


def prompt_of(text: str, purpose: str = "r/s") -> Prompt:
    return Prompt((Message("user", text),), Sampling(0.0, 1.0, 0, 8), 1, purpose=purpose)


OTHERS = [prompt_of("x" * 2 * n, f"r{n}/other") for n in range(40)]


def estimate(reading: TokenEstimator, prompts: list[Prompt]) -> tuple[float, bool]:
    for one in prompts:
        reading.count("s", one)
    return reading.tokens("s", len(prompts), sum(len(one.messages[0].content) for one in prompts))


def remember(store: Path, engine: Counting, prompts: list[Prompt], identity: Identity = IDENTITY) -> None:
    with connected(engine, store, identity=identity) as connection:
        list(connection.complete(prompts))


def planned(store: Path, prompts: list[Prompt], directory: Path, identity: Identity = IDENTITY) -> Load:
    with Replies(store) as replies:
        planner = Planner(replies)
        list(planner.complete(identity, Engine(engine="scripted", options={}), directory)(prompts))
        return planner.tokens(planner.counts[0])


@given(
    start=st.integers(0, 400), each=st.floats(0.05, 2.0),
    seen=st.lists(st.integers(1, 4000), min_size=2, max_size=20, unique=True),
    more=st.lists(st.integers(1, 4000), min_size=1, max_size=20),
)  # fmt: skip
def test_what_a_template_adds_and_a_text_takes_are_told_apart(
    start: int, each: float, seen: list[int], more: list[int]
) -> None:
    line = TokenLine()
    for size in seen:
        line.add(size, start + each * size)
    assert line.tokens(len(more), sum(more)) == pytest.approx(sum(start + each * size for size in more), rel=1e-3)


@given(points=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1), more=st.integers(1, 9))
def test_an_estimate_is_never_negative(points: list[tuple[int, int]], more: int) -> None:
    line = TokenLine()
    for size, tokens in points:
        line.add(size, tokens)
    assert line.tokens(more, 100 * more) >= 0


def test_a_model_that_is_here_counts_for_itself(tmp_path: Path) -> None:
    directory = tiny.model(tmp_path / "model")
    prompts = list(map(prompt_of, TEXTS))
    really = sum(len(ChatTemplate(directory).ids(one)) for one in prompts)
    result, known = estimate(TokenEstimator(IDENTITY, directory, None), prompts)
    assert known and result == pytest.approx(really, rel=0.02)
    assert result > 1.1 * sum(map(len, TEXTS)) / CHARACTERS_PER_TOKEN, "the guess would be far off"


def test_prompts_beyond_the_counted_ones_are_like_them(tmp_path: Path) -> None:
    directory = tiny.model(tmp_path / "model")
    reading = TokenEstimator(IDENTITY, directory, None)
    prompts = [prompt_of("x" * (n % 50)) for n in range(4 * MAX_COUNTED)]
    result, known = estimate(reading, prompts)
    assert reading.lines["s"].number == MAX_COUNTED
    assert known and result == pytest.approx(sum(len(ChatTemplate(directory).ids(one)) for one in prompts), rel=0.01)


def test_what_was_counted_is_told_exactly_whatever_was_remembered(tmp_path: Path) -> None:
    directory = tiny.model(tmp_path / "model")
    old, new = [prompt_of("é, " * n, f"r{n}/s") for n in range(20)], [prompt_of(text, f"{text}/s") for text in TEXTS]
    remember(tmp_path / "s", Counting(), old)
    load = planned(tmp_path / "s", [*old, *new], directory)
    assert (load.read, load.counted) == (sum(len(ChatTemplate(directory).ids(one)) for one in new), True)


class Counted(Counting):
    """A server that says how many tokens it read: 30 for its template, and 1 for two characters."""

    def reply(self, one: Prompt) -> Reply:
        return Reply("yes", "ok", 30 + len(one.messages[0].content) // 2, 5)


def test_a_server_is_believed_by_what_it_said_of_other_steps(tmp_path: Path) -> None:
    remember(tmp_path / "s", Counted(), OTHERS)
    new = [prompt_of("y" * 100, "r1/new"), prompt_of("z" * 500, "r2/new")]
    for identity, expected in ((IDENTITY, 80 + 280), (Identity("another", "e"), 600 / CHARACTERS_PER_TOKEN)):
        load = planned(tmp_path / "s", new, tmp_path, identity)
        assert (load.read, load.counted) == (expected, identity == IDENTITY)


def test_a_server_that_says_no_tokens_is_not_believed_to_read_none(tmp_path: Path) -> None:
    class Silent(Counting):
        def reply(self, one: Prompt) -> Reply:
            return Reply("yes", "ok", 0, 0)

    old, new = (
        [prompt_of("x" * 400, f"r{n}/s") for n in range(9)],
        [prompt_of("y" * 400, "r9/s"), prompt_of("z" * 400, "r9/t")],
    )
    remember(tmp_path / "s", Silent(), old)
    load = planned(tmp_path / "s", [*old, *new], tmp_path)
    assert (load.read, load.counted) == (800 // CHARACTERS_PER_TOKEN, False)
    assert (load.written, load.measured) == (load.most, False)


def test_a_damaged_reply_that_nobody_asks_for_ends_no_plan(tmp_path: Path) -> None:
    remember(tmp_path / "s", Counted(), OTHERS)
    with Replies(tmp_path / "s") as replies:
        replies.database.execute("UPDATE reply SET body = x'00' WHERE id % 3 = 0")
        part = replies.database.execute("INSERT INTO part (digest, body) VALUES (x'01', x'00')").lastrowid
        replies.database.execute("UPDATE reply SET setting = ? WHERE id = 1", (part,))
        reading = TokenEstimator(IDENTITY, None, replies)
        assert estimate(reading, [prompt_of("y" * 100)]) == (80, True)


def test_a_server_is_believed_however_many_replies_of_others_are_newer(tmp_path: Path) -> None:
    remember(tmp_path / "s", Counted(), OTHERS)
    judged = [prompt_of(f"{n}", f"r{n}/judge") for n in range(MAX_RECENT)]
    remember(tmp_path / "s", Counting(), judged, Identity("judge", "e"))
    with Replies(tmp_path / "s") as replies:
        assert estimate(TokenEstimator(IDENTITY, None, replies), [prompt_of("y" * 100)]) == (80, True)


def test_a_prompt_that_the_template_refuses_stops_no_counting(tmp_path: Path) -> None:
    picky = "{% if 'x' in messages[0]['content'] %}{{ 1 / 0 }}{% endif %}" + tiny.CHATML
    directory = tiny.tokenizer(tmp_path / "model", picky)
    reading = TokenEstimator(IDENTITY, directory, None)
    result, known = estimate(reading, [prompt_of("x"), prompt_of("y" * 50), prompt_of("x" * 9), prompt_of("y" * 250)])
    assert known and reading.lines["s"].number == 2
    assert result == pytest.approx(
        sum(len(ChatTemplate(directory).ids(prompt_of("y" * n))) for n in (1, 50, 9, 250)), rel=0.01
    )


PARTS = (
    "{% for message in messages %}{{ message['role'].upper() + ': ' }}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'text') %}{{ part['text'] + ' ' }}{% endfor %}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
"""As LLaVA-1.5's: of a content that is a plain text, it would drop every word."""


def test_a_model_that_sees_reads_the_text_and_the_pictures(tmp_path: Path) -> None:
    directory = tiny.tokenizer(tmp_path / "model", PARTS)
    (directory / "config.json").write_text('{"vision_config": {}}')
    shown = Message("user", "w" * 300, (Image("0" * 64), Image("1" * 64)))
    reading = TokenEstimator(IDENTITY, directory, None)
    reading.count("s", Prompt((shown,), Sampling(0.0, 1.0, 0, 8), 1, purpose="r/s"))
    text = f"USER: <image>\n<image>\n{'w' * 300} ASSISTANT:"
    ids = len(ChatTemplate(directory).tokenizer.encode(text, add_special_tokens=False).ids)
    assert reading.lines["s"].y == ids + 2 * IMAGE_TOKENS
