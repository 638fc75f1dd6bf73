"""How often parsers find the labelled verb and object: `python -m tests.bench.parsers [FOLDER_OF_A_PIPELINE | link]`.

A folder needs spaCy; `link` needs Debian's python3-link-grammar and link-grammar-dictionaries-en, and simplemma, all in
one interpreter, for example Debian's own with PYTHONPATH. Without an argument: models/english-parser.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from math import sqrt
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

from stages.verbs.added_text import Span, added_spans
from stages.verbs.root_verbs import verb_and_object
from tests.bench import usage

LABELS = Path(__file__).parents[1] / "verbs" / "labels.jsonl"
SENTENCE = re.compile(r"[^.?!]+(?:[.?!](?!\s|$)[^.?!]*)*[.?!:]*")
AUXILIARIES = {"be", "do", "have", "will", "can", "should", "would", "may", "might", "must"}
PRONOUNS = {"this", "it", "that", "these", "them", "what"}
Find = Callable[[str, list[Span]], tuple[str, str]]


class Link(NamedTuple):
    kind: str
    """The capital letters of the label: O for objects, S for subjects, W from the wall to the head."""
    left: str
    right: str


def spacy_finder(folder: Path) -> Find:
    from stages.verbs.spacy_parser import SpacyParser

    parser = SpacyParser(folder, "")
    return lambda text, added: verb_and_object(next(iter(parser([text]))), added)


def link_finder() -> Find:
    """Reads the verb that the wall is linked to, past auxiliaries and coordination, and what O or B links to it."""
    import simplemma
    from linkgrammar import Dictionary, ParseOptions, Sentence

    options = ParseOptions(verbosity=0, max_null_count=4, max_parse_time=5)
    dictionary = Dictionary()

    def lemma(word: str) -> str:
        return str(simplemma.lemmatize(re.sub(r"\[.*|\.[a-z-]+$|\.=.*", "", word).lower(), lang="en"))

    def find(text: str, added: list[Span]) -> tuple[str, str]:
        for match in SENTENCE.finditer(text):
            part, start = match[0].strip(), match.start()
            if not part or not any(text[max(a, start) : min(b, match.end())].strip(" .,:") for a, b in added):
                continue
            for linkage in Sentence(part, dictionary, options).parse():
                links = [link_of(one) for one in linkage.links()]
                for verb in heads(links, lemma):
                    return lemma(verb), next(iter(objects(links, verb, lemma)), "")
                break
        return "", ""

    return find


def link_of(link: Any) -> Link:
    return Link(re.match("[A-Z]*", re.sub("^[hd]", "", link.left_label))[0], link.left_word, link.right_word)


def heads(links: list[Link], lemma: Callable[[str], str]) -> Iterator[str]:
    """Verbs, the likeliest head first."""
    wall = [one.right for one in links if one.left == "LEFT-WALL" and one.kind.startswith("W")]
    subjects = [one.right for one in links if one.left in wall and one.kind in ("S", "SI", "SX")]
    subjects += [one.left for one in links if one.right in wall and one.kind in ("S", "SI")]
    direct = [one.right for one in links if one.kind == "WV"]
    for verb in [*direct, *wall, *subjects, *(one.right for one in links)]:
        if re.match(r"(and|or|then)\b", verb):
            verb = next((one.left for one in links if one.right == verb and one.kind == "VJ"), verb)
        for _ in range(5):
            main = [one.right for one in links if one.left == verb and one.kind in ("I", "PP", "P", "PPF")]
            if lemma(verb) not in AUXILIARIES or not main:
                break
            verb = main[0]
        if re.search(r"\.[vwq]", verb) and lemma(verb) != "be":
            yield verb


def objects(links: list[Link], verb: str, lemma: Callable[[str], str]) -> list[str]:
    words = [one.right for one in links if one.left == verb and one.kind in ("O", "OD", "OT", "ON")]
    words += [one.left for one in links if one.right == verb and one.kind == "B"]
    return [lemma(word) for word in words if ".v" not in word and lemma(word) not in PRONOUNS]


def wilson(right: int, number: int) -> tuple[float, float]:
    z, share = 1.96, right / number
    middle, half = share + z * z / 2 / number, z * sqrt(share * (1 - share) / number + z * z / 4 / number / number)
    return tuple(100 * (middle + sign * half) / (1 + z * z / number) for sign in (-1, 1))


def main(parser: str = "models/english-parser") -> None:
    find = link_finder() if parser == "link" else spacy_finder(Path(parser))
    begun, verbs, both = process_time(), [], []
    labels = [json.loads(line) for line in LABELS.read_text("utf-8").splitlines()]
    for label in labels:
        verb, noun = find(label["after"], added_spans(label["before"], label["after"]))
        verbs.append(verb == label["verb"])
        both.append(verbs[-1] and noun == label["object"])
        if not both[-1]:
            print(f"{verb} {noun}, labelled {label['verb']} {label['object']}: {label['after'][:80]}")
    for name, right in (("verb", sum(verbs)), ("both", sum(both))):
        low, high = wilson(right, len(labels))
        print(f"{parser}: {name} {right} of {len(labels)}, {low:.1f} to {high:.1f}")
    print(f"{process_time() - begun:.1f} s of CPU")


if __name__ == "__main__":
    usage(__doc__)
    main(*sys.argv[1:])
