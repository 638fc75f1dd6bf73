"""The work that every client gets: two rounds of three dependent calls a row, as Seq-Instruct makes them.

In a round a row's instruction is sent to be judged (choose: a letter comes back), sent again with the letter to be
rewritten (write: a new instruction comes back), and the new instruction is sent by itself (answer). The next round
begins with the new instruction. Every reply follows from its request alone, and no client can know it beforehand, so
that a server can tell a request that rests on the right replies from any other.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

ROUNDS = 2
STEPS = ("choose", "write", "answer")
ACTIONS = {"A": "decompose", "B": "prefix", "C": "suffix"}
"""Letters, and the prompt files that they stand for in our own protocol."""
SYSTEM = "You turn instructions into sequences of tasks. " * 4
RULE = "Every task must call for an answer that can be seen, and whatever the instruction needs stays in it. " * 12
CHOOSE = f"{RULE}\nSay what suits this instruction, then end with its letter: A, B or C.\nInstruction: "
WRITE = f"{RULE}\nRewrite this instruction by way {{letter}} and put #New Instruction#: before it.\nInstruction: "
FILLER = "word " * 110
"""Length of a reply: about 600 characters."""
_CHOOSE = re.compile(re.escape(CHOOSE) + "(.*)")
_WRITE = re.compile(re.escape(WRITE).replace(r"\{letter\}", "([ABC])") + "(.*)")
_ROW = re.compile(r"Describe the harbour of town (\d+) in edition (\d+)\.")
_CODE = re.compile(r"then sum it up under code ([0-9a-f]{8})\.")


@dataclass(frozen=True)
class Call:
    """What a request asks for."""

    step: str
    row: int
    edition: int
    rounds: int
    """Rounds that its instruction has been through."""


def code(*parts: object) -> str:
    """Eight hexadecimal digits that nobody guesses."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:8]


def letter(row: int, edition: int, number: int) -> str:
    """What `choose` gives for a row in the round of that number, from 1."""
    return "ABC"[int(code("letter", row, edition, number), 16) % 3]


def instruction(row: int, edition: int = 0, rounds: int = 0) -> str:
    """A row's instruction after so many rounds."""
    text = f"Describe the harbour of town {row} in edition {edition}."
    for number in range(1, rounds + 1):
        text += f" Afterwards look back at part {number}, then sum it up under code {_written(row, edition, number)}."
    return text


def _written(row: int, edition: int, number: int) -> str:
    return code("written", row, edition, number, letter(row, edition, number))


def answer(row: int, edition: int, rounds: int) -> str:
    """The reply to an instruction that has been through so many rounds."""
    return f"Report {code('answer', row, edition, rounds)} {FILLER}".strip()


def expected(row: int, edition: int = 0) -> list[str]:
    """What a client must hand back for a row: its last instruction, and the answer of each round."""
    answers = [answer(row, edition, number) for number in range(1, ROUNDS + 1)]
    return [instruction(row, edition, ROUNDS), *answers]


def call_of(messages: list[dict[str, Any]]) -> Call | None:
    """The call that a request makes; None for one that does not rest on the right replies."""
    text = messages[-1]["content"] if messages else ""
    if isinstance(text, list):  # as parts, which some clients send
        text = "".join(part.get("text", "") for part in text)
    chosen, written = _CHOOSE.fullmatch(text), _WRITE.fullmatch(text)
    given = chosen[1] if chosen else written[2] if written else text
    row = _ROW.match(given)
    if row is None:
        return None
    name, edition, rounds = int(row[1]), int(row[2]), len(_CODE.findall(given))
    step = "choose" if chosen else "write" if written else "answer"
    right = given == instruction(name, edition, rounds)
    if written and written[1] != letter(name, edition, rounds + 1):
        right = False
    return Call(step, name, edition, rounds) if right else None


def reply(call: Call) -> str:
    """The text that answers it."""
    if call.step == "answer":
        return answer(call.row, call.edition, call.rounds)
    if call.step == "choose":
        return f"{FILLER}So the option is: {letter(call.row, call.edition, call.rounds + 1)}"
    return f"{FILLER}\n#New Instruction#: {instruction(call.row, call.edition, call.rounds + 1)}\n###"


def prompt_files() -> dict[str, str]:
    """Name -> text of the prompt files with which our own protocol sends the same requests."""
    asks = {"choose": CHOOSE} | {name: WRITE.replace("{letter}", mark) for mark, name in ACTIONS.items()}
    return {
        name: f"The work of a measurement.\n\n--- system\n{SYSTEM.strip()}\n\n--- user\n{text}{{{{ instruction }}}}\n"
        for name, text in asks.items()
    }


def work(rows: int, edited: int | None = None) -> dict[str, Any]:
    """What a client is given, as JSON: its rows, the one with that number in another edition, and its prompts."""
    texts = [instruction(row, int(row == edited)) for row in range(rows)]
    return {"instructions": texts, "system": SYSTEM.strip(), "choose": CHOOSE, "write": WRITE, "rounds": ROUNDS}
