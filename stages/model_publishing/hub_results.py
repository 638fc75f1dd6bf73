"""Scores in the two forms that the Hub reads: `model-index` of a card, and files in .eval_results/.

https://huggingface.co/docs/hub/eval-results
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from stages.core.errors import UserError
from stages.model_publishing.model_facts import ModelFacts, Score
from stages.model_publishing.scores import main_score, setup, title

FOLDER = ".eval_results"
TASK = "text-generation"


class Leaderboard(msgspec.Struct, frozen=True):
    """A benchmark data set of the Hub whose questions a benchmark asks."""

    dataset: str
    task: str
    revision: str | None = None
    measure: str | None = None


def model_index(facts: ModelFacts, leaderboards: Mapping[str, Leaderboard]) -> list[Any]:
    """`EvalResult` of huggingface_hub for each score.

    A benchmark with a leaderboard is named by its data set on the Hub; every other by a name that is seqit's own: the
    Hub would take `xquad` for its data set of that name.
    """
    from huggingface_hub import EvalResult

    return [
        EvalResult(
            task_type=TASK, dataset_type=board.dataset if board else f"seqit-{score.kind}",
            dataset_name=f"{title(score.kind)}: {score.benchmark}", dataset_config=score.benchmark,
            dataset_revision=board.revision if board else None, metric_type=score.measure, metric_value=score.value,
            metric_name=f"{score.measure}, {'%' if score.unit == 'percent' else 'marks 1 to 5'}", **_source(facts),
        )
        for score in facts.scores for board in [leaderboards.get(score.benchmark)]
    ]  # fmt: skip


def eval_results(facts: ModelFacts, leaderboards: Mapping[str, Leaderboard]) -> dict[str, str]:
    """Path -> YAML of a file for each leaderboard.

    Without a date, which is then that of the commit: no time is part of a published model. Raises UserError for a
    measure that was not taken.
    """
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    files = {}
    for benchmark, board in sorted(leaderboards.items()):
        score = _score(facts, benchmark, board)
        entry = EvalResultEntry(
            dataset_id=board.dataset, task_id=board.task, value=score.value, dataset_revision=board.revision,
            notes=_notes(facts, score), **_source(facts),
        )  # fmt: skip
        files[f"{FOLDER}/{benchmark}.yaml"] = _yaml(eval_result_entries_to_yaml([entry]))
    return files


def _score(facts: ModelFacts, benchmark: str, board: Leaderboard) -> Score:
    score = main_score(facts, benchmark, board.measure)
    if score is None:
        known = sorted(one.measure for one in facts.scores if one.benchmark == benchmark)
        raise UserError(
            f"params.yaml: publish_models.{facts.name}.leaderboards.{benchmark}: {facts.run} has no score "
            f"{board.measure or 'by its main measure'} there; name one of {', '.join(known) or 'another benchmark'}"
        )
    return score


def _notes(facts: ModelFacts, score: Score) -> str:
    unit = "%" if score.unit == "percent" else "marks 1 to 5"
    return (
        f"{score.measure} in {unit} (95% interval {score.low:g} to {score.high:g}) of {score.n} answers; "
        f"{setup(facts.setups[score.benchmark])}; scored by seqit"
    )


def _source(facts: ModelFacts) -> dict[str, str]:
    """Where the scores are told: the card at the tag."""
    if not isinstance(facts.repository, str):
        return {}
    return {
        "source_name": "seqit", "source_url": f"https://huggingface.co/{facts.repository}/blob/v{facts.version}/README.md"
    }  # fmt: skip


def _yaml(value: Any) -> str:
    import yaml

    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000))
