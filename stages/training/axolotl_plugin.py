"""An Axolotl plugin that restricts the loss to the assistant's turns in conversations with images.

Axolotl defines no role boundaries for LLaVA, and 0.19.0 rejects its own option `role_boundaries`. This file is copied
beside a run's configuration and imported by Axolotl from there, so it imports nothing of seqit. boundaries.json has the
token ids that open a reply and those that end it. https://docs.axolotl.ai/docs/multimodal_assistant_mask.html
"""

import json
from pathlib import Path
from typing import Any

from axolotl.integrations.base import BasePlugin
from axolotl.processing_strategies import RoleBoundary


class Boundaries(BasePlugin):  # type: ignore[misc]
    """Listed under `plugins` in the configuration."""

    def post_trainer_create(self, cfg: Any, trainer: Any) -> None:
        """Set the boundaries of both collators; Axolotl calls this once, before training."""
        start, end = json.loads(Path("boundaries.json").read_text())
        for collator in (trainer.data_collator, getattr(trainer, "eval_data_collator", None)):
            if collator is not None:
                collator.processing_strategy.role_boundaries = [RoleBoundary("assistant", start, end)]
