"""A plugin of Axolotl's: where the assistant speaks in conversations about pictures, so that loss is on that alone.

Axolotl has no such knowledge for LLaVA, and 0.19.0 refuses its own `role_boundaries`. Copied beside the configuration
of a run and imported by Axolotl from there, so it imports nothing of ours. boundaries.json holds the token ids that
open a reply and those that end one. https://docs.axolotl.ai/docs/multimodal_assistant_mask.html
"""

import json
from pathlib import Path
from typing import Any

from axolotl.integrations.base import BasePlugin
from axolotl.processing_strategies import RoleBoundary


class Boundaries(BasePlugin):  # type: ignore[misc]
    """Named under `plugins` in the configuration."""

    def post_trainer_create(self, cfg: Any, trainer: Any) -> None:
        """Called once, before training."""
        start, end = json.loads(Path("boundaries.json").read_text())
        for collator in (trainer.data_collator, getattr(trainer, "eval_data_collator", None)):
            if collator is not None:
                collator.processing_strategy.role_boundaries = [RoleBoundary("assistant", start, end)]
