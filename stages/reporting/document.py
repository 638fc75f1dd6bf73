"""A page of the report: self-contained HTML without external scripts, fonts or images."""

from stages.reporting import theme
from stages.reporting.html import Safe, element


def document(title: str, *sections: Safe, style: str = "") -> str:
    """The whole page; the same sections give the same bytes. style: more CSS, of this page alone."""
    head = element(
        "head", Safe('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        Safe('<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">'),
        element("title", title), Safe(f"<style>{theme.COLOURS}{theme.CHARTS}{theme.PAGE}{style}</style>"),
    )  # fmt: skip
    return f"<!doctype html>\n{element('html', head, element('body', element('main', *sections)), lang='en')}\n"
