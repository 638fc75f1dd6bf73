"""Questions become lm-eval's tasks, lm-eval runs them, its samples become answers."""

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
from stages.evaluation.benchmarks.predictions import Way, answered
from stages.evaluation.benchmarks.questions import Answer, Question
from stages.evaluation.lm_eval.model_adapter import Model

# Progress is told by the engine. By then tqdm may have been imported, so its environment variables come too late.
lm_eval.api.task.tqdm = partial(lm_eval.api.task.tqdm, disable=True)

TASKS = Path(lm_eval.__file__).parent / "tasks"


def evaluated(complete: Complete, questions: Sequence[Question], way: Way) -> Iterator[Answer]:
    """The answers to the questions of some benchmarks of lm-eval, in order.

    Raises UserError for a question whose task lm-eval does not have.
    """
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    model, kinds = Model(complete, way), _kinds(questions)
    found = lm_eval.evaluator.evaluate(model, tasks(questions), bootstrap_iters=0, apply_chat_template=not way.raw)
    logged = {
        some[sample["doc_id"]].id: sample for name, some in kinds.items() for sample in found["samples"][name]
    }  # fmt: skip
    for question in questions:
        yield _answer(question, logged[question.id], model, way.run)


def tasks(questions: Sequence[Question]) -> dict[str, ConfigurableTask]:
    """The tasks of lm-eval that ask these questions. Raises UserError for one that lm-eval does not have."""
    return {name: _task(name, some) for name, some in _kinds(questions).items()}


def _kinds(questions: Sequence[Question]) -> dict[str, list[Question]]:
    """The questions by task and worked examples: these make a task of lm-eval."""
    found: dict[str, list[Question]] = {}
    for question in questions:
        found.setdefault(f"{question.meta['task']}-{digest(question.meta['shots'], 8)}", []).append(question)
    return found


def _task(name: str, questions: Sequence[Question]) -> ConfigurableTask:
    """lm-eval's own task over our documents, with all the worked examples, in their order."""
    shots = json.loads(questions[0].meta["shots"])
    documents = {"test": _dataset([json.loads(q.meta["doc"]) for q in questions]), "shots": _dataset(shots)}
    config = {
        **_stock(questions[0].meta["task"]),
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


def _stock(task: str) -> dict[str, Any]:
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
    asked = sample["arguments"]
    reply = model.replies[asked[0][0]]
    weighed = BENCHMARKS[question.benchmark].grade_choices and reply.status in ("ok", "truncated")
    return answered(question, 0, run, _weighed(reply, [choice for _, choice in asked]) if weighed else reply)


def _weighed(reply: Reply, choices: Sequence[str]) -> Reply:
    """The likeliest choice as the text; failed if one of them was not weighed, whatever was written."""
    if missing := [choice for choice in choices if choice not in reply.scores]:
        return msgspec.structs.replace(reply, text="", status="failed", error=f"not weighed: {missing[0]!r:.80}")
    # A choice is what follows the blank with which lm-eval sets it off.
    scores = {choice.removeprefix(" "): reply.scores[choice] for choice in choices}
    return msgspec.structs.replace(reply, text=max(scores, key=scores.__getitem__), scores=scores)
