"""What a run's folder holds before Axolotl starts: rows, plugins, and the configuration."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stages.core import artifacts
from stages.params.training_sections import Recipe
from stages.training import image_training, validation_split
from stages.training.axolotl_config import ROWS, VALIDATION_ROWS, cpu_bfloat16
from stages.training.base_model import BaseModel
from stages.training.reply_segments import segmented
from stages.training.row_selection import RowCounts, usable_rows
from stages.training.training_rows import Row

PLUGIN = Path(__file__).with_name("axolotl_plugin.py")
PRECISION_PLUGIN = Path(__file__).with_name("cpu_precision_plugin.py")
PROCESSES_PLUGIN = Path(__file__).with_name("processes_plugin.py")
RUN_PLUGIN = Path(__file__).with_name("run_plugin.py")
PLUGIN_COPY = "boundaries.py"
"""Its name in a run's folder, which the configuration refers to."""
RECIPE_FILE, RUN_FILE = "axolotl.yml", "run.yml"
"""The configuration that decides the weights, and the same with what only watches and saves."""


def write_rows(
    rows: Iterable[Row], base: BaseModel, recipe: Recipe, seed: int, counts: RowCounts, path: Path
) -> list[Path]:
    """Write the usable rows as Axolotl reads them; returns the files: `path`, and beside it the rows for validation.

    Raises UserError where no row is usable.
    """
    last_only = recipe.loss == "last"
    usable = usable_rows(rows, base, recipe.max_length, counts, last_only)
    written: Iterable[Any] = (
        segmented(usable, base)
        if last_only
        else image_training.axolotl_rows(usable, base.accepts_images, base.directory)
    )
    if not recipe.validation.share:
        artifacts.write(path, written)
        return [path]
    paths = {"training": path, "validation": path.with_suffix(f".{VALIDATION_ROWS}")}
    parts = validation_split.split(written, recipe.validation.share, seed)
    counts.validation = artifacts.write_split(paths, parts)["validation"]
    return list(paths.values())


def fill(
    work: Path,
    rows: list[Path],
    config: Mapping[str, Any],
    watching: Mapping[str, Any],
    base: BaseModel,
    recipe: Recipe,
) -> None:
    """Move the rows into the folder, and write configurations and plugins.

    watching: keys of Axolotl's configuration on which no weight depends.
    """
    for file, name in zip(rows, (ROWS, VALIDATION_ROWS), strict=False):
        file.replace(work / name)
    plugins = [*config.get("plugins", []), "run_plugin.Run"]
    artifacts.write_text(work / RECIPE_FILE, yaml_text(config))
    artifacts.write_text(work / RUN_FILE, yaml_text({**config, **watching, "plugins": plugins}))
    shutil.copyfile(RUN_PLUGIN, work / RUN_PLUGIN.name)
    if base.accepts_images:
        _write_image_plugin(base, work)
    if cpu_bfloat16(recipe):
        shutil.copyfile(PRECISION_PLUGIN, work / PRECISION_PLUGIN.name)
    if recipe.launcher == "torchrun":
        shutil.copyfile(PROCESSES_PLUGIN, work / PROCESSES_PLUGIN.name)


def yaml_text(config: Mapping[str, Any]) -> str:
    """A configuration as YAML; the same bytes for the same values in the same order."""
    import yaml

    return str(yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=120))


def _write_image_plugin(base: BaseModel, work: Path) -> None:
    shutil.copyfile(PLUGIN, work / PLUGIN_COPY)
    boundaries = image_training.reply_boundaries(base.directory, base.template, base.specials)
    artifacts.write_json(work / "boundaries.json", boundaries)
