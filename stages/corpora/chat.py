"""Conversations in the forms in which chat data is passed around.

{messages: [{role, content}]} as OpenAI and Tulu have it (huggingface.co/datasets/allenai/tulu-v2-sft-mixture),
{conversations: [{from, value}]} as ShareGPT has it, and the same under other common names; turns as plain texts, the
user's first, as UltraChat has it. Contents are text, or parts of which the texts are joined.

A conversation becomes ONE record. Its last exchange is the instruction and the response, which is what Seq-Instruct
rewrites and answers anew; the exchanges before it are `history`, oldest first, untouched. Leading system messages are
`system`. User turns after the assistant's last turn have no response and are left off. Turns must alternate between
user and assistant, beginning with the user: other conversations are rejected.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import msgspec

from stages.core.errors import UserError
from stages.core.records import Turn
from stages.corpora.row_types import MISSING, Content, Read, Refusal, lookup, text_if_any, text_of, value_of
from stages.readers.formats import Raw

MESSAGES = (
    "messages", "conversations", "conversation", "dialogue", "dialog", "dialogs", "chat", "chats", "turns", "thread",
    "contents", "data",
)  # fmt: skip
"""Fields that hold a row's messages, in the order in which they are looked for."""
AUTHOR = ("role", "from", "speaker", "author", "sender")
SPOKEN = ("content", "value", "text", "message", "utterance", "parts")
SYSTEMS = ("system", "system_prompt", "system_instruction", "systemInstruction")
ROLES = {
    "system": "system", "developer": "system",
    **dict.fromkeys(("user", "human", "prompter", "customer", "instruction"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "model", "bot", "chatbot", "ai", "bing", "bard"), "assistant"),
    **dict.fromkeys(
        ("tool", "tools", "function", "function_call", "function_response", "tool_call", "tool_response", "tool_calls",
         "observation", "ipython", "function-call", "function-response"), "tool",
    ),
}  # fmt: skip
"""What authors of turns are called, in small letters -> the role."""
EXCHANGES = (
    ("input", "output"), ("instruction", "output"), ("instruction", "response"), ("prompt", "response"),
    ("prompt", "completion"), ("query", "response"), ("question", "answer"),
)  # fmt: skip
"""What the two sides of an exchange are called where a list holds exchanges, as XTuner's conversations do."""
BESIDE = ("image", "images", "video", "videos", "audio", "audios")
TOOLS = ("tools", "functions", "tool_calls", "function_call")


def contents(rows: Iterable[Raw], fields: Mapping[str, str]) -> Iterator[Read]:
    """Each conversation; `fields` may name the field of `messages` and that of `system`.

    Raises UserError naming file and row for a row without a list of messages.
    """
    if unknown := sorted(set(fields) - {"messages", "system"}):
        raise UserError(
            f"params.yaml: `fields` of adapter chat maps {unknown[0]!r}; it may map messages and system, "
            "adapter own others"
        )
    return ((raw, content(raw, fields)) for raw in rows)


def content(raw: Raw, fields: Mapping[str, str] | None = None) -> Content | Refusal:
    """See the module. Raises UserError for messages that are not a list of them."""
    names = fields or {}
    turns = _turns(raw, names.get("messages") or _field(raw))
    if isinstance(turns, Refusal) or (refusal := beyond_text(raw)):
        return turns if isinstance(turns, Refusal) else refusal  # type: ignore[return-value]
    leading = next((n for n, (role, _) in enumerate(turns) if role != "system"), len(turns))
    system = "\n\n".join(words for _, words in turns[:leading] if words.strip())
    beside = text_if_any(raw, names["system"]) if "system" in names else _system(raw)
    if isinstance(beside, Refusal):
        return beside
    if system.strip() and beside.strip() and system.strip() != beside.strip():
        return Refusal("two-systems", beside.strip()[:80])
    return _record(turns[leading:], system or beside)


def history(raw: Raw, field: str) -> tuple[Turn, ...] | Refusal:
    """The earlier exchanges in a field: pairs of question and answer, or messages; () where there is none.

    Raises UserError for anything else in it.
    """
    value = _unpacked(raw.row.get(field))
    if not value:
        return ()
    if isinstance(value, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        return tuple(Turn(*(text_of(raw, field, words, True) for words in pair)) for pair in value)
    turns = _turns(raw, field)
    if isinstance(turns, Refusal):
        return turns
    if len(turns) % 2 or not _alternate(turns):
        return Refusal("no-user-turn", " ".join(role for role, _ in turns)[:80])
    return tuple(Turn(turns[n][1], turns[n + 1][1]) for n in range(0, len(turns), 2))


def beyond_text(raw: Raw) -> Refusal | None:
    """Why a row is more than text: it has pictures or sounds, or tools; None if it is not."""
    if shown := next((name for name in BESIDE if raw.row.get(name) not in (None, "", [], {})), ""):
        return Refusal("other-content", f"{raw.where}: field {shown!r}")
    if used := next((name for name in TOOLS if _unpacked(raw.row.get(name)) not in (None, "", [], {})), ""):
        return Refusal("tool-use", f"{raw.where}: field {used!r}")
    return None


def _record(turns: list[tuple[str, str]], system: str) -> Content | Refusal:
    if not turns or not _alternate(turns):
        return Refusal("no-user-turn", " ".join(role for role, _ in turns)[:80])
    pairs = [Turn(turns[n][1], turns[n + 1][1]) for n in range(0, len(turns) - 1, 2)]
    if not pairs:
        return Refusal("no-response")
    last = pairs[-1]
    repairs = ("unanswered-turn",) if len(turns) % 2 else ()
    return Content(last.instruction, "", last.response, system, tuple(pairs[:-1]), repairs=repairs)  # type: ignore[arg-type]


def _alternate(turns: list[tuple[str, str]]) -> bool:
    return all(role == ("user", "assistant")[n % 2] for n, (role, _) in enumerate(turns))


def _field(raw: Raw) -> str:
    present = [name for name in MESSAGES if isinstance(_unpacked(raw.row.get(name)), list | dict)]
    return (present or [name for name in MESSAGES if name in raw.row] or [MESSAGES[0]])[0]


def _system(raw: Raw) -> str | Refusal:
    """The system prompt beside the turns, "" for none, or why it can't be read."""
    name = next((name for name in SYSTEMS if raw.row.get(name)), "")
    return _words(raw, name) if name else ""


def _turns(raw: Raw, field: str) -> list[tuple[str, str]] | Refusal:
    """(role, text) of each message, or why one of them can't be read."""
    messages: list[tuple[str, str]] = []
    for number, message in enumerate(_messages(raw, field)):
        turn = Raw(message, number, raw.file, f"{raw.where}, message {number}")
        if isinstance(message_or_refusal := _turn(turn), Refusal):
            return message_or_refusal
        messages.append(message_or_refusal)
    return messages


def _messages(raw: Raw, field: str) -> list[dict[str, Any]]:
    value = _unpacked(value_of(raw, field))
    if value is None:
        return []
    if isinstance(value, dict) and value and all(isinstance(column, list) for column in value.values()):
        # datasets' Sequence of a struct: a list for each key.
        return [dict(zip(value, cells, strict=True)) for cells in zip(*value.values(), strict=False)]
    if isinstance(value, list) and all(isinstance(message, str) for message in value) and field not in MESSAGES[:2]:
        return [{"role": ("user", "assistant")[n % 2], "content": words} for n, words in enumerate(value)]
    if not isinstance(value, list) or not all(isinstance(message, dict) for message in value):
        raise UserError(f"{raw.where}: field {field!r} is not a list of messages; correct the row")
    return list(chain.from_iterable(map(_exchange, value)))


def _exchange(message: dict[str, Any]) -> list[dict[str, Any]]:
    """A message, or those of an exchange: {human: …, assistant: …}, as Firefly has it, or {input: …, output: …}.

    A system prompt in it comes first. An exchange with other keys is left as it is, since their content would be lost.
    """
    if not message or set(AUTHOR) & set(message):
        return [message]
    roles = {"system": "system"}
    for user_key, assistant_key in EXCHANGES:
        if {user_key, assistant_key} <= set(message) <= {user_key, assistant_key, *roles}:
            roles |= {user_key: "user", assistant_key: "assistant"}
            return [{"role": roles[key], "content": message[key]} for key in roles if message.get(key) is not None]
    if not all(key.lower() in ROLES for key in message):
        return [message]
    return [{"role": role, "content": words} for role, words in message.items()]


def _unpacked(value: Any) -> Any:
    """A value, decoded where a table holds it as JSON."""
    if isinstance(value, str) and value.strip()[:1] in ("[", "{"):
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value
    return value


def _turn(turn: Raw) -> tuple[str, str] | Refusal:
    author = next((name for name in AUTHOR if name in turn.row), AUTHOR[0])
    value = value_of(turn, author)
    written = text_of(turn, author, value.get("role") if isinstance(value, dict) else value)
    role = ROLES.get(written.strip().lower())
    if role is None:
        return Refusal("unknown-role", f"{turn.where}: {written[:60]!r}")
    if role == "tool" or any(turn.row.get(name) for name in TOOLS):
        return Refusal("tool-use", turn.where)
    words = _words(turn, next((name for name in SPOKEN if name in turn.row), SPOKEN[0]))
    return words if isinstance(words, Refusal) else (role, words)


def _words(turn: Raw, field: str) -> str | Refusal:
    """The text of a message, the texts of its parts on lines of their own."""
    value = value_of(turn, field)
    if isinstance(value, dict):
        value = next((value[key] for key in ("parts", "text", "content") if key in value), value)
    if not isinstance(value, list):
        return text_of(turn, field, value, True)
    parts = []
    for number, part in enumerate(value):
        text = part if isinstance(part, str) else lookup(part, "text") if isinstance(part, dict) else MISSING
        if text is MISSING or not isinstance(text, str):
            return Refusal("other-content", f"{turn.where}, part {number}: {_kind(part)}")
        parts.append(text)
    return "\n".join(parts)


def _kind(part: Any) -> str:
    return repr(part.get("type", sorted(part)) if isinstance(part, dict) else part)[:60]
