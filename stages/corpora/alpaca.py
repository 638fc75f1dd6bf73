"""Alpaca, original or cleaned, in any language: {instruction, input, output} (github.com/tatsu-lab/stanford_alpaca).

Also with what others add to it: `system` (or `system_prompt`), and `history`, earlier exchanges as LLaMA-Factory has
them, [[question, answer], …] or messages, oldest first. `input` may be absent.
"""

from stages.corpora import chat
from stages.corpora.row_types import Content, Refusal, input_of, per_row, text, text_if_any
from stages.readers.formats import Raw


def content(raw: Raw) -> Content | Refusal:
    """A row as it is: an empty output stays empty. Raises UserError for a history of another form."""
    instruction, response = text(raw, "instruction", numbers=True), text(raw, "output", numbers=True)
    if refusal := chat.beyond_text(raw):
        return refusal
    input, repairs = input_of(text_if_any(raw, "input"))
    history = chat.history(raw, "history")
    if isinstance(history, Refusal):
        return history
    system = text_if_any(raw, "system") or text_if_any(raw, "system_prompt")
    return Content(instruction, input, response, system, history, repairs=repairs)


contents = per_row(content)
