"""What a prompt demands of an engine, held against what the engine declares, before it is sent."""

from stages.core.completions import Capabilities, Prompt
from stages.core.errors import UserError
from stages.inference.image_input import pictured


def check(prompt: Prompt, able: Capabilities, model: str) -> None:
    """Raises UserError where the engine refuses what the prompt demands."""
    name = prompt.purpose.partition("/")[0]
    if not able.images and pictured(prompt):
        raise UserError(
            f"{name}: shows a picture, {model} takes text alone; set `images: captions` for its benchmark, or use "
            "engine openai with `api: chat`, or transformers with a model that sees"
        )
    if prompt.constraint and prompt.constraint.regex and able.regex == "refused":
        raise UserError(
            f"{name}: its reply is to fit a regular expression, which the engine of {model} can't enforce; use engine "
            "embedded, vllm or openai for this stage, or a prompt file without `--- regex`"
        )
    if prompt.constraint and prompt.constraint.choice and able.choices == "refused":
        raise UserError(
            f"{name}: its reply is to be one of a few choices, to which the engine of {model} can't be held; say under "
            "predict.runs which benchmarks it answers"
        )
