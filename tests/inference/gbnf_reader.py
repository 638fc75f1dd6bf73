"""A reader of GBNF that matches texts, written from llama.cpp's guide and independent of what writes grammars here."""

from collections.abc import Iterator
from dataclasses import dataclass, field

LARGEST = 2000
"""A repetition that llama.cpp refuses: of recent versions, also the product of those inside one rule."""
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "[": "[", "]": "]"}
HEX = {"x": 2, "u": 4, "U": 8}
Node = tuple
"""("text", str), ("class", negated, ranges), ("rule", name), ("all", nodes), ("any", nodes), ("times", n, m, node)."""


class GrammarError(ValueError):
    """The text is no grammar that llama.cpp takes."""


@dataclass
class Grammar:
    """The rules of a grammar by name."""

    rules: dict[str, Node] = field(default_factory=dict)

    def matches(self, text: str) -> bool:
        """Whether `root` derives the whole text."""
        return len(text) in self.ends(("rule", "root"), text, 0)

    def ends(self, node: Node, text: str, start: int) -> set[int]:
        """Where a match of the node that begins at `start` may end."""
        match node:
            case ("text", wanted):
                return {start + len(wanted)} if text.startswith(wanted, start) else set()
            case ("class", negated, ranges):
                fits = start < len(text) and any(low <= ord(text[start]) <= high for low, high in ranges) != negated
                return {start + 1} if fits else set()
            case ("rule", name):
                return self.ends(self.rules[name], text, start)
            case ("any", nodes):
                return {end for one in nodes for end in self.ends(one, text, start)}
            case ("all", nodes):
                places = {start}
                for one in nodes:
                    places = {end for place in places for end in self.ends(one, text, place)}
                return places
            case ("times", least, most, one):
                return self._repeated(least, most, one, text, start)
        raise AssertionError(node)

    def _repeated(self, least: int, most: int | None, one: Node, text: str, start: int) -> set[int]:
        found, places = (set() if least else {start}), {start}
        for count in range(1, (max(len(text), least) if most is None else most) + 1):
            places = {end for place in places for end in self.ends(one, text, place)}
            if not places:
                break
            found |= places if count >= least else set()
        return found

    def example(self, node: Node = ("rule", "root")) -> str:
        """A text that the grammar derives, of the fewest repetitions and the first alternatives."""
        match node:
            case ("text", wanted):
                return str(wanted)
            case ("class", negated, ranges):
                return "~" if negated else chr(ranges[0][0])
            case ("rule", name):
                return self.example(self.rules[name])
            case ("any", nodes):
                return self.example(nodes[0])
            case ("all", nodes):
                return "".join(map(self.example, nodes))
            case ("times", least, _, one):
                return self.example(one) * least
        raise AssertionError(node)


def read_grammar(text: str) -> Grammar:
    """The grammar of a text, one rule a line. Raises GrammarError."""
    grammar = Grammar()
    for line in text.split("\n"):
        name, arrow, body = line.partition(" ::= ")
        if not arrow or not name.replace("-", "").isalnum():
            raise GrammarError(line)
        reader = _Reader(body)
        grammar.rules[name] = reader.alternatives()
        if reader.rest():
            raise GrammarError(f"{line}: {reader.rest()}")
    used = {name for body in grammar.rules.values() for name in _names(body)} | {"root"}
    if used - grammar.rules.keys():
        raise GrammarError(f"undefined: {used - grammar.rules.keys()}")
    return grammar


def _names(node: Node) -> Iterator[str]:
    if node[0] == "rule":
        yield node[1]
    for part in node[1] if node[0] in ("all", "any") else [node[3]] if node[0] == "times" else []:
        yield from _names(part)


def _weight(node: Node) -> int:
    """How many rules llama.cpp makes of a part of one rule."""
    if node[0] == "times":
        return _weight(node[3]) * max(node[1], node[2] or 1, 1)
    return max(1, sum(map(_weight, node[1]))) if node[0] in ("all", "any") else 1


class _Reader:
    def __init__(self, text: str) -> None:
        self._text, self._place = text, 0

    def rest(self) -> str:
        return self._text[self._place :]

    def _next(self, token: str) -> bool:
        found = self._text.startswith(token, self._place)
        self._place += len(token) if found else 0
        return found

    def _take(self) -> str:
        if not self.rest():
            raise GrammarError("ends too soon")
        self._place += 1
        return self._text[self._place - 1]

    def alternatives(self) -> Node:
        found = [self._sequence()]
        while self._next("| "):
            found.append(self._sequence())
        return ("any", found)

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while self.rest() and self.rest()[0] not in "|)":
            parts.append(self._bounded(self._atom()))
            self._next(" ")
        return ("all", parts)

    def _atom(self) -> Node:
        if self._next('"'):
            return ("text", self._quoted())
        if self._next("["):
            return self._class()
        if self._next("("):
            inside = self.alternatives()
            if not self._next(")"):
                raise GrammarError(self.rest())
            return inside
        name = ""
        while self.rest()[:1].isalnum() or self.rest()[:1] == "-":
            name += self._take()
        if not name:
            raise GrammarError(self.rest())
        return ("rule", name)

    def _bounded(self, node: Node) -> Node:
        for sign, bounds in {"*": (0, None), "+": (1, None), "?": (0, 1)}.items():
            if self._next(sign):
                return ("times", *bounds, node)
        if not self._next("{"):
            return node
        inside, _, rest = self.rest().partition("}")
        self._place = len(self._text) - len(rest)
        least, comma, most = inside.partition(",")
        times = ("times", int(least), int(most) if most else None if comma else int(least), node)
        if _weight(times) >= LARGEST:
            raise GrammarError(f"{inside}: exceeds sane defaults")
        return times

    def _letter(self) -> str:
        letter = self._take()
        if letter != "\\":
            return letter
        kind = self._take()
        if kind in HEX:
            return chr(int("".join(self._take() for _ in range(HEX[kind])), 16))
        if kind not in ESCAPES:
            raise GrammarError(f"escape {kind}")
        return ESCAPES[kind]

    def _quoted(self) -> str:
        text = ""
        while not self._next('"'):
            text += self._letter()
        return text

    def _class(self) -> Node:
        negated, ranges = self._next("^"), []
        while not self._next("]"):
            start = self._letter()
            end = self._letter() if self._next("-") else start
            ranges.append((ord(start), ord(end)))
        return ("class", negated, ranges)
