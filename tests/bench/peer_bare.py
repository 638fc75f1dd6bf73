"""The work by a bare loop: AsyncOpenAI with its own retries, a semaphore, and gather over the rows."""

import asyncio
from pathlib import Path
from typing import Any

import openai

from tests.bench.peer_run import GENERATION, answer_of, instruction_of, letter_of


def run(url: str, given: dict[str, Any], at_once: int, folder: Path) -> dict[str, list[str]]:
    """First instruction -> the last one, and the answer of each round; without the rows that failed."""
    return asyncio.run(_all_rows(url, given, at_once))


async def _all_rows(url: str, given: dict[str, Any], at_once: int) -> dict[str, list[str]]:
    async with openai.AsyncOpenAI(base_url=url, api_key="none") as client:
        places = asyncio.Semaphore(at_once)

        async def ask(text: str, system: str = "") -> Any:
            messages: list[Any] = [{"role": "system", "content": system}] if system else []
            messages.append({"role": "user", "content": text})
            async with places:
                made = await client.chat.completions.create(model="bench", messages=messages, **GENERATION)  # type: ignore[call-overload]
            return made.choices[0]

        async def row(text: str) -> list[str]:
            answers = []
            for _ in range(given["rounds"]):
                chosen = await ask(given["choose"] + text, given["system"])
                prompt = given["write"].replace("{letter}", letter_of(chosen.message.content)) + text
                text = instruction_of((await ask(prompt, given["system"])).message.content)
                answered = await ask(text)
                answers.append(answer_of(answered.message.content, answered.finish_reason))
            return [text, *answers]

        texts = given["instructions"]
        rows = await asyncio.gather(*map(row, texts), return_exceptions=True)
    return {text: made for text, made in zip(texts, rows, strict=True) if not isinstance(made, BaseException)}
