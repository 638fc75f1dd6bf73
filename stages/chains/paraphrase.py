"""Paraphrase the input, then answer (paper A.1): a model writes the paraphrase at temperature 0."""

from collections.abc import Iterable, Iterator

from stages.chains.chain_types import Link, Means, Middle, fits, laid_out
from stages.chains.model_steps import outcome, request, writer
from stages.core.completions import Prompt, Reply, ask
from stages.core.records import Record


def paraphrase(link: Link, records: Iterable[Record], means: Means) -> Iterator[tuple[Record, Middle | None]]:
    """Rows with an input get a paraphrase of it, lazily. Raises UserError without a model."""
    complete, template = writer(link, means)

    def prompt_of(record: Record) -> Prompt | None:
        return request(record, template, means, "paraphrase") if record.input.strip() else None

    def middle_of(record: Record, reply: Reply) -> Middle:
        text = laid_out(link, reply.text)
        fault = "empty" if not text else "" if fits(link, text) else "holds-heading"
        return outcome(reply, Middle(text, record.input, "paraphrase"), template, means, fault)

    asked = ask(complete, records, prompt_of)
    return ((record, None if reply is None else middle_of(record, reply)) for record, reply in asked)
