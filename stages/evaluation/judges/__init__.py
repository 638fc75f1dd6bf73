"""Judges of single responses: one module each with a `Judge`, and one line each in stages/core/registry.py."""

from stages.core import registry
from stages.evaluation.judges.judge_requests import Judge

__all__ = ["JUDGES", "Judge"]

JUDGES = registry.Implementations(registry.JUDGES, Judge)
"""`reading` in params.yaml -> its declaration."""
