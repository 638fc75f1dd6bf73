"""Asks Axolotl's own schema about a configuration before anything runs."""

import json
import subprocess
from pathlib import Path
from typing import Any

from stages.core.errors import UserError
from stages.params.training_sections import Recipe

SCRIPT = Path(__file__).with_name("schema_check.py")
"""Runs in Axolotl's environment."""
PACKAGES = {
    "zero": "deepspeed",
    "mlflow": "mlflow",
    "wandb": "wandb",
    "trackio": "trackio",
    "tensorboard": "tensorboard",
    "ray": "ray",
}
"""What a value of the recipe needs that Axolotl does not bring."""
_MISSING = """
import importlib.util, sys
print(next((name for name in sys.argv[1:] if importlib.util.find_spec(name) is None), ""))
"""
SECONDS = 300
"""The longest that Axolotl's schema may take to load."""


def needs_check(recipe: Recipe) -> bool:
    """Whether the recipe says something that only Axolotl's schema knows; asking it takes 10 seconds."""
    usual = Recipe.model_fields["optimizer"].default
    return bool(recipe.extra) or recipe.optimizer != usual or recipe.context_parallel > 1


def packages(recipe: Recipe) -> list[str]:
    """The packages that the recipe needs beside Axolotl and its dependencies."""
    named = [recipe.sharding[:4], recipe.launcher, *recipe.report_to] if recipe.launcher != "render" else []
    return [PACKAGES[name] for name in named if name in PACKAGES]


def require_packages(recipe: Recipe, python: Path) -> None:
    """Raise UserError for a package that the recipe needs and Axolotl's environment lacks."""
    if not (names := packages(recipe)):
        return
    done = subprocess.run([str(python), "-c", _MISSING, *names], capture_output=True, text=True, cwd="/")
    if package := done.stdout.strip():
        raise UserError(f"{python}: has no {package}, which the recipe needs; {python} -m pip install {package}")


def check_config(config: dict[str, Any], recipe: Recipe, python: Path) -> None:
    """Raise UserError, one line that names the key, for what Axolotl would refuse."""
    request = {"config": config, "extra": list(recipe.extra), "gpus": recipe.devices}
    try:
        done = subprocess.run(
            [str(python), str(SCRIPT)], input=json.dumps(request), capture_output=True, text=True, errors="replace",
            cwd="/", timeout=SECONDS,
        )  # fmt: skip
        answer: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError) as error:
        raise UserError(
            f"{python}: can't load Axolotl's schema ({type(error).__name__}); `make env-train` makes it"
        ) from None
    if message := answer.get("problem"):
        where = f"train.settings.extra.{answer['key']}" if answer.get("key") in recipe.extra else "train.settings"
        raise UserError(f"params.yaml: {where}: {_line(message)}")


def _line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))[:400]
