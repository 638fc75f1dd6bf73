"""The work by bespokelabs-curator: a chain of LLM blocks, each over the dataset of the block before, with its cache.

Its limits never bind, its telemetry is off, and it pauses after a 429 as long as the server says, one second.
"""

import importlib.util
import os
from pathlib import Path
from typing import Any

os.environ |= {"TELEMETRY_ENABLED": "0", "OPENAI_API_KEY": "none", "CURATOR_DISABLE_RICH_DISPLAY": "1"}
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # or it tries to download one
# tiktoken would download its table; litellm, which curator needs, brings it along.
_place = importlib.util.find_spec("litellm")
if _place and _place.origin:
    os.environ["TIKTOKEN_CACHE_DIR"] = str(Path(_place.origin).parent / "litellm_core_utils/tokenizers")

from bespokelabs import curator  # noqa: E402

from tests.bench.peer_run import GENERATION, answer_of, instruction_of, letter_of  # noqa: E402

Row = dict[str, Any]


def _messages(text: str, system: str = "") -> list[dict[str, str]]:
    opening = [{"role": "system", "content": system}] if system else []
    return [*opening, {"role": "user", "content": text}]


class Choose(curator.LLM):  # type: ignore[misc]
    """A row with its letter."""

    def prompt(self, row: Row) -> list[dict[str, str]]:
        return _messages(row["choose"] + row["instruction"], row["system"])

    def parse(self, row: Row, response: str) -> Row:
        return {**row, "letter": letter_of(response)}


class Write(curator.LLM):  # type: ignore[misc]
    """A row with its new instruction."""

    def prompt(self, row: Row) -> list[dict[str, str]]:
        return _messages(row["write"].replace("{letter}", row["letter"]) + row["instruction"], row["system"])

    def parse(self, row: Row, response: str) -> Row:
        return {**row, "instruction": instruction_of(response)}


class Answer(curator.LLM):  # type: ignore[misc]
    """A row with one answer more."""

    def prompt(self, row: Row) -> list[dict[str, str]]:
        return _messages(row["instruction"])

    def parse(self, row: Row, response: str) -> Row:
        return {**row, "answers": [*row["answers"], answer_of(response)]}


def run(url: str, given: dict[str, Any], at_once: int, folder: Path) -> dict[str, list[str]]:
    """First instruction -> the last one, and the answer of each round; without the rows that failed."""
    os.environ["CURATOR_CACHE_DIR"] = str(folder / "cache")
    limits = {
        "max_concurrent_requests": at_once, "max_requests_per_minute": 10**7, "max_tokens_per_minute": 10**11,
        "seconds_to_pause_on_rate_limit": 1, "require_all_responses": False,
    }  # fmt: skip
    prompts = {name: given[name] for name in ("system", "choose", "write")}
    rows: Any = [{"first": text, "instruction": text, "answers": [], **prompts} for text in given["instructions"]]
    for _ in range(given["rounds"]):
        for block in (Choose, Write, Answer):
            llm = block(
                model_name="gpt-4o-mini", backend="openai", backend_params={"base_url": url, **limits},
                generation_params=GENERATION,
            )  # fmt: skip
            rows = llm(rows)
            rows = getattr(rows, "dataset", rows)
    return {row["first"]: [row["instruction"], *row["answers"]] for row in rows}
