"""A versioned data set with its card -> data/published/<name>/, and the Hugging Face Hub when it has a repository."""

from functools import partial
from operator import length_hint
from pathlib import Path
from typing import Annotated

import typer

from stages.core import artifacts
from stages.core.atomic_write import replacing_folder
from stages.core.cli import entry_argument, main, report_losses
from stages.core.project import revision
from stages.core.records import Record
from stages.params import entry, load
from stages.publishing import hub
from stages.publishing.changes.since_version import comparison
from stages.publishing.dataset import Publication, write_dataset
from stages.publishing.resource_names import file
from stages.publishing.signatures import sign_with_environment
from stages.response_filter.preference_pairs import PreferencePair


def publish(name: Annotated[str, entry_argument("An entry of `publish` in params.yaml")]) -> None:
    """Write a data set with its card to data/published/NAME/, for `datasets.load_dataset("data/published/NAME")`.

    If the entry names a `repository` and HF_TOKEN is set, the folder is then pushed to the Hugging Face Hub as one
    commit with the tag v<version>; the tag's message names the git commit of this checkout. Publishing the same rows
    again changes nothing there; other rows under a version that exists are refused. DVC runs a stage once: to push what
    is already written, run this command by hand.

    If SEQIT_SIGNING_KEY names the file of a key, the folder is signed before it is pushed, as by `seqit sign`. A
    signature beside the folder is pushed with it.
    """
    params = load()
    chosen = entry(params.publish, name, "publish")
    read = partial(artifacts.artifact, chosen.reads, PreferencePair if chosen.form == "preference" else Record)
    rows, receipt = read(), artifacts.read_json(f"data/validated/{chosen.reads}.json", artifacts.Receipt)
    publication = Publication(name, chosen.version, chosen.reads, chosen.form, chosen.repository, params.seed)
    inputs = [file(Path(path)) for path in (f"data/{chosen.reads}.jsonl", f"data/validated/{chosen.reads}.json")]
    changes = comparison(chosen.changes_from, receipt) if chosen.changes_from else None
    with replacing_folder(folder := Path("data/published", name)) as written:
        write_dataset(written, publication, read, receipt, inputs, changes)
    lost, see = {"left out": rows.set_aside}, f"data/validated/{chosen.reads}.json"
    report_losses(length_hint(rows) + rows.set_aside.total(), lost, kept="published", see=see)
    if signed := sign_with_environment(folder):
        typer.echo(signed, err=True)
    typer.echo(hub.push(folder, chosen.repository, chosen.version, revision()), err=True)


if __name__ == "__main__":
    main(publish)
