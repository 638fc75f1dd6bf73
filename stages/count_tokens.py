"""An artifact's rows in tokens, counted once, for `sample` to compare by -> data/token_counts/<artifact>.jsonl."""

from pathlib import Path
from typing import Annotated

from stages.ablations.row_lengths import count_lengths
from stages.core import artifacts
from stages.core.cli import entry_argument, main
from stages.core.records import Record
from stages.model_files.token_lengths import counter
from stages.params import entry, load


def count_tokens(
    name: Annotated[str, entry_argument("An entry of `count_tokens` in params.yaml, such as seed-0")],
) -> None:
    """Count the tokens of every valid row: of the user messages and of the responses, in all turns.

    In the tokens of `tokenizer` in params.yaml, without what a chat template adds. A row is {id, input, output}.
    """
    params = load()
    reads = entry(params.count_tokens, name, "count_tokens").reads
    count = counter(Path("models", params.tokenizer))
    artifacts.write(f"data/token_counts/{reads}.jsonl", count_lengths(artifacts.artifact(reads, Record), count))


if __name__ == "__main__":
    main(count_tokens)
