"""Responses made to satisfy constraints, and the same with one of them broken."""

import json
from collections.abc import Sequence
from typing import Any

from stages.core.records import ResponseCheck

SAMPLES = {
    "Russian": "\u0440\u0435\u043a\u0430", "Greek": "\u03bb\u03af\u03bc\u03bd\u03b7", "Chinese": "\u6cb3\u6e56",
    "Japanese": "\u304b\u308f\u6e56", "Korean": "\ud638\uc218", "Hindi": "\u0928\u0926\u0940",
    "Arabic": "\u0646\u0647\u0631",
    "Hebrew": "\u05e0\u05d4\u05e8", "Thai": "\u0e41\u0e21\u0e48\u0e19\u0e49\u0e33",
}  # fmt: skip
"""Language -> a word in it."""
LETTERS = "aeioutnrsbcgkpvwyz"


def respond(checks: Sequence[ResponseCheck]) -> str:
    """A response that satisfies all of the checks, built from a word that has none of the letters kept out."""
    args = {check.name: check.arguments for check in checks}
    if "json.keys" in args:
        word = args.get("include.word", {}).get("word", "so")
        return json.dumps({key: " ".join([word] * 4) for key in args["json.keys"]["keys"]})
    if "script.language" in args:
        return _framed(_laid_out([SAMPLES[args["script.language"]["language"]]] * 4, args), args)
    word = next(
        letter * 3 for letter in LETTERS if letter != args.get("letter.none", {}).get("letter") and letter != "a"
    )
    include = args.get("include.word", {})
    sentences = [f"{word} {word}."] * args.get("sentences.at_least", {}).get("n", 1)
    pieces = [include.get("word", "")] * include.get("n", 0)
    filler = [word] * args.get("words.at_least", {}).get("n", 0)
    return _framed(_laid_out([*filler, *pieces, *sentences], args), args)


def _laid_out(words: list[str], args: dict[str, Any]) -> str:
    body = " ".join(words)
    for name, line, divider in (
        ("paragraphs.exactly", "{}", "\n\n"), ("bullets.exactly", "- {}", "\n"), ("divider.parts", "{}", "\n***\n"),
    ):  # fmt: skip
        if name in args:
            return divider.join(line.format(part) for part in [body, *words[-1:] * (args[name]["n"] - 1)])
    if "numbered.exactly" in args:
        n = args["numbered.exactly"]["n"]
        return "\n".join(f"{k}. {body if k == 1 else words[-1]}" for k in range(1, n + 1))
    return body


def _framed(text: str, args: dict[str, Any]) -> str:
    last = text.split()[-1]
    if "start.title" in args:
        text = f"<<{last.strip('.')}>>\n{text}"
    if "start.phrase" in args:
        text = f"{args['start.phrase']['phrase']} {text}"
    if "end.postscript" in args:
        text = f"{text}\n{args['end.postscript']['marker']} {last}"
    if "end.phrase" in args:
        text = f"{text} {args['end.phrase']['phrase']}"
    text = f'"{text}"' if "quote.whole" in args else text
    return text.upper() if "case.upper" in args else text.lower() if "case.lower" in args else text


def broken(check: ResponseCheck) -> list[str]:
    """Responses to this check alone that violate it, each by the smallest change of a right one."""
    right, args = respond([check]), check.arguments
    return {
        "case.upper": lambda: [right[:-1] + "q", "123"],
        "case.lower": lambda: ["A" + right, "123"],
        "words.at_most": lambda: [" ".join(["so"] * (args["n"] + 1))],
        "words.at_least": lambda: [" ".join(["so"] * (args["n"] - 1))],
        "sentences.at_most": lambda: ["So it is. " * (args["n"] + 1), "..."],
        "sentences.at_least": lambda: ["So it is. " * (args["n"] - 1), "1. 2. 3. 4. 5."],
        "paragraphs.exactly": lambda: [f"{right}\n\nmore", right.replace("\n\n", "\n")],
        "bullets.exactly": lambda: [f"{right}\n- more", right.replace("- ", "", 1), "- \n" * args["n"]],
        "numbered.exactly": lambda: [f"{right}\n{args['n'] + 1}. more", right.replace("1.", "2.", 1)],
        "divider.parts": lambda: [f"{right}\n***\nmore", right.replace("***", "**"), "***\n" * args["n"]],
        "start.phrase": lambda: [right[1:], args["phrase"], "So: " + right],
        "start.title": lambda: [right[1:], "<<>>\nso", right.replace("\n", " ")],
        "end.phrase": lambda: [right + " more", args["phrase"], right[:-1]],
        "end.postscript": lambda: [right + "\nmore", right.replace("\n", " "), f"so\n{args['marker']}"],
        "quote.whole": lambda: [right[1:], right[:-1], f"{right} so {right}", '""', '" "'],
        "json.keys": lambda: [right[:-1], "{}", json.dumps({**json.loads(right), "more": 1}), f"Here: {right}",
                              json.dumps(dict.fromkeys(args["keys"], "")), json.dumps(args["keys"])],
        "include.word": lambda: [right.replace(args["word"], more, 1) for more in ("so", args["word"] + "s")],
        "exclude.word": lambda: [f"{right} {args['word'].upper()}"],
        "letter.none": lambda: [right + args["letter"].upper(), "123"],
        "comma.none": lambda: [right + ",", right + "\u3001"],
        "script.language": lambda: [right + " lake" * 5, "so", "123"],
    }[check.name]()  # fmt: skip
