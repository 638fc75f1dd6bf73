"""An Axolotl plugin for each of several processes: a CPU is the device of each, and none outlives its launcher.

With several processes Axolotl 0.19.0 numbers the device of each, which Transformers takes for a GPU. Processes that
torchrun starts lead sessions of their own, so that nothing else ends them when torchrun itself is killed. This file is
copied beside a run's configuration and imported by Axolotl from there, so it imports nothing of seqit.
"""

import ctypes
import os
import signal
from typing import Any

import torch
from axolotl.integrations.base import BasePlugin

PR_SET_PDEATHSIG = 1


class Processes(BasePlugin):  # type: ignore[misc]
    """Listed under `plugins` in the configuration."""

    def register(self, cfg: Any) -> None:
        """Ask the kernel to end this process when its parent ends; Axolotl calls this before it reads any data."""
        if "LOCAL_RANK" not in os.environ:  # before the launcher: the parent is seqit, which has asked the same
            return
        parent = os.getppid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent or parent == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    def load_datasets(self, cfg: Any, preprocess: bool = False) -> None:
        """Leave the place of the model to Transformers on a CPU; the last hook before Axolotl reads `device_map`."""
        if cfg.device == "cpu":
            cfg.device_map = None

    def post_trainer_create(self, cfg: Any, trainer: Any) -> None:
        """Name the CPU without a number: torch can't read a checkpoint's tensors to `cpu:0`, as Transformers asks."""
        if trainer.args.device.type == "cpu":
            vars(trainer.args)["_setup_devices"] = torch.device("cpu")  # the cache of the property `device`
