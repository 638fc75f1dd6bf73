"""Compares each row with the stored replies that its steps name: requests, keys and the texts made of them."""

from functools import lru_cache
from typing import Any

import msgspec

from stages.core.completions import Message, Prompt, draw_seed
from stages.core.records import canonical
from stages.publishing.published_rows import public
from stages.reply_store.checksums import text_hash
from stages.reply_store.identity import Identity
from stages.reply_store.keys import request
from stages.reply_store.stored_reply import StoredReply
from stages.response_filter.preference_pairs import STAGE as FILTER
from stages.verification.check_results import CheckLog, CheckResult
from stages.verification.prompt_checks import PromptFiles
from stages.verification.reply_sources import BadReplyError, ReplySource
from stages.verification.set_columns import (
    HISTORY,
    ID,
    INPUT,
    INSTRUCTION,
    OUTPUT,
    OUTPUT_STATUS,
    PROMPT,
    REPLY,
    REPLY_HASHES,
    STEPS,
    SYSTEM,
    TURN,
    Row,
    step_field,
)  # fmt: skip
from stages.verification.text_rebuild import answer, original, rebuild, renders

OTHER_STAGES = ("evolve", "augment", "split", "extract")
"""Stages with whose steps a row's texts are not rebuilt: they may change its id, input or earlier turns."""
NO_REPLY = "replies that are not in the store or file"
NO_PROMPT = "a prompt file is not at hand; name its folder with --prompts"
OTHER = "rows that other stages than rewrite and respond changed ({})"


class ReplyCheck:
    """Compares rows with replies."""

    def __init__(self, data: str, replies: ReplySource, prompts: PromptFiles, seed: int | None) -> None:
        """seed: that of the experiment, None where the set does not name it."""
        self._data, self._replies, self._prompts, self._seed = data, replies, prompts, seed
        self._keys = CheckLog("reply keys", "replies")
        self._requests = CheckLog("requests and keys computed from rows", "replies")
        self._instructions = CheckLog("instructions rebuilt from replies", "rows")
        self._outputs = CheckLog("outputs rebuilt from replies", "rows")

    def add(self, row: Row) -> None:
        """Compare a row."""
        steps = row.get(STEPS) or []
        stored = {(n, m): self._stored(row, n, m) for n, step in enumerate(steps) for m in range(len(step["replies"]))}
        named = {key for step in steps for key in step["replies"]}
        if row.get(REPLY) and row[REPLY] not in named:
            self._keys.differs(self._data, row[ID], REPLY, "is no reply of the row's steps")
        other = sorted({step["stage"] for step in steps} & {*OTHER_STAGES})
        if other:
            self._instructions.skip(OTHER.format(", ".join(other)))
            return
        self._rewritten(row, steps, stored)
        if OUTPUT in row:
            self._responded(row, steps, stored)

    def results(self) -> list[CheckResult]:
        """The outcomes."""
        return [log.result() for log in (self._keys, self._requests, self._instructions, self._outputs)]

    def _stored(self, row: Row, number: int, part: int) -> StoredReply | None:
        step = row[STEPS][number]
        key, field = step["replies"][part], step_field(number, "replies", part)
        try:
            stored = self._replies.get(key)
        except BadReplyError as error:
            self._keys.differs(self._data, row[ID], field, str(error))
            return None
        if stored is None:
            self._keys.skip(NO_REPLY)
        elif (hashes := step.get(REPLY_HASHES)) and hashes[part : part + 1] != [text_hash(stored.text)]:
            says = hashes[part][:12] if part < len(hashes) else "nothing"
            message = f"says {says}; the text of the stored reply {key[:12]} has the hash {text_hash(stored.text)[:12]}"
            self._keys.differs(self._data, row[ID], step_field(number, REPLY_HASHES, part), message)
        # Of the filter's replies some are the judge's, and others those of further samples of the generator.
        elif step["stage"] != FILTER and public(stored.payload.setting.model) != step["generator"]:
            message = f"says {step['generator']}; reply {key[:12]} is of {public(stored.payload.setting.model)}"
            self._keys.differs(self._data, row[ID], step_field(number, "generator"), message)
        else:
            self._keys.agrees()
        return stored

    # ---------------------------------------------------------------- instructions

    def _rewritten(self, row: Row, steps: list[Row], stored: dict[tuple[int, int], StoredReply | None]) -> None:
        """Follow the instruction from round to round."""
        text: str | None = None
        last, reason = -1, ""
        for number, step in enumerate(steps):
            if step["stage"] != "rewrite" or step["status"] == "frozen":
                continue
            replies = [stored[number, part] for part in range(len(step["replies"]))]
            text = self._before(row, number, text, replies)
            if step["status"] != "ok" or step["action"] == "hold":
                continue
            last, text, reason = number, *self._after(row, number, text, replies)
        if last < 0:
            self._instructions.skip("rows whose instruction no round changed")
        elif text is None:
            self._instructions.skip(reason)
        elif text == row[INSTRUCTION]:
            self._instructions.agrees()
        else:
            key = (steps[last]["replies"] or ["-"])[-1][:12]
            message = f"{_difference(row[INSTRUCTION], text)}; rebuilt from reply {key}"
            self._instructions.differs(self._data, row[ID], INSTRUCTION, message)

    def _before(self, row: Row, number: int, text: str | None, replies: list[StoredReply | None]) -> str | None:
        """The instruction before a step: as followed so far, else as the step's requests show it.

        Compares the requests with it.
        """
        step = row[STEPS][number]
        hashes = step[PROMPT].split("+") if step[PROMPT] else []
        templates = [template for one in hashes if (template := self._prompts.template(one))]
        if len(templates) < len(hashes) or not templates:
            self._requests.skip(NO_PROMPT, len(replies))
            return text
        for part, reply in enumerate(replies):
            if reply is None:
                continue
            shown = (original(template, row[INPUT], reply) for template in templates)
            text = next((one for one in shown if one is not None), None) if text is None else text
            if text is None:
                continue
            values = {"instruction": text, "input": row[INPUT]}
            fits = any(renders(template, values, reply) for template in templates)
            self._compare_request(row, number, part, reply, fits, self._purposes(step))
        return text

    @staticmethod
    def _purposes(step: Row) -> list[str]:
        return [f"{name}:{step['round']}" for name in (step["action"], "choose")]

    def _after(
        self, row: Row, number: int, text: str | None, replies: list[StoredReply | None]
    ) -> tuple[str | None, str]:
        """The instruction after a step that took effect, and why it can't be rebuilt."""
        step = row[STEPS][number]
        template = self._prompts.template(step[PROMPT].rpartition("+")[2])
        if not replies:
            return None, "rows changed without a model, or whose steps name no reply"
        stored = replies[-1]
        if stored is None:
            return None, NO_REPLY
        if template is None:
            return None, NO_PROMPT
        if text is None:
            return None, "the stored request does not show the instruction before the round"
        made = rebuild(template, {"instruction": text, "input": row[INPUT]}, stored)
        if made.is_mismatch:
            field = step_field(number, "replies", len(replies) - 1)
            self._instructions.differs(self._data, row[ID], field, f"{made.reason}: reply {stored.key[:12]}")
        return made.instruction, made.reason

    # ---------------------------------------------------------------- responses

    def _responded(self, row: Row, steps: list[Row], stored: dict[tuple[int, int], StoredReply | None]) -> None:
        """Compare the last response with the reply that it is made of."""
        numbers = [number for number, step in enumerate(steps) if step["stage"] == "respond"]
        if not numbers:
            self._outputs.skip("rows whose output is the source's own")
            return
        number = numbers[-1]
        step, replies = steps[number], [stored[numbers[-1], part] for part in range(len(steps[number]["replies"]))]
        expected = conversation(row)
        for part, reply in enumerate(replies):
            if reply is not None:
                fits = reply.payload.messages == expected
                rounds = range(step["round"], -1, -1) if step["status"] == "frozen" else [step["round"]]
                self._compare_request(row, number, part, reply, fits, [f"respond:{one}" for one in rounds])
        if not replies or replies[-1] is None:
            self._outputs.skip(NO_REPLY if replies else "rows whose output is the source's own")
            return
        self._compare_output(row, number, replies[-1])

    def _compare_output(self, row: Row, number: int, stored: StoredReply) -> None:
        status = row[STEPS][number]["status"]
        text = answer(stored).strip()
        if text != row[OUTPUT]:
            message = f"{_difference(row[OUTPUT], text)}; rebuilt from reply {stored.key[:12]}"
            self._outputs.differs(self._data, row[ID], OUTPUT, message)
        elif status not in (stored.status, "frozen"):
            message = f"says {status}; reply {stored.key[:12]} is {stored.status}"
            self._outputs.differs(self._data, row[ID], step_field(number, "status"), message)
        elif row.get(OUTPUT_STATUS, stored.status) != stored.status:
            message = f"says {row[OUTPUT_STATUS]}; reply {stored.key[:12]} is {stored.status}"
            self._outputs.differs(self._data, row[ID], OUTPUT_STATUS, message)
        else:
            self._outputs.agrees()

    # ---------------------------------------------------------------- requests

    def _compare_request(
        self, row: Row, number: int, part: int, stored: StoredReply, fits: bool, purposes: list[str]
    ) -> None:
        """Compare a stored request with the row's own: its messages, its sampling, and its key with the seed."""
        field = step_field(number, "replies", part)
        if not fits:
            message = f"reply {stored.key[:12]} answers another request than the row's own"
            wrong = _unlike(row, stored) if row[STEPS][number]["stage"] == "respond" else ""
            self._requests.differs(self._data, row[ID], field, f"{message}{f' ({wrong} differs)' if wrong else ''}")
            return
        recorded = _decoded(row[STEPS][number]["sampling"] or "{}")
        actual = _decoded(canonical(stored.payload.setting.sampling).decode())
        if any(recorded.get(name) != value for name, value in actual.items()):
            self._requests.skip("replies for which other sampling parameters were sent than their request names")
        if self._seed is None:
            self._requests.agrees()
            return
        # The stored key is that of the stored request (`ReplySource.get`), so of all that is in the row's own request
        # only the seed is left to compare.
        if any(draw_seed(self._seed, row[ID], purpose) == stored.payload.seed for purpose in purposes):
            self._requests.agrees()
        else:
            key = _key(row[ID], stored, self._seed, purposes[0])
            message = f"the row's request has the key {key[:12]} with the seed {self._seed}, not {stored.key[:12]}"
            self._requests.differs(self._data, row[ID], field, message)


@lru_cache(256)
def _decoded(sampling: str) -> dict[str, Any]:
    """The parameters of a sampling; not to be changed."""
    return dict(msgspec.json.decode(sampling))


def _key(id: str, stored: StoredReply, seed: int, purpose: str) -> str:
    """The key of a row's request. The address of the server is that of the stored one, as sets do not publish it."""
    payload = stored.payload
    setting = payload.setting
    prompt = Prompt(
        payload.messages, setting.sampling, draw_seed(seed, id, purpose), payload.sample, setting.constraint,
        continue_final=setting.continue_final, raw=setting.raw,
    )  # fmt: skip
    return request(Identity(setting.model, setting.endpoint), prompt).key.hex()


def conversation(row: Row) -> tuple[Message, ...]:
    """The messages to which a row's output is the response."""
    system = [Message("system", row[SYSTEM])] if row[SYSTEM] else []
    user, assistant = TURN
    turns = [
        message
        for turn in (row.get(HISTORY) or ())
        for message in (Message("user", turn[user]), Message("assistant", turn[assistant]))
    ]
    text = f"{row[INSTRUCTION]}\n\n{row[INPUT]}" if row[INPUT] else row[INSTRUCTION]
    return (*system, *turns, Message("user", text))


def _unlike(row: Row, stored: StoredReply) -> str:
    """The column by which a row's messages differ from those of a stored request."""
    ours, theirs = conversation(row), stored.payload.messages
    if [one.content for one in ours if one.role == "system"] != [one.content for one in theirs if one.role == "system"]:
        return SYSTEM
    if ours[:-1] != theirs[:-1]:
        return HISTORY
    return INPUT if theirs and theirs[-1].content.startswith(row[INSTRUCTION]) else INSTRUCTION


def _difference(actual: str, expected: str) -> str:
    """Where two texts begin to differ, with some characters of each."""
    limit = min(len(actual), len(expected))
    at = next((n for n in range(limit) if actual[n] != expected[n]), limit)
    return f"from character {at} says {actual[at : at + 24]!r}, not {expected[at : at + 24]!r}"
