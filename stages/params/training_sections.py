"""The section that trains models."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stages.params.field_types import (
    LARGEST,
    Artifact,
    Count,
    Entry,
    FilePath,
    ModelName,
    Name,
    PredictedName,
    Regex,
    Section,
    Share,
    Unique,
    absent,
)

TESTED = (
    "engines.tuned", "predict.settings", "predict.benchmarks", "judge.prompt", "engines.generator",
    "engines.judge.model", "evaluate.resamples",
)  # fmt: skip
"""What the stages that test a model read of params.yaml."""


class Recipe(Section):
    """How a run trains."""

    template: Literal["own", "tulu", "alpaca"]
    """The chat template; own: the base model's."""
    epochs: Annotated[float, Field(gt=0)]
    batch: Count
    """Rows of an optimiser step: micro_batch x accumulation x devices (or processes) x nodes."""
    micro_batch: Count
    """Rows that a device computes together."""
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    scheduler: Literal["linear", "cosine", "constant"]
    warmup_ratio: Share
    """Share of the steps."""
    weight_decay: Annotated[float, Field(ge=0)]
    max_length: Count
    """Tokens; longer rows are dropped and counted."""
    precision: Literal["float32", "bfloat16", "native"]
    """native: bfloat16 on a GPU and on a CPU that multiplies bfloat16, else float32. Weights stay float32 on a CPU."""
    saves: Count
    """Checkpoints in each epoch, from which an interrupted run resumes."""
    threads: Count
    """CPU threads; weights trained on a CPU depend on it in their last digits."""
    launcher: Literal["python", "accelerate", "torchrun", "ray", "render"]
    """accelerate, torchrun, ray: several GPUs or nodes; torchrun several processes on CPUs too. render: trains nothing,
    for tests and dry runs."""
    devices: Annotated[int, Field(ge=0, le=LARGEST)]
    """GPUs of a node; 0 trains on the CPU."""
    processes: Count = Field(default=1)
    """Processes that share the rows of a batch on the CPUs of a node; on GPUs there is one for each of `devices`."""
    nodes: Count = Field(default=1)
    """Machines that train together, each of which runs `seqit train`; with ray one alone runs it."""
    packing: bool
    """Several rows in one sequence of max_length, kept apart by flash attention (GPU)."""
    checkpointing: bool
    """Compute activations twice instead of keeping them: less memory, a third slower."""
    sharding: Literal["none", "fsdp"]
    """fsdp: weights, gradients and optimiser are spread over the GPUs."""
    unfrozen: list[Regex] = Field(default=[])
    """Regular expressions of the parameters to train; [] for all."""


class TrainRun(Recipe, Entry):
    """One fine-tuning run; a value of the recipe that it leaves out is that of `train.settings`."""

    output_folder: ClassVar[str] = "formatted"
    needs: ClassVar[tuple[str, ...]] = ("train.settings", *TESTED)
    model: ModelName
    reads: Artifact
    """The rows that are turned into chat messages."""
    pictures: FilePath | None = None
    """The folder of the images of the rows, for a base model that takes images; without it such rows are rejected."""
    benchmarks: Annotated[list[PredictedName], Field(min_length=1), Unique] | None = None
    """The benchmarks that it answers; left out, all of them."""
    seed: int | None = None
    """Of the order of the rows; left out, the experiment's. Runs that differ in it alone show how much it matters."""

    @property
    def recipe(self) -> Recipe:
        """How it trains."""
        return Recipe(**{name: getattr(self, name) for name in Recipe.model_fields})


class Train(Section):
    """Fine-tuning with Axolotl."""

    environment: FilePath | None = ".venv-train"
    """Where Axolotl is installed: a folder that contains bin/python, or a Python; null for seqit's own environment."""
    settings: Recipe = absent()
    runs: dict[Name, TrainRun] = Field(default={})
