"""What a prompt requires of an engine: pictures, one of a few choices, a regular expression."""

import math
from collections.abc import Sequence
from random import Random

from stages.core.completions import Capabilities, Prompt
from stages.core.errors import UserError
from stages.reply_store.keys import seed_of


def shows_images(prompt: Prompt) -> bool:
    """Whether any message of a prompt has a picture."""
    return any(message.images for message in prompt.messages)


def choices_of(prompt: Prompt) -> tuple[str, ...]:
    """The choices that the reply is limited to; empty for a prompt without such a constraint."""
    return prompt.constraint.choice if prompt.constraint else ()


def draw_choice(choices: Sequence[str], scores: Sequence[float], prompt: Prompt) -> str:
    """The choice of the highest log-probability at temperature 0, else one drawn by temperature and the prompt's seed.

    top_p and top_k are not applied: they are made for vocabularies, not for a few choices.
    """
    best = max(scores)
    if prompt.sampling.temperature <= 0:
        return choices[scores.index(best)]
    weights = [math.exp((score - best) / prompt.sampling.temperature) for score in scores]
    return Random(seed_of(prompt)).choices(choices, weights)[0]


def check_prompt(prompt: Prompt, capabilities: Capabilities, model: str) -> None:
    """Raise UserError where an engine with these capabilities refuses what the prompt requires."""
    name = prompt.purpose.partition("/")[0]
    if not capabilities.images and shows_images(prompt):
        raise UserError(
            f"{name}: shows a picture, {model} takes text alone; set `images: captions` for its benchmark, or use "
            "engine openai with `api: chat`, or transformers with a model that sees"
        )
    if prompt.constraint and prompt.constraint.regex and capabilities.regex == "refused":
        raise UserError(
            f"{name}: its reply is to fit a regular expression, which the engine of {model} can't enforce; use engine "
            "embedded, vllm or openai for this stage, or a prompt file without `--- regex`"
        )
    if prompt.constraint and prompt.constraint.choice and capabilities.choices == "refused":
        raise UserError(
            f"{name}: its reply is to be one of a few choices, which the engine of {model} can't enforce; list under "
            "the run's `benchmarks` (train.runs, predict.models) those that it answers"
        )
