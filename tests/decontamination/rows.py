"""Records for these tests."""

from stages.core.records import Record, Source
from stages.decontamination.benchmark_index import BenchmarkText, build_index
from stages.decontamination.decontaminate_rows import DecontaminationResult, DecontaminationRules, find_contamination

EVERYTHING = frozenset({"overlap-exact", "overlap-ngram", "duplicate", "near-duplicate"})


def record(number: int, instruction: str, input: str = "", response: str = "Yes.", **changes: object) -> Record:
    source = Source("path:x", number, "0", "MIT", "en")
    return Record(f"c-{number}", "c", instruction, input, response, "", source, **changes)  # type: ignore[arg-type]


def contamination_of(
    rows: list[Record], *texts: str, remove: frozenset[str] = EVERYTHING, ngram: int = 13, similarity: float = 0.7,
    numbers: bool = False, slot: int = 0,
) -> DecontaminationResult:  # fmt: skip
    benchmarks = {"bench": [BenchmarkText(f"i{number}", text) for number, text in enumerate(texts)]}
    return find_contamination(
        rows, build_index(benchmarks, [8, 13], 3), DecontaminationRules(3, similarity, remove, ngram, numbers, slot)
    )


def kept(rows: list[Record], *texts: str, **rules: object) -> list[str]:
    contamination = contamination_of(rows, *texts, **rules)  # type: ignore[arg-type]
    return [row.id for name, row in contamination.split(rows) if name == "kept"]
