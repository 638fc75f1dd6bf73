"""The section that trains models."""

from typing import Annotated, Any, ClassVar, Literal

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

Target = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]{1,200}$")]
"""The name of a module."""
Tracker = Literal["tensorboard", "wandb", "mlflow", "trackio"]
TESTED = (
    "engines.tuned", "predict.settings", "predict.benchmarks", "judge.prompt", "engines.generator",
    "engines.judge.model", "evaluate.resamples",
)  # fmt: skip
"""What the stages that test a model read of params.yaml."""


class Lora(Section):
    """The low-rank matrices that are trained in place of the weights, with `adapter: lora` or `qlora`."""

    rank: Annotated[int, Field(ge=1, le=4096)] = Field(default=16)
    alpha: Annotated[float, Field(gt=0, le=100_000)] = Field(default=32)
    """The product of the matrices is scaled by alpha / rank."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(default=0.0)
    targets: list[Target] = Field(default=[])
    """Names of modules, such as q_proj; [] for every linear layer but the output's."""


class Validation(Section):
    """Rows that are not trained on, and what their loss decides."""

    share: Annotated[float, Field(ge=0, le=0.5)] = Field(default=0.0)
    """Share of the rows, drawn row by row by the seed and the row's id; 0 for none."""
    evaluations: Count = Field(default=1)
    """Times in each epoch that the validation loss is computed."""
    keep: Literal["last", "best"] = Field(default="last")
    """The weights that become the model: those after the last step, or those with the lowest validation loss, for which
    there is a checkpoint at each evaluation."""
    patience: Count | None = Field(default=None)
    """Evaluations in a row without a lower loss after which training ends early; needs `keep: best`."""


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
    """Several rows in one sequence of max_length; no row attends to another one."""
    checkpointing: bool
    """Compute activations twice instead of keeping them: less memory, a third slower."""
    sharding: Literal["none", "fsdp", "zero1", "zero2", "zero3"]
    """What is spread over the GPUs. fsdp (FSDP2) and zero3 (DeepSpeed's ZeRO): weights, gradients and optimiser; zero2:
    gradients and optimiser; zero1: the optimiser."""
    unfrozen: list[Regex] = Field(default=[])
    """Regular expressions of the parameters to train; [] for all, of an InstructBLIP for those of its Q-Former."""
    adapter: Literal["none", "lora", "qlora"] = Field(default="none")
    """none: the weights themselves are trained. lora: low-rank matrices, merged into the weights at the end. qlora: the
    same over weights in 4 bits (GPU)."""
    lora: Lora = Field(default=Lora())
    optimizer: Annotated[str, Field(pattern="^[a-z0-9_]{1,60}$")] = Field(default="adamw_torch_fused")
    """As Axolotl names them: adamw_torch_8bit, adafactor, muon and others."""
    loss: Literal["all", "last"] = Field(default="all")
    """The assistant's turns that are learned. last: only that at a row's end, behind exactly the text that inference
    sends, which a chat template needs that leaves the reasoning of earlier turns out."""
    context_parallel: Count = Field(default=1)
    """GPUs that share each sequence (flash attention's ring)."""
    liger: bool = Field(default=False)
    """Fused kernels of Liger (GPU)."""
    cut_cross_entropy: bool = Field(default=False)
    """The loss without the logits of every token in memory (GPU)."""
    validation: Validation = Field(default=Validation())
    extra: dict[str, Any] = Field(default={})
    """Further keys of Axolotl's configuration, checked by its own schema before anything runs."""
    report_to: Annotated[list[Tracker], Unique] = Field(default=[])
    """Trackers that are told losses while a run trains. Their environment variables (WANDB_, MLFLOW_, TRACKIO_) are
    passed on; no output depends on it."""


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
