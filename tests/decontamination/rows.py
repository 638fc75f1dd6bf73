"""Records for these tests."""

from stages.core.records import Record, Source
from stages.decontamination import Rules, Survey, Withheld, index, survey

EVERYTHING = frozenset({"overlap-exact", "overlap-ngram", "duplicate", "near-duplicate"})


def record(number: int, instruction: str, input: str = "", response: str = "Yes.", **changes: object) -> Record:
    source = Source("path:x", number, "0", "MIT", "en")
    return Record(f"c-{number}", "c", instruction, input, response, "", source, **changes)  # type: ignore[arg-type]


def surveyed(
    rows: list[Record], *texts: str, remove: frozenset[str] = EVERYTHING, ngram: int = 13, similarity: float = 0.7,
    numbers: bool = False, slot: int = 0,
) -> Survey:  # fmt: skip
    held = {"bench": [Withheld(f"i{number}", text) for number, text in enumerate(texts)]}
    return survey(rows, index(held, [8, 13], 3), Rules(3, similarity, remove, ngram, numbers, slot))


def kept(rows: list[Record], *texts: str, **rules: object) -> list[str]:
    found = surveyed(rows, *texts, **rules)  # type: ignore[arg-type]
    return [row.id for name, row in found.split(rows) if name == "kept"]
