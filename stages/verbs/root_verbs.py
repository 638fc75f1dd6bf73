"""The verb nearest the root of a parsed text, and its first direct object (paper, Appendix D)."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from stages.verbs.added_text import Span

OBJECTS = ("dobj", "obj")
"""Names of the relation to a direct object: ClearNLP's and Universal Dependencies'."""
NOUNS = ("NOUN", "PROPN")
LONGEST_WORD = 40
"""Characters of a verb or noun that is counted: what is longer is no word."""


class Word(NamedTuple):
    """A word of a parsed sentence."""

    start: int
    """Position in the text, in characters."""
    lemma: str
    part_of_speech: str
    """Of Universal Dependencies: VERB, NOUN, AUX, …"""
    relation: str
    """To its head."""
    head: int
    """Position of the head in the sentence; a root is its own."""


Sentence = Sequence[Word]


class VerbObject(NamedTuple):
    """A verb and the noun that is its direct object, as lemmas; "" for none."""

    verb: str = ""
    noun: str = ""


def verb_and_object(sentences: Sequence[Sentence], added: Sequence[Span]) -> VerbObject:
    """The verb nearest the root among the words in `added`, of the first sentence that has one, and its object.

    Auxiliaries and copulas are no verbs here. The object is the first noun that is a direct object of the verb, whether
    added or not; a clause, a pronoun or a quotation is none.
    """
    for words in sentences:
        verbs = [place for place, word in enumerate(words) if _is_verb(word) and _inside(word, added)]
        if verbs:
            nearest = min(verbs, key=lambda place: (_depth(words, place), place))
            return VerbObject(words[nearest].lemma.lower(), next(_objects(words, nearest), ""))
    return VerbObject()


def _is_verb(word: Word) -> bool:
    return word.part_of_speech == "VERB" and _is_short(word)


def _is_short(word: Word) -> bool:
    return 0 < len(word.lemma.strip()) <= LONGEST_WORD


def _inside(word: Word, spans: Sequence[Span]) -> bool:
    return any(start <= word.start < end for start, end in spans)


def _depth(words: Sentence, place: int) -> int:
    """Steps from a word to its root; a parse that is no tree counts as deep as it is long."""
    for steps in range(len(words)):
        if words[place].head == place:
            return steps
        place = words[place].head
    return len(words)


def _objects(words: Sentence, verb: int) -> Iterator[str]:
    for word in words:
        named = word.part_of_speech in NOUNS and _is_short(word)
        if word.head == verb and word.relation in OBJECTS and named:
            yield word.lemma.lower()
