"""Tulu-V2: {dataset, id, messages: [{role, content}]} (huggingface.co/datasets/allenai/tulu-v2-sft-mixture).

A conversation becomes ONE record. Its last exchange is the instruction and the response, which is what Seq-Instruct
rewrites and answers anew; the exchanges before it are `history`, oldest first, untouched. A leading system message is
`system`. What the user says after the assistant's last turn has no response and is left off. Turns must be user and
assistant by turns, beginning with the user: others are rejected, since nobody knows what answers what.
"""

from collections.abc import Iterator
from typing import Any

from stages.corpora.rows import Content, Raw, Refusal, each, text, value_of
from stages.errors import UserError
from stages.records import Turn


def content(raw: Raw) -> Content | Refusal:
    """See the module. Raises UserError for messages that are not a list of {role, content}."""
    said = list(_messages(raw))
    system = said.pop(0)[1] if said and said[0][0] == "system" else ""
    if not said or any(role != ("user", "assistant")[n % 2] for n, (role, _) in enumerate(said)):
        return Refusal("no-user-turn", " ".join(role for role, _ in said)[:80])
    turns = [Turn(said[n][1], said[n + 1][1]) for n in range(0, len(said) - 1, 2)]
    if not turns:
        return Refusal("no-response")
    return Content(turns[-1].instruction, "", turns[-1].response, system, tuple(turns[:-1]))


def _messages(raw: Raw) -> Iterator[tuple[str, str]]:
    messages: Any = value_of(raw, "messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise UserError(f"{raw.where}: field 'messages' is not a list of messages; mend the row")
    for number, message in enumerate(messages):
        turn = Raw(message, number, raw.file, f"{raw.where}, message {number}")
        yield text(turn, "role"), text(turn, "content")


contents = each(content)
