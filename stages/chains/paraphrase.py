"""Paraphrase the input, then answer (paper A.1): a model writes the paraphrase at temperature 0."""

from collections.abc import Iterable, Iterator

from stages.chains.chain_types import Chain, Intermediate, Link, Resources, formatted, is_separable
from stages.chains.model_steps import outcome, request, writer
from stages.core.completions import Prompt, Reply, ask
from stages.core.records import Record


def paraphrase_inputs(
    link: Link, records: Iterable[Record], resources: Resources
) -> Iterator[tuple[Record, Intermediate | None]]:
    """Rows with an input get a paraphrase of it, lazily. Raises UserError without a model."""
    complete, template = writer(link, resources)

    def prompt_of(record: Record) -> Prompt | None:
        return request(record, template, resources, "paraphrase") if record.input.strip() else None

    def result_of(record: Record, reply: Reply) -> Intermediate:
        text = formatted(link, reply.text)
        fault = "empty" if not text else "" if is_separable(link, text) else "holds-heading"
        return outcome(reply, Intermediate(text, record.input, "paraphrase"), template, resources, fault)

    replies = ask(complete, records, prompt_of)
    return ((record, None if reply is None else result_of(record, reply)) for record, reply in replies)


CHAIN = Chain(paraphrase_inputs)
