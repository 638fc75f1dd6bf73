"""What the configuration of a model directory says about the model."""

from pathlib import Path
from typing import Any

from stages.core import artifacts


def accepts_images(directory: Path) -> bool:
    """Whether the model of a Transformers directory takes images; False for a directory without config.json."""
    path = directory / "config.json"
    return path.is_file() and "vision_config" in artifacts.read_json(path, dict[str, Any])
