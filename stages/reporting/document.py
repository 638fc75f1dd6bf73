"""A page of the report: self-contained HTML that loads nothing, and runs no script but the one it declares."""

from base64 import b64encode
from hashlib import sha256

from stages.reporting import theme
from stages.reporting.html import Safe, element

STYLE = f"{theme.COLOURS}{theme.CHARTS}{theme.PAGE}"


def document(title: str, *sections: Safe, data: str = "", script: str = "", style: str = "") -> str:
    """The whole page; the same sections give the same bytes.

    data: JSON as `html.json_text` writes it, for the script. script: JavaScript of ours. style: more CSS, of
    this page alone. The page's policy names the hashes of style and script, so nothing else in it can run: no other
    script, no handler, no external resource.
    """
    head = element(
        "head", Safe('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        Safe(f'<meta http-equiv="Content-Security-Policy" content="{_policy(script, STYLE + style)}">'),
        element("title", title), Safe(f"<style>{STYLE}{style}</style>"),
    )  # fmt: skip
    scripts = Safe(f'<script type="application/json" id="data">{data}</script><script>{script}</script>')
    body = element("body", element("main", *sections), scripts if script else Safe(""))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _policy(script: str, style: str) -> str:
    rules = ["default-src 'none'", f"style-src {_hash(style)}", "base-uri 'none'", "form-action 'none'"]
    # Trusted types: assigning text as markup (innerHTML and its like) raises an error in the page's own script too.
    rules += [f"script-src {_hash(script)}", "require-trusted-types-for 'script'", "trusted-types"] if script else []
    return "; ".join(rules)


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
