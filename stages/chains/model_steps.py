"""Intermediate results that a model writes, greedily (paper A.1)."""

from msgspec.structs import replace

from stages.chains.chain_types import Link, Means, Middle
from stages.core.completions import Complete, Prompt, Reply, Sampling, draw_seed, recorded
from stages.core.errors import UserError
from stages.core.records import Record
from stages.prompts import Template


def writer(link: Link, means: Means) -> tuple[Complete, Template]:
    """The model and the prompt file. Raises UserError where there is none."""
    if means.complete is None:
        raise UserError(f"params.yaml: chain {link.chain!r} needs a model to write; put the entry under augment.model")
    if link.chain not in means.templates:
        raise UserError(f"params.yaml: chain {link.chain!r} needs {link.chain}.txt in the folder of `prompts`; add it")
    return means.complete, means.templates[link.chain]


def greedy(means: Means) -> Sampling:
    """Temperature 0."""
    return Sampling(temperature=0.0, top_p=1.0, top_k=0, max_tokens=means.max_tokens)


def request(record: Record, template: Template, means: Means, purpose: str, **more: str) -> Prompt:
    """The prompt file, filled in for a row: its input as `text`, its instruction, and what the chain adds."""
    rendered = template.render({"text": record.input, "instruction": record.instruction, **more})
    return rendered.prompt(greedy(means), draw_seed(means.seed, record.id, purpose), f"{record.id}/{purpose}")


def outcome(reply: Reply, middle: Middle, template: Template, means: Means, fault: str) -> Middle:
    """`middle` with what became of the reply. fault: why an ended reply can't be used (closed list: "empty", "same",
    "holds-heading"), "" if it can."""
    ended = reply.status == "ok"
    return replace(
        middle, status="rejected" if ended and fault else reply.status, reason=fault if ended else reply.error,
        generator=reply.model, prompt=template.hash, sampling=recorded(greedy(means), reply.sent),
        replies=(reply.id,) if reply.id else (), text_hashes=(reply.text_hash,) if reply.id else (),
    )  # fmt: skip
