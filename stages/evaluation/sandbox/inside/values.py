"""Plain values as JSON and back, for two processes that must not share objects.

What arrives is built of built-in types only, so a comparison with it runs no code of the sender.
"""

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

LONGEST = 1_000_000
"""Items that are read of an iterator; one without an end is cut here."""
_EXACT = 1 << 53


class Foreign:
    """Stands for an object of a type that has no plain value: equal to nothing but itself."""

    def __init__(self, type_name: str, items: list[Any] | None) -> None:
        self.type_name = type_name
        self.items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items())

    def __len__(self) -> int:
        return len(self._items())

    def __bool__(self) -> bool:
        return self.items is None or bool(self.items)

    def __getitem__(self, place: int) -> Any:
        return self._items()[place]

    def __repr__(self) -> str:
        return f"<{self.type_name}>"

    def _items(self) -> list[Any]:
        if self.items is None:
            raise TypeError(f"'{self.type_name}' object is not iterable")
        return self.items


def encode(value: Any) -> Any:
    """`value` as what `json.dumps` takes. Raises RecursionError for a value that is nested too deep or holds itself.

    Subclasses become their built-in type, the numbers of numpy and sympy become Python's; of an iterator the first
    LONGEST items are read; what has no plain value becomes its type's name.
    """
    if value is None or value is True or value is False or type(value) in (str, float):
        return value
    for kind, form in _FORMS:
        if isinstance(value, kind):
            return form(value)
    return _number(value) if "numbers" in sys.modules else _other(value)


def decode(data: Any) -> Any:
    """The value that `encode` made `data` of. Raises ValueError or TypeError for what it never makes."""
    if isinstance(data, list):
        return [decode(item) for item in data]
    if not isinstance(data, dict):
        return data
    ((tag, content),) = data.items()
    if tag not in _VALUES:
        raise ValueError(f"no such kind of value: {tag!r:.40}")
    return _VALUES[tag](content)


def _items(values: Iterable[Any]) -> list[Any]:
    return [encode(value) for value in islice(values, LONGEST)]


def _integer(value: int) -> Any:
    plain = int(value)
    return plain if -_EXACT < plain < _EXACT else {"int": hex(plain)}


_FORMS: tuple[tuple[type[Any], Any], ...] = (
    (int, _integer),
    (float, float),
    (str, lambda value: "".join(value)),
    (list, _items),
    (tuple, lambda value: {"tuple": _items(value)}),
    (dict, lambda value: {"dict": [[encode(key), encode(each)] for key, each in value.items()]}),
    (set, lambda value: {"set": _items(value)}),
    (frozenset, lambda value: {"frozenset": _items(value)}),
    (complex, lambda value: {"complex": [value.real, value.imag]}),
    (bytes, lambda value: {"bytes": value.hex()}),
    (bytearray, lambda value: {"bytearray": value.hex()}),
    (range, lambda value: {"range": [encode(each) for each in (value.start, value.stop, value.step)]}),
)


def _number(value: Any) -> Any:
    """The numbers of fractions, decimal, numpy and sympy, each of which has imported `numbers`."""
    import numbers

    name = f"{type(value).__module__}.{type(value).__name__}"
    if name in ("numpy.bool_", "numpy.bool"):
        return bool(value)
    if name == "decimal.Decimal":
        return {"decimal": str(value)}
    if isinstance(value, numbers.Integral):
        return _integer(int(value))
    if isinstance(value, numbers.Rational):
        return {"fraction": [_integer(int(value.numerator)), _integer(int(value.denominator))]}
    return float(value) if isinstance(value, numbers.Real) else _other(value)


def _other(value: Any) -> Any:
    if hasattr(type(value), "__next__"):
        return {"iterator": _items(value)}
    items = _items(value) if hasattr(type(value), "__iter__") and not isinstance(value, type) else None
    return {"foreign": [type(value).__name__[:100], items]}


def _fraction(content: Any) -> Any:
    from fractions import Fraction

    return Fraction(*map(decode, content))


def _decimal(content: Any) -> Any:
    from decimal import Decimal

    return Decimal(content)


_VALUES: dict[str, Any] = {
    "int": lambda content: int(content, 16),
    "tuple": lambda content: tuple(map(decode, content)),
    "dict": lambda content: {decode(key): decode(value) for key, value in content},
    "set": lambda content: set(map(decode, content)),
    "frozenset": lambda content: frozenset(map(decode, content)),
    "complex": lambda content: complex(*content),
    "bytes": bytes.fromhex,
    "bytearray": bytearray.fromhex,
    "range": lambda content: range(*map(decode, content)),
    "fraction": _fraction,
    "decimal": _decimal,
    "iterator": lambda content: iter(decode(content)),
    "foreign": lambda content: Foreign(str(content[0]), None if content[1] is None else decode(content[1])),
}
