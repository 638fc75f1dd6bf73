"""The state machine of an engine's session: which transitions happen, in which thread, and what each leaves behind."""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from stages.core.completions import Prompt, Reply
from stages.core.errors import UserError
from stages.inference.budgets import Ledger, max_tokens_of
from stages.inference.progress import Progress
from stages.inference.session import TRANSITIONS, Inbox, Resources, Session, State, StoppedError
from stages.params import Budget
from stages.reply_store.keys import Request
from stages.reply_store.store import Replies
from tests.inference.counting import IDENTITY, Counting, asked, prompt


class Recorder(Counting):
    """Notes the state of the session at each call of `answer`, and after it."""

    def __init__(self, error: Exception | None = None, leaves: bool = False) -> None:
        super().__init__(batch=2)
        self.states: list[State] = []
        self.session: Session | None = None
        self.error, self.leaves = error, leaves

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
        assert self.session
        self.states.append(self.session.state)
        if self.error:
            raise self.error
        if self.leaves:
            next(iter(prompts))
            return
        yield from super().answer(prompts)
        self.states.append(self.session.state)


class Fixture:
    """A session behind a store, and the keys that it has released."""

    def __init__(self, engine: Recorder, replies: Replies, ledger: Ledger | None = None) -> None:
        self.inbox, self.released = Inbox(), set[bytes]()
        resources = Resources(engine, lambda pairs: replies.keep(pairs, IDENTITY.model), Progress("t", "m"), ledger, 1)
        self.session = engine.session = Session(resources, self.inbox, self.released.update)

    def start(self, requests: list[Request], close: bool = True) -> threading.Thread:
        for request in requests:
            self.session.put(request)
        if close:
            self.session.close()
        thread = threading.Thread(target=self.session.run)
        thread.start()
        return thread


@pytest.fixture
def replies(tmp_path: Path) -> Iterator[Replies]:
    with Replies(tmp_path / "store") as opened:
        yield opened


def test_a_closed_session_ends_when_every_request_is_answered(replies: Replies) -> None:
    engine = Recorder()
    fixture = Fixture(engine, replies)
    assert fixture.session.state == "new"
    requests = [asked(number) for number in range(3)]
    fixture.start(requests).join(10)
    assert (engine.states, fixture.session.state) == (["answering", "answering"], "ended")
    assert {key for key, _ in fixture.inbox.take()} == fixture.released == {request.key for request in requests}
    assert fixture.inbox.error is None


def test_an_open_session_waits_for_more_requests(replies: Replies) -> None:
    fixture = Fixture(Recorder(), replies)
    thread = fixture.start([asked(1)], close=False)
    thread.join(0.2)
    assert thread.is_alive() and fixture.session.state == "answering"
    fixture.session.put(asked(2))
    fixture.session.close()
    thread.join(10)
    assert fixture.session.state == "ended" and len(fixture.inbox.take()) == 2


def test_no_request_is_put_into_a_closed_session(replies: Replies) -> None:
    fixture = Fixture(Recorder(), replies)
    fixture.session.close()
    with pytest.raises(RuntimeError, match="takes no more requests"):
        fixture.session.put(asked(1))


def test_a_request_that_the_budget_does_not_admit_pauses_the_session_and_ends_it_if_it_never_fits(
    replies: Replies,
) -> None:
    engine = Recorder()
    enough_for_one = Budget(tokens=sum(max_tokens_of(prompt(1))) + 10, money=None)
    fixture = Fixture(engine, replies, Ledger(replies, IDENTITY, None, enough_for_one))
    requests = [asked(number) for number in range(9)]
    fixture.start(requests).join(10)
    assert fixture.session.state == "ended"
    assert engine.states[:4] == ["answering", "paused", "answering", "paused"], "each reply costs less than its most"
    assert isinstance(fixture.inbox.error, UserError) and "is used up" in str(fixture.inbox.error)
    assert fixture.released == {request.key for request in requests}, "also those that were never sent"


def test_an_error_of_the_engine_ends_the_session_and_the_stream(replies: Replies) -> None:
    error = UserError("no such model")
    fixture = Fixture(Recorder(error), replies)
    fixture.start([asked(1)]).join(10)
    assert fixture.session.state == "ended" and fixture.inbox.error is error
    assert fixture.released == {asked(1).key}


def test_an_engine_that_leaves_a_request_unanswered_is_an_error(replies: Replies) -> None:
    fixture = Fixture(Recorder(leaves=True), replies)
    fixture.start([asked(1), asked(2)]).join(10)
    assert str(fixture.inbox.error) == "the engine left 2 prompts unanswered"


def test_a_stream_with_an_error_ends_a_session_that_waits(replies: Replies) -> None:
    fixture = Fixture(Recorder(), replies)
    thread = fixture.start([], close=False)
    fixture.inbox.fail(StoppedError())
    fixture.inbox.fail(UserError("later"))
    thread.join(10)
    assert not thread.is_alive() and fixture.session.state == "ended"
    assert isinstance(fixture.inbox.error, StoppedError), "the first error stays"


@pytest.mark.parametrize("state", TRANSITIONS)
def test_other_transitions_are_refused(state: State, replies: Replies) -> None:
    for target in TRANSITIONS:
        session = Fixture(Recorder(), replies).session
        session.state = state
        if target in TRANSITIONS[state]:
            session._enter(target)
            assert session.state == target
        else:
            with pytest.raises(RuntimeError, match=f"can't go from {state} to {target}"):
                session._enter(target)
