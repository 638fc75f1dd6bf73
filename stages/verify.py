"""A published data set or model against its own facts, its prompt files, stored replies and source corpora."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from stages import prompts
from stages.core.cli import main
from stages.core.errors import one_line
from stages.core.project import given_path
from stages.core.state_folder import store_path
from stages.verification.verify_set import Evidence, verify_target

Files = list[str] | None


def verify(
    target: Annotated[str, typer.Argument(help="A folder data/published/NAME, a Parquet file, or hub:ORG/NAME@TAG")],
    corpus: Annotated[Files, typer.Option(help="Your copy of a source: FILE, or REFERENCE=FILE (repeatable)")] = None,
    replies: Annotated[str, typer.Option(help="A reply store or an exported file; default: the checkout's store")] = "",
    prompt: Annotated[Files, typer.Option("--prompts", help="Folders with all prompt files (repeatable)")] = None,
    lock: Annotated[str, typer.Option(help="The dvc.lock of the checkout that published the set")] = "",
    public_key: Annotated[str, typer.Option(help="The publisher's public key (PEM): check the signature")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text")] = False,
) -> None:
    """Compare a published data set with its own hashes and counts, and with everything else that is at hand.

    With stored replies, the key of each request is computed again from its row, and each text is rebuilt from its reply
    by the parsers that made it, without a model. Each difference is named by file, row and field; what could not be
    compared is counted with the reason. Nothing is written. Exit status 1 where something differs, 2 for bad input.
    A data set of the Hub is downloaded into huggingface_hub's cache, without a TAG in its newest version.

    Of a model (data/published_models/NAME) every file is compared with its hash, and with --lock the outputs that it
    was made of with those that DVC recorded.
    """
    store = given_path(replies) if replies else store_path()
    evidence = Evidence(
        [_corpus(word) for word in corpus or []], store if replies or store.is_file() else None,
        [given_path(path) for path in prompt or []], Path(prompts.__file__).parent,
        given_path(lock) if lock else None, given_path(public_key) if public_key else None,
    )  # fmt: skip
    result = verify_target(target, evidence, lambda note: typer.echo(one_line(note), err=as_json))
    print(
        msgspec.json.format(msgspec.json.encode(result), indent=1).decode()
        if as_json
        else "\n".join(map(one_line, result.lines()))
    )
    if result.differs:
        raise typer.Exit(1)


def _corpus(word: str) -> str:
    """A word of --corpus with its path from the top of the project."""
    reference, equals, path = word.rpartition("=")
    return f"{reference}{equals}{given_path(path)}"


if __name__ == "__main__":
    main(verify)
