"""Which models each command of stages/ sends requests to, and which commands a plan runs besides."""

from typing import Literal

Role = Literal["generator", "judge", "reviewer", "tuned"]
"""An entry of `engines` in params.yaml."""

MODELS: dict[str, tuple[Role, ...]] = {
    "extract_inputs": ("generator",),
    "rewrite": ("generator",),
    "respond": ("generator",),
    "check_responses": ("generator",),
    "judge_responses": ("generator", "judge"),
    "evolve": ("generator",),
    "augment": ("generator",),
    "split": ("generator",),
    "predict": ("tuned",),
    "evaluate": ("judge",),
    "compare": ("judge",),
    "judge_tasks": ("judge",),
    "judge_agreement": ("reviewer",),
}
"""Command -> the models that it sends requests to. A plan runs it with stand-ins for their replies."""
FAST = ("ingest", "index_benchmarks", "decontaminate", "count_tokens", "sample", "format")
"""Commands without a model that a plan runs for their outputs, which take a moment."""
