"""The engine `scripted`: replies by the first matching rule of a file, for tests. No model is needed.

Options: `rules` names a JSON or YAML file that holds a list of rules. A rule has

    match: a regular expression, searched in the last message of the user; if left out, the rule matches every prompt
    anywhere: the same, searched in all messages together (the system prompt, worked examples, the reply's beginning)
    reply: the text, in which \\1 and \\g<name> stand for groups of `match`; or a list, of which the seed takes one
    status: ok (if left out), truncated, refused or failed
    scores: log-probabilities of the constraint's choices
    weigh: true for log-probabilities that the seed draws, whatever the choices are
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from stages.core import artifacts
from stages.core.completions import Capabilities, Prompt, Reply, ReplyStatus
from stages.core.errors import UserError
from stages.core.records import digest
from stages.inference.engine_interface import Backend
from stages.inference.local_engine import Batches, LocalEngine
from stages.reply_store.identity import Identity, Reference

BATCH = 32
"""Prompts to which replies are stored in one transaction: half of those that wait for an engine, so that the next ones
are made meanwhile."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A condition on prompts, and the reply to them."""

    match: str = ""
    anywhere: str = ""
    reply: str | list[str] = ""
    status: ReplyStatus = "ok"
    scores: dict[str, float] = {}
    weigh: bool = False


class ScriptedEngine(LocalEngine):
    """An engine that replies to each prompt by itself, so replies depend on nothing else."""

    def __init__(self, rules: list[Rule], identity: str) -> None:
        """`rules`: in the order they are tried."""
        self.identity = identity
        self._rules = [(rule, re.compile(rule.match, re.S), re.compile(rule.anywhere, re.S)) for rule in rules]
        self._batches = Batches(BATCH, lambda prompts: [self._reply(prompt) for prompt in prompts])

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
        """One group per batch."""
        return self._batches.answer(prompts)

    def _reply(self, prompt: Prompt) -> Reply:
        user_text = next((message.content for message in reversed(prompt.messages) if message.role == "user"), "")
        everything = "\n".join(message.content for message in prompt.messages)
        for rule, match, anywhere in self._rules:
            groups = match.search(user_text)
            if groups and anywhere.search(everything):
                return _reply_by_rule(rule, groups, prompt, len(everything.split()))
        return Reply("", "failed", 0, 0, "no rule fits this prompt")


def _reply_by_rule(rule: Rule, groups: re.Match[str], prompt: Prompt, words: int) -> Reply:
    texts = [rule.reply] if isinstance(rule.reply, str) else rule.reply
    # Only the seed and the sample decide: the rest of the prompt has selected the rule.
    drawn = Random(f"{prompt.seed}:{prompt.sample}").choice(texts) if len(texts) > 1 else "".join(texts)
    expanded = groups.expand(drawn) if "\\" in drawn else drawn
    text = expanded if rule.status in ("ok", "truncated") else ""
    scores = rule.scores
    if rule.weigh and prompt.constraint:
        scores = {choice: Random(f"{prompt.seed}:{choice}").uniform(-9, 0) for choice in prompt.constraint.choice}
    return Reply(text, rule.status, words, len(text.split()), error="" if text else rule.status, scores=scores)


def identify(reference: Reference | None, options: dict[str, Any]) -> Identity:
    """The model's identity if there is one, and the hash of the rules: changed rules have other reply keys."""
    rules = _read_rules(options)
    return Identity(reference.identity if reference else "scripted", f"scripted:{digest(rules, 16)}")


def capabilities(directory: Path, options: dict[str, Any]) -> Capabilities:
    """Choice scores where a rule has any; constraints are not enforced."""
    return Capabilities(choice_scores=any(rule.scores or rule.weigh for rule in _read_rules(options)))


@contextmanager
def open_engine(directory: Path, options: dict[str, Any]) -> Iterator[ScriptedEngine]:
    """The rules of options["rules"]. Raises UserError for a file that holds no such rules."""
    yield ScriptedEngine(_read_rules(options), "scripted")


def _read_rules(options: dict[str, Any]) -> list[Rule]:
    if set(options) != {"rules"} or not isinstance(options["rules"], str):
        raise UserError(f"params.yaml: the scripted engine takes one option, `rules: <file>`, not {options!r:.200}")
    path = Path(options["rules"])
    text = artifacts.read_text(path)
    decode = msgspec.json.decode if path.suffix == ".json" else msgspec.yaml.decode
    try:
        rules = decode(text.encode(), type=list[Rule])
    except msgspec.DecodeError as error:
        raise UserError(f"{path}: {error}; stages/inference/backends/scripted says what a rule is") from None
    for number, rule in enumerate(rules):
        if fault := _fault(rule):
            raise UserError(
                f"{path}: rule {number} (from 0): {fault}; stages/inference/backends/scripted says what a rule is"
            )
    return rules


def _fault(rule: Rule) -> str:
    """Which of a rule's expressions or replies can't be used, and why; "" if all can."""
    field = "match"
    try:
        match = re.compile(rule.match)
        field = "anywhere"
        re.compile(rule.anywhere)
        field = "reply"
        for text in [rule.reply] if isinstance(rule.reply, str) else rule.reply:
            match.sub(text, "")  # compiles the reply also where nothing matches
    except (re.error, IndexError, OverflowError, RecursionError) as error:
        return f"{field}: {error}"
    return ""


BACKEND = Backend(identify, capabilities, open_engine)
