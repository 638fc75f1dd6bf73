"""Run by Axolotl's Python: reads a configuration from stdin, prints what Axolotl's schema says against it as JSON.

It imports nothing of seqit. The last line that it prints is {} or {"key": …, "problem": …}.
"""

import contextlib
import difflib
import json
import os
import sys
from typing import Any, get_args

ASSUMED_GPU = {"bf16": True, "fp8": False, "tf32": True, "n_node": 1, "compute_capability": "sm_90"}
"""Of the GPUs that a configuration is for, where this machine has none."""


def main() -> None:
    """Print the answer; what Axolotl prints while it loads goes to stderr."""
    request = json.loads(sys.stdin.read())
    with contextlib.redirect_stdout(sys.stderr):
        answer = problem(request)
    print("\n" + json.dumps(answer), flush=True)


def problem(request: dict[str, Any]) -> dict[str, str]:
    """The first thing that is wrong."""
    os.environ |= {"AXOLOTL_DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"}
    from axolotl.utils.dict import DictDefault

    # Plugins of seqit are files beside a run's configuration.
    config = dict(request["config"])
    config["plugins"] = [name for name in config.get("plugins", []) if name.startswith("axolotl.")]
    try:
        known = schema(config)
    except Exception as error:
        return {"key": "plugins", "problem": f"can't be loaded ({type(error).__name__}: {error})"}
    for key in request["extra"]:
        if wrong := unknown(config[key], key, known):
            return {"key": key, "problem": wrong}
    return unknown_optimizer(config["optimizer"]) or refused(DictDefault(config), request["gpus"])


def schema(config: dict[str, Any]) -> Any:
    """Axolotl's type of a configuration, with the keys of the plugins that it names."""
    from axolotl.integrations.base import PluginManager, load_plugin
    from axolotl.integrations.config import merge_input_args
    from axolotl.utils.schemas.config import AxolotlInputConfig

    for name in config["plugins"]:
        load_plugin(name)  # raises for a name that is none, which `register` passes over
        PluginManager.get_instance().register(name)
    return merge_input_args()[1] if config["plugins"] else AxolotlInputConfig


def unknown(value: Any, path: str, model: Any) -> str:
    """What is wrong with the last name of a path, or with a name inside of its value; "" if the schema knows all."""
    name = path.rpartition(".")[2]
    names = {alias or key for key, field in model.model_fields.items() for alias in (key, field.alias)}
    if name not in names:
        near = difflib.get_close_matches(name, names, 1)
        return f"{path} is no key of Axolotl's configuration" + (f"; did you mean {near[0]}?" if near else "")
    field = model.model_fields.get(name)
    inner = next((kind for kind in kinds(field.annotation) if hasattr(kind, "model_fields")), None) if field else None
    if inner is None or not isinstance(value, dict) or inner.model_config.get("extra") == "allow":
        return ""
    return next((wrong for key, below in value.items() if (wrong := unknown(below, f"{path}.{key}", inner))), "")


def unknown_optimizer(name: str) -> dict[str, str]:
    """What is wrong with the name of an optimizer, for which the schema takes any text."""
    from axolotl.utils.schemas.enums import CustomSupportedOptimizers
    from transformers.training_args import OptimizerNames

    names = [str(one.value) for group in (OptimizerNames, CustomSupportedOptimizers) for one in group]
    if name in names:
        return {}
    near = difflib.get_close_matches(name, names, 1)
    return {"key": "", "problem": f"optimizer {name} is unknown" + (f"; did you mean {near[0]}?" if near else "")}


def kinds(annotation: Any) -> list[Any]:
    """The types that an annotation names."""
    return [annotation, *(kind for part in get_args(annotation) for kind in kinds(part))]


def refused(config: Any, gpus: int) -> dict[str, str]:
    """What Axolotl's validation says against the configuration; nothing if it accepts it."""
    import torch
    from axolotl.cli.config import gpu_capabilities
    from axolotl.utils.config import validate_config
    from pydantic import ValidationError

    capabilities, versions = gpu_capabilities()
    if gpus and not torch.cuda.is_available():
        capabilities = {**ASSUMED_GPU, "n_gpu": gpus}
    try:
        validate_config(config, capabilities=capabilities, env_capabilities=versions)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part in config) or ""
        message = first["msg"].removeprefix("Value error, ")
        return {"key": place.partition(".")[0], "problem": f"{message} (Axolotl)"}
    except Exception as error:
        return {"key": "", "problem": f"{error} (Axolotl)"}
    return {}


if __name__ == "__main__":
    main()
