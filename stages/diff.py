"""Two versions of a published data set: which rows changed, and because of what."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from stages import prompts
from stages.core.cli import main
from stages.core.errors import one_line
from stages.core.project import given_path
from stages.publishing.changes.change_tables import row_line, summary
from stages.publishing.changes.change_types import RowChange
from stages.publishing.changes.compare_versions import LeftOut, compare_versions, in_order
from stages.publishing.changes.left_out import by_checkout
from stages.publishing.changes.published_version import Version, open_version
from stages.publishing.hub_download import download, is_hub_reference
from stages.verification.prompt_checks import PromptFiles

TARGET = "A folder data/published/NAME, a Parquet file, or hub:ORG/NAME@TAG"
Folders = list[str] | None


def diff(
    before: Annotated[str, typer.Argument(help=f"The older version. {TARGET}")],
    after: Annotated[str, typer.Argument(help="The newer version, named in the same way")],
    rows: Annotated[bool, typer.Option("--rows", help="List every row that differs, with its cause")] = False,
    prompt: Annotated[
        Folders, typer.Option("--prompts", help="Folders with prompt files of yours (repeatable)")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit status 1 where something differs")] = False,
) -> None:
    """Compare two versions of a published data set, and say why rows changed.

    A row that changed is counted under the first of its `steps` that differs: another source row, action, prompt file,
    model, sampling, seed, or reply. What follows from that is not counted again. A row that only one version has is
    under the stage that left it out, if the set lies in the checkout that made it. Nothing is written. Equal lines of
    both files rows.sha256 are taken as equal rows; `seqit verify` compares these files with the rows.
    """
    versions = [_opened(word) for word in (before, after)]
    listed: list[RowChange] = []
    collect = listed.append if rows else None
    left_out = (_left_out(before, versions[0]), _left_out(after, versions[1]))
    changes = compare_versions(*versions, listed=collect, left_out=left_out)
    if as_json:
        result: Any = {"changes": changes, **({"rows": in_order(listed)} if rows else {})}
        print(msgspec.json.format(msgspec.json.encode(result), indent=1).decode())
    else:
        known = _paths([Path(prompts.__file__).parent, *map(given_path, prompt or [])])
        for line in summary(changes, known).splitlines():
            print(one_line(line))
        for row in in_order(listed):
            print(one_line(row_line(row, known)))
    if exit_code and (changes.facts or changes.groups):
        raise typer.Exit(1)


def _opened(word: str) -> Version:
    return open_version(download(word), word) if is_hub_reference(word) else open_version(given_path(word))


def _left_out(word: str, version: Version) -> LeftOut:
    """What is known of rows that a version has not: nothing but where it lies in the checkout that made it."""
    folder = given_path(word).absolute()
    published = folder.parent
    if is_hub_reference(word) or version.facts is None or published.parts[-2:] != ("data", "published"):
        return lambda ids: {}
    return partial(by_checkout, published.parents[1], version.facts.artifact)


def _paths(folders: list[Path]) -> dict[str, str]:
    """Hash -> path of each prompt file."""
    return {hashed: str(path) for hashed, path in PromptFiles(folders).paths.items()}


if __name__ == "__main__":
    main(diff)
