"""Two versions of a published data set: which rows changed, and because of what."""

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
from stages.publishing.changes.compare_versions import compare_versions, in_order
from stages.publishing.changes.targets import open_target
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
    (older, known_before), (newer, known_after) = open_target(before), open_target(after)
    listed: list[RowChange] = []
    collect = listed.append if rows else None
    changes = compare_versions(older, newer, listed=collect, left_out=(known_before, known_after))
    if as_json:
        result: Any = {"changes": changes, **({"rows": in_order(listed)} if rows else {})}
        print(msgspec.json.format(msgspec.json.encode(result), indent=1).decode())
    else:
        folders = [Path(prompts.__file__).parent, *map(given_path, prompt or [])]
        known = {hashed: str(path) for hashed, path in PromptFiles(folders).paths.items()}
        lines = [*summary(changes, known).splitlines(), *(row_line(row, known) for row in in_order(listed))]
        print("\n".join(map(one_line, lines)))
    if exit_code and (changes.facts or changes.groups):
        raise typer.Exit(1)


if __name__ == "__main__":
    main(diff)
