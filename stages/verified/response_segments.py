"""Cut a response to several tasks into one segment per task."""

import re

_MARKER = re.compile(
    r"^[ \t]*(?:#+[ \t]+)?[*_#(\[]*(?:(?:task|answer|step|aufgabe|antwort|tarea|respuesta)[ \t]+)?"
    r"(\d{1,2})[*_\])]*(?:\\?[.):\]][*_]*(?:[ \t]+|$)|\uff0e)",
    re.MULTILINE | re.IGNORECASE,
)
FENCE = re.compile(r"^[ \t]*```\w*[ \t]*(?:\n|$)", re.MULTILINE)
_BULLET_LINE = re.compile(r"[-*\u2022][ \t]+")
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n)+")
_OPEN, _CLOSE = re.compile(r"[{\[]"), re.compile(r"[}\]]")


def segments(response: str, count: int) -> list[str]:
    """The response cut into `count` pieces, "" for those that are not there; text beyond the last is part of none.

    With one task the whole response is its piece. Lines before the first number of a numbered response are left out.
    Without numbers each line is a piece. Of more lines than tasks, the paragraphs are the pieces if there are as many
    as tasks; else each list, table or JSON object is one piece if there are then as many.
    """
    if count == 1:
        return [response.strip()]
    response = FENCE.sub("", response)
    pieces = _numbered(response) or _unnumbered(response, count)
    return [*pieces[:count], *[""] * (count - len(pieces))]


def _unnumbered(response: str, count: int) -> list[str]:
    lines = [line.strip() for line in response.splitlines() if line.strip()]
    if len(lines) > count:
        paragraphs = [part.strip() for part in _BLANK_LINES.split(response) if part.strip()]
        for pieces in (paragraphs, _joined(lines)):
            if len(_without_announcement(pieces, count)) == count:
                return _without_announcement(pieces, count)
    return _without_announcement(lines, count)


def _without_announcement(pieces: list[str], count: int) -> list[str]:
    """One that announces the answers ("Here they are:") is left out where there are more pieces than tasks."""
    return pieces[1:] if len(pieces) > count and pieces[0].endswith(":") else pieces


def _joined(lines: list[str]) -> list[str]:
    """The lines with those of a list, of a table, and of an object or array in brackets joined."""
    pieces: list[str] = []
    kind, depth = "", 0
    for line in lines:
        own = "bullet" if _BULLET_LINE.match(line) else "row" if line.startswith("|") else ""
        if pieces and (depth > 0 or (own and own == kind)):
            pieces[-1] += f"\n{line}"
        else:
            pieces.append(line)
        kind, depth = own, max(0, depth + len(_OPEN.findall(line)) - len(_CLOSE.findall(line)))
    return pieces


def _numbered(response: str) -> list[str]:
    """The texts behind the numbers 1, 2, 3, … at the starts of lines; [] where fewer than two lines have them."""
    wanted, cuts = 1, []
    for match in _MARKER.finditer(response):
        if int(match[1]) == wanted:
            cuts.append(match)
            wanted += 1
    if len(cuts) < 2:
        return []
    ends = [*(match.start() for match in cuts[1:]), len(response)]
    return [response[match.end() : end].strip() for match, end in zip(cuts, ends, strict=True)]
