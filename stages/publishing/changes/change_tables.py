"""Changes between two versions as tables: Markdown for a card, text for a terminal."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from stages.publishing.changes.change_types import MEANINGS, Cause, ChangedRows, Changes, RowChange
from stages.publishing.markdown import Safe, code, escaped, table

HEAD = ("changed because of", "rows", "other action", "other instruction", "other output", "for example")
NOTHING = "-"
WIDEST = 100
"""Characters of a text cell after which its words go on below."""


def section(changes: Changes) -> str:
    """The section of a card, Markdown; every text of a set is escaped."""
    parts = [f"## Changes since {escaped(called(changes.before))}", f"{_sentence(changes)}"]
    if changes.facts:
        parts.append(
            table(["fact", "before", "now"], [(one.fact, code(one.before), code(one.after)) for one in changes.facts])
        )
    if changes.groups:
        rows = [
            (_cause(one, str, lambda text: code(text)), *_numbers(one), Safe(", ".join(map(code, one.examples))))
            for one in changes.groups
        ]
        parts.append(table(HEAD, rows))
        parts.append(
            "A row is under the first cause that its own `steps` name; what follows from it is not counted again."
        )
    return "\n\n".join(parts)


def summary(changes: Changes, prompts: Mapping[str, str]) -> str:
    """The comparison as text. prompts: hash -> path of the prompt files at hand."""
    lines = [f"{called(changes.before)} -> {called(changes.after)}: {_sentence(changes)}"]
    lines += [
        f"  {one.fact}: {with_paths(one.before, prompts) or NOTHING} -> {with_paths(one.after, prompts) or NOTHING}"
        for one in changes.facts
    ]
    if changes.groups:
        rows = [
            (
                _cause(one, lambda text: text, lambda text: with_paths(text, prompts)),
                *map(_number, _numbers(one)),
                ", ".join(one.examples),
            )
            for one in changes.groups
        ]
        lines += ["", *_aligned([HEAD, *rows])]
    return "\n".join(lines)


def row_line(row: RowChange, prompts: Mapping[str, str]) -> str:
    """One row that differs as a line of text."""
    id = f"{row.id} (before: {row.id_before})" if row.id_before else row.id
    also = "".join(f"; also {_described(cause, prompts)}" for cause in row.also)
    step = f" at {row.step}" if row.step else ""
    return f"{row.change} {id}{step}: {_described(row.cause, prompts)}{also}"


def called(version: str) -> str:
    """ "v0.1.0" for a number, else the name as it is."""
    return f"v{version}" if version[:1].isdigit() else version


def with_paths(text: str, prompts: Mapping[str, str]) -> str:
    """A text with the path after each hash of a prompt file at hand."""
    for hashed, path in prompts.items():
        text = text.replace(hashed, f"{hashed} ({path})") if hashed in text else text
    return text


def _sentence(changes: Changes) -> str:
    return (
        f"{changes.equal:,} rows are equal, {changes.changed:,} changed, {changes.added:,} were added and "
        f"{changes.removed:,} removed."
    )


def _described(cause: Cause, prompts: Mapping[str, str]) -> str:
    return _words(cause, lambda text: text, lambda text: with_paths(text, prompts))


def _cause(group: ChangedRows, plain: Callable[[str], str], quoted: Callable[[str], str]) -> Safe:
    change = "" if group.change == "changed" else f"{group.change}: "
    return Safe(change + _words(group.cause, plain, quoted))


def _words(cause: Cause, plain: Callable[[str], str], quoted: Callable[[str], str]) -> str:
    """A cause in words. quoted: for texts of a set."""
    words = plain(MEANINGS[cause.kind])
    words += f" {quoted(cause.what)}" if cause.what else ""
    words += f", {quoted(cause.stage)}" if cause.stage else ""
    if cause.before or cause.after:
        words += f": {quoted(cause.before) or NOTHING} -> {quoted(cause.after) or NOTHING}"
    return words


def _numbers(group: ChangedRows) -> tuple[int | str, ...]:
    effects = (group.actions, group.instructions, group.outputs)
    return (group.rows, *(one if group.change == "changed" else NOTHING for one in effects))


def _number(value: int | str) -> str:
    return f"{value:,}" if isinstance(value, int) else value


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows in columns; the first, which may be long, on lines of its own."""
    widths = [max(len(row[column]) for row in rows) for column in range(1, len(HEAD) - 1)]
    for row in rows:
        numbers = "  ".join(text.rjust(width) for text, width in zip(row[1:-1], widths, strict=True))
        yield f"{numbers}  {row[0]}"
        if row[-1] and row[0] != HEAD[0]:
            yield f"{' ' * (sum(widths) + 2 * len(widths))}    {row[-1]}"
