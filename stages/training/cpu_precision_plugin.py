"""An Axolotl plugin that computes products in bfloat16 on a CPU; weights and optimiser states stay float32.

Axolotl refuses `bf16: true` without a GPU, and the training arguments that it makes override Accelerate's environment
variable ACCELERATE_MIXED_PRECISION; Transformers itself supports the combination. This file is copied beside a run's
configuration and imported by Axolotl from there, so it imports nothing of seqit.
"""

from typing import Any

from axolotl.integrations.base import BasePlugin


class CpuBfloat16(BasePlugin):  # type: ignore[misc]
    """Listed under `plugins` in the configuration."""

    def get_training_args(self, cfg: Any) -> dict[str, Any]:
        """Training arguments of Transformers that replace Axolotl's."""
        return {"bf16": True, "use_cpu": True}
