"""Intermediate results that a model writes, greedily (paper A.1)."""

import msgspec

from stages.chains.links import Link, Means, Middle
from stages.errors import UserError
from stages.messages import Complete, Message, Prompt, Reply, Sampling, draw_seed
from stages.records import Record, digest


def writer(link: Link, means: Means) -> Complete:
    """The model. Raises UserError where there is none."""
    if means.complete is None:
        raise UserError(
            f"params.yaml: chain {link.chain!r} needs a model to write its intermediate result, and there is none"
        )
    return means.complete


def request(record: Record, task: str, means: Means, purpose: str) -> Prompt:
    """`task` and the row's input, greedy."""
    greedy = Sampling(temperature=0.0, top_p=1.0, top_k=0, max_tokens=means.max_tokens)
    return Prompt(
        messages=(Message("user", f"{task}\n\n{record.input}"),), sampling=greedy,
        seed=draw_seed(means.seed, record.id, purpose), purpose=f"{record.id}/{purpose}",
    )  # fmt: skip


def outcome(reply: Reply, middle: Middle, task: str, fault: str) -> Middle:
    """`middle` with what became of the reply. fault: why an ended reply can't be used (closed list: "empty",
    "holds-heading"), "" if it can."""
    ended = reply.status == "ok"
    return msgspec.structs.replace(
        middle, status="rejected" if ended and fault else reply.status, reason=fault if ended else reply.error,
        generator=reply.model, prompt=digest(task, 16), replies=(reply.id,) if reply.id else (),
    )  # fmt: skip
