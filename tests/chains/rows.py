"""Rows, links and models that the tests of chains share."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from stages.chains.chain_types import Link
from stages.core.completions import Prompt, Reply
from stages.core.records import Record, Source
from stages.prompts import parse

SOURCE = Source("path:x", 0, "0", "MIT", "en")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(
    ["Answer:", "\n\nAnswer:\n", "Translation:\nx\n\nAnswer:\ny", "\n", " ", "a\nb"]
)
LANGUAGES = ("de", "zh", "es", "ru")
TRANSLATE = Link(
    "translate", "First translate the input into English, then", LANGUAGES, 1 / 3, ("Translation:", "Answer:")
)
REPEAT = Link("repeat", "First repeat the input, then")
LABELLED = Link("repeat", "First repeat the input, then", labels=("Input:", "Answer:"))
PARAPHRASE = Link("paraphrase", "First paraphrase the input, then")
CAPTION = Link("caption", "First describe the image, then")


FILES = {
    name: parse((Path(__file__).resolve().parents[2] / f"stages/prompts/chains/{name}.txt").read_text(), name)
    for name in ("paraphrase", "translate")
}


def record(number: int, input: str = "", response: str = "Yes.", image: str = "") -> Record:
    return Record(f"c-{number}", "c", f"Do {number}.", input, response, "", SOURCE, image=image)


def in_all(records: Iterable[Record], languages: Iterable[str] = LANGUAGES) -> dict[str, dict[str, str]]:
    return {r.input.strip(): {language: f"{language}: {r.input}" for language in languages} for r in records}


def upper(prompts: Iterable[Prompt]) -> Iterator[Reply]:
    """A model that writes what stands after the first blank line of what it is sent in capitals."""
    for request in prompts:
        text = request.messages[-1].content.partition("\n\n")[2].upper()
        yield Reply(text, "ok", 1, 1, id=f"reply-{request.purpose}", model="upper")


def saying(text: str) -> Any:
    return lambda prompts: (Reply(text, "ok", 1, 1, id="r", model="m") for _ in prompts)


def applied(record: Record, links: Iterable[Link]) -> list[Link]:
    done = {step.action.partition(":")[0] for step in record.steps if step.status == "ok"}
    return [link for link in links if link.chain in done]
