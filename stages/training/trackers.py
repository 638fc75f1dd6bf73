"""What `report_to` names: keys of Axolotl, environment variables that are passed on, secrets that no log may hold."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NETWORK = (
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
)  # fmt: skip
"""Passed on, in small letters too, where a tracker that has a server is named."""
PREFIXES = {
    "tensorboard": ("TENSORBOARD_",),
    "wandb": ("WANDB_",),
    "mlflow": ("MLFLOW_", "HF_MLFLOW_"),
    "trackio": ("TRACKIO_",),
}
SECRET = re.compile("KEY|TOKEN|PASSWORD|SECRET|CREDENTIAL", re.IGNORECASE)
"""What the name of a variable has in it whose value is never logged; an address may hold a password."""
SHORTEST_SECRET = 6


def options(trackers: Sequence[str], run: str) -> dict[str, Any]:
    """The keys of Axolotl that turn the trackers on, under the project seqit and the name of the run."""
    keys = {
        "tensorboard": {"use_tensorboard": True},
        "wandb": {"use_wandb": True, "wandb_name": run, **_unless("WANDB_PROJECT", {"wandb_project": "seqit"})},
        "mlflow": {
            "use_mlflow": True, "mlflow_run_name": run,
            **_unless("MLFLOW_EXPERIMENT_NAME", {"mlflow_experiment_name": "seqit"}),
        },
        "trackio": {
            "use_trackio": True, "trackio_run_name": run,
            **_unless("TRACKIO_PROJECT_NAME", {"trackio_project_name": "seqit"}),
        },
    }  # fmt: skip
    return {key: value for tracker in trackers for key, value in keys[tracker].items()}


def _unless(variable: str, keys: dict[str, Any]) -> dict[str, Any]:
    return {} if os.environ.get(variable) else keys


def environment(trackers: Sequence[str], folder: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that the trackers get: those of `variables` that are theirs, and where they write without a server.

    folder: keeps what they write after the run.
    """
    prefixes = tuple(prefix for tracker in trackers for prefix in PREFIXES[tracker])
    network = {name for name in variables if name.upper() in NETWORK} if set(trackers) - {"tensorboard"} else set()
    own = {
        name: value for name, value in variables.items() if (prefixes and name.startswith(prefixes)) or name in network
    }  # fmt: skip
    places = {
        "tensorboard": {"TENSORBOARD_LOGGING_DIR": str(folder / "tensorboard")},
        "wandb": {"WANDB_DIR": str(folder)},
        "mlflow": {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"},
        "trackio": {"TRACKIO_DIR": str(folder / "trackio")},
    }
    defaults = {name: value for tracker in trackers for name, value in places[tracker].items()}
    return {**defaults, **own}


def secrets(variables: Mapping[str, str]) -> list[str]:
    """The values that must not reach a log, longest first."""
    values = {value for name, value in variables.items() if SECRET.search(name) or re.search("://[^/@]*@", value)}
    return sorted((value for value in values if len(value) >= SHORTEST_SECRET), key=len, reverse=True)
