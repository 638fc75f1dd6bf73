"""The work by distilabel: a pipeline of six tasks in a row, each with its own LLM and process, and its cache.

A task is the library's own class with a prompt and a parser. Rows that a task could not read are left out by the next.
"""

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("DISTILABEL_LOG_LEVEL", "WARNING")  # it would write a line for each request

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts, StepInput
from distilabel.steps.tasks import Task

from tests.bench.peer_run import answer_of, instruction_of, letter_of

Row = dict[str, Any]


class Stepped(Task):  # type: ignore[misc]
    """A task of a round."""

    number: int
    system: str = ""
    text: str = ""

    def process(self, inputs: StepInput) -> Any:  # type: ignore[valid-type]
        """As Task's, without rows that lack a column."""
        whole = [row for row in inputs if all(row[column] is not None for column in self.inputs)]
        yield from super().process(whole) if whole else [[]]

    def messages(self, text: str) -> list[dict[str, str]]:
        """The chat, with the system message where there is one."""
        opening = [{"role": "system", "content": self.system}] if self.system else []
        return [*opening, {"role": "user", "content": text}]


class Choose(Stepped):
    """Adds a row's letter."""

    @property
    def inputs(self) -> list[str]:
        return [f"instruction{self.number - 1}"]

    @property
    def outputs(self) -> list[str]:
        return [f"letter{self.number}"]

    def format_input(self, input: Row) -> Any:
        return self.messages(self.text + input[self.inputs[0]])

    def format_output(self, output: str | None, input: Row | None = None) -> Row:
        return {self.outputs[0]: letter_of(output)}


class Write(Stepped):
    """Adds a row's new instruction."""

    @property
    def inputs(self) -> list[str]:
        return [f"instruction{self.number - 1}", f"letter{self.number}"]

    @property
    def outputs(self) -> list[str]:
        return [f"instruction{self.number}"]

    def format_input(self, input: Row) -> Any:
        instruction, letter = (input[column] for column in self.inputs)
        return self.messages(self.text.replace("{letter}", letter) + instruction)

    def format_output(self, output: str | None, input: Row | None = None) -> Row:
        return {self.outputs[0]: instruction_of(output)}


class Answer(Stepped):
    """Adds the answer to it."""

    @property
    def inputs(self) -> list[str]:
        return [f"instruction{self.number}"]

    @property
    def outputs(self) -> list[str]:
        return [f"answer{self.number}"]

    def format_input(self, input: Row) -> Any:
        return self.messages(input[self.inputs[0]])

    def format_output(self, output: str | None, input: Row | None = None) -> Row:
        return {self.outputs[0]: answer_of(output)}


def run(url: str, given: dict[str, Any], at_once: int, folder: Path) -> dict[str, list[str]]:
    """First instruction -> the last one, and the answer of each round; without the rows that failed."""
    generation = {"temperature": 1.0, "top_p": 0.9, "max_new_tokens": 2048}
    rounds = range(1, given["rounds"] + 1)

    def task(kind: type[Stepped], name: str, number: int, **texts: str) -> Stepped:
        llm = OpenAILLM(model="bench", base_url=url, api_key="none", generation_kwargs=generation)
        return kind(name=f"{name}_{number}", number=number, llm=llm, input_batch_size=at_once, **texts)

    with Pipeline("bench", cache_dir=str(folder / "cache")) as pipeline:
        rows = [{"instruction0": text} for text in given["instructions"]]
        last: Any = LoadDataFromDicts(data=rows, batch_size=at_once)
        for number in rounds:
            choose = task(Choose, "choose", number, system=given["system"], text=given["choose"])
            write = task(Write, "write", number, system=given["system"], text=given["write"])
            answer = task(Answer, "answer", number)
            last >> choose >> write >> answer
            last = answer
    found = pipeline.run(use_cache=True)["default"]["train"]
    columns = [f"instruction{given['rounds']}", *(f"answer{number}" for number in rounds)]
    made = {row["instruction0"]: [row[column] for column in columns] for row in found}
    return {first: texts for first, texts in made.items() if None not in texts}
