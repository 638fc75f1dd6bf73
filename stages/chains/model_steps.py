"""Intermediate results that a model writes, greedily (paper A.1)."""

from collections.abc import Mapping

from msgspec.structs import replace

from stages.chains.chain_types import Intermediate, Link, Resources
from stages.core.completions import Complete, Prompt, Reply, Sampling, draw_seed, recorded
from stages.core.errors import UserError
from stages.core.records import Record
from stages.prompts import Template, parse


def writer(link: Link, resources: Resources) -> tuple[Complete, Template]:
    """The model and the prompt file. Raises UserError if one is missing."""
    if resources.complete is None:
        raise UserError(f"params.yaml: chain {link.chain!r} needs a model to write; put the entry under augment.model")
    if link.chain not in resources.templates:
        raise UserError(f"params.yaml: chain {link.chain!r} needs {link.chain}.txt in the folder of `prompts`; add it")
    return resources.complete, resources.templates[link.chain]


def greedy(resources: Resources) -> Sampling:
    """Temperature 0."""
    return Sampling(temperature=0.0, top_p=1.0, top_k=0, max_tokens=resources.max_tokens)


def request(record: Record, template: Template, resources: Resources, purpose: str, **more: str) -> Prompt:
    """The prompt file rendered for a row: its input as `text`, its instruction, and the values that the chain adds."""
    rendered = template.render({"text": record.input, "instruction": record.instruction, **more})
    return rendered.prompt(greedy(resources), draw_seed(resources.seed, record.id, purpose), f"{record.id}/{purpose}")


def outcome(reply: Reply, result: Intermediate, template: Template, resources: Resources, fault: str) -> Intermediate:
    """`result` with the status of the reply. fault: why a complete reply can't be used (closed list: "empty", "same",
    "holds-heading"), "" if it can."""
    is_complete = reply.status == "ok"
    return replace(
        result, status="rejected" if is_complete and fault else reply.status,
        reason=fault if is_complete else reply.error,
        generator=reply.model, prompt=template.hash, sampling=recorded(greedy(resources), reply.sent),
        replies=(reply.id,) if reply.id else (), text_hashes=(reply.text_hash,) if reply.id else (),
    )  # fmt: skip


def prompt_files(files: Mapping[str, bytes], folder: str) -> dict[str, Template]:
    """Chain -> its prompt file, from the files of a folder ("paraphrase.txt"). Raises UserError for an invalid one."""
    templates = {}
    for name, data in files.items():
        try:
            templates[name.removesuffix(".txt")] = parse(data.decode(), f"{folder}/{name}")
        except UnicodeDecodeError as error:
            raise UserError(f"{folder}/{name}: not UTF-8 (byte {error.start}); correct the prompt file") from None
    return templates
