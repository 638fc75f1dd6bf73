"""Run questions as lm-eval's tasks; lm-eval's samples become answers."""

import json
import logging
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import lm_eval
import lm_eval.api.task
import lm_eval.evaluator
import msgspec
from datasets import Dataset
from lm_eval.api.task import ConfigurableTask

from stages.core.completions import Complete, Reply
from stages.core.errors import UserError
from stages.core.records import digest
from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.predictions import GenerationConfig, to_answer
from stages.evaluation.benchmarks.questions import Answer, Question
from stages.evaluation.lm_eval.model_adapter import Model

# The engine reports progress. tqdm may be imported by now, so that its environment variables have no effect.
lm_eval.api.task.tqdm = partial(lm_eval.api.task.tqdm, disable=True)

TASKS = Path(lm_eval.__file__).parent / "tasks"


def run_tasks(complete: Complete, questions: Sequence[Question], config: GenerationConfig) -> Iterator[Answer]:
    """The answers to questions of lm-eval's benchmarks, in order.

    Raises UserError for a question whose task lm-eval does not have.
    """
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    model, by_task = Model(complete, config), _by_task(questions)
    results = lm_eval.evaluator.evaluate(
        model, to_tasks(questions), bootstrap_iters=0, apply_chat_template=not config.raw
    )  # fmt: skip
    samples = {
        group[sample["doc_id"]].id: sample for name, group in by_task.items() for sample in results["samples"][name]
    }
    for question in questions:
        yield _answer(question, samples[question.id], model, config.run)


def to_tasks(questions: Sequence[Question]) -> dict[str, ConfigurableTask]:
    """lm-eval's tasks with these questions, by name. Raises UserError for one that lm-eval does not have."""
    return {name: _task(name, group) for name, group in _by_task(questions).items()}


def _by_task(questions: Sequence[Question]) -> dict[str, list[Question]]:
    """The questions by task and worked examples: each group becomes one task of lm-eval."""
    groups: dict[str, list[Question]] = {}
    for question in questions:
        groups.setdefault(f"{question.meta['task']}-{digest(question.meta['shots'], 8)}", []).append(question)
    return groups


def _task(name: str, questions: Sequence[Question]) -> ConfigurableTask:
    """lm-eval's own task over our documents, with all the worked examples, in their order."""
    shots = json.loads(questions[0].meta["shots"])
    documents = {"test": _dataset([json.loads(q.meta["doc"]) for q in questions]), "shots": _dataset(shots)}
    config = {
        **_task_file(questions[0].meta["task"]),
        "task": name,
        "custom_dataset": lambda **_: documents,
        "training_split": None,
        "validation_split": None,
        "test_split": "test",
        "fewshot_split": "shots" if shots else None,
        "fewshot_config": {"sampler": "first_n"},
        "num_fewshot": len(shots),
    }
    return ConfigurableTask(config=config)


def _task_file(task: str) -> dict[str, Any]:
    """The configuration of a task as lm-eval ships it."""
    folder = "mmlu/default" if task.startswith("mmlu_") else task.partition("_")[0]
    path = TASKS / folder / f"{task}.yaml"
    if not path.is_file():
        raise UserError(f"lm-eval has no task {task}; name the subject as MMLU does")
    return _configuration(path)


def _configuration(path: Path) -> dict[str, Any]:
    """A task's file with those that it includes, as lm-eval reads it."""
    try:
        from lm_eval.tasks._yaml_loader import load_yaml
    except ImportError:  # lm-eval 0.4.11
        from lm_eval.utils import load_yaml_config

        return dict(load_yaml_config(yaml_path=str(path)))
    return dict(load_yaml(path))


def _dataset(rows: list[dict[str, Any]]) -> Dataset:
    return Dataset.from_list(rows)


def _answer(question: Question, sample: dict[str, Any], model: Model, run: str) -> Answer:
    arguments = sample["arguments"]
    reply = model.replies[arguments[0][0]]
    by_choices = BENCHMARKS[question.benchmark].grade_choices and reply.status in ("ok", "truncated")
    return to_answer(
        question, 0, run, _best_choice(reply, [choice for _, choice in arguments]) if by_choices else reply
    )


def _best_choice(reply: Reply, choices: Sequence[str]) -> Reply:
    """The reply with the most probable choice as its text; failed where a choice has no score."""
    if missing := [choice for choice in choices if choice not in reply.scores]:
        return msgspec.structs.replace(reply, text="", status="failed", error=f"without a score: {missing[0]!r:.80}")
    # lm-eval puts a space before each choice.
    scores = {choice.removeprefix(" "): reply.scores[choice] for choice in choices}
    return msgspec.structs.replace(reply, text=max(scores, key=scores.__getitem__), scores=scores)
