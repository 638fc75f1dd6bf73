"""Parse the choice that an answer to a multiple-choice question states."""

import re
from collections.abc import Iterator, Mapping

_NAMED = re.compile(r"\b(?:answer|choice|option)\b[\s*_`\"']*(?:(?:is|would be|should be)\b|[:：=])?[\s*_`:]*", re.I)
_LABEL = r"(?:\\(?:text|mathrm|textbf|mathbf)\{)?[(\[\"'*_`$]*(?P<label>[A-Za-z])(?P<after>[)\].:,;!*_`\"'}$]*)(?=\s|$)"
_LABELLED = re.compile(_LABEL)
_ALSO = re.compile(r"[)\].*_`\"'}]*,?\s*(?:or|and|/|&)\s*(?:option\s+)?[(\[*_`\"']*(?P<label>[A-Z])(?![\w'])")
"""One more choice after a label: "B or C"."""
_FENCE = re.compile(r"^[ \t]*```\w*[ \t]*$", re.M)
_TAG = (re.compile(r"<(?:final_?)?answer>", re.I), re.compile(r"</(?:final_?)?answer>", re.I))
_WIDE = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
"""Full-width forms of ASCII, as Chinese and Japanese have them."""
_BOX = re.compile(r"\\f?boxed\s*\{([^\n]{0,200}?)\}(?!\})")
_BOLD = re.compile(r"\*\*([^*\n]+)\*\*")
_REFUSED = re.compile(r"\s*(?:is|was|are)?\s*(?:not|wrong|incorrect|false|isn't|can't|cannot|doesn't|n't)\b", re.I)
_CLAUSE = re.compile(r"[.!?;:\n]+(?:\s|$)")
_SENTENCE = re.compile(r"[.!?\n](?:\s|$)")


def parse_choice(text: str, question: str, choices: Mapping[str, str]) -> str | None:
    """The label of the last choice that is stated, boxed or alone in bold; else the one that lines or clauses name.

    None where there is none, or where several are named and none is stated. A repetition of the question names every
    choice, so it is removed first. choices: label -> text.
    """
    rest = _plain(text.rpartition(question)[2] if question and question in text else text)
    statements = sorted(_statements(rest, choices))
    if statements:
        return statements[-1][1]
    labels = _labels(rest, choices)
    return _mentioned(rest, choices) if not labels else labels.pop() if len(labels) == 1 else None


def _plain(text: str) -> str:
    """The text without code fences and full-width letters, an <answer> as a statement of it."""
    text = _TAG[1].sub("\n", _TAG[0].sub("\nAnswer: ", _FENCE.sub("", text.translate(_WIDE))))
    return text.strip()


def _statements(text: str, choices: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """(place, label) of every explicit statement."""
    for match in _BOX.finditer(text):
        if label := _label(match[1], choices) or _only(match[1], choices):
            yield match.start(), label
    for match in _BOLD.finditer(text):
        if (label := _label(match[1], choices, alone=True)) and not _REFUSED.match(text, match.end()):
            yield match.start(), label
    for match in _NAMED.finditer(text):
        sentence = _SENTENCE.split(text[match.end() : match.end() + 200].lstrip(), maxsplit=1)[0]
        bare = match.group().strip("*_` \n").lower() in ("option", "choice", "answer")
        if not _REFUSED.match(sentence) and (label := _named(sentence, choices, bare)):
            yield match.start(), label


def _named(sentence: str, choices: Mapping[str, str], bare: bool) -> str | None:
    """The label after a word such as "answer", by the label or by the text of one choice."""
    label = _label(sentence, choices)
    if label or bare:
        match = _LABELLED.match(sentence)
        return label if match and not _REFUSED.match(sentence, match.end()) else None
    return _only(sentence, choices)


def _label(text: str, choices: Mapping[str, str], alone: bool = False) -> str | None:
    """The label that a text begins with.

    "A dog" begins with none: where a word follows, the label needs a sign behind it, or to be alone, or to have its
    own choice's text behind it. alone: nothing else may follow but that text.
    """
    match = _LABELLED.match(text.strip())
    also = _ALSO.match(text.strip(), match.end("label")) if match else None
    if not match or (also and also["label"] in choices):
        return None
    label = match["label"] if match["label"] in choices else match["label"].upper()
    after = text.strip()[match.end() :].strip(" *_`.:)}\"'")
    own = after.lower() == choices.get(label, "").lower() or not after
    marked = bool(match["after"].strip("*_`")) or text.strip()[0] in "(["
    articles = match["label"] in ("a", "I") and not marked
    if label not in choices or (alone and not own) or (articles and after):
        return None
    return label if own or marked or (match["label"] != "A" and match["label"].isupper()) else None


def _labels(text: str, choices: Mapping[str, str]) -> set[str]:
    """The labels that stand with a sign behind them, or the one that is all there is."""
    if len(text.split()) == 1 and (label := _label(text, choices)):
        return {label}
    signs = re.findall(r"(?<![\w'])(?<!not )[(\[]?([A-Z])[)\].:](?!\w)", text)
    lines = {_label(line, choices) for line in text.split("\n") if re.match(r"\s*[(\[]?[A-Za-z][)\].:]", line)}
    return {label for label in (*lines, *signs) if label in choices}


def _mentioned(text: str, choices: Mapping[str, str]) -> str | None:
    """The choice in the last clause that contains one; None where that clause contains several."""
    for clause in reversed(_CLAUSE.split(text.lower())):
        if labels := _labels_of_texts(clause, choices):
            return labels.pop() if len(labels) == 1 else None
    return None


def _only(text: str, choices: Mapping[str, str]) -> str | None:
    labels = _labels_of_texts(text.lower(), choices)
    return labels.pop() if len(labels) == 1 else None


def _labels_of_texts(clause: str, choices: Mapping[str, str]) -> set[str]:
    """The choices whose texts occur as whole words; of overlapping ones ("park", "car park") the longest."""
    labels = {each.strip().lower(): label for label, each in choices.items() if each.strip()}
    either = "|".join(map(re.escape, sorted(labels, key=len, reverse=True)))
    return {labels[each] for each in re.findall(rf"(?<!\w)(?:{either})(?!\w)", clause)} if either else set()
