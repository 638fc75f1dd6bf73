"""Models that are functions, and rows for them."""

from collections.abc import Callable, Iterable, Iterator

from stages.core.completions import Complete, Prompt, Reply, Sampling
from stages.core.records import Action, Record, Source, Step, digest
from stages.prompts import Template, parse
from stages.seqinstruct.filters import Limits
from stages.seqinstruct.policies import RoundConfig

SAMPLING = Sampling(temperature=1.0, top_p=0.9, top_k=50, max_tokens=64)
ASKS = "--- user\n{{ instruction }}\n"
TEMPLATES: dict[str, Template] = {
    name: parse(f"--- system\n{name}\n{ASKS}", f"{name}.txt") for name in ("choose", "decompose", "prefix", "suffix")
}
ALL: tuple[Action, ...] = ("decompose", "prefix", "suffix", "hold")


def record(instruction: str, *steps: Step, input: str = "", system: str = "", response: str = "") -> Record:
    """A row whose id depends on its text, as an adapter makes it."""
    source = Source("path:here", 0, "0" * 64, "Apache-2.0", "en")
    return Record(f"c-{digest(instruction, 16)}", "c", instruction, input, response, system, source, steps)


def plan(policy: str = "model", actions: tuple[Action, ...] = ALL, number: int = 1, **changes: object) -> RoundConfig:
    """A round over plain prompts."""
    given = {"templates": TEMPLATES, "attempts": 3, "orders": 2, "limits": Limits(200, 8.0), **changes}
    return RoundConfig(seed=7, round=number, policy=policy, actions=actions, sampling=SAMPLING, **given)  # type: ignore[arg-type]


def model(answer: Callable[[Prompt], str | Reply], seen: list[Prompt] | None = None) -> Complete:
    """A model that answers each prompt by itself, and notes in `seen` what it was asked."""

    def complete(prompts: Iterable[Prompt]) -> Iterator[Reply]:
        for prompt in prompts:
            if seen is not None:
                seen.append(prompt)
            reply = answer(prompt)
            key = f"r{prompt.seed}-{prompt.sample}"
            yield reply if isinstance(reply, Reply) else Reply(reply, "ok", 1, 1, id=key, model="m")

    return complete


def asked_for(prompt: Prompt) -> str:
    """Which prompt file a request was rendered from."""
    return prompt.messages[0].content


def rewriter(prompt: Prompt) -> str:
    """A model that chooses by the length of the instruction and writes what it is asked."""
    text = prompt.messages[-1].content
    if asked_for(prompt) == "choose":
        return f"So the option is: {'ABCD'[len(text) % 4]}."
    return f"#New Instruction#: {text} Then name two lakes of sample {prompt.sample}.###"
